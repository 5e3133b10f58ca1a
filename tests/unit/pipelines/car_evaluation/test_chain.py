import json
from pathlib import Path

import pytest

from dropforge_jobs.holdout import Split

from .conftest import CONFIG, DATA, Chain, Trained, preprocessed, serving, told

pytestmark = pytest.mark.timeout(300)

ROWS = [line.rpartition(",") for line in DATA.read_text("utf-8").split()]
CARS = "".join(f"{row}\n" for row, _, _ in ROWS)
LABELS = [label for _, _, label in ROWS]
SPLIT = Split(seed=238, holdout=0.15, validation=0.15)
VGOOD = "low,low,5more,4,big,high"


def written(output: Path) -> list[str]:
    """Return the features that preprocess wrote of each car, in the order of the data."""
    folders = {"holdout": output / "holdout" / "features"}
    sides = {
        side: iter((folders.get(side, output / side) / f"{side}.csv").read_text("utf-8").split())
        for side in ("train", "validation", "holdout")
    }
    found = [next(sides[SPLIT.side(row.split(","))]) for row, _, _ in ROWS]
    assert not any(list(rest) for rest in sides.values())
    return [line.partition(",")[2] for line in found]


def test_the_first_container_computes_the_features_that_were_learnt_from(
    trained: Trained, chain: Chain
) -> None:
    """No skew: for all 1,728 cars, on every side of the split, to the last character."""
    answer = chain.front.ask(CARS)
    assert (answer.status, answer.kind) == (200, "text/csv")
    assert answer.body.split() == written(trained.output)


def test_another_preprocessor_computes_other_features(trained: Trained, tmp_path: Path) -> None:
    """The comparison above can fail: a model fitted to other rows puts the same cars elsewhere."""
    few = "".join(f"{row},{label}\n" for row, _, label in ROWS if "vhigh" not in row)
    output = preprocessed(tmp_path / "job", objects={"few.csv": few})
    archive = output / "models" / "preprocessor" / "model.tar.gz"
    schema = CONFIG.serve.containers[0].environment
    with serving("onnx", archive, tmp_path / "container", **schema) as front:
        assert front.ask(CARS).status == 400
        known = "".join(f"{row}\n" for row, _, _ in ROWS if "vhigh" not in row)
        answer = front.ask(known).body.split()
    expected = [
        line
        for line, (row, _, _) in zip(written(trained.output), ROWS, strict=True)
        if "vhigh" not in row
    ]
    assert len(answer) == len(expected)
    assert answer != expected


def test_raw_strings_go_in_and_labels_come_out(chain: Chain) -> None:
    """Nearly every car is told right, whatever the kind of the request."""
    answer = chain.ask(CARS)
    assert answer.status == 200
    labels = answer.body.split()
    right = sum(ours == theirs for ours, theirs in zip(labels, LABELS, strict=True))
    assert right / len(labels) >= 0.99
    rows = [row.split(",") for row, _, _ in ROWS]
    answer = chain.ask(json.dumps({"instances": rows}), "application/json")
    assert json.loads(answer.body) == {"predictions": labels}
    lines = "".join(f"{json.dumps(row)}\n" for row in rows)
    answer = chain.ask(lines, "application/jsonlines")
    assert [json.loads(line) for line in answer.body.splitlines()] == labels
    assert chain.ask(VGOOD).body == "vgood\n"
    answer = chain.ask(VGOOD, accept="application/json")
    assert (answer.kind, answer.body) == ("application/json", '{"predictions": ["vgood"]}')


