from pathlib import Path

import pytest
from iris_image.rows import LARGEST, RowError, check_rows, feature_rows, labelled_rows


def test_labelled_rows_of_all_files_come_in_order(tmp_path: Path) -> None:
    """The label is text whatever it looks like, the features are numbers."""
    (tmp_path / "a.csv").write_text('setosa,5.1,3\n"1",2,-3e0\n', "utf-8")
    (tmp_path / "b.csv").write_text("virginica,6,7\n", "utf-8")
    labels, rows = labelled_rows([tmp_path / "a.csv", tmp_path / "b.csv"])
    assert labels == ["setosa", "1", "virginica"]
    assert rows == [[5.1, 3.0], [2.0, -3.0], [6.0, 7.0]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a,1,2\n,3,4\n", "a.csv, line 2: the label, which comes first, is empty"),
        (b"a,1,2\n\nb,3,4\n", "a.csv, line 2: the label"),
        (b"a,1,2\nb,3\n", "line 2: 1 features after the label, not 2"),
        (b"a\n", "line 1: 0 features after the label, not one or more"),
        (b"a,1,x\n", "line 1: 'x' is no finite number"),
        (b"a,1,1e39\n", "line 1: '1e39' is no finite number"),
        (b'a,1,"2\n', "line 1: unexpected end of data"),
        (b"a,1\n\xff,2\n", "can't decode byte"),
    ],
)
def test_a_labelled_row_that_cannot_be_used_is_named(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    """The error says which file, which line, and what is wrong with it."""
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(RowError, match=reason):
        labelled_rows([tmp_path / "a.csv"])


def test_feature_rows_are_numbers() -> None:
    """Quotes and spaces are CSV's business."""
    assert feature_rows(['5.1, 3.5,"1.4",0.2'], 4) == [[5.1, 3.5, 1.4, 0.2]]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], "there are no rows"),
        (["1,2", "1"], "row 2 has 1 columns, not 2: the features without the label"),
        (["1,2", "", "1,2"], "row 2 has 0 columns"),
        (["1,2", "3,setosa"], "row 2, column 2 is no finite number"),
        (["1,nan"], "row 1, column 2 is no finite number"),
        (["1_0,2"], "row 1, column 1 is no finite number"),
        (['"1,2'], "the body is no CSV"),
    ],
)
def test_a_row_of_features_that_cannot_be_used_is_named(lines: list[str], reason: str) -> None:
    """Row and column are counted from 1."""
    with pytest.raises(RowError, match=reason):
        feature_rows(lines, 2)


@pytest.mark.parametrize("value", [True, None, "1", [1], {}, 10**400, -LARGEST * 1.01])
def test_json_values_that_are_no_numbers_are_refused(value: object) -> None:
    """JSON's own kinds and numbers beyond 32-bit floats are no features."""
    with pytest.raises(RowError, match="row 2, column 1 is no finite number"):
        check_rows([[LARGEST], [value]], 1)


@pytest.mark.parametrize("rows", [[], {}, "1,2", None, 7])
def test_rows_have_to_be_a_list(rows: object) -> None:
    """Anything else has no rows."""
    with pytest.raises(RowError, match="there are no rows"):
        check_rows(rows, 2)


def test_a_single_flat_row_is_refused() -> None:
    """A list of numbers is no list of rows."""
    with pytest.raises(RowError, match="row 1 is no list of numbers"):
        check_rows([5.1, 3.5, 1.4, 0.2], 4)
