from pathlib import Path

from dropforge.content import digest, files_below


def test_caches_and_hidden_files_do_not_count(tmp_path: Path) -> None:
    """What Python or an editor leaves in a folder changes nothing."""
    for name in ("a.py", "sub/b.py", "__pycache__/a.pyc", ".hidden", "sub/.DS_Store", "data/x"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    found = [path.relative_to(tmp_path).as_posix() for path in files_below(tmp_path)]
    assert found == ["a.py", "data/x", "sub/b.py"]
    without = [path.name for path in files_below(tmp_path, without=["data"])]
    assert without == ["a.py", "b.py"]


def test_names_bytes_and_permission_to_execute_make_the_hash(tmp_path: Path) -> None:
    """The hash changes with each of the three, and with the texts beside the files."""
    file = tmp_path / "train"
    file.write_text("print()\n")
    hashes = {digest({"train": file}), digest({"serve": file}), digest({"train": file}, "more")}
    file.chmod(0o755)
    hashes.add(digest({"train": file}))
    file.write_text("print(1)\n")
    hashes.add(digest({"train": file}))
    assert len(hashes) == 5
    assert digest({"train": file}) == digest({"train": file})
