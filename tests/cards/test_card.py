from __future__ import annotations

import copy
import json
import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from neurokit import NonFiniteLoss, RunRecord, Trainer, seed_everything
from neurokit.assessment import Assessment, assess
from neurokit.cards import ModelCard
from neurokit.cards.questions import QUESTIONS
from neurokit.explanations import explain, summarize

ALL_ANSWERED: dict[str, Any] = {str(question): f"About {question}." for question in QUESTIONS} | {"license": "mit"}


def fitted(**options: Any) -> Trainer:
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 64).reshape(-1, 2)
    trainer = Trainer(nn.Linear(2, 2), loss="cross_entropy", metrics=["accuracy"], **options)
    trainer.fit(x, (x[:, 0] > 0).long(), epochs=2, checks=False, verbose=0)
    return trainer


def assert_whole(card: ModelCard, headings: Any) -> None:
    """Every heading has text under it, every table its columns, and the card is the same from its record."""
    text = card.text
    found = headings(text)
    assert len(found) > 5
    assert [title for title, under in found if not under] == []
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1, block
    assert ModelCard.from_record(RunRecord.from_json(card.record.to_json())).text == text
    assert not re.search(r"\b(nan|None|inf)\b", text.split("### Hyper-parameters")[0].split("\n---\n")[1])


# ------------------------------------------------------------------------------------------------ what is in it


