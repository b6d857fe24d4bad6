import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from neurokit.architectures import MLP, TabularNet, built, described, embedding_size

NETS = [
    lambda: MLP(4, 3),
    lambda: MLP(4, 1, hidden=(), dropout=0.5),
    lambda: MLP(1, 2, hidden=[8], dropout=0.2),
    lambda: TabularNet(3, (4, 7), 2),
    lambda: TabularNet(0, [5], 1, hidden=(16,)),
    lambda: TabularNet(2, [], 1, frequencies=0, dropout=0.0),
    lambda: TabularNet(2, [2], 1, frequencies=4, frequency_scale=0.5, number_size=3),
]


def _inputs(net: nn.Module, rows: int = 6) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    if isinstance(net, MLP):
        return {"x": torch.randn(rows, net.arguments["in_features"], generator=generator)}
    found = {}
    if net.arguments["numbers"]:
        found["numbers"] = torch.randn(rows, net.arguments["numbers"], generator=generator)
    if net.arguments["cardinalities"]:
        columns = [torch.randint(count, (rows,), generator=generator) for count in net.arguments["cardinalities"]]
        found["categories"] = torch.stack(columns, dim=1)
    return found


@pytest.mark.parametrize("make", NETS)
def test_a_net_goes_through_json_and_gives_the_same_numbers_with_the_same_weights(make) -> None:
    net = make().eval()
    again = built(json.loads(json.dumps(described(net)))).eval()
    again.load_state_dict(net.state_dict())
    inputs = _inputs(net)
    assert torch.equal(net(**inputs), again(**inputs))
    assert described(again) == described(net)


@pytest.mark.parametrize("make", NETS)
def test_a_row_is_answered_alone_as_among_others(make) -> None:
    net = make().eval()
    inputs = _inputs(net)
    together = net(**inputs)
    alone = torch.cat([net(**{name: one[row : row + 1] for name, one in inputs.items()}) for row in range(6)])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:# The axis name")  # both inputs have rows, which is what is meant
@pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec:FutureWarning")  # within torch 2.11
@pytest.mark.parametrize("make", NETS)
def test_onnx_and_torch_export_answer_as_the_net_does_for_any_number_of_rows(make, tmp_path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    net = make().eval()
    inputs = _inputs(net)
    rows = {name: {0: torch.export.Dim("rows")} for name in inputs}
    program = torch.export.export(net, (), inputs, dynamic_shapes=rows)
    many = _inputs(net, 13)
    torch.testing.assert_close(program.module()(**many), net(**many), rtol=1e-5, atol=1e-6)
    if make is not NETS[3]:  # the ONNX exporter takes seconds: the net with everything stands for the others
        return
    path = tmp_path / "net.onnx"
    torch.onnx.export(
        net, (), path, kwargs=inputs, dynamo=True, dynamic_shapes=rows, external_data=False, verbose=False,
        input_names=list(inputs),
    )  # fmt: skip
    session = onnxruntime.InferenceSession(path)
    for count in (1, 13):
        given = _inputs(net, count)
        answers = session.run(None, {name: one.numpy() for name, one in given.items()})[0]
        np.testing.assert_allclose(answers, net(**given).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_the_vector_of_unknown_categories_begins_in_the_middle_and_is_learnt_only_from_rows_that_have_it() -> None:
    net = TabularNet(0, [4], 1)
    optimizer = torch.optim.Adam(net.parameters())
    assert not net.embeddings[0].weight[0].any()
    net(categories=torch.tensor([[1], [2]])).sum().backward()
    optimizer.step()
    assert not net.embeddings[0].weight[0].any()
    net(categories=torch.tensor([[0], [2]])).sum().backward()
    optimizer.step()
    assert net.embeddings[0].weight[0].any()


def test_waves_are_the_published_formula() -> None:
    net = TabularNet(3, [], 1, frequencies=5, number_size=4)
    x = torch.randn(7, 3)
    expected = []
    for column in range(3):
        angles = 2 * torch.pi * net.waves.frequencies[column] * x[:, column, None]
        expected.append(torch.relu(net.waves.linear(torch.cat([torch.sin(angles), torch.cos(angles)], dim=1))))
    torch.testing.assert_close(net.waves(x), torch.cat(expected, dim=1))


def test_embedding_sizes_follow_the_rule() -> None:
    assert [embedding_size(count) for count in (2, 10, 100)] == [round(1.6 * n**0.56) for n in (2, 10, 100)]
    assert embedding_size(10**9) == 600


# ------------------------------------------------------------------------------------------------- what is none of ours


class _Sub(MLP):
    pass


def _with_other_layer() -> nn.Module:
    net = MLP(4, 3)
    net.layers[1] = nn.Tanh()
    return net


def _with_own_forward() -> nn.Module:
    net = MLP(4, 3)
    net.forward = lambda x: x
    return net


def _with_hook() -> nn.Module:
    net = MLP(4, 3)
    net.layers[0].register_forward_hook(lambda module, inputs, output: 2 * output)
    return net


def _with_changed_arguments() -> nn.Module:
    net = MLP(4, 3)
    net.arguments["in_features"] = 5
    return net


def _with_more_dropout() -> nn.Module:
    net = MLP(4, 3, dropout=0.1)
    net.layers[2].p = 0.2
    return net


def _with_a_layer_of_the_same_name() -> nn.Module:
    class ReLU(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.abs()

    net = MLP(4, 3)
    net.layers[1] = ReLU()
    return net


def _with_weight_norm() -> nn.Module:
    net = MLP(4, 3)
    nn.utils.parametrizations.weight_norm(net.layers[0])
    return net


@pytest.mark.parametrize(
    "make",
    [
        lambda: _Sub(4, 3),
        lambda: nn.Linear(4, 3),
        lambda: nn.Sequential(MLP(4, 3)),
        _with_other_layer,
        _with_own_forward,
        _with_hook,
        _with_changed_arguments,
        _with_more_dropout,
        _with_a_layer_of_the_same_name,
        lambda: MLP(4, 3).double(),
        _with_weight_norm,
    ],
)
def test_a_module_that_is_not_exactly_ours_is_not_described(make) -> None:
    assert described(make()) is None


def test_training_and_moving_do_not_make_it_another() -> None:
    net = TabularNet(2, [3], 1)
    net(torch.zeros(2, 2), torch.zeros(2, 1, dtype=torch.int64)).sum().backward()
    torch.optim.Adam(net.parameters()).step()
    assert described(net.eval().to("cpu")) == described(TabularNet(2, [3], 1))


# -------------------------------------------------------------------------------------- descriptions by strangers


@pytest.mark.parametrize(
    ("description", "message"),
    [
        (None, "An architecture is a class and its arguments"),
        ([], "An architecture is a class and its arguments"),
        ({"class": "MLP"}, "An architecture is a class and its arguments"),
        ({"class": "MLP", "arguments": {}, "more": 1}, "An architecture is a class and its arguments"),
        ({"class": "mlp", "arguments": {}}, "Did you mean 'MLP'"),
        ({"class": ["MLP"], "arguments": {}}, "class is one of"),
        ({"class": "MLP", "arguments": []}, "The arguments of MLP are a dict"),
        ({"class": "MLP", "arguments": {"in_features": 4}}, "describes no MLP"),
        ({"class": "MLP", "arguments": {"in_features": 4, "out_features": 3, "hiden": [1]}}, "Did you mean 'hidden'"),
        ({"class": "MLP", "arguments": {"in_features": 4.0, "out_features": 3}}, "in_features is a whole number"),
        ({"class": "MLP", "arguments": {"in_features": True, "out_features": 3}}, "in_features is a whole number"),
        ({"class": "MLP", "arguments": {"in_features": 4, "out_features": 3, "hidden": "64"}}, "hidden is a sequence"),
        ({"class": "MLP", "arguments": {"in_features": 4, "out_features": 3, "hidden": [-1]}}, r"hidden\[0\] is 1 or"),
        ({"class": "MLP", "arguments": {"in_features": 4, "out_features": 3, "dropout": 1.0}}, "dropout is a number"),
        ({"class": "MLP", "arguments": {"in_features": 4, "out_features": 3, "hidden": [1] * 101}}, "at most 100"),
        ({"class": "MLP", "arguments": {"in_features": 10**7, "out_features": 10**7}}, "at most 100,000,000 are built"),
        ({"class": "MLP", "arguments": {"in_features": 10**40, "out_features": 3}}, "at most 16,777,216"),
        ({"class": "TabularNet", "arguments": {"numbers": 0, "cardinalities": [], "out_features": 1}}, "neither"),
        ({"class": "TabularNet", "arguments": {"numbers": 1, "cardinalities": [10**7], "out_features": 1}}, "at most"),
        ({"class": "TabularNet", "arguments": {"numbers": 1, "cardinalities": [2] * 10_001, "out_features": 1}},
         "at most 10,000"),
        ({"class": "TabularNet", "arguments": {"numbers": 10**6, "cardinalities": [], "out_features": 1,
                                               "frequencies": 10**7}}, "at most 100,000,000 are built"),
    ],
)  # fmt: skip
def test_a_description_that_is_none_is_refused_before_memory_is_taken(description, message) -> None:
    with pytest.raises(ValueError, match=message):
        built(description)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["MLP", "TabularNet"]), st.dictionaries(
    st.sampled_from(["in_features", "out_features", "hidden", "dropout", "numbers", "cardinalities", "frequencies",
                     "frequency_scale", "number_size"]), JSON, max_size=6))  # fmt: skip
def test_whatever_a_stranger_writes_is_built_within_the_limit_or_refused(name, arguments) -> None:
    try:
        net = built({"class": name, "arguments": arguments}, max_parameters=10_000)
    except ValueError:
        return
    assert sum(parameter.numel() for parameter in net.parameters()) <= 10_000
    assert described(net)["class"] == name


def test_building_leaves_the_random_streams_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    built({"class": "MLP", "arguments": {"in_features": 2, "out_features": 1}})
    assert torch.equal(torch.rand(3), expected)


def test_inputs_of_other_columns_are_named() -> None:
    net = TabularNet(2, [3], 1)
    with pytest.raises(ValueError, match=r"takes 2 columns of numbers, and got shape \(4, 3\). Pass a tensor of shape"):
        net(torch.zeros(4, 3), torch.zeros(4, 1, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"takes 1 columns of categories, and got none"):
        net(torch.zeros(4, 2))
    with pytest.raises(ValueError, match=r"takes 0 columns of categories, and got shape \(4, 1\). Leave categories"):
        TabularNet(2, [], 1)(torch.zeros(4, 2), torch.zeros(4, 1, dtype=torch.int64))
