"""The pipeline's programs as SageMaker runs them: processes, with a folder for /opt/ml."""

import hashlib
import http.client
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from dropforge_core.pipeline_config import PipelineConfig

ROOT = Path(__file__).parents[4]
IMAGE = ROOT / "containers" / "iris"
PIPELINE = ROOT / "pipelines" / "iris"
ROWS = (PIPELINE / "data" / "iris_label_first.csv").read_text("utf-8").splitlines()
TWO = [row for row in ROWS if not row.startswith("virginica")]
THIRD = [row for row in ROWS if row.startswith("virginica")]
PARAMETERS = {"max_depth": "3", "min_samples_leaf": "3", "random_state": "0"}


def shuffled() -> list[str]:
    """Return all flowers with their labels permuted."""
    labels = [row.partition(",")[0] for row in ROWS]
    random.Random(0).shuffle(labels)  # noqa: S311  test data
    return [f"{label},{row.partition(',')[2]}" for label, row in zip(labels, ROWS, strict=True)]


def environment(base: Path, **variables: str) -> dict[str, str]:
    """Return all that a job's program sees."""
    return {
        "PATH": f"{IMAGE}:{Path(sys.executable).parent}:/usr/bin:/bin",
        "PYTHONPATH": str(IMAGE),
        "SAGEMAKER_BASE_DIR": str(base),
        **variables,
    }


