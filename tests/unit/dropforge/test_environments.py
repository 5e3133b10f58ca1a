import hashlib
import subprocess
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from dropforge import environments
from dropforge.errors import CommandError, InputError
from dropforge.project import Project


def requirements(project: Project, text: str) -> Path:
    """Write what an image's programs import; return the image's folder."""
    folder = project.containers / "iris"
    (folder / "requirements.txt").write_text(text)
    return folder


def wheel(folder: Path) -> str:
    """Make a package that nobody else has; return the requirement of it, with its hash."""
    path = folder / "dropforge_sample-1.0-py3-none-any.whl"
    info = "dropforge_sample-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("dropforge_sample.py", "ANSWER = 42\n")
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: dropforge-sample\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"dropforge-sample @ {path.as_uri()} \\\n    --hash=sha256:{digest}\n"


def test_the_tools_own_environment_does_when_it_has_the_same_versions(project: Project) -> None:
    """Nothing is installed then; what another platform needs does not count."""
    text = f"numpy=={version('numpy')} \\\n    --hash=sha256:00\n"
    folder = requirements(project, text + "pywin32==1.0 ; sys_platform == 'win32'\n# done\n")
    assert environments.provide(project, folder) is None
    (folder / "requirements.txt").unlink()
    assert environments.provide(project, folder) is None


def test_what_is_missing_is_installed_once(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The environment's Python imports it; the second time nothing is said or done."""
    folder = requirements(project, wheel(tmp_path))
    environment = environments.provide(project, folder)
    assert environment is not None
    told = subprocess.run(
        [environment / "bin" / "python3", "-c", "import dropforge_sample as s; print(s.ANSWER)"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert told.stdout == "42\n"
    assert "containers/iris/requirements.txt" in capsys.readouterr().err
    assert environments.provide(project, folder) == environment
    assert capsys.readouterr().err == ""


def test_an_install_that_failed_is_done_again(project: Project, tmp_path: Path) -> None:
    """A wrong hash is told in uv's words; half an environment is never used."""
    good = wheel(tmp_path)
    digest = good.rpartition(":")[2].strip()
    folder = requirements(project, good.replace(digest, "0" * 64))
    for _ in range(2):
        with pytest.raises(CommandError, match=r"requirements\.txt.*[Hh]ash"):
            environments.provide(project, folder)
    requirements(project, good)
    assert environments.provide(project, folder) is not None


def test_without_uv_the_message_says_how_to_get_it(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line, before anything is made."""
    folder = requirements(project, wheel(tmp_path))
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"uv is missing.*make setup"):
        environments.provide(project, folder)
