"""From a table to a decision about classes: train, assess, explain, and write down what came of it.

    python examples/classification_report.py
    python examples/classification_report.py --csv titanic.csv --target survived --sensitive sex --exclude who

Leaves README.md (a model card), report.html (for somebody who decides) and explanation.png in the folder of the run.
Without --csv it learns from scikit-learn's breast cancer data, which need no download.
"""

import matplotlib as mpl
import numpy as np
import shap
import tables
from sklearn.datasets import load_breast_cancer
from torch import nn

import neurokit as nk

mpl.use("agg")  # the pictures go to files

parser = tables.arguments(__doc__, default="breast_cancer", epochs=100)
parser.add_argument(
    "--positive", help="of two classes, the one that decisions are about; the later in the alphabet else"
)
parser.add_argument("--false-positive", type=float, default=1.0, help="what a false alarm costs")
parser.add_argument("--false-negative", type=float, default=5.0, help="what a missed case costs")
options = tables.parsed(parser)

# ---------------------------------------------------------------------- the data
nk.seed_everything(options.seed)
if options.csv is None:
    cancer = load_breast_cancer(as_frame=True)
    x, y = cancer.data, cancer.target.map({0: "malignant", 1: "benign"}).rename("diagnosis")
    options.positive = options.positive or "malignant"
else:
    x, y = tables.read(options.csv, options.target)
tables.check(x, y, options, classes=True)
y = y.astype(str)
names = sorted(y.unique())
if options.positive is not None:
    if options.positive not in names:
        parser.error(f"--positive {options.positive}: the classes are {', '.join(names)}")
    names = [*(name for name in names if name != options.positive), options.positive]
y = y.map(names.index)
(p_train, y_train), (p_val, y_val), (p_test, y_test) = tables.split(x, y, options.seed, classes=True)
columns = tables.sieve(p_train.drop(columns=options.exclude), y_train, y.name)
extra = [name for name in options.sensitive if name not in columns]  # reported by, and not learnt from
encode = tables.encoder(p_train[columns])
x_train, x_val, x_test = (encode(part[columns]) for part in (p_train, p_val, p_test))

# ---------------------------------------------------------------------- the network
model = nn.Sequential(
    nn.Linear(x_train.shape[1], 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, len(names))
)
trainer = nk.Trainer(model, loss="cross_entropy", optimizer="adamw", metrics=["accuracy"])
checkpoints = nk.ModelCheckpoint(options.folder, keep=1)
early = nk.EarlyStopping(patience=10, restore_best_weights=True)
try:
    history = trainer.fit(
        x_train, y_train, validation_data=(x_val, y_val), epochs=options.epochs, callbacks=[early, checkpoints],
        verbose=0, resume=options.folder,
    )  # fmt: skip
except ValueError as error:  # the folder may hold a run on other rows or columns
    raise SystemExit(f"{options.folder}: {error} That is what --folder is for.") from None
print(f"Trained for {len(history.epoch)} epochs on {len(x_train)} rows, {x_train.shape[1]} numbers each.")

# ---------------------------------------------------------------------- how good it is, and why it says so
about = {
    "class_names": names, "sensitive": options.sensitive or None, "acknowledge": options.acknowledge,
    "exclude": extra,
}  # fmt: skip
validation = nk.assess(trainer, x_val, y_val, name="validation", rows=p_val[columns + extra], **about)
test = nk.assess(trainer, x_test, y_test, name="test", rows=p_test[columns + extra], **about)
print(test)
if len(names) == 2:
    costs = {"false_positive": options.false_positive, "false_negative": options.false_negative}
    print(test.decide(validation.threshold(costs=costs)))
if test.groups is not None:
    print(test.groups)

few = np.random.default_rng(options.seed).permutation(len(p_test))[: options.explain]
explanation = nk.explain(
    lambda rows: trainer.predict_proba(encode(rows)), p_test[columns].iloc[few], background=p_train[columns],
    class_names=names, seed=options.seed,
)  # fmt: skip

# ---------------------------------------------------------------------- what is written down
axes = shap.plots.beeswarm(explanation[:, :, len(names) - 1], show=False)
axes.set_title(f"What speaks for {names[-1]!r}")
axes.figure.savefig(options.folder / "explanation.png", dpi=150, bbox_inches="tight")
card = nk.ModelCard.from_trainer(
    trainer, assessment={"validation": validation, "test": test}, explanation=explanation,
    name=f"{options.name}: {y.name}", data_name=options.name,
)  # fmt: skip
card.save(options.folder / "README.md")
test.to_html(options.folder / "report.html", explanation=explanation, title=f"{options.name}: {y.name}")
print(f"\nIn {options.folder}: README.md, report.html, explanation.png")
print("For a person to say, in the card:", ", ".join(card.missing()))