def run(argv: Sequence[str], base: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a job's program to its end."""
    return subprocess.run(
        argv,
        env=environment(base, **variables),
        cwd=base,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def script(name: str, base: Path) -> str:
    """Lay a script down as `publish` bundles it, and return its path."""
    code = base / "processing" / "input" / "code"
    code.mkdir(parents=True, exist_ok=True)
    shutil.copy(PIPELINE / name, code)
    shutil.copytree(ROOT / "dropforge_jobs", code / "dropforge_jobs", dirs_exist_ok=True)
    document = yaml.safe_load((PIPELINE / "pipeline.yaml").read_text("utf-8"))
    rules = PipelineConfig.model_validate(document).rules()
    (code / "rules.json").write_text(json.dumps(rules), "utf-8")
    return str(code / name)


def arrive(objects: dict[str, list[str]], base: Path) -> None:
    """Lay objects and their manifest down as a run's first job finds them."""
    entries = []
    for name, rows in objects.items():
        content = "".join(f"{row}\n" for row in rows).encode()
        key = f"incoming/iris/{name}"
        path = base / "processing" / "input" / "data" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        etag = hashlib.md5(content, usedforsecurity=False).hexdigest()
        entry = {"key": key, "etag": etag, "size": len(content), "path": key}
        entries.append({**entry, "version_id": "v1"})
    manifest = base / "processing" / "input" / "manifest" / "manifest.json"
    manifest.parent.mkdir()
    names = {"run_id": "iris-1", "pipeline": "iris", "bucket": "data", "prefix": "incoming/iris/"}
    manifest.write_text(json.dumps({**names, "objects": entries}), "utf-8")


def preprocess(base: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the first job."""
    argv = ["python3", script("preprocess.py", base), "--seed", "15", *arguments]
    return run(argv, base, **variables)


def train(train_csv: Path, base: Path) -> None:
    """Run the training job on the output of the first one."""
    config = base / "input" / "config"
    config.mkdir(parents=True)
    shutil.copytree(train_csv, base / "input" / "data" / "train")
    (config / "hyperparameters.json").write_text(json.dumps(PARAMETERS), "utf-8")
    (config / "inputdataconfig.json").write_text('{"train": {}}', "utf-8")
    (config / "resourceconfig.json").write_text('{"hosts": ["algo-1"]}', "utf-8")
    result = run(["train"], base)
    assert result.returncode == 0, result.stderr


def evaluate(base: Path, inputs: dict[str, Path], **variables: str) -> dict[str, Any]:
    """Run the second processing job on these folders; return its evaluation."""
    for name, folder in inputs.items():
        shutil.copytree(folder, base / "processing" / "input" / name)
    result = run(["python3", script("evaluate.py", base)], base, **variables)
    assert result.returncode == 0, result.stderr
    document: dict[str, Any] = json.loads((output(base) / "evaluation.json").read_text("utf-8"))
    return document


def output(base: Path) -> Path:
    """Return the folder that an evaluation leaves."""
    return base / "processing" / "output" / "evaluation"


def retrain(
    objects: dict[str, list[str]], folder: Path, champion: Path | None = None
) -> tuple[dict[str, Any], Path]:
    """Run the three jobs, against the run in `champion`; return evaluation and model's folder."""
    bases = {name: folder / name / "opt" / "ml" for name in ("pre", "train", "evaluate")}
    for base in bases.values():
        base.mkdir(parents=True)
    arrive(objects, bases["pre"])
    result = preprocess(bases["pre"], "--holdout", "0.3")
    assert result.returncode == 0, result.stderr
    prepared = bases["pre"] / "processing" / "output"
    train(prepared / "train", bases["train"])
    model = bases["train"] / "model"
    (folder / "archive").mkdir()
    with tarfile.open(folder / "archive" / "model.tar.gz", "w:gz") as tar:
        tar.add(model, ".")
    inputs = {
        "model": folder / "archive",
        "holdout": prepared / "holdout",
        "profile": prepared / "report",
        "manifest": bases["pre"] / "processing" / "input" / "manifest",
    }
    variables = {"RUN_ID": folder.name, "CODE_VERSION": "0123456789ab", "JUDGED_METRIC": "accuracy"}
    if champion is not None:
        report = champion / "pre" / "opt" / "ml" / "processing" / "output" / "report"
        inputs |= {"champion": champion / "archive", "champion_profile": report}
        variables |= {"CHAMPION_RUN_ID": champion.name, "JUDGED_DIRECTION": "higher"}
    return evaluate(bases["evaluate"], inputs, **variables), model


def features(path: Path) -> set[str]:
    """Return the features of each row in a file, without its label."""
    return {row.partition(",")[2] for row in path.read_text("utf-8").splitlines()}


def ask(base: Path, body: str) -> str:
    """Serve the model below `base` for one request."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = environment(base, SAGEMAKER_BIND_TO_PORT=str(port))
    process = subprocess.Popen(["serve"], env=variables, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                connection.request("POST", "/invocations", body, {"Content-Type": "text/csv"})
                with connection.getresponse() as response:
                    return response.read().decode()
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            finally:
                connection.close()
    finally:
        process.terminate()
        process.wait(timeout=20)


def test_the_pipeline_learns_the_real_flowers_and_serves_them(tmp_path: Path) -> None:
    """Jobs and server work on each other's files; three species are told apart."""
    document, model = retrain({"two.csv": TWO, "2024/third.csv": THIRD}, tmp_path)
    assert document["metrics"]["rows"] == 45
    assert document["metrics"]["accuracy"] == pytest.approx(44 / 45)
    assert set(document["multiclass_classification_metrics"]["confusion_matrix"]) == {
        "setosa",
        "versicolor",
        "virginica",
    }
    assert ask(model.parent, "5.1,3.5,1.4,0.2\n6.3,3.3,6.0,2.5\n") == "setosa\nvirginica\n"


def test_rows_with_shuffled_labels_make_a_model_that_is_plainly_worse(tmp_path: Path) -> None:
    """The judge can tell it by its accuracy."""
    document, _ = retrain({"good.csv": ROWS, "shuffled.csv": shuffled()}, tmp_path)
    assert document["metrics"]["rows"] == 90
    assert document["metrics"]["accuracy"] < 0.75


def test_three_growing_runs_are_judged_on_rows_that_no_model_knows(tmp_path: Path) -> None:
    """Each challenger meets the last model; no hold-out row was ever in anybody's training data."""
    drops = [TWO[::2], TWO[1::2] + THIRD[::2], THIRD[1::2]]
    trained: set[str] = set()
    champion = None
    for number in range(3):
        folder = tmp_path / f"iris-{number}"
        objects = {f"{drop}.csv": rows for drop, rows in enumerate(drops[: number + 1])}
        document, _ = retrain(objects, folder, champion)
        prepared = folder / "pre" / "opt" / "ml" / "processing" / "output"
        trained |= features(prepared / "train" / "train.csv")
        held_out = features(prepared / "holdout" / "holdout.csv")
        assert held_out
        assert not held_out & trained
        assert document["metrics"]["rows"] == len(
            (prepared / "holdout" / "holdout.csv").read_text("utf-8").splitlines()
        )
        if champion is None:
            assert document["champion"] is document["comparison"] is None
        else:
            assert document["champion"]["run_id"] == champion.name
            assert document["champion"]["status"] == "scored"
            assert document["comparison"]["rows"] == document["metrics"]["rows"]
        champion = folder
    assert len(trained) > 90


def test_an_evaluation_comes_with_a_report_and_a_chart(tmp_path: Path) -> None:
    """The second run's report knows both models, both data sets, and where they came from."""
    retrain({"two.csv": TWO}, tmp_path / "iris-1")
    document, _ = retrain(
        {"two.csv": TWO, "3.csv": THIRD}, tmp_path / "iris-2", tmp_path / "iris-1"
    )
    folder = output(tmp_path / "iris-2" / "evaluate" / "opt" / "ml")
    files = {path.name for path in folder.iterdir()}
    assert files == {"evaluation.json", "report.html", "chart.png"}
    assert document["comparison"]["low"] > 0  # the first model does not know the third species
    report = (folder / "report.html").read_text("utf-8")
    assert "The challenger is better than the champion" in report
    assert "s3://data/runs/iris-1/manifest.json" in report  # the run that the manifest names
    assert "strong drift" in report
    assert (folder / "chart.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--holdout", "1.5"], "wrong arguments: argument --holdout: invalid share value: '1.5'"),
        (["--sid", "1"], "wrong arguments: unrecognized arguments: --sid 1"),
        (["--validation", "nan"], "wrong arguments: argument --validation"),
    ],
)
def test_wrong_arguments_reach_sagemakers_exit_message(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    """They are named before any data is read."""
    result = preprocess(tmp_path, *arguments)
    assert result.returncode == 1
    assert message in (tmp_path / "output" / "message").read_text("utf-8")


def test_data_of_no_use_is_no_failed_job(tmp_path: Path) -> None:
    """Its outputs would be lost: the job ends well, tells why, and has filled quarantine."""
    arrive({"$(id).csv": ["<html>"]}, tmp_path)
    result = preprocess(tmp_path)
    assert result.returncode == 0, result.stderr
    message = (tmp_path / "output" / "message").read_text("utf-8")
    told = json.loads(message.removeprefix("dropforge: "))
    assert told["rows"] == {"rows": 0, "rejected_rows": 1, "quarantined_objects": 1}
    assert told["skipped"].endswith("No row of it can be used: not 5 columns (1 row).")
    kept = (tmp_path / "processing" / "quarantine").glob("*-_id_.csv*")
    assert len(list(kept)) == 2


def test_data_that_was_replaced_fails_the_run(tmp_path: Path) -> None:
    """The first job names the object, and opaque ETags let what only looks changed pass."""
    arrive({"a.csv": ROWS}, tmp_path)
    data = tmp_path / "processing" / "input" / "data" / "incoming/iris/a.csv"
    data.write_text(data.read_text("utf-8").replace("5.1", "5.2"), "utf-8")
    assert preprocess(tmp_path).returncode == 1
    message = (tmp_path / "output" / "message").read_text("utf-8")
    assert "'incoming/iris/a.csv' is not the one of the manifest: its MD5 differs" in message
    assert preprocess(tmp_path, DROPFORGE_ETAGS="opaque").returncode == 0


def test_preprocessing_starts_without_heavy_libraries(tmp_path: Path) -> None:
    """NumPy and scikit-learn take longer to import than the job takes."""
    arrive({"a.csv": ROWS}, tmp_path)
    script("preprocess.py", tmp_path)
    code = "import sys, preprocess; print({'numpy', 'sklearn'} & set(sys.modules))"
    folder = tmp_path / "processing" / "input" / "code"
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert result.stdout == "set()\n"
