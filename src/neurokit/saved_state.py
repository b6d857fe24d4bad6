"""Saved state: what a trainer saved, read from its folder and looked through before anyone believes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from neurokit import checkpoint
from neurokit.arguments import check_path
from neurokit.data.inputs import restored_inputs
from neurokit.history import History
from neurokit.record import RunRecord
from neurokit.state import TrainingState


def read_to_resume(folder: str | Path | None, division: checkpoint.Division | None = None) -> dict[str, Any] | None:
    """Return the state to resume from, this process's part where it is divided; ``None`` when there is none."""
    if folder is None:
        return None
    check_path("resume", folder)
    if Path(folder).expanduser().is_file():
        raise NotADirectoryError(
            f"resume={str(folder)!r} is a file, and a run is resumed from its folder. Pass the folder that "
            "ModelCheckpoint was given."
        )
    checkpoint.refuse_if_held(folder)
    state = _newest(folder, None, division)
    return None if state is None else _checked(state, folder)


def read_to_load(
    folder: str | Path, limits: checkpoint.Limits | None = None, division: checkpoint.Division | None = None
) -> dict[str, Any]:
    """Return the state in a checkpoint folder, or in a run folder's newest.

    Args:
        folder: The folder.
        limits: What its files may ask for, where it comes from a stranger.
        division: How the state lies in several processes, each of which must call this.

    Raises:
        ValueError: If the folder is damaged, or holds another kind of state.
        FileNotFoundError: If there is no checkpoint.
    """
    path = _existing(folder)
    state = _newest(path, limits, division)
    if state is None:
        state = checkpoint.read(path, limits=limits)  # which says what is missing
    return _checked(state, path, limits)


def _newest(
    folder: str | Path, limits: checkpoint.Limits | None, division: checkpoint.Division | None
) -> dict[str, Any] | None:
    if division is None:
        return checkpoint.read_newest(folder, limits=limits)
    return checkpoint.read_together(folder, division, limits=limits)


def check_parts(state: Any) -> None:
    """Refuse what is no state of a trainer, before any of it is taken."""
    if not isinstance(state, Mapping):
        raise TypeError(f"state is a {type(state).__name__}, got {state!r:.60}. Pass what state_dict() returned.")
    if missing := {"model", "modes", "optimizers", "runtime", "state", "history"} - state.keys():
        weights = all(isinstance(value, Tensor) for value in state.values()) and state
        mend = "These look like a model's weights: trainer.model.load_state_dict(state)." if weights else ""
        raise ValueError(
            f"This is no state of a Trainer: {sorted(missing)} missing, got {sorted(map(str, state))[:5]}. "
            f"{mend or 'Pass what state_dict() returned.'}"
        )


def _existing(folder: Any) -> Path:
    """The folder to load from."""
    check_path("folder", folder)
    path = Path(folder).expanduser()
    if path.is_file():
        raise NotADirectoryError(
            f"{path} is a file, and load takes the folder that save or ModelCheckpoint wrote. Weights alone are loaded "
            "by trainer.load_weights(path)."
        )
    return path


def _checked(state: dict[str, Any], folder: str | Path, limits: checkpoint.Limits | None = None) -> dict[str, Any]:
    """Return a state that was read, having looked for what can be wrong in a sound file, which may lie."""
    try:
        _check_kinds(state)
        History().load_state_dict(state["history"])
        TrainingState().load_state_dict(state["state"])
        RunRecord.from_json(state["record"], limits=limits)
        restored_inputs(state.get("inputs"))
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError, RuntimeError) as error:
        raise checkpoint.CheckpointError(f"{folder} holds no state of a Trainer: {error!r:.300}.") from error
    return state


def _check_kinds(state: Mapping[str, Any]) -> None:
    kinds: dict[str, Any] = dict.fromkeys(("model", "modes", "optimizers", "runtime", "state", "history"), dict)
    kinds |= {"record": str, "losses": list, "classes": (dict, type(None))}
    for name, kind in kinds.items():
        if not isinstance(state[name], kind):
            raise TypeError(f"{name} is a {type(state[name]).__name__}")
    for name, inner in (("optimizers", dict), ("modes", bool), ("losses", dict)):
        entries = state[name].values() if isinstance(state[name], dict) else state[name]
        if not all(isinstance(entry, inner) for entry in entries):
            raise TypeError(f"{name} holds what is no {inner.__name__}")
    if not all(isinstance(key, str) for one in state["losses"] for key in one):
        raise TypeError("losses holds a name that is no text")