def test_a_card_of_two_groups_loads_in_huggingface_hub_with_its_results_intact(tumours: Any, tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    path = ModelCard.from_trainer(*tumours, license="Apache 2.0", tags=["tumours"]).save(tmp_path / "README.md")

    data = hub.ModelCard.load(path).data

    assert (data.license, data.library_name, data.pipeline_tag) == ("apache-2.0", "neurokit", "tabular-classification")
    assert data.tags == ["neurokit", "pytorch", "binary", "tumours"]
    assert {one.metric_type: one.metric_value for one in data.eval_results} == {
        name: float(value) for name, value in tumours.assessment.metrics.items()
    }
    assert {one.dataset_split for one in data.eval_results} == {"test"}
    accuracy, counted = tumours.assessment.metrics["accuracy"], data.eval_results[0].metric_args
    assert (counted["n"], counted["low"], counted["high"]) == (accuracy.n, accuracy.low, accuracy.high)
    text = path.read_text(encoding="utf-8")
    for group in tumours.assessment.groups.groups:
        assert f"| {group.column} | {group.group} | {group.n} | {float(group.metrics['accuracy']):.3g} (" in text


def test_missing_names_only_what_a_machine_cannot_know(tumours: Any) -> None:
    card = ModelCard.from_trainer(*tumours)
    assert card.missing() == [str(one) for one in QUESTIONS if one != "sensitive_columns"]  # groups were measured
    assert all(one.asks.endswith((".", "?")) for one in card.missing())
    without = ModelCard.from_trainer(tumours.trainer)
    assert "sensitive_columns" in without.missing()
    assert "metric_choice" not in without.missing()  # there are no metrics to choose


def test_what_is_missing_is_asked_once_and_never_an_empty_heading(tumours: Any, parsed: Any) -> None:
    card = ModelCard.from_trainer(*tumours)
    assert card["To be completed"].count("- [ ]") == len(card.missing())
    assert_whole(card, parsed)
    for title in ("Intended use", "Data/Source", "Data/Consent", "Ethical considerations"):
        assert title not in card
    card.fill(**ALL_ANSWERED)
    assert card.missing() == []
    assert "To be completed" not in card
    assert card["Data/Consent"] == "About consent."
    assert_whole(card, parsed)


def test_a_card_holds_what_the_run_knows_of_itself(tumours: Any) -> None:
    record, card = tumours.trainer.record, ModelCard.from_trainer(*tumours)
    text = card.text
    for name in record.parameters:
        assert f"| {name} | " in card["Training/Hyper-parameters"]
    assert "Adam(lr=0.01" in card["Training/Hyper-parameters"]
    assert record.data["train"]["x"]["sha256"] in card["Data/Fingerprint"]
    assert "train: 320 rows; validation: 80 rows" in card["Data"]
    assert "20 % of the rows (80 rows) validate" in card["Data/Split"]
    assert f"| Seed | {record.seed} |" in card["Training"]
    assert f"| Stop reason | {record.stop_reason} |" in card["Training"]
    assert "| Wall time | " in card["Training"]
    assert f"| device | {record.hardware['device']} |" in card["Training/Hardware"]
    assert all(value in card["Training/Versions"] for value in record.versions.values() if "_" not in value)
    assert record.git is None or record.git["commit"] in card["Reproduce"]
    assert "(2, 8)" in card["Model/Layers"]
    assert "mean radius" in card["Model/Signature"]
    assert tumours.assessment.verdict().split("(")[0] in text
    assert "Decisions" in card["Evaluation/test"]
    assert "chosen on validation (n = 400)" in card["Evaluation/test/Decisions"]


def test_every_table_of_numbers_says_on_which_rows_and_how_many(tumours: Any) -> None:
    card, n = ModelCard.from_trainer(*tumours), tumours.assessment.n
    for address in ("Classes", "Confusion matrix", "Calibration", "Decisions"):
        assert f"test, n = {n}" in card[f"Evaluation/test/{address}"], address
    assert "train, n = 320" in card["Training/Results"]
    assert "validation, n = 80" in card["Training/Results"]


def test_validation_and_test_stand_beside_each_other(tumours: Any) -> None:
    other = Assessment.from_arrays([0, 1, 1], [0.2, 0.9, 0.4], kind="binary", name="validation")
    for given in ([other, tumours.assessment], {"validation": other, "test": tumours.assessment}):
        card = ModelCard.from_trainer(tumours.trainer, given)
        assert list(card.record.assessments) == ["validation", "test"]
        assert [result["dataset"]["split"] for result in card.front_matter["model-index"][0]["results"]] == [
            "validation", "test",
        ]  # fmt: skip
        assert "validation has 3 rows" in card["Limits"]


def test_groups_that_were_asked_for_after_the_assessment_are_in_the_card() -> None:
    trainer = fitted()
    x = torch.linspace(-1, 1, 160).reshape(-1, 2)
    assessment = assess(trainer, x, (x[:, 0] > 0).long(), name="test")
    report = assessment.by_group(sensitive={"side": np.where(np.arange(80) % 2, "odd", "even")})
    card = ModelCard.from_trainer(trainer, assessment)
    assert "sensitive_columns" not in card.missing()
    for group in report.groups:
        assert f"| side | {group.group} | {group.n} | " in card["Evaluation/test/Groups"]
    assert "it was not measured whether some groups" not in card["Limits"]


def test_an_explanation_is_ranked_with_how_it_was_made(tumours: Any, parsed: Any) -> None:
    torch.manual_seed(0)
    trainer = Trainer(nn.Linear(3, 1), loss="mse")
    x = torch.randn(40, 3)
    trainer.fit(x, x[:, :1] * 3, epochs=1, checks=False, verbose=0)
    explanation = explain(trainer, x[:5])
    card = ModelCard.from_trainer(trainer, explanation=explanation)
    told = summarize(explanation)
    assert f"Method: {told['method']}." in card["Explanation"]
    assert f"| 1 | {told['features'][0]['name']} |" in card["Explanation"]
    assert_whole(card, parsed)
    assert ModelCard.from_trainer(trainer, explanation=told).text == card.text


# ------------------------------------------------------------------------------------------------ whatever was trained


def test_a_regression_has_a_card(diabetes: Any, parsed: Any) -> None:
    card = ModelCard.from_trainer(*diabetes)
    assert_whole(card, parsed)
    assert card.front_matter["pipeline_tag"] == "tabular-regression"
    assert "actual less predicted" in card["Evaluation/test/Residuals"]
    assert "standard deviation" in card["Data/Balance"]
    assert "say who a person is: age (age), sex (sex)" in card["Limits"]


def test_an_untrained_trainer_has_a_card_that_says_so(parsed: Any) -> None:
    for model in (nn.Linear(4, 2), nn.LazyLinear(2)):
        card = ModelCard.from_trainer(Trainer(model, loss="mse"))
        assert_whole(card, parsed)
        assert "not trained" in card["Summary"]
        assert "not trained" in card["Training"]
        assert "not trained here" in card["Limits"]
        assert "model-index" not in card.front_matter


def test_an_empty_record_has_a_card(parsed: Any) -> None:
    assert_whole(ModelCard(RunRecord()), parsed)


class OwnLoss(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = self.layer(x)
        return {"loss": ((logits - labels) ** 2).mean(), "logits": logits}


def test_a_model_with_its_own_loss_has_a_card(parsed: Any) -> None:
    trainer = Trainer(OwnLoss())
    trainer.fit({"x": torch.randn(16, 2), "labels": torch.randn(16, 1)}, epochs=1, checks=False, verbose=0)
    card = ModelCard.from_trainer(trainer)
    assert_whole(card, parsed)
    assert "(2, 1)" in card["Model/Layers"]


class TwoOutputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.kind, self.size = nn.Linear(4, 3), nn.Linear(4, 1)

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> dict[str, torch.Tensor]:
        joined = torch.cat([left, right], dim=1)
        return {"kind": self.kind(joined), "size": self.size(joined)}


def test_several_inputs_and_outputs_have_a_card(parsed: Any) -> None:
    trainer = Trainer(TwoOutputs(), loss={"kind": "cross_entropy", "size": "mse"})
    x = {"left": torch.randn(30, 2), "right": torch.randn(30, 2)}
    y = {"kind": torch.arange(30) % 3, "size": torch.randn(30, 1)}
    trainer.fit(x, y, epochs=1, validation_split=0.2, checks=False, verbose=0)
    card = ModelCard.from_trainer(trainer, {"kind": assess(trainer, x, y, output="kind")})
    assert_whole(card, parsed)
    assert "class of kind" in card["Data/Balance"]
    assert "x[left]".replace("[", r"\[").replace("]", r"\]") in card["Data/Fingerprint"]


def test_a_loader_and_pictures_have_a_card(parsed: Any) -> None:
    data = TensorDataset(torch.rand(24, 1, 8, 8), torch.arange(24) % 10)
    trainer = Trainer(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), loss="cross_entropy")
    trainer.fit(DataLoader(data, batch_size=8, shuffle=True), epochs=1, checks=False, verbose=0)
    card = ModelCard.from_trainer(trainer, assess(trainer, DataLoader(data, batch_size=8)))
    assert_whole(card, parsed)
    assert card.front_matter["pipeline_tag"] == "image-classification"

    class Stream(IterableDataset[Any]):
        def __iter__(self) -> Any:
            return iter(data)

    trainer.fit(DataLoader(Stream(), batch_size=8), epochs=1, checks=False, verbose=0)
    card = ModelCard.from_trainer(trainer)
    assert_whole(card, parsed)
    assert "came from a loader and have no fingerprint" in card["Limits"]
    assert "rows come from a loader" in card["Data/Fingerprint"]


def test_several_labels_have_a_card(parsed: Any) -> None:
    x, y = torch.randn(40, 3), (torch.rand(40, 4) > 0.5).float()
    trainer = Trainer(nn.Linear(3, 4), loss="bce_with_logits")
    trainer.fit(x, y, epochs=1, checks=False, verbose=0)
    card = ModelCard.from_trainer(trainer, assess(trainer, x, y))
    assert_whole(card, parsed)
    assert card.front_matter["tags"][-1] == "multilabel"


def test_a_run_that_failed_says_so() -> None:
    trainer = Trainer(nn.Linear(2, 1), loss="mse", optimizer="sgd", learning_rate=1e30)
    with pytest.raises(NonFiniteLoss):
        trainer.fit(torch.randn(64, 2) * 1e3, torch.randn(64, 1), epochs=3, checks=False, verbose=0)
    assert "ended with an error" in ModelCard.from_trainer(trainer)["Limits"]


# ------------------------------------------------------------------------------------------------ nothing is changed


def test_writing_a_card_leaves_trainer_model_and_random_streams_as_they_were(tumours: Any, tmp_path: Path) -> None:
    trainer = tumours.trainer
    trainer.model.train()
    before = copy.deepcopy([trainer.record.to_dict(), dict(trainer.model.state_dict())])
    stream, own = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]
    ModelCard.from_trainer(trainer, tumours.assessment, owner="us").save(tmp_path)
    assert trainer.record.to_dict() == before[0]
    assert all(torch.equal(value, before[1][name]) for name, value in trainer.model.state_dict().items())
    assert trainer.model.training
    assert torch.equal(torch.get_rng_state(), stream)
    assert (np.random.get_state()[1] == own).all()  # type: ignore[index]
    assert not any(module._forward_hooks for module in trainer.model.modules())


