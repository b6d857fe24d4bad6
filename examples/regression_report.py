"""From a table to a decision about numbers: train, assess, explain, and write down what came of it.

    python examples/regression_report.py
    python examples/regression_report.py --csv california_housing.csv --target median_house_value

Leaves README.md (a model card), report.html (for somebody who decides) and explanation.png in the folder of the run.
Without --csv it learns from scikit-learn's diabetes data, which need no download.
"""

import matplotlib as mpl
import numpy as np
import shap
import tables
import torch
from sklearn.datasets import load_diabetes
from torch import nn

import neurokit as nk

mpl.use("agg")  # the pictures go to files

options = tables.parsed(tables.arguments(__doc__, default="diabetes", epochs=200))

# ---------------------------------------------------------------------- the data
nk.seed_everything(options.seed)
if options.csv is None:
    diabetes = load_diabetes(as_frame=True, scaled=False)
    x, y = diabetes.data, diabetes.target.rename("progression after one year")
else:
    x, y = tables.read(options.csv, options.target)
tables.check(x, y, options, classes=False)
(r_train, y_train), (r_val, y_val), (r_test, y_test) = tables.split(x, y, options.seed, classes=False)
columns = tables.sieve(r_train.drop(columns=options.exclude), y_train, y.name)
extra = [name for name in options.sensitive if name not in columns]  # reported by, and not learnt from
encode = tables.encoder(r_train[columns])
x_train, x_val, x_test = (encode(part[columns]) for part in (r_train, r_val, r_test))


# ---------------------------------------------------------------------- the network
class InUnits(nn.Module):
    """A network of standardised numbers that answers in the units of the target."""

    def __init__(self, network, y):
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(y.mean(), dtype=torch.float32))
        self.register_buffer("std", torch.tensor(y.std(), dtype=torch.float32))

    def forward(self, x):
        return self.network(x).squeeze(1) * self.std + self.mean


network = nn.Sequential(
    nn.Linear(x_train.shape[1], 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1)
)
trainer = nk.Trainer(InUnits(network, y_train), loss="mse", optimizer="adamw", metrics=["mae", "r2"])
checkpoints = nk.ModelCheckpoint(options.folder, keep=1)
early = nk.EarlyStopping(patience=15, restore_best_weights=True)
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
    "sensitive": options.sensitive or None, "acknowledge": options.acknowledge,
    "exclude": extra,
}  # fmt: skip
validation = nk.assess(trainer, x_val, y_val, name="validation", rows=r_val[columns + extra], **about)
test = nk.assess(trainer, x_test, y_test, name="test", rows=r_test[columns + extra], **about)
print(test)
print(test.top_losses(3).to_string())

few = np.random.default_rng(options.seed).permutation(len(r_test))[: options.explain]
explanation = nk.explain(
    lambda rows: trainer.predict(encode(rows)), r_test[columns].iloc[few], background=r_train[columns],
    seed=options.seed,
)  # fmt: skip

# ---------------------------------------------------------------------- what is written down
axes = shap.plots.beeswarm(explanation, show=False)
axes.set_title(f"What raises or lowers {y.name!r}")
axes.figure.savefig(options.folder / "explanation.png", dpi=150, bbox_inches="tight")
card = nk.ModelCard.from_trainer(
    trainer, assessment={"validation": validation, "test": test}, explanation=explanation,
    name=f"{options.name}: {y.name}", data_name=options.name,
)  # fmt: skip
card.save(options.folder / "README.md")
test.to_html(options.folder / "report.html", explanation=explanation, title=f"{options.name}: {y.name}")
print(f"\nIn {options.folder}: README.md, report.html, explanation.png")
print("For a person to say, in the card:", ", ".join(card.missing()))
