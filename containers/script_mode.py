"""Script mode: what AWS's framework images do when they train, from its public contract.

A job names its script by the hyperparameters ``sagemaker_program`` and
``sagemaker_submit_directory``. The source is unpacked to /opt/ml/code, its requirements.txt is
installed, and the script runs with the other hyperparameters as ``--name value`` and with the SM_*
variables. Images that stand for AWS's link to this file.
Source: github.com/aws/sagemaker-training-toolkit, README and ENVIRONMENT_VARIABLES.md.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import traceback
from collections import deque
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

ML = PurePosixPath("/opt/ml")
OWN = "sagemaker_"  # how the names of hyperparameters begin that are not the script's
FAILURE_CHARACTERS = 1024  # what DescribeTrainingJob returns of FailureReason
LAST_LINES = 200  # of the script's errors, kept for the failure
_FAILED = 1
_TRACEBACK = "Traceback (most recent call last):"


class UserError(Exception):
    """The source, its requirements or the script is at fault; the text tells the user so."""


@dataclass(frozen=True)
class Job:
    """What SageMaker gave the container: its folders and its configuration."""

    base: Path  # stands for /opt/ml
    parameters: dict[str, Any]
    channels: dict[str, Any]
    resources: dict[str, Any]

    @classmethod
    def read(cls, base: Path) -> Job:
        """Read the files of input/config; each hyperparameter is JSON when it can be."""
        config = base / "input" / "config"
        named = ("hyperparameters", "inputdataconfig", "resourceconfig")
        texts, channels, resources = (
            json.loads((config / f"{name}.json").read_text("utf-8")) for name in named
        )
        decoded = {name: _decoded(text) for name, text in texts.items()}
        return cls(base, decoded, channels, resources)

    @property
    def code(self) -> Path:
        """Where the source is unpacked."""
        return self.base / "code"

    @property
    def program(self) -> str:
        """The script; raises UserError."""
        program = self.parameters.get("sagemaker_program")
        if not isinstance(program, str) or not program.endswith(".py"):
            raise UserError(f"sagemaker_program must name a .py file, not {program!r}")
        return program

    @property
    def of_script(self) -> dict[str, Any]:
        """The hyperparameters that are the script's own."""
        return {k: v for k, v in self.parameters.items() if not k.startswith(OWN)}

    def arguments(self) -> list[str]:
        """Give the script's hyperparameters as arguments, by name."""
        return [
            text
            for name, value in sorted(self.of_script.items())
            for text in (f"--{name}" if len(name) > 1 else f"-{name}", _argument(value))
        ]


def main() -> int:
    """Train as a job asks, below SAGEMAKER_BASE_DIR (default /opt/ml).

    Returns:
        0 when the script has ended well; else 1, the reason being in output/failure.
    """
    base = Path(os.environ.get("SAGEMAKER_BASE_DIR", ML))
    try:
        job = Job.read(base)
        fetch_source(job)
        run_script(job, install_requirements(job.code))
    except UserError as err:
        return _failed(base, str(err))
    except Exception as err:  # noqa: BLE001 - whatever it is, SageMaker is to show it
        traceback.print_exc()
        return _failed(base, f"framework error: {type(err).__name__}: {err}")
    return 0


def fetch_source(job: Job) -> None:
    """Unpack the source, a .tar.gz in S3 or in a channel, or copy the folder that has it.

    Raises:
        UserError: it is not there, or is no archive.
    """
    where = str(job.parameters.get("sagemaker_submit_directory", ML / "code"))
    job.code.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "sourcedir.tar.gz"
        if where.startswith("s3://"):
            _download(where, source)
        else:
            source = _below(job.base, where)
        if source == job.code:
            return  # it is there already
        if source.is_dir():
            shutil.copytree(source, job.code, dirs_exist_ok=True)
            return
        try:
            with tarfile.open(source, "r:gz") as tar:
                tar.extractall(job.code, filter="data")
        except (OSError, tarfile.TarError) as err:
            raise UserError(f"the source {where} cannot be unpacked: {err}") from err


def install_requirements(code: Path) -> Path | None:
    """Install requirements.txt beside what the image has, which stays as it is.

    Returns:
        The folder to import from; None when nothing is asked for.

    Raises:
        UserError: pip could not.
    """
    wanted = code / "requirements.txt"
    if not wanted.is_file():
        return None
    prefix = Path(tempfile.mkdtemp(prefix="requirements-"))
    frozen = prefix / "constraints.txt"
    there = {f"{each.name}=={each.version}" for each in metadata.distributions()}
    frozen.write_text("\n".join(sorted(there)))
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    command += ["--prefix", str(prefix), "--constraint", str(frozen), "--requirement", str(wanted)]
    code_of_pip, said = _run(command, code, dict(os.environ))
    if code_of_pip:
        raise UserError(_told("InstallRequirementsError", code_of_pip, said, command))
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return prefix / "lib" / version / "site-packages"


def run_script(job: Job, packages: Path | None) -> None:
    """Run the script until it ends; SIGTERM is passed on.

    Raises:
        UserError: it ended otherwise than with 0.
    """
    command = [sys.executable, job.program, *job.arguments()]
    if not (job.code / job.program).is_file():
        raise UserError(f"the source holds no {job.program}")
    environ = {**os.environ, **variables(job)}
    if packages:
        environ["PYTHONPATH"] = f"{packages}:{environ.get('PYTHONPATH', '')}".rstrip(":")
    status, said = _run(command, job.code, environ)
    if status:
        raise UserError(_told("ExecuteUserScriptError", status, said, command))