@pytest.mark.parametrize(
    ("kind", "body", "status", "reason"),
    [
        ("text/csv", f"{VGOOD}\nlow,huge,5more,4,big,high", 400,
         "row 2, column maint is 'huge'; known are high, low, med, vhigh"),
        ("text/csv", "low,,5more,4,big,high", 400, "row 1, column maint is empty"),
        ("text/csv", "low,low", 400,
         "row 1, which has 2 columns, not 6: buying, maint, doors, persons, lug_boot, safety"),
        ("application/json", '[["low", "low", 2, "4", "big", "high"]]', 400,
         "row 1, column doors is no text: 2"),
        ("text/csv", "", 400, "the body is empty"),
        ("text/csv", "x" * 7_000_000, 413, "the body is larger than 6291456 bytes"),
        ("image/png", "x", 415,
         "the body must be text/csv, application/json or application/jsonlines, not 'image/png'"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_sentence(
    chain: Chain, kind: str, body: str, status: int, reason: str
) -> None:
    """It names row and column; there is never a traceback, nor a label."""
    answer = chain.ask(body, kind)
    assert (answer.status, answer.kind, answer.body) == (status, "text/plain", f"{reason}\n")


def test_one_bad_row_among_json_lines_loses_no_other(chain: Chain) -> None:
    """It passes through all three containers in its place."""
    bad = '["low", "huge", "5more", "4", "big", "high"]'
    good = json.dumps(VGOOD.split(","))
    answer = chain.ask(f"{good}\n{bad}\nnonsense\n{good}\n", "application/jsonlines")
    assert (answer.status, answer.kind) == (200, "application/jsonlines")
    first, second, third, fourth = map(json.loads, answer.body.splitlines())
    assert first == fourth == "vgood"
    assert second == {"error": "row 2, column maint is 'huge'; known are high, low, med, vhigh"}
    assert third["error"].startswith("row 3, which is no JSON")


def test_unknown_categories_may_be_encoded_as_zeros(tmp_path: Path) -> None:
    """With `--unknown ignore`; the others keep their places."""
    output = preprocessed(tmp_path / "job", "--unknown", "ignore")
    archive = output / "models" / "preprocessor" / "model.tar.gz"
    schema = CONFIG.serve.containers[0].environment
    with serving("onnx", archive, tmp_path / "container", **schema) as front:
        known, unknown = (
            front.ask(row).body.strip().split(",") for row in (VGOOD, "low,huge,5more,4,big,high")
        )
    assert known[4:8] == ["0", "1", "0", "0"]  # maint=low among high, low, med, vhigh
    assert unknown[4:8] == ["0", "0", "0", "0"]
    assert unknown[:4] + unknown[8:] == known[:4] + known[8:]


def test_training_says_what_awss_image_says(trained: Trained) -> None:
    """A line a round, in the form that AWS's own metric definitions look for."""
    lines = [line for line in trained.log.splitlines() if line.startswith("[")]
    assert lines[0].startswith("[0]#011train-mlogloss:1.")
    assert "#011validation-mlogloss:" in lines[0]
    assert 10 < len(lines) <= int(CONFIG.train.hyperparameters["num_round"])


def test_xgboost_answers_as_awss_image_does(chain: Chain) -> None:
    """Predictions of CSV on one line; libsvm; nothing for nothing; the model's columns only."""
    row = chain.front.ask(VGOOD).body.strip()
    assert chain.middle.ask(f"{row}\n{row}").body == "3.0,3.0"
    places = " ".join(f"{n}:{value}" for n, value in enumerate(row.split(",")))
    assert chain.middle.ask(places, "text/libsvm").body == "3.0"
    assert chain.middle.ask(f"0 {places}\n", "text/x-libsvm").body == "3.0"
    assert chain.middle.ask("").status == 204
    assert chain.middle.ask("1,2").body == "row 1, which has 2 columns, not 21\n"
    assert chain.middle.ask("0 21:1", "text/libsvm").status == 400
    answer = chain.middle.ask(row, Accept="application/json")
    assert (answer.kind, answer.body) == ("application/json", "[3.0]")


def test_a_place_that_has_no_label_is_refused(chain: Chain) -> None:
    """The last container knows as many labels as preprocess found."""
    answer = chain.behind.ask("4.0")
    assert (answer.status, answer.body) == (
        400,
        "row 1, column prediction is 4; known are 0, 1, 2, 3\n",
    )


def test_containers_have_two_routes(chain: Chain) -> None:
    """Nothing else is answered."""
    assert chain.front.ask("", method="PUT").status == 405
    assert chain.front.pings()


def test_rows_come_from_all_objects_and_the_number_of_classes_from_them(tmp_path: Path) -> None:
    """What cannot be used is counted; three classes are told as three."""
    rows = [f"{row},{label}" for row, _, label in ROWS if label != "vgood"]
    objects = {
        "a.csv": "\n".join(rows[:800]),
        "b.csv": "\n".join([*rows[800:], "vhigh,vhigh,9,2,small,low,unacc"]),
    }
    output = preprocessed(tmp_path, objects=objects)
    assert told(tmp_path)["rows"] == {
        "rows": len(rows),
        "rejected_rows": 1,
        "quarantined_objects": 0,
    }
    assert told(tmp_path)["hyperparameters"] == {"num_class": "3"}
    profile = json.loads((output / "report" / "profile.json").read_text("utf-8"))
    assert profile["rows"] == len(rows)
    assert profile["rejected"]["reasons"] == {"doors is none of the allowed values": 1}
    assert sum(profile["categories"]["doors"].values()) == len(rows)
