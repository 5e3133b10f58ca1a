import io
import tarfile
from pathlib import Path

import pytest
from iris_image import model
from iris_image.model import Tree

from dropforge_jobs.jobs import JobError
from pipelines.iris.evaluate import evaluate, load_archive

TREE = Tree(["a", "b"], 2, [1, -1, -1], [0.5, 0.0, 0.0], [1, -1, -1], [2, -1, -1], [0, 0, 1])


def pack(folder: Path, archive: Path, prefix: str = ".") -> Path:
    """Pack a model folder as SageMaker does."""
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, prefix)
    return archive


def test_the_holdout_is_judged_by_the_code_that_serves(tmp_path: Path) -> None:
    """The metrics are those of the model's own answers."""
    (tmp_path / "one.csv").write_text("a,0,0\nb,0,1\n", "utf-8")
    (tmp_path / "two.csv").write_text("b,0,0\nb,1,1\n", "utf-8")
    metrics = evaluate(TREE, tmp_path)["metrics"]
    assert metrics == {
        "accuracy": 0.75,
        "macro_f1": pytest.approx((2 / 3 + 4 / 5) / 2),
        "rows": 4,
        "recall_a": 1.0,
        "recall_b": pytest.approx(2 / 3),
    }


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ("", "the hold-out has no rows"),
        ("a,1\n", "the hold-out has 1 features, the model 2"),
        ("a,1,x\n", "the hold-out cannot be read: rows.csv, line 1: 'x' is no finite number"),
    ],
)
def test_a_holdout_that_cannot_judge_is_an_error(tmp_path: Path, rows: str, reason: str) -> None:
    """No number comes out of it."""
    (tmp_path / "rows.csv").write_text(rows, "utf-8")
    with pytest.raises(JobError, match=reason):
        evaluate(TREE, tmp_path)


@pytest.mark.parametrize("prefix", [".", ""])
def test_the_model_is_read_from_the_archive(tmp_path: Path, prefix: str) -> None:
    """With or without the dot that archivers put in front."""
    (tmp_path / "model").mkdir()
    model.save(TREE, tmp_path / "model")
    assert load_archive(pack(tmp_path / "model", tmp_path / "model.tar.gz", prefix)) == TREE


def test_an_archive_that_leads_outside_is_refused(tmp_path: Path) -> None:
    """Nothing is written next to the folder it is unpacked in."""
    archive = tmp_path / "model.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../outside"), io.BytesIO())
    with pytest.raises(JobError, match=r"cannot be unpacked: .*outside"):
        load_archive(archive)


@pytest.mark.parametrize("cut", [0, 10, 60, 150])
def test_a_damaged_archive_is_an_error(tmp_path: Path, cut: int) -> None:
    """However much of it is missing."""
    (tmp_path / "model").mkdir()
    model.save(TREE, tmp_path / "model")
    archive = pack(tmp_path / "model", tmp_path / "model.tar.gz")
    archive.write_bytes(archive.read_bytes()[:cut])
    with pytest.raises(JobError, match=r"model\.tar\.gz "):
        load_archive(archive)


def test_an_archive_without_a_model_is_an_error(tmp_path: Path) -> None:
    """It names the archive, not the folder that is gone by now."""
    (tmp_path / "model").mkdir()
    with pytest.raises(JobError, match=r"model\.tar\.gz holds no usable model"):
        load_archive(pack(tmp_path / "model", tmp_path / "model.tar.gz"))
