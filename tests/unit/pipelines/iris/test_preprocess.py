import json
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from dropforge_core.pipeline_config import PipelineConfig

from dropforge_jobs.holdout import Split
from dropforge_jobs.manifest import ManifestObject
from dropforge_jobs.outcome import Outcome
from dropforge_jobs.rules import FILE, Rules
from dropforge_jobs.screening import Screening
from pipelines.iris.preprocess import preprocess

PIPELINE = Path(__file__).parents[4] / "pipelines" / "iris"
IRIS = (PIPELINE / "data" / "iris_label_first.csv").read_bytes()
SPLIT = Split(seed=15, holdout=0.3)
FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


class Done(NamedTuple):
    """What the job told, and its report as it was written."""

    outcome: Outcome
    profile: Any


def iris_rules(folder: Path) -> Rules:
    """Return the pipeline's rules, as publish hands them to the job."""
    document = yaml.safe_load((PIPELINE / "pipeline.yaml").read_text("utf-8"))
    rules = PipelineConfig.model_validate(document).rules()
    (folder / FILE).write_text(json.dumps(rules), "utf-8")
    return Rules.load(folder)


def process(tmp_path: Path, contents: Mapping[str, bytes], split: Split = SPLIT) -> Done:
    """Preprocess objects, all of them new."""
    arrived = []
    for name, content in contents.items():
        path = tmp_path / name
        path.write_bytes(content)
        item = ManifestObject(f"incoming/iris/{name}", name, len(content), "etag", is_new=True)
        arrived.append((item, path))
    screening = Screening(iris_rules(tmp_path), tmp_path / "quarantine")
    outcome = preprocess(arrived, screening, split, tmp_path / "output")
    report = tmp_path / "output" / "report" / "profile.json"
    return Done(outcome, json.loads(report.read_text("utf-8")))


def run(tmp_path: Path, *contents: bytes, split: Split = SPLIT) -> Any:
    """Preprocess objects with these contents, to be used; return the report."""
    done = process(tmp_path, {f"{n}.csv": content for n, content in enumerate(contents)}, split)
    assert done.outcome.skipped == ""
    assert done.outcome.rows == done.profile["rows"]
    return done.profile


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
    assert not (tmp_path / "quarantine").exists()


def test_the_profile_describes_every_feature(tmp_path: Path) -> None:
    """What a later run compares with: figures of the used rows, and how they were shared out."""
    columns = list(zip(*(line.split(b",")[1:] for line in IRIS.splitlines()), strict=True))
    profile = run(tmp_path, IRIS)
    assert list(profile["features"]) == FEATURES
    for column, feature in zip(columns, profile["features"].values(), strict=True):
        values = [float(text) for text in column]
        assert (feature["count"], feature["missing"]) == (150, 0)
        assert feature["mean"] == pytest.approx(statistics.fmean(values))
        assert feature["sd"] == pytest.approx(statistics.stdev(values))
        assert sum(bucket[2] for bucket in feature["buckets"]) == 150
    assert Split(**profile["split"]) == SPLIT