def test_a_model_that_refuses_its_training_rows_has_a_card_without_shapes(caplog: pytest.LogCaptureFixture) -> None:
    trainer = fitted()
    trainer.model.register_forward_pre_hook(lambda _module, _inputs: (_ for _ in ()).throw(RuntimeError("no rows")))
    with caplog.at_level(logging.WARNING, "neurokit"):
        card = ModelCard.from_trainer(trainer)
    assert "no shapes" in caplog.text
    assert "| Linear" not in card["Model/Layers"]
    assert "6 parameters" in card["Model/Layers"]


# ------------------------------------------------------------------------------------------------ what is refused


def test_a_misspelt_answer_is_answered_with_the_nearest(tumours: Any) -> None:
    with pytest.raises(TypeError, match="Did you mean 'intended_use'"):
        ModelCard.from_trainer(tumours.trainer, intented_use="x")
    with pytest.raises(TypeError, match="license is an answer in words"):
        ModelCard.from_trainer(tumours.trainer, licence=3)
    card = ModelCard.from_trainer(tumours.trainer)
    before = card.text
    with pytest.raises(TypeError, match=r"ModelCard.fill has no argument 'ownr'"):
        card.fill(owner="me", ownr="you")
    assert card.text == before


def test_an_answer_can_be_changed_and_taken_back(tumours: Any) -> None:
    card = ModelCard.from_trainer(tumours.trainer, limitations=["children", "scanners of others"])
    assert "- children\n- scanners of others" in card["Limits"]
    assert card.fill(limitations="none").record.answers["limitations"] == "none"
    assert "limitations" in card.fill(limitations="").missing()


