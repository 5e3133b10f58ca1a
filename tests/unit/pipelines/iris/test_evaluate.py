import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from iris_image import model
from iris_image.model import Tree

from dropforge_jobs.facts import RunFacts
from dropforge_jobs.holdout import HOLDOUT, TRAIN, Split
from dropforge_jobs.jobs import JobError
from dropforge_jobs.paths import JobPaths
from pipelines.iris.evaluate import evaluate, load_archive

TREE = Tree(["a", "b"], 2, [1, -1, -1], [0.5, 0.0, 0.0], [1, -1, -1], [2, -1, -1], [0, 0, 1])
ALWAYS_B = Tree(["b"], 2, [-1], [0.0], [-1], [-1], [0])
CHAMPION = RunFacts(run_id="iris-2", champion_run_id="iris-1", metric="accuracy")


def pack(folder: Path, archive: Path, prefix: str = ".") -> Path:
    """Pack a model folder as SageMaker does."""
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, prefix)
    return archive


def lay(tmp_path: Path, rows: str, challenger: Tree, champion: Tree | None = None) -> JobPaths:
    """Lay the job's inputs down: the hold-out, the new model, and the champion if there is one."""
    paths = JobPaths(tmp_path)
    for name, tree in (("model", challenger), ("champion", champion)):
        if tree is not None:
            folder = paths.input(name)
            (folder / "saved").mkdir(parents=True)
            model.save(tree, folder / "saved")
            pack(folder / "saved", folder / "model.tar.gz")
    paths.input("holdout").mkdir(parents=True)
    (paths.input("holdout") / "rows.csv").write_text(rows, "utf-8")
    return paths


def held_out(split: Split, rows: int) -> str:
    """Return rows that the split holds out, labelled as TREE labels them."""
    candidates = ([n % 7 / 7, n / 1000] for n in range(1000))
    found = [row for row in candidates if split.side(row) == HOLDOUT][:rows]
    return "".join(f"{'a' if row[1] <= 0.5 else 'b'},{row[0]},{row[1]}\n" for row in found)


def test_the_holdout_is_judged_by_the_code_that_serves(tmp_path: Path) -> None:
    """The metrics are those of the model's own answers to the rows of all files."""
    paths = lay(tmp_path, "a,0,0\nb,0,1\n", TREE)
    (paths.input("holdout") / "two.csv").write_text("b,0,0\nb,1,1\n", "utf-8")
    document, notes = evaluate(paths, RunFacts())
    assert document["metrics"] == {
        "accuracy": 0.75,
        "macro_f1": pytest.approx((2 / 3 + 4 / 5) / 2),
        "rows": 4,
        "recall_a": 1.0,
        "recall_b": pytest.approx(2 / 3),
    }
    assert document["champion"] is document["comparison"] is None
    assert document["data"] == {}
    assert notes == []


def test_the_rows_of_the_run_are_told(tmp_path: Path) -> None:
    """As preprocessing counted them, whatever the hold-out has."""
    facts = RunFacts(profile={"rows": 150, "rejected": {"rows": 3}})
    document, _ = evaluate(lay(tmp_path, "a,0,0\nb,0,1\n", TREE), facts)
    assert document["data"] == {"rows": 150, "rejected_rows": 3}


def test_the_champion_answers_the_same_rows(tmp_path: Path) -> None:
    """A model that always says b is worse by the share of the others."""
    paths = lay(tmp_path, "a,0,0\nb,0,1\n" * 50, TREE, ALWAYS_B)
    document, _ = evaluate(paths, CHAMPION)
    assert document["champion"]["status"] == "scored"
    assert document["champion"]["metrics"]["accuracy"] == 0.5
    assert document["comparison"]["difference"] == 0.5
    assert 0.35 < document["comparison"]["low"] < 0.45


def test_an_archive_without_a_champions_name_is_no_champion(tmp_path: Path) -> None:
    """The state machine says which run serves; a file alone says nothing."""
    document, _ = evaluate(lay(tmp_path, "a,0,0\nb,0,1\n", TREE, ALWAYS_B), RunFacts())
    assert document["champion"] is None


