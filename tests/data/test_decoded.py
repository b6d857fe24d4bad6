"""``nk.cached``: the same rows, order and weights as without it, and a refusal where chance decides a row."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader, Dataset, IterableDataset, Subset, WeightedRandomSampler
from torchvision import datasets, transforms

import neurokit as nk
from neurokit.data.memory import InMemoryLoader
from neurokit.data.sources import make_loader
from neurokit.data.targets import Targets
from neurokit.seeding import cpu_streams

FIXED = [transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.25,) * 3)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty-seven PNG images of 8 x 8, in two classes."""
    root, generator = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for name, count in (("cat", 20), ("dog", 17)):
        (root / name).mkdir()
        for index in range(count):
            Image.fromarray(generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(root / name / f"{index}.png")
    return root


def images(folder: Path, *more: Any) -> datasets.ImageFolder:
    return datasets.ImageFolder(folder, transforms.Compose([*more, *FIXED]))


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2))


def fitted(x: Any, **options: Any) -> tuple[nn.Module, Any]:
    model = net()
    torch.manual_seed(1)
    trainer = nk.Trainer(model, loss="cross_entropy", metrics=["accuracy"], device="cpu")
    history = trainer.fit(x, epochs=3, verbose=0, **options)
    return model, history.history


def check_same(one: tuple[nn.Module, Any], other: tuple[nn.Module, Any]) -> None:
    for name, value in one[0].state_dict().items():
        assert torch.equal(value, other[0].state_dict()[name])
    assert one[1] == other[1]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_trains_to_the_same_bits(folder: Path, workers: int) -> None:
    loader = DataLoader(images(folder), 8, shuffle=True, num_workers=workers, drop_last=True)

    check_same(fitted(loader), fitted(nk.cached(loader)))


def test_a_dataset_trains_and_is_split_to_the_same_bits(folder: Path) -> None:
    dataset = Subset(images(folder), list(range(30, 2, -1)))
    plain = fitted(dataset, batch_size=5, validation_data=images(folder))
    kept = fitted(nk.cached(dataset), batch_size=5, validation_data=nk.cached(images(folder)))

    check_same(plain, kept)
    check_same(
        fitted(dataset, batch_size=5, validation_split=0.25),
        fitted(nk.cached(dataset), batch_size=5, validation_split=0.25),
    )


def test_rows_are_sliced_from_memory_and_not_read_one_by_one(folder: Path) -> None:
    loader = nk.cached(DataLoader(images(folder), 8, shuffle=True))
    made = make_loader(loader, targets=Targets("classes", torch.float32), dtype=torch.float32, batch_size=None)

    assert isinstance(made, InMemoryLoader)
    assert made.shuffle


def test_other_loops_read_the_same_items(folder: Path) -> None:
    plain, kept = images(folder), nk.cached(images(folder))

    assert len(kept) == 37
    assert torch.equal(kept[5][0], plain[5][0])
    assert int(kept[36][1]) == plain[36][1] == 1
    both = zip(DataLoader(plain, 10), DataLoader(kept, 10), strict=True)
    assert all(torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in both)


def test_predictions_keep_their_order(folder: Path) -> None:
    trainer = nk.Trainer(net(), loss="cross_entropy", device="cpu")
    loader = DataLoader(images(folder), 8)

    assert np.allclose(trainer.predict(nk.cached(loader)), trainer.predict(loader), atol=1e-6)


class Items(Dataset[Any]):
    def __init__(self, give: Callable[[int], Any], rows: int = 40) -> None:
        self.give, self.rows = give, rows

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, index: int) -> Any:
        return self.give(index)


@pytest.mark.parametrize(
    "give",
    [
        lambda index: torch.full((3,), float(index)),
        lambda index: {"x": np.full(3, index, np.float32), "y": index % 2},
        lambda index: (torch.full((3,), float(index)), index % 2, 0.5),
        lambda index: [torch.full((3,), index), index % 2],
        lambda index: (torch.tensor([1.0, torch.nan]), index),
    ],
    ids=["bare", "dict", "weights", "list", "nan"],
)
def test_items_of_every_flat_form_come_back_as_they_were(give: Callable[[int], Any]) -> None:
    plain = next(iter(DataLoader(Items(give), 40)))
    kept = next(iter(DataLoader(nk.cached(Items(give)), 40)))
    ours = make_loader(nk.cached(Items(give)), targets=Targets("values", torch.float32), dtype=torch.float32,
                       batch_size=40)  # fmt: skip
    theirs = make_loader(Items(give), targets=Targets("values", torch.float32), dtype=torch.float32, batch_size=40)

    assert str(plain) == str(kept)
    for a, b in zip(next(ours.batches()), next(theirs.batches()), strict=True):
        assert (a is None and b is None) or torch.allclose(a.float(), b.float(), equal_nan=True)


def test_rows_keep_nothing_of_what_made_them() -> None:
    scale = torch.ones(3, requires_grad=True)
    rows = nk.cached(Items(lambda index: (scale * index, index)))
    assert [column.requires_grad for column in rows.columns] == [False, False]
    assert rows[2][0].tolist() == [2.0, 2.0, 2.0]


