"""Transfer learning: take a network that learnt something else, give it a new head, and teach it with few examples.

    model = nk.transfer.load_pretrained("resnet18", num_classes=5)
    trainer = nk.Trainer(model, loss="cross_entropy", metrics=["accuracy"])
    history = nk.fine_tune(trainer, x, y, head_epochs=3, full_epochs=10)

``fine_tune`` freezes, trains the head, thaws, and trains all with lower rates below; ``freeze``, ``replace_head`` and
``param_groups`` are its parts, for a way of your own.
"""

from __future__ import annotations

from neurokit.transfer.fine_tuning import FineTuningHistory, fine_tune
from neurokit.transfer.freezing import freeze, unfreeze
from neurokit.transfer.groups import param_groups, regroup
from neurokit.transfer.heads import ReplacedHead, replace_head
from neurokit.transfer.pretrained import load_pretrained

__all__ = [
    "load_pretrained",
    "replace_head",
    "ReplacedHead",
    "freeze",
    "unfreeze",
    "param_groups",
    "regroup",
    "fine_tune",
    "FineTuningHistory",
]
