"""TabularPipeline: from a table to a saved model in seven steps."""

from __future__ import annotations

import logging
import os
import time as clock
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from neurokit.arguments import check_choice, check_count, check_flag, check_number, suggests_arguments
from neurokit.callbacks.announce import announce
from neurokit.encoding import Field, TableEncoding, Target
from neurokit.tabular import cleaning, engineering, loading, preparing, telling, training
from neurokit.tabular.evaluation import Evaluation, scores, verdict
from neurokit.tabular.preparing import Prepared
from neurokit.tabular.step import Step
from neurokit.wording import several

if TYPE_CHECKING:
    import pandas as pd

    from neurokit.assessment import Assessment
    from neurokit.callbacks.callback import Callback
    from neurokit.cards import ModelCard
    from neurokit.history import History
    from neurokit.trainer import Trainer

logger = logging.getLogger("neurokit")

Array = np.ndarray[Any, Any]

STEPS = ("load_data", "clean_data", "engineer_features", "prepare_data", "train_model", "evaluate", "save")
_NEEDS = {"clean_data": "load_data", "engineer_features": "load_data", "prepare_data": "load_data",
          "train_model": "prepare_data", "evaluate": "train_model", "save": "train_model"}  # fmt: skip


@dataclass(frozen=True)
class _State:
    """Everything that steps change. A step makes another; undoing one goes back to the one before."""

    frame: Any = None
    dropped: Any = None
    types: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    functions: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    ratios: Mapping[str, Sequence[str]] = field(default_factory=dict)
    date_parts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    prepared: Prepared | None = None
    trainer: Any = None
    metrics: Evaluation | None = None
    folder: Path | None = None


