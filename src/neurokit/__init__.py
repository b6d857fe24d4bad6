"""neurokit: one call trains any ``nn.Module``, and everything from there to a decision someone can stand behind.

    import neurokit as nk

    trainer = nk.Trainer(model, loss="cross_entropy", metrics=["accuracy"])
    history = trainer.fit(x_train, y_train, epochs=20, validation_split=0.2)

Importing it loads nothing else: each public name comes from its room when it is first touched, and the packages that
are slow to import (scikit-learn, matplotlib, pandas, shap, torchvision) inside the functions that use them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurokit.assessment import Assessment as Assessment
    from neurokit.assessment import Decisions as Decisions
    from neurokit.assessment import Estimate as Estimate
    from neurokit.assessment import Policy as Policy
    from neurokit.assessment import SensitiveFeatureWarning as SensitiveFeatureWarning
    from neurokit.assessment import assess as assess
    from neurokit.assessment import check_features as check_features
    from neurokit.bundle import Answer as Answer
    from neurokit.bundle import Bundle as Bundle
    from neurokit.bundle import load_bundle as load_bundle
    from neurokit.bundle import save_bundle as save_bundle
    from neurokit.callbacks import EMA as EMA
    from neurokit.callbacks import SWA as SWA
    from neurokit.callbacks import Callback as Callback
    from neurokit.callbacks import CSVLogger as CSVLogger
    from neurokit.callbacks import EarlyStopping as EarlyStopping
    from neurokit.callbacks import LambdaCallback as LambdaCallback
    from neurokit.callbacks import LRSchedule as LRSchedule
    from neurokit.callbacks import ModelCheckpoint as ModelCheckpoint
    from neurokit.callbacks import ProgressBar as ProgressBar
    from neurokit.callbacks import ReduceLROnPlateau as ReduceLROnPlateau
    from neurokit.callbacks import TensorBoard as TensorBoard
    from neurokit.cards import ModelCard as ModelCard
    from neurokit.data import Batch as Batch
    from neurokit.data import cached as cached
    from neurokit.devices import describe_device as describe_device
    from neurokit.devices import select_device as select_device
    from neurokit.diagnostics import Finding as Finding
    from neurokit.diagnostics import diagnose as diagnose
    from neurokit.explanations import explain as explain
    from neurokit.explanations import permutation_importance as permutation_importance
    from neurokit.failures import NonFiniteLoss as NonFiniteLoss
    from neurokit.history import History as History
    from neurokit.lr_finder import LRFinderResult as LRFinderResult
    from neurokit.lr_finder import find_lr as find_lr
    from neurokit.metrics import Metric as Metric
    from neurokit.record import RunRecord as RunRecord
    from neurokit.seeding import seed_everything as seed_everything
    from neurokit.seeding import seeded as seeded
    from neurokit.storage import Limits as Limits
    from neurokit.torch_files import import_pt as import_pt
    from neurokit.trainer import StepOutput as StepOutput
    from neurokit.trainer import Trainer as Trainer
    from neurokit.transfer import fine_tune as fine_tune

    from . import export as export
    from . import plots as plots
    from . import scratch as scratch
    from . import serve as serve
    from . import sklearn as sklearn
    from . import tabular as tabular
    from . import transfer as transfer

__version__ = "0.1.0"

_ROOMS = {
    "trainer": ["Trainer", "StepOutput"],
    "failures": ["NonFiniteLoss"],
    "data": ["Batch", "cached"],
    "history": ["History"],
    "record": ["RunRecord"],
    "metrics": ["Metric"],
    "callbacks": [
        "Callback",
        "EarlyStopping",
        "ModelCheckpoint",
        "ReduceLROnPlateau",
        "LRSchedule",
        "CSVLogger",
        "TensorBoard",
        "ProgressBar",
        "EMA",
        "SWA",
        "LambdaCallback",
    ],
    "seeding": ["seed_everything", "seeded"],
    "devices": ["select_device", "describe_device"],
    "diagnostics": ["diagnose", "Finding"],
    "storage": ["Limits"],
    "torch_files": ["import_pt"],
    "plots": ["plots"],
    "scratch": ["scratch"],
    "tabular": ["tabular"],
    "transfer": ["transfer", "fine_tune"],
    "lr_finder": ["find_lr", "LRFinderResult"],
    "assessment": [
        "assess",
        "Assessment",
        "Policy",
        "Decisions",
        "Estimate",
        "check_features",
        "SensitiveFeatureWarning",
    ],
    "explanations": ["explain", "permutation_importance"],
    "cards": ["ModelCard"],
    "export": ["export"],
    "sklearn": ["sklearn"],
    "serve": ["serve"],
    "bundle": ["save_bundle", "load_bundle", "Bundle", "Answer"],
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = sorted(_ROOM_OF)


def __getattr__(name: str) -> Any:
    if name not in _ROOM_OF:
        hint = ""
        if not name.startswith("_"):
            from neurokit.arguments import suggestions

            hint = suggestions(name, __all__) or f" It has {', '.join(__all__)}."
        raise AttributeError(f"module 'neurokit' has no attribute {name!r}.{hint}")
    from importlib import import_module

    room = import_module(f"neurokit.{_ROOM_OF[name]}")
    value = room if name == _ROOM_OF[name] else getattr(room, name)
    globals()[name] = value  # found at once the next time
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
