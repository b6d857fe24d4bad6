"""What a program computes after the rewriting: the same numbers, without the calls it saves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._inductor.utils import run_and_get_code
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from neurokit.compiling.rewriting import InKernels

aten = torch.ops.aten
NUMBERS = torch.Generator().manual_seed(0)


def drawn(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=NUMBERS).to(dtype)


def rewritten(compute: Callable[..., Any], *arguments: Tensor) -> tuple[GraphModule, list[Any]]:
    """A program of what was computed, after the rewriting, and what it calls."""
    program = make_fx(compute, tracing_mode="fake")(*arguments)
    InKernels()(program.graph)
    program.graph.lint()
    program.recompile()
    return program, [node.target for node in program.graph.nodes if node.op == "call_function"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bias_is_added_after_the_product(dtype: torch.dtype) -> None:
    parts = drawn(5, dtype=dtype), drawn(4, 3, dtype=dtype), drawn(3, 5, dtype=dtype)
    program, calls = rewritten(torch.addmm, *parts)
    assert calls == [aten.mm.default, aten.add.Tensor]
    assert torch.allclose(program(*parts), torch.addmm(*parts), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("compute", "bias"),
    [
        (torch.addmm, drawn(5, dtype=torch.bfloat16)),
        (torch.addmm, drawn(4, 5)),
        (lambda bias, left, right: torch.addmm(bias, left, right, beta=2), drawn(5)),
    ],
    ids=["half precision", "a whole matrix", "scaled"],
)
def test_what_would_be_another_sum_stays(compute: Callable[..., Tensor], bias: Tensor) -> None:
    parts = bias, drawn(4, 3, dtype=bias.dtype), drawn(3, 5, dtype=bias.dtype)
    program, calls = rewritten(compute, *parts)
    assert calls == [aten.addmm.default]
    assert torch.equal(program(*parts), compute(*parts))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64])
def test_outer_product_is_a_product(dtype: torch.dtype) -> None:
    column, row = (10 * drawn(4, 1)).to(dtype), (10 * drawn(1, 5)).to(dtype)
    program, calls = rewritten(torch.mm, column, row)
    assert calls == [aten.mul.Tensor]
    assert torch.equal(program(column, row), torch.mm(column, row))


def test_matrices_are_multiplied_by_the_library() -> None:
    _, calls = rewritten(torch.mm, drawn(4, 2), drawn(2, 5))
    assert calls == [aten.mm.default]


def adapted(weights: Tensor, step: Tensor) -> Tensor:
    return weights / (1 - 0.9**step)


def test_a_number_is_computed_once_for_many_elements() -> None:
    parts = drawn(512), torch.tensor(3.0)
    program, calls = rewritten(adapted, *parts)
    assert calls == [aten.pow.Scalar, aten.rsub.Scalar, torch.ops._inductor_test.realize.default, aten.div.Tensor]
    assert torch.equal(program(*parts), adapted(*parts))


def test_a_number_for_a_few_elements_stays_in_their_kernel() -> None:
    _, calls = rewritten(adapted, drawn(511), torch.tensor(3.0))
    assert calls == [aten.pow.Scalar, aten.rsub.Scalar, aten.div.Tensor]


def test_a_number_that_is_given_is_read() -> None:
    _, calls = rewritten(torch.mul, drawn(512), torch.tensor(3.0))
    assert calls == [aten.mul.Tensor]


@pytest.mark.parametrize(("elements", "once"), [(512, True), (511, False)])
def test_powers_are_before_the_loop_over_many_elements(elements: int, once: bool) -> None:
    compiled = torch.compile(adapted, options={"post_grad_custom_post_pass": InKernels()})
    parts = drawn(elements), torch.tensor(3.0)
    with torch._inductor.config.patch(fx_graph_cache=False):
        result, (code,) = run_and_get_code(compiled, *parts)
    assert torch.allclose(result, adapted(*parts))
    assert code.count("std::pow") >= 1
    assert (code.index("std::pow") < code.index("for(int64_t")) is once


def test_another_rewriting_is_another_program_to_the_cache() -> None:
    assert InKernels().uuid() == InKernels().uuid() is not None
