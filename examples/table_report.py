"""From a table to a decision: train, judge, explain, and write down what came of it.

    python examples/table_report.py
    python examples/table_report.py --csv titanic.csv --target survived --sensitive sex --exclude who adult_male
    python examples/table_report.py --csv california_housing.csv --target median_house_value

Leaves a bundle in the folder of the run, with README.md (the model card), report.html (for somebody who decides) and
explanation.png. Without --csv it learns from scikit-learn's breast cancer data, which need no download.
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import shap
from sklearn.datasets import load_breast_cancer

import neurokit as nk

mpl.use("agg")  # the pictures go to files

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--csv", type=Path, help="a table with a header")
parser.add_argument("--target", help="its column to predict")
parser.add_argument("--sensitive", nargs="*", default=[], help="columns to report results by")
parser.add_argument("--exclude", nargs="*", default=[], help="columns to leave out of what the network learns from")
parser.add_argument("--acknowledge", nargs="*", default=[], help="columns that look protected and are used knowingly")
parser.add_argument("--false-positive", type=float, default=1.0, help="what a false alarm costs")
parser.add_argument("--false-negative", type=float, default=5.0, help="what a missed case costs")
parser.add_argument("--epochs", type=int, default=200)
parser.add_argument("--explain", type=int, default=50, metavar="ROWS", help="rows to explain, which takes longest")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--folder", type=Path, help="where the run goes: runs/ and the name of the data")
options = parser.parse_args()
if (options.csv is None) != (options.target is None):
    parser.error("--csv and --target come together")
if options.csv is None:
    cancer = load_breast_cancer(as_frame=True)
    table = cancer.data.assign(diagnosis=cancer.target.map({0: "malignant", 1: "benign"}))
    target, name = "diagnosis", "breast_cancer"
else:
    table, target, name = options.csv, options.target, options.csv.stem
folder = options.folder or Path("runs") / name

# ---------------------------------------------------------------------- from the table to a network
pipeline = nk.tabular.TabularPipeline(seed=options.seed)
try:
    pipeline.load_data(table).clean_data().prepare_data(target, drop=options.exclude)
    pipeline.train_model(epochs=options.epochs, verbose=0)
    pipeline.evaluate(compare=True)
    about = {"sensitive": options.sensitive or None, "acknowledge": options.acknowledge}
    test = pipeline.assess(**about)
    validation = pipeline.assess(pipeline.split["validation"], name="validation", **about)
except (OSError, ValueError, ModuleNotFoundError) as error:
    raise SystemExit(str(error)) from None

# ---------------------------------------------------------------------- how good it is, and why it says so
print(test)
if test.kind == "binary":
    costs = {"false_positive": options.false_positive, "false_negative": options.false_negative}
    print(test.decide(validation.threshold(costs=costs)))
if test.groups is not None:
    print(test.groups)
explanation = pipeline.explain(pipeline.split["test"].head(options.explain), seed=options.seed)

# ---------------------------------------------------------------------- what is written down
card = pipeline.card({"validation": validation, "test": test}, explanation, name=f"{name}: {target}", data_name=name)
pipeline.save(folder, card=card, name=name)
test.to_html(folder / "report.html", explanation=explanation, title=f"{name}: {target}")
of_last = explanation if explanation.values.ndim == 2 else explanation[:, :, explanation.shape[2] - 1]
axes = shap.plots.beeswarm(of_last, show=False)
axes.set_title(f"What speaks for {test.names[-1]!r}" if test.names else f"What pushes {target!r}")
axes.figure.savefig(folder / "explanation.png", dpi=150, bbox_inches="tight")
print(f"\nIn {folder}: a bundle, README.md, report.html, explanation.png")
print("For a person to say, in the card:", ", ".join(card.missing()))