def test_numbers_of_another_run_are_refused(tumours: Any) -> None:
    other = fitted()
    with pytest.raises(ValueError, match="is of another run"):
        ModelCard.from_trainer(other, tumours.assessment)
    x = torch.linspace(-1, 1, 64).reshape(-1, 2)
    stale = assess(other, x, (x[:, 0] > 0).long())
    other.fit(x, (x[:, 0] > 0).long(), epochs=1, checks=False, verbose=0)
    with pytest.raises(ValueError, match="Assess this trainer"):
        ModelCard.from_trainer(other, stale)


def test_what_is_no_trainer_or_no_assessment_is_refused(tumours: Any) -> None:
    with pytest.raises(TypeError, match=r"Pass the Trainer that was fitted"):
        ModelCard.from_trainer(nn.Linear(1, 1))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"ModelCard.from_trainer\(trainer\)"):
        ModelCard({})  # type: ignore[arg-type]
    for wrong in (0.9, {"accuracy": 0.9}, [tumours.trainer]):
        with pytest.raises(TypeError, match=r"Pass assessment=nk.assess"):
            ModelCard.from_trainer(tumours.trainer, wrong)
    with pytest.raises(ValueError, match="Two assessments are called 'test'"):
        ModelCard.from_trainer(tumours.trainer, [tumours.assessment, tumours.assessment])


def test_what_is_no_explanation_is_refused(tumours: Any) -> None:
    import pandas as pd

    for wrong in (np.ones((3, 30)), {"mean radius": 0.5}, [0.1, 0.2], {}, pd.DataFrame({"a": [1.0]}), "shap", 3):
        with pytest.raises(TypeError, match=r"Pass explanation=nk.explain"):
            ModelCard.from_trainer(tumours.trainer, explanation=wrong)


def test_what_would_not_be_shown_cannot_be_set(tumours: Any) -> None:
    card = ModelCard.from_trainer(tumours.trainer)
    for name, kept in (("license", "license"), ("licence", "license"), ("intended_use", "intended_use")):
        with pytest.raises(AttributeError, match=rf'card.fill\({kept}="..."\)'):
            setattr(card, name, "mit")
    for name in ("text", "sections", "anything"):
        with pytest.raises(AttributeError, match=f"'{name}' cannot be set"):
            setattr(card, name, "mine")
    with pytest.raises(TypeError):
        card.sections["Limits"] = "None."  # type: ignore[index]
    assert copy.deepcopy(ModelCard(card.record)).text == copy.copy(card).text


def test_answers_may_come_as_a_mapping(tumours: Any) -> None:
    kept = {"licence": "mit", "owner": "us"}
    card = ModelCard.from_trainer(tumours.trainer, answers=kept, owner="them")
    assert (card.record.answers["license"], card.record.answers["owner"]) == ("mit", "them")
    again = ModelCard.from_record(card.record, answers={"owner": "you"})
    assert again.fill({"contact": "here"}, license="").record.answers["owner"] == "you"
    assert again.record.answers["contact"] == "here"
    assert "license" in again.missing()
    with pytest.raises(TypeError, match=r"has no argument 'lisense'"):
        ModelCard.from_trainer(tumours.trainer, answers={"lisense": "mit"})
    with pytest.raises(TypeError, match=r'Pass answers=\{"license": "mit"\}'):
        ModelCard.from_trainer(tumours.trainer, answers="mit")  # type: ignore[arg-type]


