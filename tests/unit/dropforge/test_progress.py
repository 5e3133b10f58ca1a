import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console
from rich.live import Live

from dropforge.history import Step
from dropforge.progress import Lines, Moving, display

START = datetime(2026, 11, 21, 5, 20, tzinfo=UTC)


def test_lines_tell_each_beginning_and_end_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing can move, each change is a line, on stderr, and nothing is said twice."""
    train = Step("Train", START)
    trained = Step("Train", START, START + timedelta(seconds=2))
    lines = Lines()
    for steps in ((), (train,), (train,), (trained, Step("Judge", START, START))):
        lines.show("run-1", steps)
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [
        "Run run-1",
        "  Train ...",
        "  Train: 2.0 s",
        "  Judge: 0.0 s",
    ]
    assert printed.out == ""


def test_a_pipe_gets_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Logs hold no spinner."""
    with display() as shown:
        shown.show("run-1", (Step("Train", START),))
    assert capsys.readouterr().err.splitlines() == ["Run run-1", "  Train ..."]


def test_a_terminal_gets_a_table_that_moves() -> None:
    """States that ended have a mark, the others a spinner; names are text, not markup."""
    terminal = io.StringIO()
    with Live(console=Console(file=terminal, force_terminal=True, width=60)) as live:
        Moving(live).show("run-1", (Step("[Train]", START, START), Step("Judge", START)))
    drawn = terminal.getvalue()
    assert "Run run-1" in drawn
    assert "[Train]" in drawn
    assert drawn.count("✓") == 1
