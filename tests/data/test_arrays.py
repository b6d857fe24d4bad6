"""Every kind of data in memory against the plain tensor that it stands for."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

from neurokit.data.arrays import is_array, is_array_like, map_leaves, to_column, to_tensor

FLOATS = ["float16", "float32", "float64", "longdouble", ">f4", ">f8"]
WHOLE = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", ">i4", ">u2", "bool"]
NUMBERS = np.arange(12).reshape(4, 3) % 7


def column(value, dtype=torch.float32):
    return to_column(value, "x", dtype)


@pytest.mark.parametrize("dtype", FLOATS)
def test_floats_of_every_dtype_arrive_in_the_models(dtype):
    result = column(NUMBERS.astype(dtype))
    assert result.dtype is torch.float32
    assert torch.equal(result, torch.tensor(NUMBERS, dtype=torch.float32))


@pytest.mark.parametrize("dtype", WHOLE)
def test_whole_numbers_of_every_dtype_keep_their_values(dtype):
    array = NUMBERS.astype(dtype)
    result = column(array)
    assert not result.is_floating_point()
    assert result.tolist() == array.tolist()


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "bool"])
def test_small_whole_numbers_stay_small_in_memory(dtype):
    assert column(NUMBERS.astype(dtype)).element_size() == np.dtype(dtype).itemsize


@pytest.mark.parametrize(
    "array",
    [
        np.asfortranarray(NUMBERS * 1.0),
        (NUMBERS * 1.0)[::-1],
        (NUMBERS * 1.0)[:, ::-2],
        np.broadcast_to(np.float32(3), (4, 3)),
        np.moveaxis(np.arange(24.0).reshape(2, 3, 4), 0, -1),
    ],
    ids=["fortran", "reversed rows", "strided columns", "broadcast", "moved axis"],
)
def test_memory_layout_does_not_matter(array):
    result = column(array)
    assert result.is_contiguous()
    assert result.tolist() == array.tolist()


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_a_memory_map_is_read_where_it_lies(tmp_path, mode):
    np.save(tmp_path / "x.npy", NUMBERS.astype(np.float32))
    mapped = np.load(tmp_path / "x.npy", mmap_mode=mode)
    result = column(mapped)
    assert result.data_ptr() == mapped.ctypes.data
    assert result.tolist() == NUMBERS.tolist()


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int64", "bool"])
def test_contiguous_arrays_are_not_copied_also_when_read_only(dtype):
    array = NUMBERS.astype(dtype)
    array.setflags(write=False)
    assert column(array).data_ptr() == array.ctypes.data


def test_contiguous_tensors_are_not_copied():
    tensor = torch.randn(4, 3)
    assert column(tensor).data_ptr() == tensor.data_ptr()


@pytest.mark.parametrize(
    "tensor",
    [
        torch.randn(4, 3, requires_grad=True),
        torch.nn.Parameter(torch.randn(4, 3)),
        torch.randn(3, 4).T,
        torch.randn(4, 3).to_sparse(),
        torch.randn(4, 3, dtype=torch.bfloat16),
        torch.randn(4, 3, dtype=torch.float64),
        torch.randn(4, 3).to(torch.float8_e4m3fn),
    ],
    ids=["requires grad", "parameter", "transposed", "sparse", "bfloat16", "float64", "float8"],
)
def test_tensors_of_every_kind_become_plain_ones(tensor):
    result = column(tensor)
    assert type(result) is torch.Tensor
    assert result.layout is torch.strided
    assert result.is_contiguous()
    assert not result.requires_grad
    plain = tensor.detach() if tensor.layout is torch.strided else tensor.to_dense()
    assert torch.equal(result, plain.to(torch.float32))


@pytest.mark.parametrize("dtype", [torch.uint16, torch.uint32, torch.uint64])
def test_tensors_of_dtypes_without_arithmetic_are_widened(dtype):
    assert column(torch.tensor([1, 2]).to(dtype)).dtype is torch.int64


def test_numbers_that_no_int64_holds_are_refused():
    with pytest.raises(ValueError, match="numbers of 2\\*\\*63 and more"):
        column(np.array([2**63], dtype=np.uint64))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_floats_follow_a_model_in_another_precision(dtype):
    assert column([[1.0], [2.0]], dtype).dtype is dtype
    assert column([[1], [2]], dtype).dtype is torch.int64


# ---------------------------------------------------------------------------------------------------------- pandas


def test_a_table_of_mixed_numbers_takes_their_common_dtype():
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "c": [True, False]})
    assert column(frame).tolist() == [[1, 0.5, 1], [2, 1.5, 0]]


@pytest.mark.parametrize(
    ("frame", "dtype"),
    [
        (pd.DataFrame({"a": [True, False], "b": [1, 2]}), torch.int64),
        (pd.DataFrame({"a": [True, False]}), torch.bool),
        (pd.DataFrame({"a": np.array([1, 2], np.uint8), "b": np.array([3, 4], np.uint8)}), torch.uint8),
        (pd.DataFrame({"a": [1, 2]}, dtype="Int64"), torch.int64),
        (pd.DataFrame({"a": [1, 2]}, dtype="UInt8"), torch.uint8),
        (pd.DataFrame({"a": [True, False]}, dtype="boolean"), torch.bool),
        (pd.DataFrame({"a": [1.5, 2.5]}, dtype="Float32"), torch.float32),
        (pd.DataFrame({"a": pd.arrays.SparseArray([0.0, 2.0])}), torch.float32),
    ],
    ids=["bool and int", "bool", "uint8", "Int64", "UInt8", "boolean", "Float32", "sparse"],
)
def test_tables_keep_whole_numbers_whole(frame, dtype):
    result = column(frame)
    assert result.dtype is dtype
    assert result.tolist() == np.asarray(frame.astype(float)).tolist()


@pytest.mark.parametrize("dtype", ["Int64", "boolean", "Float64"])
@pytest.mark.parametrize("make", [pd.DataFrame, pd.Series], ids=["table", "series"])
def test_missing_entries_of_nullable_columns_are_nan(dtype, make):
    result = column(make([1, None, 0], dtype=dtype))
    assert result.dtype is torch.float32
    assert result.reshape(-1).isnan().tolist() == [False, True, False]


def test_a_table_is_read_by_position_whatever_its_labels():
    frame = pd.DataFrame([[1.0, 2.0], [3.0, 4.0]], columns=["same", "same"], index=[7, 3])
    assert column(frame).tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("series", [pd.Series([1.0, 2.0]), pd.Series([1, 2], dtype="Int16"), pd.Index([1, 2])])
def test_a_series_is_one_axis(series):
    assert column(series).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["red", "blue"], "holds str, for example 'red' in row 0.*pandas.get_dummies.*drop"),
        (pd.Series([1, "red"], dtype=object), "holds object, for example 'red' in row 1.*get_dummies"),
        (pd.Categorical(["red", "blue"]), "holds category, for example 'red' in row 0.*cat.codes"),
        (pd.to_datetime(["2026-01-01", "2026-01-02"]), r"holds datetime64.*x\['colour'\]\.dt\.month"),
        (pd.to_timedelta([1, 2]), r"holds timedelta64.*\.dt\.total_seconds\(\)"),
        ([1 + 2j, 3j], r"holds complex128.*abs\(x\['colour'\]\)"),
        (pd.Series([1, 2.5], dtype=object), r"holds object, for example 1 in row 0.*x\['colour'\]\.astype\(float\)"),
        (["1", "2.5"], r"holds str, for example '1' in row 0.*Most of it reads as numbers: .*pandas\.to_numeric"),
        (["x", "y"], "holds str, for example 'x' in row 0, and a network takes numbers"),
    ],
    ids=["string", "object", "category", "datetime", "timedelta", "complex", "boxed", "digits", "names"],
)
def test_a_column_that_holds_no_numbers_is_named(values, said):
    frame = pd.DataFrame({"age": [1.0, 2.0], "colour": values})
    with pytest.raises(TypeError, match=r"Column 'colour' of x " + said):
        column(frame)


def test_the_entry_that_makes_a_column_text_is_named_with_its_row():
    frame = pd.DataFrame({"age": ["31", "45", "?", None]})
    with pytest.raises(
        TypeError, match=r"for example '\?' in row 2.*pandas\.to_numeric\(x\['age'\], errors='coerce'\)"
    ):
        column(frame)


def test_all_columns_that_hold_no_numbers_are_listed():
    frame = pd.DataFrame({"a": ["u"], "b": [1.0], "c": ["v"]})
    with pytest.raises(TypeError, match=r"2 columns are such: \['a', 'c'\]\. .*columns=\['a', 'c'\]"):
        column(frame)


def test_a_series_of_categories_is_named_too():
    with pytest.raises(TypeError, match="Column 'colour' of x holds category, for example 'red'"):
        column(pd.Series(pd.Categorical(["red", "blue"]), name="colour"))


def test_a_table_without_columns_is_refused():
    with pytest.raises(ValueError, match=r"without columns, of shape \(3, 0\)"):
        column(pd.DataFrame(index=range(3)))


# ---------------------------------------------------------------------------------------------------------- sparse

SPARSE = scipy.sparse.random_array((50, 8), density=0.2, rng=np.random.default_rng(0))


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"])
@pytest.mark.parametrize("family", ["array", "matrix"])
def test_sparse_rows_are_gathered_from_any_format(kind, family):
    matrix = getattr(scipy.sparse, f"{kind}_{family}")(SPARSE)
    rows = torch.tensor([3, 0, 49, 3])
    result = column(matrix).index_select(0, rows)
    assert torch.equal(result, torch.from_numpy(SPARSE.toarray()[rows]).to(torch.float32))


@pytest.mark.parametrize("dtype", ["float64", "float32", "int32", "uint8", "bool", "longdouble"])
def test_sparse_numbers_of_any_dtype_arrive_in_the_models(dtype):
    matrix = scipy.sparse.csr_array(np.eye(3)).astype(dtype)
    for floating in (torch.float32, torch.float64, torch.bfloat16):
        assert torch.equal(column(matrix, floating).index_select(0, torch.arange(3)), torch.eye(3, dtype=floating))


def test_a_sparse_matrix_is_never_made_dense_as_a_whole():
    huge = scipy.sparse.csr_array((np.ones(1), ([10**6 - 1], [7])), shape=(10**6, 10**6))  # dense it is 4 TB
    rows = column(huge)
    assert len(rows) == 10**6
    assert rows.index_select(0, torch.tensor([10**6 - 1])).nonzero().tolist() == [[0, 7]]


@pytest.mark.parametrize("matrix", [scipy.sparse.coo_array([1.0, 0.0]), scipy.sparse.csr_array([[1j]])])
def test_sparse_arrays_of_one_axis_or_complex_numbers_are_refused(matrix):
    with pytest.raises(TypeError, match=r"sparse array of shape .* real numbers in two axes"):
        column(matrix)


# ----------------------------------------------------------------------------------------------------------- lists


@pytest.mark.parametrize(
    "rows",
    [
        [[1, 2], [3, 4]],
        [(1, 2), (3, 4)],
        [np.array([1, 2]), np.array([3, 4])],
        [torch.tensor([1, 2]), torch.tensor([3, 4])],
        [torch.tensor([1, 2], dtype=torch.bfloat16), torch.tensor([3, 4], dtype=torch.bfloat16)],
        [torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([3.0, 4.0])],
        [pd.Series([1, 2]), pd.Series([3, 4])],
    ],
    ids=["lists", "tuples", "arrays", "tensors", "bfloat16", "requires grad", "series"],
)
def test_a_list_is_rows(rows):
    assert column(rows).tolist() == [[1, 2], [3, 4]]


def test_a_list_of_numbers_is_one_axis():
    assert column([1.5, 2.5]).tolist() == [1.5, 2.5]


@pytest.mark.parametrize(
    "rows",
    [
        [[1, 2], [3]],
        [np.zeros(2), np.zeros(3)],
        [torch.zeros(2), torch.zeros(3)],
        [torch.zeros(2, 2), torch.zeros(3, 2)],
    ],
    ids=["lists", "arrays", "tensors", "two axes"],
)
def test_rows_of_several_shapes_are_named(rows):
    with pytest.raises(
        ValueError, match=r"rows of x differ in shape: \(2,.*\) in row 0, \([13],.*\) in row 1.*collate_fn"
    ):
        column(rows)


def test_samples_as_pairs_are_told_from_rows():
    with pytest.raises((ValueError, TypeError), match=r"x is a list of 2 tuples of 2.*DataLoader\(x, batch_size=32\)"):
        column([(torch.zeros(3), 0), (torch.ones(3), 1)])


def test_rows_as_dicts_are_told_how_to_pass_columns():
    with pytest.raises(TypeError, match="a dict or a tuple of arrays, one row per sample each"):
        column([{"a": 1.0}, {"a": 2.0}])


def test_object_arrays_that_hold_only_numbers_are_these_numbers():
    assert column(np.array([[1, 2.5], [True, np.float32(4)]], dtype=object)).tolist() == [[1, 2.5], [1, 4]]


def test_object_arrays_of_equal_rows_are_stacked():
    rows = np.empty(2, dtype=object)
    rows[:] = [[1.0, 2.0], [3.0, 4.0]]
    assert column(rows).tolist() == [[1, 2], [3, 4]]


# ---------------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("value", "error", "said"),
    [
        (np.ma.masked_array([1.0, 2.0, 3.0], [False, True, True]), ValueError, r"2 masked entries.*x\.filled"),
        (np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]), TypeError, r"fields \['a', 'b'\].*structured_to_un"),
        (np.array([1 + 2j]), TypeError, r"complex numbers.*x\.real"),
        (np.array([1 + 2j], dtype=np.clongdouble), TypeError, "complex numbers"),
        (torch.tensor([1 + 2j]), TypeError, "complex numbers"),
        (np.array(3.0), ValueError, r"single number \(3\.0\)"),
        (torch.tensor(3), ValueError, r"single number \(3\)"),
        (np.array([1, None], dtype=object), TypeError, "Python objects, for example None"),
        (np.array([{}], dtype=object), TypeError, r"Python objects, for example \{\}"),
        (np.array(["a", "b"]), TypeError, "holds <U1 values, for example 'a'"),
        (np.array(["2026-01-01"], dtype="datetime64[D]"), TypeError, "datetime64"),
        (["a", "b"], TypeError, "holds <U1 values"),
        ([], ValueError, "x has 0 rows"),
        (np.zeros((0, 3)), ValueError, "x has 0 rows"),
        (torch.zeros(0), ValueError, "x has 0 rows"),
        (pd.DataFrame({"a": []}), (ValueError, TypeError), "x has 0 rows|Column 'a' of x holds object"),
        (scipy.sparse.csr_array((0, 3)), ValueError, "x has 0 rows"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, (str, type, tuple)) else None,
)
def test_what_no_network_takes_is_refused_with_what_to_do(value, error, said):
    with pytest.raises(error, match=said):
        column(value)


def test_a_masked_array_without_masked_entries_is_an_array():
    assert column(np.ma.masked_array([1.0, 2.0])).tolist() == [1, 2]


# ------------------------------------------------------------------------------------------------- which is which


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.zeros(2), True),
        (torch.zeros(2), True),
        ([1, 2], True),
        ([], True),
        (pd.DataFrame({"a": [1]}), True),
        (pd.Categorical(["a"]), True),
        (SPARSE, True),
        ((np.zeros(2), [1, 2]), True),
        ({"a": np.zeros(2), "b": torch.zeros(2)}, True),
        ({"a": (np.zeros(2), np.zeros(2))}, True),
        ((), False),
        ({}, False),
        ((np.zeros(2), None), False),
        ("text", False),
        (np.float32(1), False),
        ((row for row in ()), False),
        (torch.utils.data.TensorDataset(torch.zeros(2)), False),
    ],
    ids=lambda value: None,
)
def test_data_in_memory_are_told_from_what_yields_batches(value, expected):
    assert is_array_like(value) is expected


def test_numpy_scalars_are_no_arrays():
    assert not is_array(np.float64(1))
    assert is_array(np.zeros(1))


def test_leaves_carry_the_name_the_user_would_write():
    names = []
    map_leaves(lambda value, name: names.append(name), ({"a": 1, "b": (2, 3)}, 4), "x")
    assert names == ["x[0]['a']", "x[0]['b'][0]", "x[0]['b'][1]", "x[1]"]


def test_sparse_targets_are_small_enough_to_be_dense():
    assert to_tensor(scipy.sparse.csr_array(np.eye(2)), "y").tolist() == [[1, 0], [0, 1]]
