"""The process: how it starts, stops, and what it does with its state folder."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

from tests.conftest import START_SECONDS, STOP_SECONDS, Embedded, start_embedded
from tests.unit.embedded_aws.test_processes import is_running, wait_until


def run_to_its_end(state: Path) -> subprocess.CompletedProcess[str]:
    """Start an embedded AWS that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "embedded_aws", "--state", str(state)],
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )


def warm_function(state: Path) -> int:
    """Run a Lambda function; give the process id of its environment, which stays warm."""
    record = json.loads((state / "embedded.json").read_text())
    embedded = Embedded(record["endpoint_url"], state)
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "import os\ndef handler(*_):\n    return os.getpid()\n")
    role = embedded.client("iam").create_role(RoleName="warm", AssumeRolePolicyDocument="{}")
    functions = embedded.client("lambda")
    functions.create_function(
        FunctionName="warm",
        Runtime="python3.13",
        Handler="app.handler",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": code.getvalue()},
    )
    pid = int(functions.invoke(FunctionName="warm")["Payload"].read())
    assert is_running(pid)
    return pid


def test_a_folder_has_one_embedded_aws_and_outlives_a_killed_one(tmp_path: Path) -> None:
    """A second one is refused; a kill ends all; the next one starts, cleans up, stops in order."""
    state = tmp_path / "state"
    (state / "images" / "iris" / "1").mkdir(parents=True)
    first = start_embedded(state)
    second = run_to_its_end(state)
    assert second.returncode == 1
    assert f"another embedded AWS holds {state}" in second.stderr
    assert str(first.pid) in second.stderr

    function = warm_function(state)
    (state / "jobs" / "left-behind").mkdir(parents=True)
    (state / "logs").mkdir(exist_ok=True)
    first.kill()
    first.wait(STOP_SECONDS)
    wait_until(lambda: not is_running(function))
    assert json.loads((state / "embedded.json").read_text())["pid"] == first.pid

    (state / "embedded.json").rename(state / "stale.json")
    third = start_embedded(state)
    assert not (state / "jobs" / "left-behind").exists()
    assert not (state / "stale.json").exists()
    assert (state / "images" / "iris" / "1").is_dir()
    assert (state / "logs").is_dir()
    began = time.monotonic()
    third.send_signal(signal.SIGTERM)
    assert third.wait(STOP_SECONDS) == 0
    assert time.monotonic() - began < 7
    assert not (state / "embedded.json").exists()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """A folder with other files in it is refused, for it would be emptied."""
    precious = tmp_path / "precious.txt"
    precious.write_text("keep me")
    ended = run_to_its_end(tmp_path)
    assert ended.returncode == 1
    assert "holds files of something else" in ended.stderr
    assert precious.read_text() == "keep me"


def test_the_users_aws_settings_stay_out() -> None:
    """Credentials and profiles in the user's environment are not used by the embedded AWS."""
    script = (
        "import os, pathlib\n"
        "from embedded_aws.__main__ import set_environment\n"
        "from embedded_aws.settings import Settings\n"
        "set_environment(Settings(pathlib.Path('.'), 1))\n"
        "print({name: value for name, value in os.environ.items() if name.startswith('AWS')})"
    )
    users = {"AWS_PROFILE": "production", "AWS_SECRET_ACCESS_KEY": "real", "AWS_ROLE_ARN": "real"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | users,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "AWS_SECRET_ACCESS_KEY" in done.stdout
    assert "real" not in done.stdout
    assert "production" not in done.stdout
