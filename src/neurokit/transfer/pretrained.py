"""Pretrained: a model with weights that somebody learnt, by torchvision's name or from a file."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from neurokit import checkpoint
from neurokit.arguments import check_count, suggestions, suggests_arguments
from neurokit.torch_files import import_pt
from neurokit.trainer import Trainer
from neurokit.transfer.heads import Head, exchange_head, find_head, replace_head
from neurokit.transfer.tracing import unchanged

logger = logging.getLogger("neurokit")

_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".tar")
_WEIGHTS, _FIRST_PART = "model.safetensors", "model-00001-of-*.safetensors"  # in a checkpoint folder
_WITH_AUXILIARY = ("googlenet", "inception_v3")


@suggests_arguments
def load_pretrained(
    name_or_path: str | os.PathLike[str],
    model: nn.Module | str | None = None,
    *,
    num_classes: int | None = None,
    weights: Any = "DEFAULT",
    key: str | None = None,
    limits: checkpoint.Limits | None = None,
) -> nn.Module:
    """Return a model with pretrained weights, and with a new head where you have other classes.

    =========================================================  =====================================================
    Call                                                       Weights from
    =========================================================  =====================================================
    ``load_pretrained("resnet18", num_classes=5)``             torchvision's weights API, kept in torch's hub folder
    ``load_pretrained("resnet18", weights="IMAGENET1K_V1")``   the same, of this name
    ``load_pretrained("resnet18", weights="mine.pth")``        a file, into torchvision's architecture
    ``load_pretrained("mine.safetensors", model="resnet18")``  the same
    ``load_pretrained("mine.safetensors", model=net)``         a file, into your own module, in place
    ``load_pretrained("runs/first", model=net)``               what ``trainer.save`` or ``ModelCheckpoint`` wrote
    =========================================================  =====================================================

    Nothing that a file holds is run: safetensors are read strictly, a ``.pt`` or ``.pth`` by ``nk.import_pt`` in a
    process of its own, and a download with ``weights_only``. A file with another number of classes than the module is
    loaded as it was saved, and the module then gets a fresh head of its own number, which is said. Of a folder only the
    model's weights are read: its own checkpoint, or a run folder's newest.

    Args:
        name_or_path: A name of ``torchvision.models.list_models()``, a ``.safetensors``, ``.pt`` or ``.pth`` file, or a
            checkpoint folder.
        model: For a file or folder: the module that takes its weights, or torchvision's name of the architecture.
        num_classes: Classes of yours: the head is then replaced, unless the weights have just as many.
        weights: For a name: ``"DEFAULT"`` is torchvision's best, others are ``"IMAGENET1K_V1"`` and so on, a member of
            the enum, or a file; ``None`` starts from nothing.
        key: In a ``.pt`` checkpoint the entry with the weights, as in ``import_pt``.
        limits: What a file may ask for, where it comes from a stranger.

    Raises:
        ValueError: If a name is unknown (the nearest are named), or the weights do not fit.
        FileNotFoundError: If there is no such file, or no weights in a folder.
        ConnectionError: If the download fails; says where to put the file instead.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "digits.safetensors"
        >>> saved = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 10))
        >>> checkpoint.save_weights(path, saved.state_dict())
        >>> load_pretrained(path, model=nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 10)), num_classes=3)
        Sequential(
          (0): Linear(in_features=4, out_features=8, bias=True)
          (1): ReLU()
          (2): Linear(in_features=8, out_features=3, bias=True)
        )
    """
    if not isinstance(name_or_path, (str, os.PathLike)):
        raise TypeError(
            f"name_or_path is a name or a path, got a {type(name_or_path).__name__}. Pass load_pretrained('resnet18'), "
            "or a file with model=..."
        )
    if isinstance(model, int):
        raise TypeError(f"model is a module or a name, got {model!r}. Pass num_classes={model!r} for a new head.")
    if num_classes is not None:
        check_count("num_classes", num_classes)
    if _is_path(name_or_path, model):
        if model is None:
            raise ValueError(
                f"{str(name_or_path)!r} holds weights, and weights need a model that they fit. Pass "
                f"load_pretrained({str(name_or_path)!r}, model=...): a module, or a name such as 'resnet18'."
            )
        return _from_file(Path(name_or_path), model, num_classes, key, limits)
    if model is not None:
        raise ValueError(
            f"model= is for weights in a file, and {str(name_or_path)!r} is no file. Pass its path, or leave model out."
        )
    name = _known(str(name_or_path))
    if isinstance(weights, (str, os.PathLike)) and _is_path(weights):
        return _from_file(Path(weights), name, num_classes, key, limits)
    found = _downloaded(name, weights)
    if num_classes is not None and num_classes != _classes(found):
        replace_head(found, num_classes)
    return found


def _is_path(value: str | os.PathLike[str], model: Any = None) -> bool:
    text = os.fspath(value)
    if not isinstance(value, str) or text.endswith(_SUFFIXES) or os.sep in text or "/" in text:
        return True
    path = Path(text)
    return path.is_file() or (path.is_dir() and (model is not None or (path / _WEIGHTS).exists()))


def _known(name: str) -> str:
    """A name of torchvision's, in its own spelling."""
    from torchvision import models

    known = models.list_models(module=models)
    plain = name.removeprefix("torchvision.models.").lower().replace("-", "_")
    if plain in known:
        return plain
    raise ValueError(
        f"torchvision has no classification model {name!r}, and there is no such file.{suggestions(plain, known)} "
        "torchvision.models.list_models(module=torchvision.models) lists them; a file is a path, with model=..."
    )


