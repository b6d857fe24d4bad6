from __future__ import annotations

import os

import pytest
import torch

import neurokit as nk
from neurokit.devices import time_matmul


def test_auto_is_the_fastest_kind_there_is() -> None:
    fastest = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"

    assert nk.select_device().type == fastest
    assert nk.select_device("auto").type == fastest


@pytest.mark.parametrize("preference", ["cpu", torch.device("cpu"), "cpu:0"])
def test_a_named_device_is_taken_as_it_is(preference: str | torch.device) -> None:
    assert nk.select_device(preference) == torch.device(preference)


@pytest.mark.parametrize("name", ["cuda:99", "cpu:1", "meta", "gpu", ""])
def test_a_device_that_does_not_exist_is_an_error_that_says_what_does(name: str) -> None:
    with pytest.raises(ValueError, match=rf"no device '{name}' here. This machine has: .*cpu"):
        nk.select_device(name)


@pytest.mark.gpu
def test_cuda_is_found_and_described() -> None:
    description = nk.describe_device("cuda:0")

    assert nk.select_device() == torch.device("cuda")
    assert description.name == torch.cuda.get_device_name(0)
    assert description.memory == torch.cuda.get_device_properties(0).total_memory
    assert time_matmul("cuda", size=256) > 0


def test_the_cpu_is_described() -> None:
    description = nk.describe_device("cpu")

    assert description.device == "cpu"
    assert description.name
    assert 1 <= description.cores <= (os.cpu_count() or 1)
    assert description.threads == torch.get_num_threads()
    assert description.memory is None or description.memory > 2**20
    assert description.name in str(description)


def test_matmul_time_is_the_median_of_the_repeats_after_a_warm_up() -> None:
    durations = [100.0, 3.0, 1.0, 2.0]  # the first is the warm-up
    readings = iter([reading for start, length in enumerate(durations) for reading in (start, start + length)])

    assert time_matmul("cpu", size=4, repeats=3, clock=lambda: next(readings)) == 2.0


def test_timing_leaves_the_global_random_stream_alone() -> None:
    before = torch.get_rng_state()

    time_matmul("cpu", size=4, repeats=1)

    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("preference", [None, True, 1.5, ["cpu"]])
def test_what_is_no_device_is_refused_with_what_is_here(preference: object) -> None:
    with pytest.raises(TypeError, match=r"device is a name such as 'cuda:0' .* This machine has: .*cpu.*Pass 'auto'"):
        nk.select_device(preference)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "meant"), [("gpu", "'cuda'"), ("cudda", "'cuda'"), ("metal", "'mps'")])
def test_another_name_of_a_device_is_answered_with_torchs(name: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"Did you mean {meant}"):
        nk.select_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_machine_without_a_gpu_says_why() -> None:
    with pytest.raises(ValueError, match=r"This torch \(.*\) (finds no GPU with a driver|was installed without CUDA)"):
        nk.select_device("cuda:3")
