"""Protected attributes: columns that say who a person is, found by their names, and what can stand in for them."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from neurokit.arguments import check_number, suggestions
from neurokit.assessment.measures import roc_auc

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]
Use = Literal["feature", "sensitive", "excluded", "acknowledged", "outside"]

THRESHOLD: Final = 0.75
_MOST_ROWS = 5000
_MOST_CELLS = 5_000_000  # rows times columns that are looked at: about a second
_FEWEST = 20  # rows in the group and out of it: an AUC of fewer is noise (standard error 0.065 of 20 and many)
_FOLDS = 5
_FEW_VALUES = 10  # a number with more is a quantity
_MOST_GROUPS = 10  # the largest groups of an attribute are asked about
_SHOWN = 5

_logger = logging.getLogger("neurokit")


class SensitiveFeatureWarning(UserWarning):
    """A column that looks like a protected attribute is used as a feature.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("error", SensitiveFeatureWarning)  # inside, such a column is an error
    """


@dataclass(frozen=True)
class ProtectedColumn:
    """A column that says who a person is.

    Attributes:
        name: The column.
        attribute: What it looks like, such as ``"sex"``; ``"named by you"`` where only ``sensitive`` says so.
        stand_ins: Other features that tell it, each with its AUC, the strongest first.
        use: ``"feature"``, ``"sensitive"``, ``"excluded"``, ``"acknowledged"``, or ``"outside"`` of the table.
    """

    name: str
    attribute: str
    stand_ins: tuple[tuple[str, float], ...] = ()
    use: Use = "feature"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        values = asdict(self)
        values["stand_ins"] = [{"column": column, "auc": auc} for column, auc in self.stand_ins]
        return values


# Names. English only: a list for every language would mostly find words that mean something else in this one.

_WORDS: Final = {  # one part of a name says it
    "sex": "sex", "gender": "sex", "genders": "sex", "male": "sex", "female": "sex", "woman": "sex", "women": "sex",
    "transgender": "sex", "pronoun": "sex", "pronouns": "sex",
    "race": "race or ethnicity", "races": "race or ethnicity", "racial": "race or ethnicity",
    "ethnic": "race or ethnicity", "ethnicity": "race or ethnicity", "ethnicities": "race or ethnicity",
    "ethnicgroup": "race or ethnicity", "hispanic": "race or ethnicity", "latino": "race or ethnicity",
    "latina": "race or ethnicity", "latinx": "race or ethnicity", "caucasian": "race or ethnicity",
    "indigenous": "race or ethnicity", "aboriginal": "race or ethnicity", "caste": "race or ethnicity",
    "skintone": "race or ethnicity", "skincolor": "race or ethnicity", "skincolour": "race or ethnicity",
    "fitzpatrick": "race or ethnicity", "tribe": "race or ethnicity", "tribal": "race or ethnicity",
    "patientsex": "sex", "patientgender": "sex", "patientage": "age",
    "age": "age", "ages": "age", "agegroup": "age", "agegrp": "age", "ageband": "age", "agecat": "age",
    "agecategory": "age", "agerange": "age", "agebin": "age", "agebracket": "age", "ageyears": "age", "ageyrs": "age",
    "dob": "age", "yob": "age", "birthdate": "age",
    "birthday": "age", "birthyear": "age", "dateofbirth": "age", "yearofbirth": "age", "elderly": "age",
    "religion": "religion", "religious": "religion", "religions": "religion", "creed": "religion",
    "nationality": "nationality", "citizenship": "nationality", "immigrant": "nationality",
    "immigration": "nationality", "refugee": "nationality", "countryofbirth": "nationality",
    "birthcountry": "nationality", "placeofbirth": "nationality", "birthplace": "nationality",
    "nativelanguage": "native language", "mothertongue": "native language",
    "marital": "marital status", "maritalstatus": "marital status", "married": "marital status",
    "divorced": "marital status", "widowed": "marital status",
    "disability": "disability", "disabilities": "disability", "disabled": "disability", "handicap": "disability",
    "handicapped": "disability",
    "pregnant": "pregnancy", "pregnancy": "pregnancy", "pregnancies": "pregnancy", "maternity": "pregnancy",
    "sexuality": "sexual orientation", "sexualorientation": "sexual orientation", "lgbt": "sexual orientation",
    "lgbtq": "sexual orientation",
    "veteran": "veteran status",
}  # fmt: skip
_PAIRS: Final = (  # a part of the first set beside one of the second
    ({"birth", "born"}, {"date", "day", "month", "year", "yr", "dt"}, "age"),
    ({"birth", "born"}, {"country", "place", "city", "state", "region", "nation"}, "nationality"),
    ({"native", "national", "home", "nationality"}, {"country", "origin"}, "nationality"),
    ({"origin"}, {"country", "national", "ethnic"}, "nationality"),
    ({"foreign"}, {"worker", "born", "national"}, "nationality"),
    ({"native", "first", "mother", "home"}, {"language", "tongue"}, "native language"),
    ({"civil", "relationship", "marriage", "personal", "family"}, {"status"}, "marital status"),
    ({"sexual"}, {"orientation", "preference", "identity"}, "sexual orientation"),
    ({"skin"}, {"tone", "color", "colour", "type"}, "race or ethnicity"),
    ({"african", "asian", "native"}, {"american"}, "race or ethnicity"),
    ({"political"}, {"affiliation", "party", "opinion", "view", "views"}, "political opinion"),
    ({"union"}, {"member", "membership"}, "union membership"),
    ({"postmenopausal", "menopausal", "menopause"}, {"status"}, "sex"),
    ({"maiden"}, {"name", "surname"}, "marital status"),
    ({"num", "number", "no", "n", "nr", "count", "has", "have", "dependent"}, {"children", "kids"}, "parental status"),
    ({"mental", "chronic"}, {"illness", "disease", "disorder", "health", "condition"}, "health"),
    ({"health"}, {"status", "condition", "conditions"}, "health"),
)
_MACHINES: Final = {  # beside these, health and children are those of a machine
    "server", "service", "servers", "system", "node", "nodes", "device", "battery", "disk", "drive", "host", "cluster",
    "container", "endpoint", "app", "application", "network", "engine", "machine", "pump", "asset", "check", "process",
    "processes", "tree", "dom", "api", "db", "database", "vm", "pod", "sensor", "account", "plant", "soil", "crop",
}  # fmt: skip
_THINGS: Final = {  # beside these the word is not about a person
    "age": {
        "house", "housing", "home", "building", "property", "dwelling", "apartment", "flat", "roof", "car", "vehicle",
        "truck", "engine", "battery", "machine", "equipment", "device", "asset", "part", "pipe", "bridge", "road",
        "account", "loan", "debt", "credit", "policy", "contract", "claim", "invoice", "order", "ticket", "stock",
        "inventory", "product", "item", "company", "firm", "business", "domain", "website", "site", "post", "video",
        "file", "cache", "data", "record", "log", "session", "cookie", "key", "wine", "whisky", "cheese", "tree",
        "forest", "stand", "stone", "rock", "ice", "iron", "bronze", "soil", "star", "galaxy", "concrete", "cement",
        "sample", "abalone", "max",
    },
    "race": {
        "time", "times", "distance", "horse", "track", "lap", "laps", "car", "position", "finish", "day", "pace",
        "speed", "marathon", "course", "winner", "win", "wins", "jockey", "driver", "round", "circuit", "condition",
    },
    "male": {"connector", "plug", "fitting"},
    "female": {"connector", "plug", "fitting"},
    "disabled": {"account", "feature", "flag", "button", "device", "service", "notifications", "user", "login"},
    "sex": {"offence", "offense", "crime"},
}  # fmt: skip
_PEOPLE: Final = {  # beside these an age is a person's, whatever else is there: policyHolderAge, car_owner_age
    "holder", "owner", "driver", "customer", "client", "patient", "person", "member", "employee", "applicant",
    "borrower", "insured", "mother", "father", "maternal", "paternal", "child", "passenger", "buyer", "tenant",
    "resident", "student",
}  # fmt: skip


def protected_attribute(name: str) -> str | None:
    """Return the protected attribute that a column's name speaks of, or ``None``.

    The parts of a name are compared whole, however they are joined: "patientAge", "AGE_GROUP" and "date of birth" are
    found, "page", "average" and "Essex" are not, and neither is the age of a house. English only. Postcodes are not
    among them: where somebody lives is found by what it tells about a column that is.

    Example:
        >>> [protected_attribute(name) for name in ("Sex", "customerDOB", "HouseAge", "message")]
        ['sex', 'age', None, None]
    """
    parts = name_parts(name)
    for part in parts:
        thing = _THINGS.get(part, set()) & set(parts) and not (part == "age" and _PEOPLE & set(parts))
        if (attribute := _WORDS.get(part)) and not thing:
            return attribute
    if (attribute := _WORDS.get("".join(parts))) is not None:
        return attribute
    held = set(parts)
    for some, others, attribute in _PAIRS:
        if attribute in ("health", "parental status") and held & _MACHINES:
            continue
        if any(one != other for one in held & some for other in held & others):
            return attribute
    return None


def name_parts(name: str) -> list[str]:
    """Return the words of a name in small letters, whether joined by capitals, signs, spaces or digits.

    Example:
        >>> name_parts("customerDOB_2"), name_parts("Date-of-Birth")
        (['customer', 'dob'], ['date', 'of', 'birth'])
    """
    spaced = re.sub(r"([a-z])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3 \2\4", name)
    return re.findall(r"[^\W\d_]+", spaced.lower())


def check_features(
    table: Any,
    *,
    feature_names: Sequence[str] | None = None,
    sensitive: Any = (),
    exclude: Any = (),
    acknowledge: Any = (),
    sensitive_values: Any = None,
    threshold: float = THRESHOLD,
    seed: int = 0,
    stacklevel: int = 2,
) -> list[ProtectedColumn]:
    """Return the columns that say who a person is, and warn once if any of them is used as a feature.

    A column is found by its name, in English. What can stand in for it is found by the values: the area under the ROC
    curve with which one other column alone tells its groups apart (of several groups the one told best, of a quantity
    its upper half). 0.5 is chance and 1 is certainty. Columns that only together tell it are not found.

    A column named in ``sensitive``, ``exclude`` or ``acknowledge`` does not warn. What can stand in for one that the
    model does not get is still said, by the logger ``neurokit``: leaving a column out does not remove what others say
    of it. It is a note and no warning, as somebody has decided; ``acknowledge`` silences it, for the column or its
    stand-in.

    Args:
        table: The features: a DataFrame, or an array ``(rows, columns)``. Nothing in it is changed.
        feature_names: The columns' names, of an array.
        sensitive: Columns by which results are reported, by name, or as values: a dict, Series or DataFrame.
        exclude: Columns of ``table`` that the model does not get.
        acknowledge: Columns, or stand-ins, that are used knowingly.
        sensitive_values: Columns that are not in ``table``, as a dict, Series or DataFrame of as many rows.
        threshold: The AUC from which a column is named as a stand-in.
        seed: Of the rows that are looked at where there are more than 5000; no global random stream is touched.
        stacklevel: Which caller the warning points at, as in ``warnings.warn``.

    Returns:
        Every protected column with its stand-ins, also those that do not warn.

    Raises:
        ValueError: If a name is no column, lengths differ, or ``feature_names`` does not fit.
        TypeError: If ``exclude`` or ``acknowledge`` is ``True`` and not names.

    Example:
        >>> import pandas as pd
        >>> people = pd.DataFrame({"Sex": ["f", "m"] * 50, "height": [160, 181] * 50, "income": [1, 1, 2, 2] * 25})
        >>> check_features(people, acknowledge=["Sex"])
        [ProtectedColumn(name='Sex', attribute='sex', stand_ins=(('height', 1.0),), use='acknowledged')]
    """
    check_number("threshold", threshold, "a number from 0.5 to 1", lambda auc: 0.5 <= auc <= 1, such_as=THRESHOLD)
    features = _as_table(table, feature_names)
    names = list(features.columns)
    outside = _outside(sensitive, sensitive_values, len(features))
    reported = list(outside) if _is_values(sensitive) else _listed("sensitive", sensitive)
    excluded, acknowledged = _listed("exclude", exclude), _listed("acknowledge", acknowledge)
    for argument, asked in (("sensitive", reported), ("exclude", excluded), ("acknowledge", acknowledged)):
        _check_known(argument, asked, names, outside)
    used = [name for name in names if name not in excluded]

    found: list[ProtectedColumn] = []
    for name in [*names, *(name for name in outside if name not in names)]:
        attribute = protected_attribute(name)
        if attribute is None and name not in reported and name not in outside:
            continue
        use: Use = "feature"
        if name in acknowledged:
            use = "acknowledged"
        elif name not in names:
            use = "outside"
        elif name in excluded:
            use = "excluded"
        elif name in reported or name in outside:
            use = "sensitive"
        found.append(ProtectedColumn(name, attribute or "named by you", (), use))
    if not found:
        return []
    rows = _some_rows(len(features), len(used), seed)
    kept = features.iloc[rows]
    told = {one.name for one in found if one.use == "feature"} | set(acknowledged)  # these are named anyway
    others = {name: _Telling(kept[name], seed) for name in used if name not in told}
    complete = []
    for one in found:
        beside = {name: other for name, other in others.items() if name != one.name}
        values = outside[one.name].iloc[rows] if one.name in outside else kept[one.name]
        complete.append(ProtectedColumn(one.name, one.attribute, _stand_ins(values, beside, threshold), one.use))
    warned = [one for one in complete if one.use == "feature"]
    absent = [one for one in complete if one.use in ("excluded", "outside") and one.stand_ins]
    if absent:
        _logger.warning(_note(absent))
    if warned:
        warnings.warn(_warning(warned), SensitiveFeatureWarning, stacklevel=stacklevel)
    return complete


def _as_table(table: Any, feature_names: Sequence[str] | None) -> pd.DataFrame:
    """Return the features as a DataFrame whose names are text."""
    import pandas as pd

    if isinstance(table, pd.Series):
        table = table.to_frame()
    if not isinstance(table, pd.DataFrame):
        values = np.asarray(table.detach().cpu() if hasattr(table, "detach") else table)
        if values.ndim != 2:
            raise ValueError(
                f"Features are a table of rows and columns, got an array of shape {values.shape}. Pass a DataFrame, or "
                "an array of shape (rows, columns) with feature_names."
            )
        table = pd.DataFrame(values, columns=None if feature_names is not None else _numbered(values.shape[1]))
    if feature_names is not None:
        if len(feature_names) != table.shape[1]:
            raise ValueError(
                f"feature_names has {len(feature_names)} names and the table {table.shape[1]} columns. Pass one for "
                "each."
            )
        table = table.set_axis(list(feature_names), axis=1)
    names = pd.Index([str(name) for name in table.columns], dtype=object)  # pyarrow's texts are not any text
    named: pd.DataFrame = table.set_axis(names, axis=1)
    return named.loc[:, ~named.columns.duplicated()]


def _numbered(columns: int) -> list[str]:
    return [f"column {place}" for place in range(columns)]


def _is_values(given: Any) -> bool:
    """Tell values of columns from their names."""
    return any(hasattr(given, name) for name in ("columns", "items", "shape"))


def _listed(argument: str, names: Any) -> list[str]:
    if names is None:
        return []
    if isinstance(names, (bool, np.bool_)) or not (isinstance(names, (str, int)) or hasattr(names, "__iter__")):
        raise TypeError(
            f"{argument} is a list of column names, got {names!r:.80} ({type(names).__name__}). Name the columns, such "
            f'as {argument}=["Sex"]' + (", or leave it out." if names is False else ".")
        )
    return [str(names)] if isinstance(names, (str, int)) else [str(name) for name in names]


def _outside(sensitive: Any, values: Any, rows: int) -> dict[str, pd.Series[Any]]:
    """Return the columns that came as values, by name."""
    import pandas as pd

    given = [one for one in (sensitive if _is_values(sensitive) else None, values) if one is not None]
    found: dict[str, pd.Series[Any]] = {}
    for one in given:
        if not hasattr(one, "items"):
            one = pd.Series(np.asarray(one.detach().cpu() if hasattr(one, "detach") else one).ravel())
        if isinstance(one, pd.Series):
            one = one.to_frame(name=one.name if one.name is not None else "sensitive")
        table = pd.DataFrame({str(name): np.asarray(column) for name, column in dict(one).items()})
        if len(table) != rows:
            raise ValueError(
                f"The sensitive values have {len(table)} rows and the features {rows}. Pass one for each row, in their "
                "order."
            )
        found |= {str(name): table[name] for name in table.columns}
    return found


def _check_known(argument: str, asked: Iterable[str], names: list[str], outside: Iterable[str]) -> None:
    known = names if argument == "exclude" else [*names, *outside]
    for name in asked:
        if name not in known:
            shown = ", ".join(known[:8]) + (f", ... ({len(known)} in all)" if len(known) > 8 else "")
            raise ValueError(
                f"{argument} names {name!r}, which is no column.{suggestions(name, known)} The columns are {shown}."
            )


def _some_rows(rows: int, columns: int, seed: int) -> Array:
    most = min(_MOST_ROWS, max(500, _MOST_CELLS // max(1, columns)))
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


class _Telling:
    """A column made ready to tell groups apart: its numbers, its values as codes, or both."""

    def __init__(self, values: pd.Series[Any], seed: int) -> None:
        import pandas as pd

        self.seed = seed
        self.numbers: Array | None = None
        self.codes: Array | None = None
        if values.dtype == object:
            plain = pd.to_numeric(values, errors="coerce")
            text = values.astype(str).where(values.notna())
            values = plain if bool((plain.notna() | values.isna()).all()) else text
        if pd.api.types.is_datetime64_any_dtype(values):
            values = values.astype("int64").where(values.notna())
        if pd.api.types.is_numeric_dtype(values):
            self.numbers = values.to_numpy(dtype=float, na_value=np.nan)
        if self.numbers is None or values.nunique() <= _FEW_VALUES:  # few numbers may be codes, in no order
            self.codes = pd.factorize(values.astype(str).where(values.notna(), "missing"))[0]

    def auc(self, inside: Array, judged: Array) -> float:
        """Return how well the column alone tells the rows inside a group from the other judged ones: 0.5 to 1."""
        found = [0.5]
        if self.numbers is not None:
            known = np.isfinite(self.numbers)
            asked = judged & known
            if _FEWEST <= inside[asked].sum() <= asked.sum() - _FEWEST:
                area = roc_auc(inside[asked], self.numbers[asked])
                found.append(max(area, 1 - area))
            missing = known[judged & inside].mean() - known[judged & ~inside].mean()
            found.append(0.5 + abs(missing) / 2)  # that a value is missing may tell by itself
        if self.codes is not None:
            found.append(_area_of_codes(self.codes[judged], inside[judged], self.seed))
        return float(max(found))


def _area_of_codes(codes: Array, inside: Array, seed: int) -> float:
    """The area of the share that a value has inside the group, learnt on the other folds: a name tells nothing then.

    The folds hold equal shares of the group. Otherwise a fold's own share is low where the others' is high, and every
    column would look weaker than it is.
    """
    generator = np.random.default_rng(seed)
    folds = np.empty(len(codes), dtype=int)
    for side in (inside, ~inside):
        folds[side] = generator.permutation(int(side.sum())) % _FOLDS
    share = inside.mean()
    scores = np.empty(len(codes))
    for fold in range(_FOLDS):
        learnt, judged = folds != fold, folds == fold
        size = codes.max() + 1
        seen = np.bincount(codes[learnt], minlength=size)
        hits = np.bincount(codes[learnt], inside[learnt], minlength=size)
        scores[judged] = ((hits + share) / (seen + 1))[codes[judged]]  # one row of the mean: a rare value says little
    return max(0.5, roc_auc(inside, scores))


def _stand_ins(values: pd.Series[Any], others: dict[str, _Telling], threshold: float) -> tuple[tuple[str, float], ...]:
    """The columns that tell the groups of ``values`` apart, the strongest first."""
    known = values.notna().to_numpy(dtype=bool)
    insides = _halves_or_groups(values, known)
    found = {}
    for name, other in others.items():
        auc = max((other.auc(inside, known) for inside in insides), default=0.5)
        if auc >= threshold:
            found[name] = round(float(auc), 4)
    return tuple(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


def _halves_or_groups(values: pd.Series[Any], known: Array) -> list[Array]:
    """Which rows are in a group, for each that is large enough; of a quantity, its upper half."""
    import pandas as pd

    if values.dtype == object or pd.api.types.is_string_dtype(values):
        values = values.astype(str).where(known)
        numbers = pd.to_numeric(values, errors="coerce")
        if numbers.notna().sum() == known.sum() and known.any():
            values = numbers
        elif values.nunique() > 50:  # dates of birth as text, or names
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that the format is guessed
                dates = pd.to_datetime(values, errors="coerce")
            if dates.notna().sum() == known.sum():
                values = dates
    quantity = pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values)
    if quantity and not pd.api.types.is_bool_dtype(values) and values.nunique() > _FEW_VALUES:
        groups = [(values > values.median()).to_numpy(dtype=bool, na_value=False)]
    else:
        counts = values[known].astype(str).value_counts()
        text = values.astype(str)
        largest = list(counts.index[: 1 if len(counts) == 2 else _MOST_GROUPS])  # of two, one says all
        groups = [(text == group).to_numpy(dtype=bool) & known for group in largest]
    return [one for one in groups if _FEWEST <= (one & known).sum() <= known.sum() - _FEWEST]


def _warning(features: list[ProtectedColumn]) -> str:
    """What is used, what can stand in for it, and what to pass."""
    named = "[" + ", ".join(f'"{one.name}"' for one in features) + "]"
    told = [one for one in features if one.stand_ins]
    if len(features) == 1:
        said = f"Column {features[0].name!r} looks like a protected attribute and is used as a feature."
        if told:
            said += f" {_columns(told[0])} can stand in for it, so dropping it is not enough by itself."
    else:
        names = _joined([repr(one.name) for one in features])
        said = f"Columns {names} look like protected attributes and are used as features."
        said += "".join(f" {_columns(one)} can stand in for {one.name!r}." for one in told)
        said += " So dropping them is not enough by itself." if told else ""
    it = "it" if len(features) == 1 else "them"
    return (
        f"{said}\nPass `sensitive={named}` to report results by group, `exclude={named}` to leave {it} out, or "
        f"`acknowledge={named}` to silence this."
    )


def _note(absent: list[ProtectedColumn]) -> str:
    """What can stand in for the columns that the model does not get."""
    named = "[" + ", ".join(f'"{one.name}"' for one in absent) + "]"
    where = {"excluded": "which is left out", "outside": "which is not among the features"}
    said = [f"{_columns(one)} can stand in for {one.name!r}, {where[one.use]}." for one in absent]
    return (
        f"{' '.join(said)} A model can still tell it from them: report results by group, leave them out too, or pass "
        f"`acknowledge={named}` to silence this."
    )


def _columns(one: ProtectedColumn) -> str:
    shown = [f"{column!r} (AUC {auc:.2f})" for column, auc in one.stand_ins[:_SHOWN]]
    if len(one.stand_ins) > _SHOWN:
        shown.append(f"{len(one.stand_ins) - _SHOWN} more")
    return ("Column " if len(one.stand_ins) == 1 else "Columns ") + _joined(shown)


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
