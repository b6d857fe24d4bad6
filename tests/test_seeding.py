"""Seeds, streams that are put back, and an order that follows from seed and epoch alone."""

import os
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from neurokit import checkpoint
from neurokit.seeding import (
    cpu_streams,
    order,
    preserved_cpu_rng,
    preserved_rng,
    rng_state,
    seed_everything,
    seed_sample,
    seeded,
    seeded_items,
    set_cpu_streams,
    set_rng_state,
)


def draw() -> tuple[float, ...]:
    """Numbers from every global stream, those that it keeps in pairs included."""
    torch_numbers = (float(torch.rand(())), float(torch.randn(())))
    return (random.random(), random.gauss(), float(np.random.rand()), float(np.random.randn()), *torch_numbers)


def fail_after_drawing() -> None:
    draw()
    raise RuntimeError("on the way")


def test_one_seed_is_enough_for_everything():
    assert seed_everything(5) == 5
    first = draw()
    seed_everything(5)
    assert draw() == first
    seed_everything(6)
    assert draw() != first


@pytest.mark.parametrize("seed", [0, 2**32, 2**64 - 1, np.int64(7)])
def test_seeds_of_every_size_are_taken(seed):
    assert seed_everything(seed) == int(seed)
    assert torch.initial_seed() == int(seed)


@pytest.mark.parametrize("seed", [-1, 2**64, 1.0, "1", None, True])
def test_other_seeds_are_refused_before_anything_moves(seed):
    before = cpu_streams()
    with pytest.raises(ValueError, match="whole number from 0"):
        seed_everything(seed)
    assert cpu_streams() == before