def test_an_unknown_part_is_answered_with_the_nearest(tumours: Any) -> None:
    card = ModelCard.from_trainer(*tumours)
    with pytest.raises(KeyError, match="Did you mean 'Limits'"):
        card["limits "]
    assert list(card) == list(card.sections)
    assert len(card) == len(card.sections)
    assert "## " not in card["Limits"]
    assert "#### Groups" in card["Evaluation"]
    assert "answers missing" in repr(card)
    assert not card._repr_markdown_().startswith("---")


# ------------------------------------------------------------------------------------------------ saved and read again


def test_the_same_card_is_written_from_run_json(tumours: Any, tmp_path: Path) -> None:
    card = ModelCard.from_trainer(*tumours, owner="Us, naïve & <b>", limitations="- a\n- b")
    path = card.save(tmp_path / "README.md")
    written = path.read_bytes()
    assert written == card.text.encode() == str(card).encode()
    for source in (tmp_path, tmp_path / "run.json", RunRecord.load(tmp_path / "run.json")):
        assert ModelCard.from_record(source).text.encode() == written
    again = ModelCard.from_record(tmp_path).save(tmp_path / "elsewhere" / "README.md")
    assert again.read_bytes() == written
    assert (again.parent / "run.json").read_bytes() == (tmp_path / "run.json").read_bytes()
    assert sorted(one.name for one in again.parent.iterdir()) == sorted(
        one.name for one in tmp_path.iterdir() if one.name != "elsewhere"
    )


def test_a_record_that_was_read_already_gives_the_same_card(diabetes: Any, tmp_path: Path) -> None:
    card = ModelCard.from_trainer(*diabetes, license="mit")
    card.record.metrics["last"]["loss"] = float("nan")
    card.save(tmp_path)
    for given in (json.loads((tmp_path / "run.json").read_text()), card.record.to_dict()):
        assert ModelCard.from_record(given).text == card.text
    assert ModelCard.from_record(tmp_path / "README.md").text == card.text
    for wrong in ({}, {"accuracy": 0.9}, card.record.to_dict() | {"metrics": 3}):
        with pytest.raises(ValueError, match="not the record of a run"):
            ModelCard.from_record(wrong)