def variables(job: Job) -> dict[str, str]:
    """Give the SM_* variables."""
    resources = job.resources
    groups = {each["instance_group_name"]: each for each in resources.get("instance_groups", ())}
    group = resources.get("current_group_name", "homogeneousCluster")
    data = job.base / "input" / "data"
    values: dict[str, Any] = {
        "channels": sorted(job.channels),
        "current_host": resources["current_host"],
        "current_instance_group": group,
        "current_instance_group_hosts": groups.get(group, {}).get("hosts", []),
        "current_instance_type": resources.get("current_instance_type", ""),
        "framework_params": {
            k: v
            for k, v in job.parameters.items()
            if k.startswith(OWN) and k not in {f"{OWN}program", f"{OWN}submit_directory"}
        },
        "hosts": resources["hosts"],
        "hps": job.of_script,
        "input_config_dir": str(job.base / "input" / "config"),
        "input_data_config": job.channels,
        "input_dir": str(job.base / "input"),
        "instance_groups": list(groups),
        "instance_groups_dict": groups,
        "is_hetero": len(groups) > 1,
        "log_level": job.parameters.get(f"{OWN}container_log_level", 20),
        "model_dir": str(job.base / "model"),
        "module_dir": job.parameters.get(f"{OWN}submit_directory", str(job.code)),
        "module_name": job.program.removesuffix(".py"),
        "network_interface_name": resources.get("network_interface_name", "eth0"),
        "num_cpus": os.cpu_count() or 1,
        "num_gpus": _gpus(),
        "output_data_dir": str(job.base / "output" / "data"),
        "output_dir": str(job.base / "output"),
        "output_intermediate_dir": str(job.base / "output" / "intermediate"),
        "resource_config": resources,
        "user_args": job.arguments(),
        "user_entry_point": job.program,
    }
    values["training_env"] = dict(values)
    values |= {f"channel_{name}": str(data / name) for name in job.channels}
    values |= {f"hp_{name}": value for name, value in job.of_script.items()}
    return {f"SM_{name.upper()}": _variable(value) for name, value in values.items()}


def _run(command: list[str], folder: Path, environ: Mapping[str, str]) -> tuple[int, list[str]]:
    """Run a program; return its status and its last lines of errors, which are logged too."""
    said: deque[str] = deque(maxlen=LAST_LINES)
    # In a group of its own it gets SIGTERM once: from us, whoever else in the container gets it.
    process = subprocess.Popen(
        command, cwd=folder, env=dict(environ), stderr=subprocess.PIPE, process_group=0
    )
    before = signal.signal(signal.SIGTERM, lambda number, _: process.send_signal(number))
    try:
        reader = threading.Thread(target=_tee, args=[process.stderr, said], daemon=True)
        reader.start()
        status = process.wait()
        reader.join(1)  # a process that it left behind may hold the pipe
    finally:
        signal.signal(signal.SIGTERM, before)
    return status, list(said)


def _tee(source: IO[bytes], said: deque[str]) -> None:
    for line in source:
        os.write(sys.stderr.fileno(), line)
        said.append(line.decode(errors="replace").rstrip())


def _told(error: str, status: int, said: list[str], command: list[str]) -> str:
    """Word a failure as the training toolkit does, with the one line that tells most."""
    message = _message(said)
    return f'{error}:\nExitCode {status}\nErrorMessage "{message}"\nCommand "{" ".join(command)}"'


def _message(said: list[str]) -> str:
    """Find where the last traceback ends, which libraries may log after; else the last line."""
    lines = [line for line in said if line and not line[0].isspace()]
    beginnings = [number for number, line in enumerate(lines) if line.startswith(_TRACEBACK)]
    if beginnings and beginnings[-1] + 1 < len(lines):
        return lines[beginnings[-1] + 1]
    return lines[-1] if lines else ""


def _failed(base: Path, reason: str) -> int:
    sys.stderr.write(f"{reason}\n")
    failure = base / "output" / "failure"
    failure.parent.mkdir(parents=True, exist_ok=True)
    failure.write_text(reason[:FAILURE_CHARACTERS], "utf-8")
    return _FAILED


def _download(uri: str, path: Path) -> None:
    import boto3  # noqa: PLC0415 - sources in channels need none
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    place = urlsplit(uri)
    try:
        boto3.client("s3").download_file(place.netloc, place.path.lstrip("/"), str(path))
    except (BotoCoreError, ClientError) as err:
        raise UserError(f"the source {uri} cannot be fetched: {err}") from err


def _below(base: Path, where: str) -> Path:
    """Say where a path of the container is, when /opt/ml is elsewhere."""
    path = PurePosixPath(where)
    return base / path.relative_to(ML) if path.is_relative_to(ML) else Path(where)


def _gpus() -> int:
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())


def _decoded(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


def _argument(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}={part}" for name, part in sorted(value.items()))
    return str(value)


def _variable(value: Any) -> str:
    if value is None:
        return ""
    return (
        value
        if isinstance(value, str)
        else json.dumps(value, sort_keys=True, separators=(",", ":"))
    )
