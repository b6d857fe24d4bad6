"""Callbacks: what happens around training without changing its maths. One class or one family a file."""

from __future__ import annotations

from neurokit.callbacks.callback import Callback
from neurokit.callbacks.csv_logger import CSVLogger
from neurokit.callbacks.early_stopping import EarlyStopping
from neurokit.callbacks.ema import EMA
from neurokit.callbacks.lambda_callback import LambdaCallback
from neurokit.callbacks.lr_schedule import LRSchedule
from neurokit.callbacks.model_checkpoint import ModelCheckpoint
from neurokit.callbacks.progress_bar import ProgressBar
from neurokit.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
from neurokit.callbacks.swa import SWA
from neurokit.callbacks.tensorboard import TensorBoard

__all__ = [
    "Callback",
    "EarlyStopping",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "LRSchedule",
    "CSVLogger",
    "TensorBoard",
    "ProgressBar",
    "EMA",
    "SWA",
    "LambdaCallback",
]