def test_a_record_that_is_not_there_is_answered_with_what_writes_one(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    for path in (tmp_path / "none.json", tmp_path / "no" / "folder", tmp_path / "run.jsn"):
        with pytest.raises(FileNotFoundError, match=r"run.json that card.save\(folder\) leaves") as caught:
            ModelCard.from_record(path)
        assert "save_weights" not in str(caught.value)
    with pytest.raises(FileNotFoundError, match=r"Did you mean 'run.json'\?"):
        ModelCard.from_record(tmp_path / "run.jsn")


def test_answers_outlive_the_next_card(tumours: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ModelCard.from_trainer(tumours.trainer, license="mit", owner="Jo", limitations=["a", "b"]).save(tmp_path)
    with caplog.at_level(logging.WARNING, "neurokit"):
        card = ModelCard.from_trainer(tumours.trainer, owner="Bo")
        path = card.save(tmp_path)
    assert [record.getMessage().split(". ")[0] for record in caplog.records] == [
        "The card keeps what the one it replaces was answered: license, limitations"
    ]
    assert card.text == path.read_text(encoding="utf-8") == ModelCard.from_record(tmp_path).text
    assert "license: mit" in card.text
    kept = RunRecord.load(tmp_path / "run.json").answers
    assert (kept["license"], kept["owner"], kept["limitations"]) == ("mit", "Bo", ["a", "b"])
    caplog.clear()
    with caplog.at_level(logging.WARNING, "neurokit"):
        card.save(tmp_path)
    assert caplog.text == ""


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_answer_that_was_dropped_stays_so(tumours: Any, tmp_path: Path, overwrite: bool) -> None:
    ModelCard.from_trainer(tumours.trainer, license="mit", owner="Jo").save(tmp_path)
    ModelCard.from_trainer(tumours.trainer).fill(license="").save(tmp_path, overwrite=overwrite)
    assert "license:" not in (tmp_path / "README.md").read_text(encoding="utf-8").split("\n---\n")[0]
    ModelCard.from_trainer(tumours.trainer, owner=None).save(tmp_path, overwrite=overwrite)
    answers = ModelCard.from_record(tmp_path).record.answers
    assert answers.keys() == {"card"}


def test_answers_that_another_fit_wrote_over_are_named(
    tumours: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ModelCard.from_trainer(tumours.trainer, license="mit", owner="Jo").save(tmp_path)
    tumours.trainer.record.save(tmp_path / "run.json")  # as a checkpoint does
    with caplog.at_level(logging.WARNING, "neurokit"):
        ModelCard.from_trainer(tumours.trainer, owner="Jo").save(tmp_path)
    assert "README.md was answered license, and the run.json beside it does not hold that any more" in caplog.text
    caplog.clear()
    tumours.trainer.record.save(tmp_path / "run.json")
    record = RunRecord.load(tmp_path / "run.json")
    record.answers = {"owner": "Jo"}  # which a checkpoint keeps
    record.save(tmp_path / "run.json")
    with caplog.at_level(logging.WARNING, "neurokit"):
        ModelCard.from_trainer(tumours.trainer).save(tmp_path)
    assert "was answered: owner." in caplog.text
    assert "does not hold that any more" not in caplog.text


def test_answers_of_a_strangers_record_are_taken_over_only_where_they_are_some(tumours: Any, tmp_path: Path) -> None:
    record = RunRecord.load(_saved_record(tumours, tmp_path))
    record.answers = {"card": {"plots": 3}, "license": 3, "evil": "x", "contact": ["a", 1], "owner": "Jo"}
    record.save(tmp_path / "run.json")
    card = ModelCard.from_trainer(tumours.trainer)
    card.save(tmp_path, overwrite=True)
    assert card.record.answers.keys() == {"card", "owner"}


def _saved_record(run: Any, folder: Path) -> Path:
    ModelCard.from_trainer(run.trainer).save(folder)
    return folder / "run.json"


def test_every_picture_of_a_saved_card_lies_beside_it(tumours: Any, diabetes: Any, tmp_path: Path) -> None:
    for place, run, expected in ((tmp_path / "a", tumours, 4), (tmp_path / "b", diabetes, 3)):
        path = ModelCard.from_trainer(*run).save(place)
        links = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", path.read_text(encoding="utf-8"))
        assert len(links) == len(set(links)) == expected
        assert all((place / link).read_bytes().startswith(b"\x89PNG") for link in links)


def test_figures_and_files_are_shown_as_well(tumours: Any, tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    file = tmp_path / "my picture.png"
    figure.savefig(file)
    plots = {"Curves": tumours.trainer.history.plot(), "Axes | one": axes, "From a file": file}
    card = ModelCard.from_trainer(tumours.trainer, plots=plots)
    path = card.save(tmp_path / "out")
    assert {"card_curves.png", "card_axes_one.png", "my_picture.png"} <= {one.name for one in path.parent.iterdir()}
    assert (path.parent / "my_picture.png").read_bytes() == file.read_bytes()
    assert r"![Axes \| one](card_axes_one.png)" in card["Plots"]
    assert ModelCard.from_record(path.parent).text == card.text
    with pytest.raises(FileNotFoundError, match="no_such"):
        ModelCard.from_trainer(tumours.trainer, plots=[tmp_path / "no_such.png"])
    with pytest.raises(ValueError, match="Save a PNG"):
        ModelCard.from_trainer(tumours.trainer, plots=path)
    with pytest.raises(TypeError, match="plots is a path"):
        ModelCard.from_trainer(tumours.trainer, plots=[3])


def test_without_plots_nothing_is_drawn(tumours: Any, tmp_path: Path) -> None:
    path = ModelCard.from_trainer(*tumours, plots=False).save(tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["README.md", "run.json"]
    assert "![" not in path.read_text(encoding="utf-8")
    assert "![" not in ModelCard.from_record(ModelCard.from_trainer(*tumours).record, plots=False).text


def test_a_picture_that_cannot_be_drawn_again_is_left_out_and_said(
    tumours: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ModelCard.from_trainer(*tumours).save(tmp_path)
    record = RunRecord.load(tmp_path / "run.json")
    with caplog.at_level(logging.WARNING, "neurokit"):
        path = ModelCard.from_record(record).save(tmp_path / "bare")
    assert "card_learning_curves.png" in caplog.text
    text = path.read_text(encoding="utf-8")
    assert "card_test_confusion_matrix.png" in text  # which the record's numbers tell
    assert "card_learning_curves.png" not in text
    assert ModelCard.from_record(path.parent).text == text


def test_a_picture_leads_nowhere_but_beside_the_card(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    names = ["../secret.png", str(secret), "a/b.png", "c:d.png", "notes.txt", "..", "a\nb.png"]
    record = RunRecord(answers={"card": {"plots": [{"file": one, "title": "t", "section": "Limits"} for one in names]}})
    folder = tmp_path / "run"
    folder.mkdir()
    record.save(folder / "run.json")
    card = ModelCard.from_record(folder)
    assert "![" not in card.text
    card.save(tmp_path / "out")
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == ["README.md", "run.json"]


def test_a_readme_that_is_no_card_is_not_written_over(tumours: Any, tmp_path: Path) -> None:
    mine = tmp_path / "README.md"
    mine.write_text("# My project\n\nlibrary_name: neurokit\n")
    card = ModelCard.from_trainer(tumours.trainer)
    with pytest.raises(FileExistsError, match=r"overwrite=True"):
        card.save(mine)
    assert [one.name for one in tmp_path.iterdir()] == ["README.md"]
    card.save(mine, overwrite=True)
    first = mine.read_bytes()
    card.fill(owner="us").save(mine)  # a card of ours is replaced
    assert mine.read_bytes() != first
    ModelCard.from_trainer(fitted()).save(mine)  # also by that of the next run, with its record
    assert RunRecord.load(tmp_path / "run.json").model["parameters"] == 6


def test_the_record_of_another_run_is_not_written_over(tumours: Any, tmp_path: Path) -> None:
    fitted().record.save(tmp_path / "run.json")
    card = ModelCard.from_trainer(tumours.trainer)
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(FileExistsError, match="the record of another run"):
        card.save(tmp_path)
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("run.json", before)]
    (tmp_path / "run.json").write_text(json.dumps({"mine": 1}))
    with pytest.raises(FileExistsError, match="is no record of a run"):
        card.save(tmp_path)
    tumours.trainer.record.save(tmp_path / "run.json")  # what a checkpoint of this very run left
    card.save(tmp_path)
    assert RunRecord.load(tmp_path / "run.json").answers["card"]["plots"]


def test_what_somebody_wrote_into_a_card_is_not_lost(tumours: Any, tmp_path: Path) -> None:
    card = ModelCard.from_trainer(tumours.trainer)
    path = card.save(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))  # as a checkout on Windows does: nobody wrote
    card.save(tmp_path)
    path.write_text(path.read_text(encoding="utf-8") + "\nOurs to answer for: Jo.\n", encoding="utf-8")
    with pytest.raises(FileExistsError, match=r"was changed since it was written.*card.fill"):
        card.save(tmp_path)
    assert "Jo" in path.read_text(encoding="utf-8")
    card.save(tmp_path, overwrite=True)
    assert path.read_text(encoding="utf-8") == card.text


def test_a_record_that_no_run_wrote_is_refused_or_written_down(tumours: Any, tmp_path: Path) -> None:
    good = json.loads(ModelCard.from_trainer(*tumours).record.to_json())
    refused = 0
    for name, value in good.items():
        for wrong in (3, "text", [1], {"a": 1}, {"a": {"b": [None]}}, {"x": {"metrics": {"accuracy": 1}}}, [{"a": 1}]):
            if type(wrong) is not type(value):
                continue
            (tmp_path / "run.json").write_text(json.dumps(good | {name: wrong}))
            try:
                assert ModelCard.from_record(tmp_path).text
            except ValueError:
                refused += 1
    assert refused


def test_a_card_is_markdown_or_a_folder(tumours: Any, tmp_path: Path) -> None:
    card = ModelCard.from_trainer(tumours.trainer, plots=False)
    assert card.save(tmp_path / "new") == tmp_path / "new" / "README.md"
    assert card.save(str(tmp_path / "new" / "CARD.md")).name == "CARD.md"
    with pytest.raises(ValueError, match=r"card.md"):
        card.save(tmp_path / "card.html")
    with pytest.raises(TypeError, match="path is a path"):
        card.save(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="overwrite is True or False"):
        card.save(tmp_path, overwrite="no")  # type: ignore[arg-type]


def test_the_snippet_answers_for_new_rows(tumours: Any, diabetes: Any, tmp_path: Path) -> None:
    seed_everything(0)
    for run, x in ((tumours, np.zeros((3, 30), "float32")), (diabetes, np.zeros((3, 10), "float32"))):
        weights = run.trainer.save_weights(tmp_path / f"{x.shape[1]}.safetensors")
        snippet = re.search(r"```python\n(.*?)\n```", ModelCard.from_trainer(run.trainer)["How to use"], re.DOTALL)
        assert snippet
        names: dict[str, Any] = {}
        exec(snippet[1], names)
        expected = run.trainer.predict_labels(x) if run is tumours else run.trainer.predict(x)
        fresh = copy.deepcopy(run.trainer.model)
        for layer in fresh.modules():
            if isinstance(layer, nn.Linear):
                layer.reset_parameters()
        assert (names["predict"](fresh, weights, x) == expected).all()


# ------------------------------------------------------------------------------------------------ hostile names

HOSTILE = [
    "a|b", "`code`", "<script>alert(1)</script>", "x\n\n# Heading\n---\n", "---",
    "key: [value, {", "'\"", "*bold* _it_", "[link](javascript:alert(1))", "![img](http://x)",
    "y" * 5000, "\u202eevil", "\ud800",
    "<!-- ", "$x^2$", "~~s~~",
    "&lt;b&gt;", "# h", "1. one", "- item", "\\", "```", "{{ jinja }}", "!!python/object:os.system", "%TAG", "*", "",
    "</details>", "|---|",
]  # fmt: skip


@pytest.fixture(scope="module")
def hostile() -> ModelCard:
    import pandas as pd

    torch.manual_seed(0)
    columns = [f"{name}" for name in HOSTILE]
    classes = [name for name in HOSTILE if name and "\ud800" not in name][:12]
    rows = 20 * len(classes)
    numbers = np.random.default_rng(0).normal(size=(rows, len(columns))).astype("float32")
    x = pd.DataFrame(numbers, columns=pd.Index(columns, dtype=object))  # pyarrow's strings take no lone surrogate
    y = np.array(classes, dtype=object)[np.arange(rows) % len(classes)]
    trainer = Trainer(nn.Linear(len(columns), len(classes)), loss="cross_entropy")
    trainer.fit(x, y, epochs=1, checks=False, verbose=0)
    assessment = assess(trainer, x, y, name="<b>|te\nst")
    card = ModelCard.from_trainer(trainer, assessment.to_dict(), name="<i>\n---\nname: x", data_name="- a: b #")
    card.record.assessments["<b>|te\nst"]["groups"] = {
        "sensitive": HOSTILE[:3], "min_group": 30, "metrics": ["accuracy", "a|b"], "notes": HOSTILE, "confidence": 0.95,
        "groups": [
            {"column": name, "group": name, "n": 4, "small": True, "metrics": {"accuracy": {"value": None}}}
            for name in HOSTILE
        ],
        "gaps": [
            {"column": name, "metric": name, "difference": {"value": 0.2, "low": 0.1, "high": 0.3}, "ratio": None,
             "worst": name, "best": name, "meaning": name}
            for name in HOSTILE
        ],
    }  # fmt: skip
    card.record.explanation = {
        "method": "<b>", "features": [{"name": name, "importance": 0.5} for name in HOSTILE], "notes": HOSTILE,
    }  # fmt: skip
    card.record.findings = [{"level": "warning", "message": name, "code": "shared-rows"} for name in HOSTILE]
    return ModelCard(card.record)


def test_hostile_names_break_neither_tables_nor_headings(hostile: ModelCard, parsed: Any) -> None:
    assert_whole(hostile, parsed)
    titles = [title for title, _ in parsed(hostile.text)]
    assert len(titles) == len(hostile.sections) + 1
    outside = re.sub(r"^(`{3,})[^\n]*\n.*?^\1$", "", hostile.text, flags=re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"<[^>]*>", outside.split("\n---\n", 1)[1])) <= {
        "<details>", "</details>", "<summary>", "</summary>",
    }  # fmt: skip
    hostile.text.encode()  # no half of a pair is left


def test_hostile_names_become_no_html(hostile: ModelCard) -> None:
    markdown = pytest.importorskip("markdown_it")
    parser = markdown.MarkdownIt("gfm-like", {"linkify": False, "html": True})
    body = hostile.text.split("\n---\n", 1)[1]
    seen: list[str] = []
    for token in parser.parse(body):
        for part in [token, *(token.children or [])]:
            if part.type in ("html_inline", "html_block"):
                seen.append(re.sub(r"<summary>.*?</summary>", "", part.content).strip())
            assert part.type not in ("link_open", "em_open", "strong_open", "s_open", "hr")
            assert part.type != "image" or "card_" in part.attrs["src"]
    assert {one for text in seen for one in text.split()} <= {"<details>", "</details>", ""}
    tables = sum(token.type == "table_open" for token in parser.parse(body))
    assert tables == len(re.findall(r"^\|(?:---:?\|)+$", body, re.MULTILINE))


def test_hostile_names_leave_the_front_matter_valid(hostile: ModelCard, tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    front = hostile.text.split("\n---\n", 1)[0].removeprefix("---\n")
    assert yaml.safe_load(front) == hostile.front_matter
    hub = pytest.importorskip("huggingface_hub")
    path = hostile.save(tmp_path)
    assert hub.ModelCard.load(path).data.model_name == "<i> --- name: x"
    assert ModelCard.from_record(tmp_path).text == path.read_text(encoding="utf-8")
