"""The documents say what is there: commands, tables, links and samples match the code."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from dropforge_core.metric_names import METRICS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
DOCUMENTS = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *ROOT.glob("pipelines/*/README.md"),
]

GROUPS = {"local", "function", "image"}


def blocks(text: str) -> list[str]:
    """Return the lines of every fenced block that has no language: shell commands."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    fenced = [block for language, block in found if not language]
    return [line.strip() for block in fenced for line in block.splitlines() if line.strip()]


def test_every_make_target_in_the_documents_exists() -> None:
    """A reader can type every `make` that we write."""
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {
        target
        for path in DOCUMENTS
        for target in re.findall(r"`?make ([a-z-]+)\b", path.read_text("utf-8"))
        if f"`make {target}" in path.read_text("utf-8")
        or f"\nmake {target}" in path.read_text("utf-8")
    }
    assert {"demo", "test"} <= named <= targets


@pytest.mark.parametrize(
    "command",
    sorted(
        {
            c
            for p in DOCUMENTS
            for c in blocks(p.read_text("utf-8"))
            if "dropforge " in c and c.startswith("uv run")
        }
    ),
)
def test_every_command_line_in_the_documents_is_understood(command: str) -> None:
    """Each `uv run dropforge ...` names a command and options that exist."""
    words = shlex.split(command, comments=True)[2:]
    # Groups and commands come first, then what they are given.
    depth = 3 if words[1:3] == ["local", "faults"] else 2 if words[1] in GROUPS else 1
    verbs = [word for word in words[1 : 1 + depth] if not word.startswith("-")]
    result = subprocess.run(
        [sys.executable, "-m", "dropforge.cli", *verbs, "--help"],
        capture_output=True,
        text=True,
        check=False,
        env={"COLUMNS": "200", "PATH": "/usr/bin:/bin"},
    )
    assert result.returncode == 0, result.stderr
    for option in (word for word in words if word.startswith("--")):
        assert option in result.stdout, f"{option} is not in the help of {' '.join(verbs)}"
    for path in (word for word in words if "/" in word and not word.startswith("s3:")):
        assert (ROOT / path).exists(), path


def test_the_table_of_states_is_complete() -> None:
    """README's table names every state of both machines, in the right machine."""
    rows = set(re.findall(r"^\| (retrain|deploy) \| (\w+) \|", README, re.MULTILINE))
    states = set()
    for name in ("retrain", "deploy"):
        machine = json.loads((ROOT / "statemachine" / f"{name}.asl.json").read_text("utf-8"))
        for state, body in machine["States"].items():
            inner = [n for branch in body.get("Branches", []) for n in branch["States"]]
            states |= {(name, n) for n in (state, *inner)}
    assert rows == states


def test_the_table_of_metrics_is_complete() -> None:
    """README's table says of every metric what the code says, and the code counts each of them."""
    table = README.split("## Metrics")[1].split("\n## ")[0]
    assert dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", table, re.MULTILINE)) == METRICS
    code = "".join(path.read_text("utf-8") for path in ROOT.glob("functions/*/app.py"))
    assert set(re.findall(r'"([A-Z][a-z]+[A-Z]\w+)"', code)) >= set(METRICS)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """Every relative link of a document names a file of the project."""
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text("utf-8")):
        assert (path.parent / link).exists(), link


def test_events_in_the_documents_exist() -> None:
    """Every sample event that a document names is there."""
    named = {
        e for path in DOCUMENTS for e in re.findall(r"events/[\w.]+\.json", path.read_text("utf-8"))
    }
    assert named
    assert all((ROOT / event).exists() for event in named)
