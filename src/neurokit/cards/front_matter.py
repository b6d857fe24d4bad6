"""Front matter: the part of a card that machines read, as YAML that a safe dumper wrote.

The keys are those of Hugging Face's model cards, ``model-index`` included, so that
``huggingface_hub.ModelCard.load(path).data.eval_results`` gives back every number as it was.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from neurokit.cards.markdown import plain
from neurokit.cards.numbers import NOT_NAMED, metric_name
from neurokit.cards.questions import answer
from neurokit.record import RunRecord

OURS: Final = "library_name: neurokit"

# Licences that the Hub knows by name; of others it takes "other" and what they are called.
_LICENSES: Final = frozenset(
    (
        "afl-3.0", "agpl-3.0", "apache-2.0", "artistic-2.0", "bigscience-openrail-m", "bsd", "bsd-2-clause",
        "bsd-3-clause", "bsd-3-clause-clear", "bsl-1.0", "cc", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0",
        "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0",
        "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc0-1.0",
        "cdla-permissive-1.0", "cdla-permissive-2.0", "cdla-sharing-1.0", "creativeml-openrail-m", "ecl-2.0", "epl-1.0",
        "epl-2.0", "etalab-2.0", "eupl-1.1", "eupl-1.2", "gfdl", "gpl", "gpl-2.0", "gpl-3.0", "isc", "lgpl", "lgpl-2.1",
        "lgpl-3.0", "lppl-1.3c", "mit", "mpl-2.0", "ms-pl", "ncsa", "odbl", "odc-by", "ofl-1.1", "openrail",
        "openrail++", "osl-3.0", "pddl", "postgresql", "unlicense", "wtfpl", "zlib",
    )
)  # fmt: skip


def front_matter(record: RunRecord) -> dict[str, Any]:
    """Return what machines read of a run, in the order in which it is written; what is not known is left out.

    Args:
        record: The run, with what was found of it and answered.
    """
    found: dict[str, Any] = {**_license(answer(record, "license")), "library_name": "neurokit"}
    if tag := pipeline_tag(record):
        found["pipeline_tag"] = tag
    kinds = [_kind(output) for output in record.signature.get("outputs", []) if output.get("kind")]
    given = record.answers.get("tags") or []
    own = [plain(one) for one in (given.split(",") if isinstance(given, str) else given)]
    found["tags"] = list(dict.fromkeys(["neurokit", "pytorch", *kinds, *filter(None, own)]))
    results = [_result(record, name, one, tag) for name, one in record.assessments.items()]
    results = [result for result in results if result["metrics"]]
    if results:
        found["metrics"] = list(dict.fromkeys(metric["type"] for result in results for metric in result["metrics"]))
        found["model-index"] = [{"name": title(record), "results": results}]
    return found


def to_yaml(found: Mapping[str, Any]) -> str:
    """Return front matter as YAML between its two rules."""
    import yaml

    written = yaml.safe_dump(dict(found), sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{written}---\n"


def title(record: RunRecord) -> str:
    """Return what a model is called: as a person named it, else its class."""
    return plain(answer(record, "name") or record.model.get("class") or "Model")


def pipeline_tag(record: RunRecord) -> str | None:
    """Return the Hub's name for what a model does, told from its signature; ``None`` where that does not tell it.

    Example:
        >>> signature = {"inputs": [{"dtype": "float32", "shape": [4]}], "outputs": [{"kind": "regression"}]}
        >>> pipeline_tag(RunRecord(signature=signature))
        'tabular-regression'
    """
    inputs, outputs = record.signature.get("inputs", []), record.signature.get("outputs", [])
    if len(inputs) != 1 or len(outputs) != 1:
        return None
    shape, kind = inputs[0].get("shape") or [], outputs[0].get("kind")
    is_number = "float" in str(inputs[0].get("dtype")) or bool(inputs[0].get("columns"))  # whole numbers may be tokens
    if len(shape) == 1 and is_number and kind:
        return "tabular-regression" if kind == "regression" else "tabular-classification"
    if len(shape) == 3 and shape[0] in (1, 3, 4) and kind in ("binary", "multiclass", "multilabel"):
        return "image-classification"
    return None


def _kind(output: Mapping[str, Any]) -> str:
    """The kind of question, of which two classes are one whether they have one output or two."""
    is_binary = output["kind"] == "multiclass" and output.get("num_classes") == 2
    return "binary" if is_binary else plain(output["kind"])


def _license(given: str) -> dict[str, str]:
    if not given:
        return {}
    name = re.sub(r"[\s_]+", "-", given.strip().lower())
    if name in _LICENSES:
        return {"license": name}
    return {"license": "other", "license_name": plain(given)}


def _result(record: RunRecord, name: str, assessed: Mapping[str, Any], tag: str | None) -> dict[str, Any]:
    kind = plain(assessed.get("kind") or "prediction")
    data = plain(answer(record, "data_name"))
    slug = re.sub(r"[^a-z0-9]+", "-", data.lower()).strip("-")
    return {
        "task": {"type": tag or (kind if kind == "regression" else f"{kind}-classification"), "name": kind},
        "dataset": {"type": slug or "not-published", "name": data or NOT_NAMED, "split": plain(name)},
        "metrics": [
            _metric(metric, estimate)
            for metric, estimate in assessed.get("metrics", {}).items()
            if _is_number(estimate)
        ],
    }


def _metric(name: str, estimate: Mapping[str, Any]) -> dict[str, Any]:
    ends = {"n": estimate.get("n"), "low": estimate.get("low"), "high": estimate.get("high")}
    known = {key: value for key, value in ends.items() if value is not None}
    if "low" in known and estimate.get("confidence") is not None:
        known["confidence"] = estimate["confidence"]
    told = {"type": plain(name), "value": estimate["value"], "name": plain(metric_name(name))}
    return {**told, "args": known} if known else told


def _is_number(estimate: Any) -> bool:
    value = estimate.get("value") if isinstance(estimate, Mapping) else None
    return isinstance(value, (int, float)) and math.isfinite(value)
