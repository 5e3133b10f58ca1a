from pathlib import Path

import pytest

from dropforge.errors import InputError
from dropforge.project import Project, find_project


def test_the_project_is_found_from_inside(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any folder of a checkout will do, as with git."""
    monkeypatch.delenv("DROPFORGE_STATE", raising=False)
    monkeypatch.chdir(project.pipelines / "iris")
    found = find_project()
    assert found.root == project.root
    assert found.state == project.root / ".dropforge" / "local"


def test_the_state_folder_can_be_elsewhere(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """DROPFORGE_STATE lets a demo or a test have an embedded AWS of its own."""
    monkeypatch.setenv("DROPFORGE_STATE", str(tmp_path / "own"))
    assert find_project() == Project(project.root, tmp_path / "own")


def test_outside_of_a_project_is_wrong_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says where we looked and what was missing."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"no template\.yaml here") as caught:
        find_project()
    assert str(tmp_path) in str(caught.value)
