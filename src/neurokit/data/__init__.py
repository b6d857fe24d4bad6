"""Data: anything a user has becomes one iterable of batches."""

from neurokit.data.batch import Batch as Batch
from neurokit.data.decoded import cached as cached
from neurokit.data.sources import Loader as Loader
from neurokit.data.sources import make_loader as make_loader
from neurokit.data.targets import Targets as Targets