def _weights_of(name: str, weights: Any) -> Any:
    """The member of an architecture's weights enum; ``None`` for none."""
    from torchvision import models

    enum = models.get_model_weights(name)
    if weights is None:
        return None
    if isinstance(weights, enum):
        return weights
    text = str(weights).rpartition(".")[2]
    members = {one.upper(): one for one in ["DEFAULT", *enum.__members__]}
    if isinstance(weights, str) and text.upper() in members:
        return enum[members[text.upper()]]
    hint = suggestions(text.upper(), members)
    raise ValueError(f"weights of {name} is one of {', '.join(members)}, a file, or None, got {weights!r}.{hint}")


def _downloaded(name: str, weights: Any) -> nn.Module:
    """A model through torchvision's own builder, which is given no file that needs code."""
    from torchvision import models

    chosen = _weights_of(name, weights)
    if chosen is None:
        return _built(name)
    try:
        # The builders read their file in a way that runs what is in it, and cannot be told otherwise. So it is read
        # before as tensors only, which refuses anything else: a second read of the file, and nothing process-wide.
        chosen.get_state_dict(progress=False, check_hash=True, weights_only=True)
        built: nn.Module = models.get_model(name, weights=chosen, progress=False)
    except (OSError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "hash" not in str(error):
            raise
        raise ConnectionError(_fetch_by_hand(name, chosen, error)) from error
    return built


def _fetch_by_hand(name: str, weights: Any, error: Exception) -> str:
    from torch import hub

    file = weights.url.rpartition("/")[2]
    return (
        f"The weights {weights.name} of {name} could not be downloaded from {weights.url} ({error}). Fetch that file "
        f"where there is a network, and put it at {Path(hub.get_dir()) / 'checkpoints' / file}, or pass its path: "
        f"load_pretrained({name!r}, weights='path/to/{file}')."
    )


def _built(name: str, **options: Any) -> nn.Module:
    """An architecture without weights."""
    from torchvision import models

    if name in _WITH_AUXILIARY:
        options = {"init_weights": True, **options}  # which torchvision would warn of
    built: nn.Module = models.get_model(name, weights=None, **options)
    return built


def _from_file(
    path: Path, model: nn.Module | str, num_classes: int | None, key: str | None, limits: checkpoint.Limits | None
) -> nn.Module:
    name = _known(model) if isinstance(model, str) else None
    if isinstance(model, Trainer):
        raise TypeError(
            "model is a Trainer, whose optimizer holds the parameters that it saw. Load into the module first, then "
            "build the Trainer; or trainer.load_weights(path), where the file has the same classes."
        )
    if name is None and not isinstance(model, nn.Module):
        raise TypeError(
            f"model is a {type(model).__name__}, and it takes a module, or a name of torchvision's. Pass one, such as "
            "model='resnet18'."
        )
    tensors = _read(path.expanduser(), key, limits)
    if name is not None:
        tensors = _present_names(name, tensors)
        options = {"aux_logits": any("aux" in one.lower() for one in tensors)} if name in _WITH_AUXILIARY else {}
        model = _built(name, **options)
    assert isinstance(model, nn.Module)
    with unchanged(model):
        head = _head(model)
        own = None if head is None else _classes(model, head)
        saved = None if head is None else tensors.get(f"{head.name}.weight")
        other = isinstance(saved, Tensor) and saved.ndim > 0 and own is not None and saved.shape[0] != own
        if other:  # the rest fits or it does not: the head of the file is taken to find out
            assert head is not None
            assert saved is not None
            exchange_head(model, saved.shape[0])
        checkpoint.load_module(model, _with_counts(model, tensors), f"The weights in {path}")
        wanted = num_classes if num_classes is not None else own if name is None else None
        if wanted is not None and wanted != (had := _classes(model)):
            new = exchange_head(model, wanted)
            logger.warning(
                "The file's head has %s classes and the model %d: the rest was loaded, the head (%s) is new and "
                "untrained.",
                had, wanted, ", ".join(new.names),
            )  # fmt: skip
    return model


def _read(path: Path, key: str | None, limits: checkpoint.Limits | None) -> dict[str, Tensor]:
    if path.is_dir():
        path = _in_folder(path)
    if path.suffix != ".safetensors":
        return import_pt(path, key=key, limits=limits)
    if key is not None:
        raise ValueError(f"key={key!r} names an entry of a .pt checkpoint, and {path} is safetensors. Leave key out.")
    return checkpoint.load_weights(path, limits=limits)


def _in_folder(path: Path) -> Path:
    """The file of weights in a checkpoint folder, or in a run folder's newest, having verified it."""
    folder = checkpoint.newest(path) or path  # one of another library has no checkpoint to verify
    parts = sorted(folder.glob(_FIRST_PART))  # where several processes wrote them together
    if parts and not (folder / _WEIGHTS).exists():
        return parts[0]
    if not (folder / _WEIGHTS).is_file():
        raise FileNotFoundError(
            f"{path} is a folder without a checkpoint and without {_WEIGHTS}. Pass the folder that trainer.save or "
            "ModelCheckpoint wrote, or a file of weights."
        )
    return folder / _WEIGHTS


def _present_names(name: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The names of today: torchvision's files of DenseNet were written with those of an older version."""
    if not name.startswith("densenet"):
        return tensors
    old = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\.\w+)$")
    return {old.sub(r"\1\2", one): tensor for one, tensor in tensors.items()}


def _with_counts(model: nn.Module, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors with BatchNorm's counters, which files from before torch 0.4.1 lack; torch begins them at 0 as well."""
    counters = {name: one for name, one in model.state_dict().items() if name.endswith(".num_batches_tracked")}
    lacking = {name: torch.zeros_like(one) for name, one in counters.items() if name not in tensors}
    return tensors | {
        name: one for name, one in lacking.items() if f"{name.rpartition('.')[0]}.running_mean" in tensors
    }


def _head(model: nn.Module) -> Head | None:
    """Where the head is; ``None`` where there is no telling."""
    try:
        return find_head(model)
    except ValueError:
        return None


def _classes(model: nn.Module, head: Head | None = None) -> int | None:
    """How many outputs a model's head has; ``None`` where there is no telling which it is."""
    head = head or _head(model)
    if head is None:
        return None
    weight: Any = model.get_submodule(head.name).weight
    return None if nn.parameter.is_lazy(weight) else int(weight.shape[0])