class TabularPipeline:
    """From a table to a model that is judged and saved, in seven steps: each one can be inspected and undone.

    ``load_data``, ``clean_data``, ``engineer_features``, ``prepare_data``, ``train_model``, ``evaluate``, ``save``.
    Cleaning and engineering may be left out. A step that is called again undoes itself and what follows it, which is
    said. What a step did is in ``steps``, with every count, and ``print(pipeline)`` shows all of it. The state of the
    global random streams is left alone.

    Args:
        seed: Of the split, the weights, and the order of rows.
        verbose: 1 shows what each step did, and a progress bar in training; 0 only what looks wrong.

    Attributes:
        steps: What was done, a ``Step`` for each.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> pipeline = TabularPipeline(seed=0, verbose=0)
        >>> frame = load_iris(as_frame=True).frame
        >>> pipeline.load_data(frame).clean_data().prepare_data("target").train_model(epochs=30)
        TabularPipeline(load_data, clean_data, prepare_data, train_model)
        >>> metrics = pipeline.evaluate()
        >>> metrics["accuracy"] > 0.8, pipeline.target.kind, pipeline.frame.shape
        (True, 'multiclass', (149, 5))
        >>> pipeline.undo("clean_data").frame.shape
        (150, 5)
    """

    @suggests_arguments
    def __init__(self, seed: int = 0, *, verbose: int = 1) -> None:
        check_count("seed", seed, 0, such_as=0)
        check_choice("verbose", int(verbose) if isinstance(verbose, bool) else verbose, (0, 1, 2))
        self.seed, self.verbose = int(seed), int(verbose)
        self.steps: list[Step] = []
        self._before: list[_State] = []  # the state before each step
        self._state = _State()

    # ------------------------------------------------------------------------------------------------- the seven steps

    @suggests_arguments
    def load_data(
        self,
        source: Any,
        *,
        types: Mapping[str, str] | None = None,
        na_values: Iterable[str] = (),
        delimiter: str | None = None,
        encoding: str | None = None,
        decimal: str | None = None,
    ) -> TabularPipeline:
        """Load a table. ``schema()`` shows the types that were inferred; what was guessed of a file is said.

        Args:
            source: A path of a ``.csv`` (comma, semicolon, tab or bar; found) or ``.parquet`` file, a DataFrame, which
                is copied, or a dict of columns.
            types: Types by column, where they are to be others: ``"number"``, ``"integer"``, ``"boolean"``,
                ``"category"``, ``"date"``.
            na_values: Further texts of a CSV that mean a missing value, beside the empty one, ``NA`` and its kind.
            delimiter: What separates the columns of a CSV.
            encoding: Of its text; UTF-8, or else Windows-1252, which is said.
            decimal: ``"."`` or ``","``.

        Raises:
            FileNotFoundError: If there is no such file; names the nearest.
            ValueError: If it is no table with a header and two columns, or a name is there twice.
        """
        if isinstance(na_values, str):
            na_values = [na_values]
        began = self._begin("load_data")
        frame, given, notes = loading.load(source, types=types, na_values=na_values, delimiter=delimiter,
                                           encoding=encoding, decimal=decimal)  # fmt: skip
        kinds = loading.schema(frame, given)["type"]
        for kind in dict.fromkeys(kinds):
            notes.append(f"{kind}: {several(kinds.index[kinds == kind])}")
        name = Path(source).name if isinstance(source, (str, os.PathLike)) else ""
        arguments = {"source": name or type(source).__name__, "types": given, "na_values": list(na_values),
                     "delimiter": delimiter, "encoding": encoding, "decimal": decimal}  # fmt: skip
        state = _State(frame=frame, dropped=frame.iloc[:0].assign(reason="", step=""), types=given, name=name)
        return self._end("load_data", began, state, arguments, notes)

    @suggests_arguments
    def clean_data(
        self,
        *,
        missing: Literal["keep", "drop"] = "keep",
        duplicates: Literal["drop", "keep"] = "drop",
        constant: Literal["drop", "keep"] = "drop",
        text: Literal["strip", "keep"] = "strip",
    ) -> TabularPipeline:
        """Take away what should not be there. Every dropped row is in ``dropped``, with the reason.

        Infinite numbers become missing. Rows without a target go in ``prepare_data``, which knows the target.

        Args:
            missing: ``"keep"`` leaves gaps to be filled by what training rows say; ``"drop"`` drops rows that have one.
            duplicates: Rows that are the same as an earlier one.
            constant: Columns that are the same in every row.
            text: ``"strip"`` takes spaces away around texts; one of nothing else becomes missing.
        """
        check_choice("missing", missing, ("keep", "drop"), fill="keep", impute="keep")
        check_choice("duplicates", duplicates, ("drop", "keep"))
        check_choice("constant", constant, ("drop", "keep"))
        check_choice("text", text, ("strip", "keep"))
        began = self._begin("clean_data")
        state = self._state
        cleaned = cleaning.clean(state.frame, missing=missing, duplicates=duplicates, constant=constant, text=text)
        if not len(cleaned.frame):
            self._give_up(began)
            raise ValueError("Cleaning would drop every row. Pass missing='keep'.")
        types = {name: kind for name, kind in state.types.items() if name in cleaned.frame.columns}
        dropped = cleaning.stacked(state.dropped, cleaned.dropped.assign(step="clean_data"))
        state = replace(state, frame=cleaned.frame, dropped=dropped, types=types)
        arguments = {"missing": missing, "duplicates": duplicates, "constant": constant, "text": text}
        return self._end("clean_data", began, state, arguments, cleaned.notes)

    @suggests_arguments
    def engineer_features(
        self,
        functions: Mapping[str, Callable[[Any], Any]] | None = None,
        *,
        ratios: Mapping[str, Sequence[str]] | None = None,
        dates: Iterable[str] | Mapping[str, Sequence[str]] = (),
    ) -> TabularPipeline:
        """Make columns of columns.

        Ratios and parts of dates are data: a bundle computes them itself. Functions are code and stay behind: rows for
        a bundle must have their columns already, while ``pipeline.predict`` applies them.

        Args:
            functions: For each new column a function from the table, of which it gets a copy, to one value a row. It
                must look at each row alone: a mean over the table would know the test rows.
            ratios: For each new column two others, ``{"rooms_each": ["rooms", "households"]}``. Where the second is
                zero or either is missing, the ratio is missing, and counted.
            dates: Columns to read as dates, ISO 8601; a dict says which parts of each the model sees: ``"days"``,
                ``"year"``, ``"month"``, ``"weekday"``, ``"hour"``.

        Raises:
            ValueError: If a column is not there, or a function gives something else; names it.
        """
        dates = [dates] if isinstance(dates, str) else dates
        checked = engineering.check_functions(functions or {})
        began = self._begin("engineer_features")
        state = self._state
        try:
            frame, notes = engineering.as_dates(state.frame, dates)
            frame, more = engineering.apply(frame, checked)
            made, counts = engineering.check_ratios(frame, ratios or {})
        except BaseException:
            self._give_up(began)
            raise
        notes += [*more, *counts]
        parts = {name: list(one) for name, one in dates.items()} if isinstance(dates, Mapping) else {}
        state = replace(state, frame=frame, functions=checked, ratios=made, date_parts=parts)
        arguments = {"functions": list(checked), "ratios": made, "dates": parts or list(dates)}
        return self._end("engineer_features", began, state, arguments, notes or ["nothing was asked for"])

    @suggests_arguments
    def prepare_data(
        self,
        target: str,
        *,
        task: Literal["auto", "binary", "multiclass", "regression"] = "auto",
        test_size: float = 0.2,
        validation_size: float = 0.2,
        split: Literal["random", "group", "time"] = "random",
        group: str | None = None,
        time: str | None = None,
        keep: Iterable[str] = (),
        drop: Iterable[str] = (),
        categories: Iterable[str] = (),
        rare: Literal["error", "drop"] = "error",
        layout: Literal["auto", "embedded", "one-hot"] = "auto",
        **encoding: Any,
    ) -> TabularPipeline:
        """Split the rows, leave out what must not be learnt from, and fit the encoding on the rows that train.

        A column that alone determines the target is named, with how well it does, and left out unless it is in
        ``keep``: a tree on that column alone, on rows it was not fitted on, goes 99 % of the way from chance to
        perfect. So are texts that are nearly unique and columns that count the rows.

        Args:
            target: The column to predict. Rows without one are dropped and counted.
            task: ``"auto"`` tells it from the target, and says so: text, truth values, two distinct values, and up to
                20 whole numbers with ten rows each are classes; other numbers a regression.
            test_size: The share of rows that judge in the end.
            validation_size: The share of the others that says when to stop.
            split: ``"random"``, each class in its share; ``"group"``, no group on two sides; ``"time"``, the latest
                rows test.
            group: The column that names the groups; it is not learnt from unless kept.
            time: The column that says when a row was; likewise.
            keep: Columns to learn from although something speaks against it.
            drop: Columns to leave out.
            categories: Columns of whole numbers that are categories.
            rare: Classes with too few rows for each side to have one: an error that names them, or ``"drop"``.
            layout: ``"auto"`` suits the module that is trained.
            **encoding: Of ``TableEncoding.fit``: ``scaling``, ``filling``, ``min_count``.

        Raises:
            ValueError: If a column is not there, or no rows or columns are left.
        """
        check_choice("task", task, ("auto", "binary", "multiclass", "regression"), classification="multiclass")
        check_choice("split", split, ("random", "group", "time"), stratified="random", chronological="time")
        check_choice("rare", rare, ("error", "drop"))
        check_choice("layout", layout, ("auto", "embedded", "one-hot"), onehot="one-hot", one_hot="one-hot")
        for name, share in (("test_size", test_size), ("validation_size", validation_size)):
            check_number(name, share, "a share between 0 and 1", lambda one: 0 < one < 1, such_as=0.2)
        for name, column in (("group", group), ("time", time)):
            if (split == name) != (column is not None):
                raise ValueError(f"split={name!r} and {name}= come together: pass split={name!r}, {name}='its column'.")
        from neurokit.arguments import check_keywords

        check_keywords("prepare_data", encoding, ("scaling", "filling", "min_count"))
        keep, drop, categories = (_listed(one) for one in (keep, drop, categories))
        began = self._begin("prepare_data")
        state = self._state
        try:
            if target not in state.frame.columns and any(step.name == "clean_data" for step in self.steps):
                self._refuse_cleaned(target)
            prepared, dropped, notes, warnings = preparing.prepare(
                state.frame, target, task=task, test_size=test_size, validation_size=validation_size, split=split,
                group=group, time=time, keep=keep, drop=drop, rare=rare, ratios=state.ratios,
                types={**state.types, **dict.fromkeys(categories, "category")}, date_parts=state.date_parts,
                layout=layout, encoding=encoding, seed=self.seed,
            )  # fmt: skip
        except BaseException:
            self._give_up(began)
            raise
        for text in warnings:
            logger.warning("%s", text)
        dropped = cleaning.stacked(state.dropped, dropped.assign(step="prepare_data"))
        state = replace(state, frame=prepared.frame, dropped=dropped, prepared=prepared)
        arguments = {"target": target, "task": prepared.target.kind, "test_size": test_size,
                     "validation_size": validation_size, "split": split, "group": group, "time": time, "keep": keep,
                     "drop": drop, "categories": categories, "rare": rare, "layout": layout, **encoding}  # fmt: skip
        return self._end("prepare_data", began, state, arguments, [*notes, *warnings])

    def _refuse_cleaned(self, target: str) -> None:
        before = self._before[[step.name for step in self.steps].index("clean_data")].frame
        if target in before.columns:
            raise ValueError(
                f"The target {target!r} is {before[target].iloc[0]!r} in every row, so clean_data dropped it, and "
                "there is nothing to learn. Is this the right column?"
            )

    @suggests_arguments
    def train_model(
        self,
        module: Any = None,
        *,
        epochs: int = training.EPOCHS,
        patience: int | None = training.PATIENCE,
        callbacks: Iterable[Callback] = (),
        **options: Any,
    ) -> TabularPipeline:
        """Train a network, ``trainer``: the one that suits the table, or any module.

        AdamW with rate 0.002 and weight decay 0.01, whose rate falls to a third when the validation loss stands still,
        for ``patience`` epochs at most after the best one, whose weights are put back. A regression learns the target
        scaled to deviation 1, so its losses are in these units; metrics and predictions are in the target's own.

        Args:
            module: ``None`` for embeddings and an MLP; an ``nn.Module`` or a factory ``(in_features, out_features) ->
                module``, which gets one matrix with categories one-hot; or a ``TabularNet``. It answers a row with one
                number for a regression or two classes, else with one for each class.
            epochs: How many at most.
            patience: Epochs without a better validation loss after which it stops; ``None`` trains all epochs.
            callbacks: Further ones.
            **options: Of ``nk.Trainer`` and its ``fit``: ``learning_rate``, ``batch_size``, ``class_weight`` (by the
                target's own labels), ``optimizer``, ``device``, ``metrics`` ...

        Raises:
            TypeError: If an option is none, or the module is no module.
            ValueError: If the module takes another width; before anything is trained.
        """
        check_count("epochs", epochs)
        if patience is not None:
            check_count("patience", patience)
        began = self._begin("train_model")
        prepared = self._prepared
        try:
            options.setdefault("verbose", "auto" if self.verbose else 0)
            trainer, prepared, notes = training.train(
                prepared, module, seed=self.seed, epochs=epochs, patience=patience, options=options, callbacks=callbacks
            )
        except BaseException:
            self._give_up(began)
            raise
        state = replace(self._state, trainer=trainer, prepared=prepared)
        arguments = {"module": module, "epochs": epochs, "patience": patience, **options}
        self._end("train_model", began, state, arguments, notes)
        telling.tell(trainer.record, prepared, self.steps, state.name, len(state.dropped))
        return self

    @suggests_arguments
    def evaluate(self, *, compare: bool = False) -> Evaluation:
        """Return the metrics on the test rows, a dict, beside those of a constant answer.

        Numbers of a regression are in the target's own units. ``.table`` has all models, ``.verdict`` says who is best,
        ``.save(folder)`` goes on with the last step.

        Args:
            compare: Fit scikit-learn's linear model and gradient-boosted trees on the same rows, and say who wins.
        """
        check_flag("compare", compare)
        began = self._begin("evaluate")
        import pandas as pd

        from neurokit.tabular.comparing import others

        prepared, kind = self._prepared, self.target.kind
        true = prepared.labels("test").astype(np.float64) if kind == "regression" else prepared.encoded("test")
        own = type(self.trainer.model).__name__
        answers = {own: self._answers(prepared.table("test"))}
        seconds = {own: float(self.trainer.record.timings.get("seconds") or self.step("train_model").seconds)}
        if compare:
            for name, (told, took) in others(prepared, self.seed).items():
                answers[name], seconds[name] = told, took
        baseline = "the mean of training" if kind == "regression" else "the class shares of training"
        answers[baseline], seconds[baseline] = self._constant(len(true)), 0.0
        table = pd.DataFrame({name: scores(kind, true, told) for name, told in answers.items()}).T
        table["seconds to fit"] = pd.Series(seconds)
        said = verdict(kind, true, answers, own, self.seed)
        metrics = scores(kind, true, answers[own])
        found = Evaluation(metrics, table, said, len(true), self)
        notes = [
            ", ".join(f"{name} {value:.4g}" for name, value in metrics.items()) + f" on {len(true):,} test rows",
            said,
        ]
        self._end("evaluate", began, replace(self._state, metrics=found), {"compare": compare}, notes)
        return found

    @suggests_arguments
    def save(
        self,
        folder: str | os.PathLike[str],
        *,
        format: Literal["auto", "safetensors", "onnx", "pt2"] = "auto",
        background: bool = True,
        card: ModelCard | None = None,
        name: str | None = None,
    ) -> TabularPipeline:
        """Save a bundle: a folder that takes raw rows and predicts without this code; ``nk.load_bundle`` opens it.

        It holds the weights or an ONNX program, the preprocessing as JSON, the record of the run and the model card.
        Columns that your functions make are raw columns to it, and rows for it must have them, which is said.

        Args:
            folder: Where it shall stand; a bundle that stood there is replaced.
            format: As ``nk.save_bundle`` takes it.
            background: Keep up to a hundred raw training rows in it, which explanations compare with.
            card: The model card; ``None`` writes one, with the assessment of the test rows.
            name: What the model is called.

        Raises:
            FileExistsError: If the folder holds something else; nothing is changed.
        """
        check_flag("background", background)
        began = self._begin("save")
        from neurokit.bundle import save_bundle
        from neurokit.tabular.judging import background_of

        try:
            path = save_bundle(
                self.trainer, folder, format=format, encoding=self.encoding, target=self.target,
                background=background_of(self) if background else False,
                card=self.card(plots=False) if card is None else card, name=name,
            )  # fmt: skip
        except BaseException:
            self._give_up(began)
            raise
        notes = [f"bundle {path.name}: takes rows of {several(field.name for field in self.fields)}"]
        made = [field.name for field in self.fields if field.name in self._state.functions]
        if made:
            notes.append(f"rows for the bundle must have {', '.join(made)} already: your functions are code, which no "
                         "bundle holds")  # fmt: skip
            logger.warning("%s", notes[-1])
        return self._end("save", began, replace(self._state, folder=path), {"format": format}, notes)

    # ----------------------------------------------------------------------------------------------------- predictions

    def predict(self, rows: Any) -> Array:
        """Return labels, or numbers in the target's own units, for raw rows: a DataFrame or a list of dicts."""
        return self._answers(rows) if self.target.kind == "regression" else self.predict_labels(rows)

    def predict_proba(self, rows: Any) -> Array:
        """Return probabilities ``(N, C)`` in the order of ``target.classes``.

        Raises:
            ValueError: If the target is no class.
        """
        self._ask_classes("predict_proba")
        return self._answers(rows)

    def predict_labels(self, rows: Any) -> Array:
        """Return the most probable class of each row, in the target's own labels.

        Raises:
            ValueError: If the target is no class.
        """
        self._ask_classes("predict_labels")
        return self.target.decode(self._answers(rows).argmax(1))

    def _ask_classes(self, name: str) -> None:
        if self.target.kind == "regression":
            raise ValueError(f"{name} is about classes, and {self.target.name!r} is a number. Use predict.")

    def _answers(self, rows: Any) -> Array:
        """Probabilities ``(N, C)``, or numbers ``(N,)`` in the target's own units."""
        trainer, target = self.trainer, self.target
        x = training.as_inputs(self.encoding, self._with_functions(rows))
        if target.kind == "regression":
            return target.decode(trainer.predict(x).reshape(-1))
        told = np.asarray(trainer.predict_proba(x), dtype=np.float64)
        if told.ndim == 1 or told.shape[1] == 1:
            told = np.stack([1 - told.reshape(-1), told.reshape(-1)], axis=1)
        shares: Array = told / told.sum(1, keepdims=True)  # single precision leaves them a little beside 1
        return shares

    def _constant(self, rows: int) -> Array:
        known = self._prepared.encoded("train")
        if self.target.classes is None:
            return np.full(rows, self.target.mean)
        return np.tile(np.bincount(known, minlength=len(self.target.classes)) / len(known), (rows, 1))

    def _with_functions(self, rows: Any) -> Any:
        """Raw rows with the columns that the user's functions make, those that are not there yet."""
        wanted = {field.name for field in self.encoding.fields}
        functions = {name: one for name, one in self._state.functions.items() if name in wanted}
        if not functions:
            return rows
        import pandas as pd

        frame = rows if hasattr(rows, "iloc") else pd.DataFrame(list(rows))
        missing = {name: one for name, one in functions.items() if name not in frame.columns}
        return engineering.apply(frame, missing)[0] if missing else frame

    # -------------------------------------------------------------------------------------- judged, explained, told on

    def assess(self, rows: Any = None, *, name: str | None = None, **options: Any) -> Assessment:
        """Return the assessment of rows with their target; its rows, groups and worst cases are of the raw columns.

        Args:
            rows: A DataFrame with the target in it; the test rows when ``None``.
            name: What the rows are to the model.
            **options: Of ``nk.assess``: ``sensitive``, ``exclude``, ``acknowledge``, ``confidence``, ``seed``.
                ``sensitive`` may name any column of the rows, also one that is not learnt from.
        """
        from neurokit.tabular.judging import assess

        prepared = self._prepared
        frame = prepared.frame.iloc[prepared.split.test] if rows is None else rows
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = assess(self, frame, name or ("test" if rows is None else "new"), options)
        for one in caught:  # said of the line that asks, and not of one in here
            warnings.warn(one.message, one.category, stacklevel=2)
        return found

    def explain(self, rows: Any = None, **options: Any) -> Any:
        """Return what each raw column contributed to each answer, a ``shap.Explanation``: probabilities, or own units.

        Args:
            rows: A DataFrame or a list of dicts; the first hundred test rows when ``None``.
            **options: Of ``nk.explain``: ``method``, ``max_evals``, ``seed``, ``classes`` ...
        """
        from neurokit.tabular.judging import AT_ONCE, explain

        frame = self._prepared.table("test").iloc[:AT_ONCE] if rows is None else self._with_functions(rows)
        return explain(self, frame, options)

    def card(self, assessment: Any = None, explanation: Any = None, **answers: Any) -> ModelCard:
        """Return the model card: what was done to the data, which columns were left out and why, how good it is.

        Args:
            assessment: That of the test rows is made when ``None``.
            explanation: What ``explain`` returned.
            **answers: What only a person knows; see ``nk.ModelCard``.
        """
        from neurokit.cards import ModelCard

        found = self.assess() if assessment is None else assessment
        return ModelCard.from_trainer(self.trainer, found, explanation, **answers)

    def report(
        self, path: str | os.PathLike[str], assessment: Any = None, explanation: Any = None, **options: Any
    ) -> Path:
        """Write the report for somebody who decides, one HTML file, and return its path.

        Args:
            path: The file.
            assessment: That of the test rows is made when ``None``.
            explanation: What ``explain`` returned.
            **options: Of ``Assessment.to_html``.
        """
        found = self.assess() if assessment is None else assessment
        path = found.to_html(path, explanation=explanation, **options)
        return Path(path)

    # -------------------------------------------------------------------------------------------- looked at, and undone

    @property
    def frame(self) -> pd.DataFrame:
        """The table as it is after the latest step. Change it by steps: it is not copied."""
        self._require("frame", "load_data")
        return self._state.frame  # type: ignore[no-any-return]

    @property
    def dropped(self) -> pd.DataFrame:
        """Every row that was dropped, with its ``reason`` and its ``step``."""
        self._require("dropped", "load_data")
        return self._state.dropped  # type: ignore[no-any-return]

    def schema(self) -> pd.DataFrame:
        """Return the columns of the present table: type, missing values, distinct ones, and an example."""
        return loading.schema(self.frame, self._state.types)

    @property
    def trainer(self) -> Trainer:
        """The trainer, after ``train_model``."""
        self._require("trainer", "train_model")
        return self._state.trainer  # type: ignore[no-any-return]

    @property
    def history(self) -> History:
        """What each epoch gave, after ``train_model``."""
        return self.trainer.history

    @property
    def metrics(self) -> Evaluation:
        """What ``evaluate`` found."""
        self._require("metrics", "evaluate")
        return self._state.metrics  # type: ignore[return-value]

    @property
    def encoding(self) -> TableEncoding:
        """The columns as numbers, after ``prepare_data``."""
        return self._prepared.encoding

    @property
    def target(self) -> Target:
        """What is predicted, after ``prepare_data``."""
        return self._prepared.target

    @property
    def fields(self) -> tuple[Field, ...]:
        """The raw columns that rows must have, after ``prepare_data``."""
        return self._prepared.fields

    @property
    def left_out(self) -> dict[str, str]:
        """The columns that are not learnt from, each with the reason, after ``prepare_data``."""
        return dict(self._prepared.left_out)

    @property
    def split(self) -> dict[str, pd.DataFrame]:
        """The rows that train, validate and test, with all their columns, after ``prepare_data``."""
        prepared = self._prepared
        return {name: prepared.frame.iloc[getattr(prepared.split, name)] for name in preparing.SPLITS}

    @property
    def _prepared(self) -> Prepared:
        self._require("this", "prepare_data")
        assert self._state.prepared is not None
        return self._state.prepared

    def step(self, name: str) -> Step:
        """Return what a step did.

        Raises:
            ValueError: If it was not called.
        """
        check_choice("A step", name, STEPS)
        for one in self.steps:
            if one.name == name:
                return one
        raise ValueError(f"{name} was not called yet; done are {', '.join(one.name for one in self.steps) or 'none'}.")

    def undo(self, name: str | None = None) -> TabularPipeline:
        """Go back to before a step, and before all that came after it; to before the latest when ``None``.

        Raises:
            ValueError: If there is no such step to undo.
        """
        if not self.steps:
            raise ValueError("There is no step to undo.")
        place = len(self.steps) - 1 if name is None else self.steps.index(self.step(name))
        self._state = self._before[place]
        del self.steps[place:], self._before[place:]
        return self

    def __str__(self) -> str:
        if not self.steps:
            return f"TabularPipeline(seed={self.seed}), no step yet: begin with load_data"
        return "\n".join(map(str, self.steps))

    def __repr__(self) -> str:
        return f"TabularPipeline({', '.join(step.name for step in self.steps)})"

    # ----------------------------------------------------------------------------------------------------- how steps go

    def _require(self, what: str, step: str) -> None:
        if not any(one.name == step for one in self.steps):
            done = ", ".join(one.name for one in self.steps) or "no step"
            raise ValueError(f"{what} needs {step} first; done so far: {done}. The steps are {', '.join(STEPS)}.")

    def _begin(self, name: str) -> tuple[float, list[Step], list[_State], _State]:
        """Undo the step itself and those that must come after it, and return what ``_give_up`` goes back to."""
        if name in _NEEDS:
            self._require(name, _NEEDS[name])
        kept = (clock.perf_counter(), list(self.steps), list(self._before), self._state)
        later = [one.name for one in self.steps if STEPS.index(one.name) >= STEPS.index(name)]
        if later and not (name == "save" and later == ["save"]):
            logger.info("%s again: %s undone.", name, ", ".join(later))
            if self.verbose:
                announce(f"{name} again: {', '.join(later)} undone.")
        if later:
            self.undo(later[0])
        return kept

    def _give_up(self, began: tuple[float, list[Step], list[_State], _State]) -> None:
        """Go back to before a step that could not be done."""
        _, self.steps, self._before, self._state = began

    def _end(
        self, name: str, began: tuple[float, list[Step], list[_State], _State], state: _State,
        arguments: Mapping[str, Any], notes: Sequence[str],
    ) -> TabularPipeline:  # fmt: skip
        before = self._state
        shape = (0, 0) if before.frame is None else before.frame.shape
        step = Step(
            name, telling.arguments_of(dict(arguments)), (shape[0], state.frame.shape[0]),
            (shape[1], state.frame.shape[1]), tuple(notes), clock.perf_counter() - began[0],
        )  # fmt: skip
        self._before.append(before)
        self.steps.append(step)
        self._state = state
        logger.info("%s", step)
        if self.verbose:
            announce(str(step))
        return self


def _listed(names: Any) -> list[str]:
    return [names] if isinstance(names, str) else list(names)