def test_missing_values_are_counted_by_feature(tmp_path: Path) -> None:
    """A row without a usable number is rejected, and each such feature counts as missing."""
    bad = b"setosa,5.1,,1.4,0.2\nsetosa,5.1,nan,1.4,0.2\nsetosa,5.1,3.5,101,x\nsetosa,1\n"
    features = run(tmp_path, IRIS + bad)["features"]
    assert [feature["missing"] for feature in features.values()] == [0, 2, 1, 1]
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
        (b"setosa,5.1,3.5,1.4,", "petal_width is empty"),
        (b"setosa,5.1,nan,1.4,0.2", "sepal_width is no finite number"),
        (b"setosa,5.1,3.5,-inf,0.2", "petal_length is no finite number"),
        (b"setosa,5.1,3.5,1.4,1e300", "petal_width is above 100"),
        (b"setosa,5.1,3.5,1.4,-0.1", "petal_width is below 0"),
        (b"setosa,5_1,3.5,1.4,0.2", "sepal_length is no finite number"),
        (b" ,5.1,3.5,1.4,0.2", "species is empty"),
        (b"seto\xe9sa,5.1,3.5,1.4,0.2", "not UTF-8 text"),
        (b"s\x00etosa,5.1,3.5,1.4,0.2", "NUL characters, which no text in UTF-8 has"),
        (b"se\ttosa,5.1,3.5,1.4,0.2", "species has control characters"),
        (b'"setosa,5.1,3.5,1.4,0.2', "quotes that do not match"),
        (b"5.1,3.5,1.4,0.2,0", "species does not match [^.]+"),
    ],
)
def test_a_bad_row_is_counted_with_its_reason(tmp_path: Path, line: bytes, reason: str) -> None:
    """It hides no other row, and the report says where it is."""
    lines = IRIS.splitlines()
    profile = run(tmp_path, b"\n".join([*lines[:70], line, *lines[70:]]))
    assert profile["rows"] == 150
    assert profile["rejected"] == {
        "rows": 1,
        "reasons": {reason: 1},
        "examples": [{"object": "incoming/iris/0.csv", "line": 71, "reason": reason}],
    }


def test_all_that_is_wrong_with_a_row_is_told(tmp_path: Path) -> None:
    """Who puts a row right needs to do it once; the row counts once."""
    rejected = run(tmp_path, IRIS + b"set.osa,5.1,x,,0.2\n")["rejected"]
    reasons = ["species does not match [^.]+", "sepal_width is no finite number"]
    reasons.append("petal_length is empty")
    assert (rejected["rows"], list(rejected["reasons"])) == (1, reasons)
    assert rejected["examples"][0]["reason"] == "; ".join(reasons)


def test_labels_may_be_any_text(tmp_path: Path) -> None:
    """Numbers that count classes, spaces and other scripts are labels too."""
    content = IRIS.replace(b"setosa", b"0").replace(
        b"versicolor", "Вид, 2".encode().join([b'"'] * 2)
    )
    assert set(run(tmp_path, content)["classes"]) == {"0", "Вид, 2", "virginica"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\n\n", "No row of it can be used: there are no rows."),
        (b"\x00\x01\x02" * 50, "No row of it can be used: NUL characters"),
        (IRIS.decode().encode("utf-16"), "No row of it can be used: NUL characters"),
        (IRIS.splitlines()[0], "Too few good rows: 1, and it takes 10."),
        (b"\n".join(IRIS.splitlines()[:50]), "for ['setosa'] only; it takes two classes"),
        (IRIS + b"setosa,1\n" * 38, "38 of 188 rows break the rules, more than the allowed 20.0%"),
        (IRIS + b"setosa,1\n" * 38, "not 5 columns (38 rows); the first in 'incoming/iris/a.csv'"),
    ],
)
def test_nothing_is_made_of_data_that_no_model_should_be_made_of(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    """The job says why, in sentences, and the profile is there to look at."""
    done = process(tmp_path, {"a.csv": content})
    assert reason in done.outcome.skipped
    assert done.profile["objects"][0]["key"] == "incoming/iris/a.csv"


def test_an_empty_holdout_is_too_little(tmp_path: Path) -> None:
    """Nothing could judge the model."""
    done = process(tmp_path, {"a.csv": IRIS}, Split(15, holdout=0))
    assert done.outcome.skipped.startswith("150 rows are too few: none of them falls into the hold")


def test_one_broken_object_costs_nothing_but_itself(tmp_path: Path) -> None:
    """The ten good ones are used whole."""
    lines = IRIS.splitlines(keepends=True)
    good = {f"good-{n}.csv": b"".join(lines[n::10]) for n in range(10)}
    done = process(tmp_path, {**good, "broken.csv": b"\x1f\x8b\x08\x00 no CSV \xff\n" * 300})
    assert (done.outcome.rows, done.outcome.quarantined_objects) == (150, 1)
    assert done.outcome.skipped == ""
    assert len(rows(tmp_path, "train") + rows(tmp_path, "holdout")) == 150
