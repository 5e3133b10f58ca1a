import json
import statistics
from pathlib import Path
from typing import Any

import pytest

from dropforge_jobs.holdout import Split
from dropforge_jobs.jobs import JobError
from pipelines.iris.preprocess import FEATURES, preprocess

DATA = Path(__file__).parents[4] / "pipelines" / "iris" / "data" / "iris_label_first.csv"
IRIS = DATA.read_bytes()
SPLIT = Split(seed=15, holdout=0.3)


def run(tmp_path: Path, *contents: bytes, split: Split = SPLIT, allowed: float = 0.05) -> Any:
    """Preprocess objects with these contents; return the report as it was written."""
    files = {}
    for number, content in enumerate(contents):
        path = tmp_path / f"{number}.csv"
        path.write_bytes(content)
        files[f"incoming/iris/{number}.csv"] = path
    preprocess(files, tmp_path / "output", split, allowed)
    return json.loads((tmp_path / "output" / "report" / "profile.json").read_text("utf-8"))


def rows(tmp_path: Path, side: str) -> list[str]:
    """Return the rows that went to a side."""
    return (tmp_path / "output" / side / f"{side}.csv").read_text("utf-8").splitlines()


def test_the_real_data_is_shared_out_whole(tmp_path: Path) -> None:
    """Every flower is on exactly one side, as it was written, and the profile counts them."""
    profile = run(tmp_path, IRIS)
    train, holdout = rows(tmp_path, "train"), rows(tmp_path, "holdout")
    assert sorted(train + holdout) == sorted(IRIS.decode().split())
    assert (len(train), len(holdout)) == (105, 45)
    assert profile["rows"] == 150
    assert profile["sides"] == {"train": 105, "holdout": 45}
    assert profile["classes"] == {
        "setosa": {"holdout": 17, "train": 33},
        "versicolor": {"holdout": 14, "train": 36},
        "virginica": {"holdout": 14, "train": 36},
    }
    assert profile["rejected"] == {"rows": 0, "reasons": {}, "examples": []}
    assert profile["objects"] == [
        {"key": "incoming/iris/0.csv", "rows": 150, "rejected": 0, "blank": 0}
    ]
    assert not (tmp_path / "output" / "validation").exists()


def test_the_profile_describes_every_feature(tmp_path: Path) -> None:
    """What a later run compares with: figures of the used rows, and how they were shared out."""
    columns = list(zip(*(line.split(b",")[1:] for line in IRIS.splitlines()), strict=True))
    profile = run(tmp_path, IRIS)
    assert list(profile["features"]) == list(FEATURES)
    for column, feature in zip(columns, profile["features"].values(), strict=True):
        values = [float(text) for text in column]
        assert (feature["count"], feature["missing"]) == (150, 0)
        assert feature["mean"] == pytest.approx(statistics.fmean(values))
        assert feature["sd"] == pytest.approx(statistics.stdev(values))
        assert sum(bucket[2] for bucket in feature["buckets"]) == 150
    assert Split(**profile["split"]) == SPLIT


def test_missing_values_are_counted_by_feature(tmp_path: Path) -> None:
    """A row without a usable number is rejected, and its feature counts as missing."""
    bad = b"setosa,5.1,,1.4,0.2\nsetosa,5.1,nan,1.4,0.2\nsetosa,5.1,3.5,1.4,x\nsetosa,1\n"
    features = run(tmp_path, IRIS + bad)["features"]
    assert [feature["missing"] for feature in features.values()] == [0, 2, 0, 1]
    assert {feature["count"] for feature in features.values()} == {150}


