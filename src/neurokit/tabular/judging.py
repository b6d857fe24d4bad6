"""Judging: assessment and explanation of a pipeline in the raw columns of its table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from neurokit.arguments import check_keywords
from neurokit.tabular.training import as_inputs, as_targets

if TYPE_CHECKING:
    from neurokit.assessment import Assessment
    from neurokit.tabular.pipeline import TabularPipeline

_OPTIONS = ("sensitive", "exclude", "acknowledge", "confidence", "seed", "sample_weight")
AT_ONCE = 100  # rows that are explained, where none are given, and those that they are compared with


def assess(pipeline: TabularPipeline, frame: Any, name: str, options: dict[str, Any]) -> Assessment:
    """Return the assessment of rows with their target; see ``TabularPipeline.assess``."""
    import neurokit.assessment as room

    check_keywords("assess", options, _OPTIONS)
    target, encoding = pipeline.target, pipeline.encoding
    if not hasattr(frame, "iloc") or target.name not in frame.columns:
        raise ValueError(
            f"assess needs a DataFrame that has the target {target.name!r} beside the columns of the model."
        )
    labels = frame[target.name]
    table = pipeline._with_functions(frame).drop(columns=[target.name])
    learnt = [field.name for field in pipeline.fields]
    shown = table[[*learnt, *(column for column in table.columns if column not in learnt)]].reset_index(drop=True)
    exclude = options.pop("exclude", ())
    exclude = [
        *([exclude] if isinstance(exclude, str) else exclude),
        *(one for one in shown.columns if one not in learnt),
    ]
    encoded = target.encode(labels)
    if target.kind != "regression":
        classes = target.classes or ()
        y = as_targets(pipeline._prepared, encoded)
        names = [str(one) for one in classes]
        return room.assess(
            pipeline.trainer, as_inputs(encoding, shown), y, names, name=name, rows=shown, exclude=exclude, **options
        )
    from neurokit.assessment.rows import sensitive_values

    sensitive, acknowledge = options.pop("sensitive", None), options.pop("acknowledge", ())
    numbers = np.arange(len(shown))
    named = [one for one in ([sensitive] if isinstance(sensitive, str) else sensitive or ()) if isinstance(one, str)]
    protected = room.check_features(
        shown, exclude=exclude, acknowledge=acknowledge, sensitive=[one for one in named if one in learnt]
    )
    trainer = pipeline.trainer
    return room.Assessment.from_arrays(
        labels.to_numpy(dtype=np.float64), pipeline._answers(shown), kind="regression", x=shown, name=name,
        record=trainer.record, findings=trainer.findings, protected=protected,
        sensitive=None if sensitive is None else sensitive_values(sensitive, shown, numbers), **options,
    )  # fmt: skip


def explain(pipeline: TabularPipeline, rows: Any, options: dict[str, Any]) -> Any:
    """Return the explanation of rows in their raw columns; see ``TabularPipeline.explain``."""
    import pandas as pd

    from neurokit.explanations import explain as explained

    names = [field.name for field in pipeline.fields]
    frame = (rows if hasattr(rows, "iloc") else pd.DataFrame(list(rows)))[names].reset_index(drop=True)
    background = options.pop("background", None)
    background = background_of(pipeline) if background is None else background
    if pipeline.target.classes is not None:
        options.setdefault("class_names", [str(one) for one in pipeline.target.classes])
    return explained(lambda table: pipeline._answers(table), frame, background, **options)


def background_of(pipeline: TabularPipeline) -> Any:
    """Return up to a hundred raw training rows, a seeded sample, that explanations take hidden values from."""
    known = pipeline.split["train"][[field.name for field in pipeline.fields]]
    rng = np.random.default_rng(pipeline.seed)
    chosen = np.sort(rng.choice(len(known), min(AT_ONCE, len(known)), replace=False))
    return known.iloc[chosen].reset_index(drop=True)