@pytest.mark.parametrize(
    ("champion", "reason"),
    [
        (None, "model.tar.gz cannot be unpacked: [Errno 2]"),
        (Tree(["a"], 3, [-1], [0.0], [-1], [-1], [0]), "the hold-out has 2 features, the model 3"),
        (Tree(["a"], 2, [0], [0.0], [5], [6], [0]), "model.tar.gz holds no usable model"),
        # Its numbers are no numbers: what comes of it is a TypeError of the tree's own code.
        (Tree(["a"], 2, [0, -1, -1], ["x", 0, 0], [1, -1, -1], [2, -1, -1], [0, 0, 0]),  # type: ignore[list-item]
         "TypeError: '<=' not supported"),
    ],
    ids=["missing", "other columns", "damaged", "nonsense"],
)  # fmt: skip
def test_a_champion_that_cannot_answer_is_no_reason_to_fail(
    tmp_path: Path, champion: Tree | None, reason: str
) -> None:
    """It is unusable for a reason, and the new model is judged alone."""
    document, _ = evaluate(lay(tmp_path, "a,0,0\nb,0,1\n", TREE, champion), CHAMPION)
    assert document["champion"]["status"] == "unusable"
    assert document["champion"]["reason"].startswith(reason)
    assert document["champion"]["metrics"] == {}
    assert document["comparison"] is None
    assert document["metrics"]["accuracy"] == 1.0


def test_a_planted_leak_fails_the_run(tmp_path: Path) -> None:
    """A row that this run trained on cannot judge its model."""
    split = Split(15, holdout=0.3)
    facts = RunFacts(profile={"split": {"seed": 15, "holdout": 0.3}})
    rows = held_out(split, 40)
    evaluate(lay(tmp_path / "clean", rows, TREE), facts)
    trained = next(n for n in range(100) if split.side([n, n]) == TRAIN)
    paths = lay(tmp_path / "leak", f"{rows}a,{trained},{trained}\n", TREE)
    with pytest.raises(
        JobError, match="the hold-out has rows that, by this run's split, the model"
    ):
        evaluate(paths, facts)


def test_rows_that_the_champion_knows_count_for_neither(tmp_path: Path) -> None:
    """After a larger share, the rows that were training rows then are left out, and named."""
    now, then = Split(15, holdout=0.6), Split(15, holdout=0.3)
    rows = held_out(now, 100)
    facts = replace(
        CHAMPION,
        profile={"split": {"seed": 15, "holdout": 0.6}},
        champion_profile={"split": {"seed": 15, "holdout": 0.3}},
    )
    document, [note] = evaluate(lay(tmp_path, rows, TREE, ALWAYS_B), facts)
    features = [[float(text) for text in row.split(",")[1:]] for row in rows.splitlines()]
    fair = sum(then.side(row) == HOLDOUT for row in features)
    assert 30 < fair < 70
    assert document["metrics"]["rows"] == document["comparison"]["rows"] == fair
    assert document["champion"]["metrics"]["rows"] == fair
    assert note.startswith(f"{100 - fair} of 100 held-out rows may have been")


def test_a_champion_that_knows_every_row_is_not_asked(tmp_path: Path) -> None:
    """There is nothing fair to compare on; the new model is judged on all rows."""
    facts = replace(CHAMPION, champion_profile={"split": {"seed": 15, "holdout": 0.0}})
    rows = held_out(Split(15, holdout=0.3), 20)
    document, notes = evaluate(lay(tmp_path, rows, TREE, ALWAYS_B), facts)
    assert document["champion"]["status"] == "unusable"
    assert "every held-out row" in document["champion"]["reason"]
    assert document["metrics"]["rows"] == 20
    assert notes == []


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ("", "the hold-out has no rows"),
        ("a,1\n", "the hold-out has 1 features, the model 2"),
        ("a,1,x\n", "the hold-out cannot be read: rows.csv, line 1: 'x' is no finite number"),
    ],
)
def test_a_holdout_that_cannot_judge_is_an_error(tmp_path: Path, rows: str, reason: str) -> None:
    """No number comes out of it, whatever the champion is."""
    with pytest.raises(JobError, match=reason):
        evaluate(lay(tmp_path, rows, TREE, ALWAYS_B), CHAMPION)


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