def test_more_data_moves_no_row(tmp_path: Path) -> None:
    """What was trained on stays in training, when the rest comes in another file and order."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    lines = IRIS.splitlines(keepends=True)
    run(tmp_path / "one", b"".join(lines[:100]))
    run(tmp_path / "two", b"".join(lines[60:][::-1]), b"".join(lines[:60]))
    for side in ("train", "holdout"):
        assert set(rows(tmp_path / "one", side)) <= set(rows(tmp_path / "two", side))


def test_equal_rows_are_kept_and_stay_together(tmp_path: Path) -> None:
    """Also when their label or spelling differs: a hold-out row has no twin in training."""
    relabelled = b"".join(b"other" + line[line.index(b",") :] for line in IRIS.splitlines(True))  # noqa: FBT003
    profile = run(tmp_path, IRIS, relabelled.replace(b".2\n", b".20\n"))
    assert profile["rows"] == 300
    features = {s: {r.partition(",")[2] for r in rows(tmp_path, s)} for s in ("train", "holdout")}
    assert not features["train"] & features["holdout"]


def test_a_validation_share_is_a_third_side(tmp_path: Path) -> None:
    """It is taken from the training side, and the hold-out stays."""
    profile = run(tmp_path, IRIS, split=Split(15, holdout=0.3, validation=0.2))
    assert profile["sides"]["holdout"] == 45
    assert profile["sides"]["validation"] == len(rows(tmp_path, "validation")) > 10


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + IRIS,
        IRIS.replace(b"\n", b"\r\n"),
        IRIS.replace(b"\n", b"\r"),
        IRIS.rstrip(),
        IRIS.replace(b"\n", b"\n\n  \n"),
        IRIS.replace(b"setosa,", b'"setosa", '),
        IRIS.replace(b",0.2\n", b",+.200\n"),
    ],
    ids=["BOM", "CRLF", "CR", "no end of line", "blank lines", "quotes", "spelling"],
)
def test_the_same_data_in_another_layout_is_the_same(tmp_path: Path, content: bytes) -> None:
    """How a file was exported changes nothing."""
    assert run(tmp_path, content)["sides"] == {"train": 105, "holdout": 45}
    everything = rows(tmp_path, "train") + rows(tmp_path, "holdout")
    assert sorted(everything) == sorted(IRIS.decode().split())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"setosa,5.1,3.5,1.4", "not 5 columns"),
        (b"setosa,5.1,3.5,1.4,0.2,", "not 5 columns"),
        (b"setosa;5.1;3.5;1.4;0.2", "not 5 columns"),
        (b"label,sepal_length,sepal_width,petal_length,petal_width", "sepal_length is no finite"),
        (b"setosa,5.1,3.5,1.4,", "petal_width is no finite number"),
        (b"setosa,5.1,nan,1.4,0.2", "sepal_width is no finite number"),
        (b"setosa,5.1,3.5,-inf,0.2", "petal_length is no finite number"),
        (b"setosa,5.1,3.5,1.4,1e300", "petal_width is no finite number"),
        (b"setosa,5_1,3.5,1.4,0.2", "sepal_length is no finite number"),
        (b" ,5.1,3.5,1.4,0.2", "empty label"),
        (b"seto\xe9sa,5.1,3.5,1.4,0.2", "not UTF-8 text"),
        (b"s\x00etosa,5.1,3.5,1.4,0.2", "a label with control characters"),
        (b'"setosa,5.1,3.5,1.4,0.2', "quotes that do not match"),
        (b"5.1,3.5,1.4,0.2,0", "a label with decimals: the label has to be the first column"),
    ],
)
def test_a_bad_row_is_counted_with_its_reason(tmp_path: Path, line: bytes, reason: str) -> None:
    """It hides no other row, and the report says where it is."""
    lines = IRIS.splitlines()
    profile = run(tmp_path, b"\n".join([*lines[:70], line, *lines[70:]]))
    assert profile["rows"] == 150
    assert profile["rejected"]["rows"] == 1
    [found] = profile["rejected"]["reasons"]
    assert found.startswith(reason)
    assert profile["rejected"]["examples"] == [
        {"object": "incoming/iris/0.csv", "line": 71, "reason": found}
    ]


def test_labels_may_be_any_text(tmp_path: Path) -> None:
    """Numbers that count classes, spaces and other scripts are labels too."""
    content = IRIS.replace(b"setosa", b"0").replace(
        b"versicolor", "Вид, 2".encode().join([b'"'] * 2)
    )
    assert set(run(tmp_path, content)["classes"]) == {"0", "Вид, 2", "virginica"}


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        ([b""], "no row can be used: all objects are empty"),
        ([b"\n\n", b""], "no row can be used: all objects are empty"),
        ([b"\x00\x01\x02" * 50], "no row can be used: not 5 columns"),
        ([IRIS.decode().encode("utf-16")], "no row can be used"),
        ([IRIS.splitlines()[0]], r"rows to train on for \[.*\] only; it takes two classes"),
        ([b"\n".join(IRIS.splitlines()[:50])], r"for \['setosa'\] only"),
        ([IRIS, b"setosa,1\n" * 8], r"8 of 158 rows cannot be used, more than the allowed 5.0%"),
        (
            [IRIS, b"setosa,1\n" * 8],
            r"not 5 columns \(8 rows\); the first in 'incoming/iris/1.csv'",
        ),
    ],
)
def test_data_that_no_model_should_be_made_of_fails(
    tmp_path: Path, contents: list[bytes], reason: str
) -> None:
    """One sentence says why, and the profile is there to look at."""
    with pytest.raises(JobError, match=reason):
        run(tmp_path, *contents)
    assert (tmp_path / "output" / "report" / "profile.json").is_file()


def test_how_many_bad_rows_are_too_many_can_be_said(tmp_path: Path) -> None:
    """The same data passes when more is allowed."""
    assert run(tmp_path, IRIS, b"setosa,1\n" * 8, allowed=0.06)["rejected"]["rows"] == 8


def test_an_empty_holdout_fails(tmp_path: Path) -> None:
    """Nothing could judge the model."""
    with pytest.raises(
        JobError, match="150 rows are too few: none of them falls into the hold-out"
    ):
        run(tmp_path, IRIS, split=Split(15, holdout=0))
