"""Script mode, by programs that run as SageMaker would run them."""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

PROGRAM = Path(__file__).parents[3] / "containers" / "tensorflow" / "train"
RESOURCES = {
    "current_host": "algo-1",
    "current_instance_type": "ml.m5.large",
    "current_group_name": "homogeneousCluster",
    "hosts": ["algo-1"],
    "instance_groups": [
        {
            "instance_group_name": "homogeneousCluster",
            "instance_type": "ml.m5.large",
            "hosts": ["algo-1"],
        }
    ],
    "network_interface_name": "eth0",
}
CHANNEL = "/opt/ml/input/data/code/sourcedir.tar.gz"
TELL = """
import json, os, pathlib, sys
import helper
told = {"arguments": sys.argv[1:], "folder": os.getcwd(), "helper": helper.NAME}
told |= {name: value for name, value in os.environ.items() if name.startswith("SM_")}
pathlib.Path(os.environ["SM_MODEL_DIR"], "told.json").write_text(json.dumps(told))
"""


def packed(**files: str) -> bytes:
    """Make a source archive; names are given with _ for the dot before their ending."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(".".join(name.rsplit("_", 1)))
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return archive.getvalue()


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Make the folders that SageMaker makes, and the channels `train` and `code`."""
    base = tmp_path / "opt" / "ml"
    for folder in ("input/config", "input/data/train", "input/data/code", "model", "output"):
        (base / folder).mkdir(parents=True)
    channels = {name: {"TrainingInputMode": "File"} for name in ("train", "code")}
    config = base / "input/config"
    (config / "inputdataconfig.json").write_text(json.dumps(channels))
    (config / "resourceconfig.json").write_text(json.dumps(RESOURCES))
    return base


def configure(base: Path, source: bytes | None, **parameters: str) -> dict[str, str]:
    """Write the hyperparameters and the source; return the environment of `train`."""
    given = {
        "sagemaker_program": '"train.py"',
        "sagemaker_submit_directory": json.dumps(CHANNEL),
        **parameters,
    }
    (base / "input/config/hyperparameters.json").write_text(json.dumps(given))
    if source is not None:
        (base / "input/data/code/sourcedir.tar.gz").write_bytes(source)
    return {**os.environ, "SAGEMAKER_BASE_DIR": str(base), "TMPDIR": str(base.parent)}


def train(
    base: Path,
    source: bytes | None,
    *,
    environ: Mapping[str, str] | None = None,
    **parameters: str,
) -> subprocess.CompletedProcess[str]:
    """Run the program `train` to its end."""
    return run({**configure(base, source, **parameters), **(environ or {})})


def run(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the program `train` in an environment."""
    command = [sys.executable, str(PROGRAM)]
    return subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=60, check=False
    )


def failure(base: Path) -> str:
    """Read what a job tells of its failure."""
    return (base / "output/failure").read_text()


def test_the_script_gets_hyperparameters_and_the_environment(base: Path) -> None:
    """The other hyperparameters become arguments, decoded from JSON; SM_* tells the rest."""
    source = packed(train_py=TELL, helper_py="NAME = 'beside it'")
    done = train(base, source, epochs="3", hidden_nums="255,255", name='"Adam"', b="true")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads((base / "model/told.json").read_text())
    assert told["arguments"] == [
        *("-b", "True", "--epochs", "3"),
        *("--hidden_nums", "255,255", "--name", "Adam"),
    ]
    assert told["helper"] == "beside it"
    assert told["folder"] == str(base / "code")
    assert told["SM_MODEL_DIR"] == str(base / "model")
    assert told["SM_CHANNEL_TRAIN"] == str(base / "input/data/train")
    assert json.loads(told["SM_CHANNELS"]) == ["code", "train"]
    hyperparameters = {"epochs": 3, "hidden_nums": "255,255", "name": "Adam", "b": True}
    assert json.loads(told["SM_HPS"]) == hyperparameters
    assert (told["SM_HP_EPOCHS"], told["SM_HP_NAME"]) == ("3", "Adam")
    assert told["SM_OUTPUT_DATA_DIR"] == str(base / "output/data")
    assert json.loads(told["SM_HOSTS"]) == ["algo-1"]
    assert (told["SM_CURRENT_HOST"], told["SM_USER_ENTRY_POINT"]) == ("algo-1", "train.py")
    assert int(told["SM_NUM_CPUS"]) >= 1
    assert json.loads(told["SM_TRAINING_ENV"])["hps"] == hyperparameters


def test_what_the_script_prints_is_logged(base: Path) -> None:
    """Both streams, for the job's log; nothing is written as a failure."""
    code = "import sys\nprint('loss=0.5;')\nprint('a warning', file=sys.stderr)"
    done = train(base, packed(train_py=code))
    assert (done.returncode, done.stdout) == (0, "loss=0.5;\n")
    assert done.stderr == "a warning\n"
    assert not (base / "output/failure").exists()


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("int('ten')", "ErrorMessage \"ValueError: invalid literal for int() with base 10: 'ten'"),
        ("import sys\nsys.exit('no such column')", 'ErrorMessage "no such column"'),
        (
            "import atexit, sys\natexit.register(print, 'bye', file=sys.stderr)\nint('ten')",
            "ErrorMessage \"ValueError: invalid literal for int() with base 10: 'ten'",
        ),
        ("import os\nos._exit(7)", "ExitCode 7"),
        ("import os\nos.kill(os.getpid(), 9)", "ExitCode -9"),
    ],
)
def test_a_script_that_fails_is_the_users_error(base: Path, code: str, told: str) -> None:
    """Named as the training toolkit names it, with the end of its traceback."""
    done = train(base, packed(train_py=code), epochs="2")
    assert done.returncode == 1
    assert failure(base).startswith("ExecuteUserScriptError:\nExitCode")
    assert told in failure(base)
    assert "train.py --epochs 2" in failure(base)


