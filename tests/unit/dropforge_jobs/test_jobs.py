import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = """
import sys, time
from dropforge_jobs.jobs import JobError, run_job

def main(paths):
    print("base", paths.base, flush=True)
    {body}

sys.exit(run_job(main))
"""


def start(body: str, base: Path) -> subprocess.Popen[str]:
    """Start a job with this body, below `base`."""
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(body=body)],
        env={"SAGEMAKER_BASE_DIR": str(base), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise JobError('no row can be used')", "no row can be used"),
        ("raise KeyError('label')", "KeyError: 'label'"),
        ("raise JobError('x' * 5000)", "x" * 1024),
    ],
)
def test_a_failure_leaves_its_reason_where_sagemaker_looks(
    tmp_path: Path, body: str, message: str
) -> None:
    """The reason is in output/message, the traceback in the log, and the exit status is not 0."""
    _, log = (process := start(body, tmp_path)).communicate(timeout=30)
    assert process.returncode == 1
    assert (tmp_path / "output" / "message").read_text("utf-8") == message
    assert "Traceback" in log


def test_a_job_that_works_leaves_no_message(tmp_path: Path) -> None:
    """Exit status 0, and the paths are below the base that the environment names."""
    out, _ = (process := start("pass", tmp_path)).communicate(timeout=30)
    assert process.returncode == 0
    assert out == f"base {tmp_path}\n"
    assert not (tmp_path / "output").exists()


def test_sigterm_stops_a_job_even_where_it_ignores_errors(tmp_path: Path) -> None:
    """A stopped job ends with 143 and does not look failed."""
    body = """
    try:
        time.sleep(60)
    except Exception:
        time.sleep(60)
    """
    process = start(body.strip(), tmp_path)
    assert process.stdout
    assert process.stdout.readline()
    os.kill(process.pid, signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == 143
    assert not (tmp_path / "output").exists()