def test_items_that_go_to_the_model_by_name() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 1)

        def forward(self, a: torch.Tensor, b: torch.Tensor) -> Any:
            return {"loss": (self.layer(a) - b).square().mean()}

    def give(index: int) -> Any:
        return {"a": torch.full((2,), index / 40), "b": torch.tensor([index / 20])}

    losses = []
    for data in (Items(give), nk.cached(Items(give))):
        torch.manual_seed(0)
        losses.append(nk.Trainer(Sum(), device="cpu").fit(data, epochs=2, verbose=0).history["loss"])
    assert losses[0] == losses[1]


# ------------------------------------------------------------------------------------------------------ what is refused


class Flips:
    """A transform with a generator of its own, which no global stream shows."""

    def __init__(self) -> None:
        self.generator = torch.Generator()

    def __call__(self, image: Any) -> Any:
        return image.rotate(90 * int(torch.randint(4, (), generator=self.generator)))


CHANCE = {
    "flip": transforms.RandomHorizontalFlip(),
    "crop": transforms.RandomCrop(8, padding=2),
    "jitter": transforms.ColorJitter(0.4),
    "seldom": transforms.RandomApply([transforms.GaussianBlur(3)], p=0.001),
    "numpy": transforms.Lambda(lambda image: image.rotate(90 * np.random.randint(4))),
    "python": transforms.Lambda(lambda image: image.rotate(90 * random.randint(0, 3))),
    "own generator": Flips(),
    "system": transforms.Lambda(lambda image: image.rotate(os.urandom(1)[0])),
}


@pytest.mark.parametrize("name", CHANCE)
def test_a_random_transform_is_refused_and_no_stream_is_moved(folder: Path, name: str) -> None:
    before = cpu_streams()
    with pytest.raises(ValueError, match="would look the same in every epoch"):
        nk.cached(images(folder, CHANCE[name]))

    assert cpu_streams() == before


def test_making_one_moves_no_stream(folder: Path) -> None:
    before = cpu_streams()
    nk.cached(DataLoader(images(folder), 8, shuffle=True, num_workers=1))

    assert cpu_streams() == before


def test_a_row_that_changes_later_is_refused() -> None:
    calls = [0]

    def give(index: int) -> Any:
        calls[0] += 1
        return torch.tensor([float(calls[0] > 60)])

    with pytest.raises(ValueError, match="was another when it was decoded again"):
        nk.cached(Items(give))


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter(range(3))


REFUSED: dict[str, tuple[Callable[[Path], Any], type[Exception], str]] = {
    "stream": (lambda _: Stream(), TypeError, "gives a stream"),
    "loader of a stream": (lambda _: DataLoader(Stream()), TypeError, "gives a stream"),
    "array": (lambda _: np.zeros((3, 2)), TypeError, "Arrays in memory need no cache: pass them to fit"),
    "collate": (lambda at: DataLoader(images(at), 4, collate_fn=lambda items: items), TypeError, "a collate_fn"),
    "batches": (lambda at: DataLoader(images(at), batch_sampler=[[0, 1], [2]]), TypeError, "a batch_sampler"),
    "no batches": (lambda at: DataLoader(images(at), batch_size=None), TypeError, "has batch_size=None"),
    "worker_init": (lambda at: DataLoader(images(at), 4, worker_init_fn=print), TypeError, "a worker_init_fn"),
    "pictures": (
        lambda at: datasets.ImageFolder(at),
        TypeError,
        r"transform with torchvision's v2.PILToTensor\(\)",
    ),
    "nothing": (lambda _: Items(lambda index: (None, index)), TypeError, "or pass the data to fit as they are"),
    "text": (lambda _: Items(lambda index: ("word", index)), TypeError, "holds a str"),
    "nested": (lambda _: Items(lambda index: ((torch.zeros(1), 1), index)), TypeError, "nested structures"),
    "ragged": (lambda _: Items(lambda index: torch.zeros(1 + index // 20)), ValueError, "shape"),
    "empty": (lambda _: Items(float, rows=0), ValueError, "0 rows"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_kept_is_refused_in_words(folder: Path, name: str) -> None:
    make, kind, words = REFUSED[name]
    with pytest.raises(kind, match=words):
        nk.cached(make(folder))


def test_more_than_may_be_used_is_refused_before_it_is(folder: Path) -> None:
    with pytest.raises(MemoryError, match=r"37 decoded rows take 28.7 kB, and max_bytes allows 1.0 kB. Pass"):
        nk.cached(images(folder), max_bytes=1000)
    huge = Items(lambda index: torch.zeros(4096), rows=10**9)
    with pytest.raises(MemoryError, match="a quarter of the"):
        nk.cached(huge)


def test_an_error_in_decoding_names_the_row() -> None:
    def give(index: int) -> Any:
        if index == 33:
            raise OSError("truncated file")
        return torch.zeros(2)

    with pytest.raises(OSError, match="truncated file") as raised:
        nk.cached(Items(give))
    assert any("33" in note for note in raised.value.__notes__)


def test_how_much_it_takes_is_said(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    nk.cached(ConcatDataset([images(folder), images(folder)]))

    assert "nk.cached decodes 74 rows once and keeps them: 57.4 kB of memory." in caplog.text


def test_a_sampler_of_the_users_own_decides_the_order(folder: Path) -> None:
    def loader() -> DataLoader[Any]:
        dataset = images(folder)
        sampler = WeightedRandomSampler([1.0] * 20 + [3.0] * 17, 37, generator=torch.Generator().manual_seed(3))
        return DataLoader(dataset, 8, sampler=sampler)

    check_same(fitted(loader()), fitted(nk.cached(loader())))