def test_deterministic_algorithms_are_asked_for_only_on_request(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    try:
        seed_everything(1)
        assert not torch.are_deterministic_algorithms_enabled()
        seed_everything(1, deterministic=True)
        assert torch.are_deterministic_algorithms_enabled()
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    finally:
        torch.use_deterministic_algorithms(False)


def test_a_seeded_block_leaves_the_outer_streams_alone():
    draw()  # from here on the streams keep second halves of pairs
    before, seed = cpu_streams(), torch.initial_seed()
    with seeded(7):
        first = draw()
    assert cpu_streams() == before
    assert torch.initial_seed() == seed
    with seeded(7):
        assert draw() == first


def test_a_seeded_block_that_fails_leaves_them_alone_too():
    before = cpu_streams()
    with pytest.raises(RuntimeError, match="on the way"), seeded(7):
        fail_after_drawing()
    with pytest.raises(ValueError, match="whole number"), seeded(-1):
        pass
    assert cpu_streams() == before


def test_seeded_blocks_nest():
    with seeded(1):
        expected = [draw(), draw()]
    with seeded(1):
        found = [draw()]
        with seeded(2):
            draw()
        assert [*found, draw()] == expected


@pytest.mark.gpu
def test_a_seeded_block_leaves_the_devices_stream_alone():
    before = torch.cuda.get_rng_state()
    with seeded(7):
        torch.rand(3, device="cuda")
    assert torch.equal(torch.cuda.get_rng_state(), before)


@pytest.mark.gpu
def test_a_device_that_wakes_after_a_seeded_block_has_the_outer_seed():
    program = "import torch, neurokit as nk\ntorch.manual_seed(3)\n{block}print(torch.rand(3, device='cuda').tolist())"
    blocks = ["", "with nk.seeded(7):\n    torch.rand(1)\n"]
    printed = [subprocess.check_output([sys.executable, "-c", program.format(block=block)]) for block in blocks]
    assert printed[0] == printed[1]


@pytest.mark.parametrize("odd", [False, True], ids=["fresh", "half a pair kept"])
def test_states_survive_a_checkpoint(tmp_path, odd):
    if odd:
        np.random.randn(), random.gauss()
    state = rng_state()
    expected = [draw(), draw()]
    folder = checkpoint.write(tmp_path / "step-00000001", {"rng": state})
    seed_everything(99)
    set_rng_state(checkpoint.read(folder)["rng"])
    assert [draw(), draw()] == expected


def test_a_state_of_other_devices_is_refused_before_anything_moves():
    state = rng_state() | {"cuda": [torch.zeros(16, dtype=torch.uint8)] * (torch.cuda.device_count() + 1)}
    before = cpu_streams()
    with pytest.raises(ValueError, match=r"was saved with .* CUDA devices and this machine shows"):
        set_rng_state(state)
    assert cpu_streams() == before


@pytest.mark.parametrize("preserved", [preserved_rng, preserved_cpu_rng])
def test_streams_are_put_back_also_after_an_error(preserved):
    draw()
    before = cpu_streams()
    with preserved():
        draw()
    assert cpu_streams() == before
    with pytest.raises(RuntimeError, match="on the way"), preserved():
        fail_after_drawing()
    assert cpu_streams() == before


def test_streams_compare_by_what_they_will_draw():
    before = cpu_streams()
    assert cpu_streams() == before
    for move in (random.random, np.random.rand, lambda: torch.rand(1)):
        move()
        assert cpu_streams() != before
        set_cpu_streams(before)
        assert cpu_streams() == before


# -------------------------------------------------------------------------------------------------------------- order


@pytest.mark.parametrize(("rows", "seed", "epoch"), [(10, 0, 0), (1000, 42, 7), (1, 3, 3), (50, 2**63, 5)])
def test_the_order_is_the_documented_permutation(rows, seed, epoch):
    expected = torch.randperm(rows, generator=torch.Generator().manual_seed(seed + epoch))
    assert torch.equal(order(rows, seed, epoch), expected)


def test_the_order_takes_the_largest_seed():
    assert torch.equal(order(10, 2**64 - 1, 1), order(10, 0, 0))


def test_the_order_neither_reads_nor_moves_a_stream():
    before = cpu_streams()
    first = order(100, 1, 2)
    assert cpu_streams() == before
    draw()
    assert torch.equal(order(100, 1, 2), first)


# ------------------------------------------------------------------------------------------------------------ samples


def test_a_samples_stream_is_a_function_of_its_place():
    drawn = set()
    for place in ((1, 0, 0), (2, 0, 0), (1, 1, 0), (1, 0, 1), (1, None, 0), (2**64 - 1, 0, 0)):
        seed_sample(*place)
        first = draw()
        draw()
        seed_sample(*place)
        assert draw() == first
        drawn.add(first)
    assert len(drawn) == 6


def test_many_samples_have_many_streams():
    drawn = []
    for epoch in range(20):
        for index in range(100):
            seed_sample(0, epoch, index)
            drawn.append(float(torch.rand((), dtype=torch.float64)))
    assert len(set(drawn)) == 2000
    assert abs(np.mean(drawn) - 0.5) < 0.03
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 0.1


def test_a_samples_stream_is_the_same_in_every_process():
    seed_sample(3, 4, 5)
    program = "from neurokit.seeding import seed_sample; import random; seed_sample(3, 4, 5); print(random.random())"
    printed = subprocess.check_output([sys.executable, "-c", program], env=os.environ | {"PYTHONHASHSEED": "7"})
    assert float(printed) == random.random()


def test_items_are_drawn_under_streams_of_their_own():
    class Numbers:
        def __iter__(self):
            yield from (draw() for _ in range(3))

    before = cpu_streams()
    first = list(seeded_items(Numbers(), seed=1, data_pass=2))
    assert cpu_streams() == before
    draw()
    assert list(seeded_items(Numbers(), seed=1, data_pass=2)) == first
    assert list(seeded_items(Numbers(), seed=1, data_pass=3)) != first
    assert list(seeded_items([], seed=1, data_pass=0)) == []


# -------------------------------------------------------------------------------------------- what moves no stream


def test_importing_moves_no_global_stream():
    program = """
import random, numpy, torch
states = lambda: (random.getstate(), numpy.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
before = states()
import neurokit, neurokit.trainer
assert states() == before
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_building_a_trainer_moves_no_global_stream():
    from neurokit import Trainer

    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 2))
    before = cpu_streams()
    Trainer(model, loss="cross_entropy", metrics=["accuracy"], device="cpu")
    assert cpu_streams() == before


def test_a_fit_moves_no_stream_that_the_model_does_not_draw_from():
    from neurokit import Trainer

    class Noisy(Dataset):
        def __len__(self):
            return 9

        def __getitem__(self, index):
            return torch.tensor(draw()), index % 2

    trainer = Trainer(torch.nn.Linear(6, 2), loss="cross_entropy", metrics=["accuracy"], device="cpu")
    before = cpu_streams()
    for x in (Noisy(), DataLoader(Noisy(), 4, shuffle=True), DataLoader(Noisy(), 4, num_workers=1)):
        trainer.fit(x, epochs=2, validation_data=Noisy(), verbose=0)
        trainer.evaluate(x)
        trainer.predict(Noisy())
    assert cpu_streams() == before


@pytest.mark.parametrize("position", [625, 10**9, -1, 1.5])
def test_a_position_beyond_numpys_memory_is_refused(position):
    """NumPy takes it, and then reads wherever it points: a saved state may come from a stranger."""
    state = rng_state()
    name, key, _, *rest = state["numpy"]
    before = np.random.get_state()[2]

    with pytest.raises(ValueError, match="NumPy's random numbers is none"):
        set_rng_state(state | {"numpy": (name, key, position, *rest)})

    assert np.random.get_state()[2] == before