@pytest.mark.parametrize(
    ("source", "parameters", "told"),
    [
        (None, {}, "the source /opt/ml/input/data/code/sourcedir.tar.gz cannot be unpacked"),
        (b"no archive", {}, "cannot be unpacked"),
        (packed(other_py=""), {}, "the source holds no train.py"),
        (packed(train_py=""), {"sagemaker_program": '"train"'}, "must name a .py file"),
    ],
)
def test_a_source_that_cannot_be_used_is_the_users_error(
    base: Path, source: bytes | None, parameters: dict[str, str], told: str
) -> None:
    """Nothing runs, and the reason is in the failure file."""
    assert run(configure(base, source, **parameters)).returncode == 1
    assert told in failure(base)


def test_no_file_leaves_the_folder_of_the_source(base: Path) -> None:
    """An archive with a path outside is refused."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../../escaped"))
    assert train(base, archive.getvalue()).returncode == 1
    assert "cannot be unpacked" in failure(base)
    assert not (base.parent / "escaped").exists()


def test_a_broken_configuration_is_the_frameworks_error(base: Path) -> None:
    """Not the user's: the message says so."""
    environ = configure(base, packed(train_py=""))
    (base / "input/config/resourceconfig.json").write_text("{}")
    assert run(environ).returncode == 1
    assert failure(base).startswith("framework error: KeyError")


def test_requirements_are_installed_beside_what_the_image_has(base: Path, tmp_path: Path) -> None:
    """From a folder of wheels here; the image's own packages stay as they are."""
    wheel = tmp_path / "extra-1.0-py3-none-any.whl"
    make_wheel(wheel, "extra", "1.0", "NAME = 'extra'")
    wanted = f"--no-index\n--find-links {tmp_path}\nextra==1.0\n"
    code = "import extra, os, sys\nprint(extra.NAME, extra.__file__.startswith(sys.prefix))"
    done = train(base, packed(train_py=code, requirements_txt=wanted))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "extra False"


def test_requirements_that_cannot_be_installed_are_the_users_error(base: Path) -> None:
    """One that is nowhere, as well as another version of what the image has."""
    wanted = "--no-index\nnumpy==1.0\n"
    assert train(base, packed(train_py="", requirements_txt=wanted)).returncode == 1
    assert failure(base).startswith("InstallRequirementsError:")


def test_sigterm_reaches_the_script(base: Path) -> None:
    """It may still save something; `train` waits for it."""
    code = """
import pathlib, signal, sys, time
def save(*_):
    pathlib.Path("/proc/self/cwd", "saved").touch()
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
print("up", flush=True)
time.sleep(60)
"""
    environ = configure(base, packed(train_py=code))
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM)], env=environ, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert (base / "code/saved").exists()
    process.stdout.close()


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """Serve S3; give its address."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_the_source_may_lie_in_s3(base: Path, s3: str) -> None:
    """As the SageMaker SDK gives it; an object that is not there is told."""
    keys = {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    client = boto3.Session("x", "x", region_name="us-east-1").client("s3", endpoint_url=s3)
    client.create_bucket(Bucket="sources")
    client.put_object(Bucket="sources", Key="a/s.tar.gz", Body=packed(train_py="print('from S3')"))
    environ = keys | {"AWS_ENDPOINT_URL": s3}
    where = json.dumps("s3://sources/a/s.tar.gz")
    done = train(base, None, environ=environ, sagemaker_submit_directory=where)
    assert (done.returncode, done.stdout) == (0, "from S3\n")
    where = json.dumps("s3://sources/none")
    assert train(base, None, environ=environ, sagemaker_submit_directory=where).returncode == 1
    assert "the source s3://sources/none cannot be fetched" in failure(base)


def make_wheel(path: Path, name: str, version: str, code: str) -> None:
    """Make a wheel of one module."""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", code)
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
