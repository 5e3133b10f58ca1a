"""A container engine for the tests: one that runs, or one of our own, for as long as they run."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_BRIDGE = Path("/sys/class/net/docker0")


def docker(*arguments: str) -> str:
    """Run a command of the engine, which has to succeed; return what it prints."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


@contextmanager
def engine() -> Iterator[None]:
    """See to it that there is an engine: on Debian root installs and starts one when need be."""
    _install("busybox-static", there=Path("/bin/busybox").exists())
    if _answers():
        with _leaving_no_image():
            yield
        return
    _install("docker.io", there=shutil.which("dockerd") is not None)
    if _answers():  # installing it has started it
        with _leaving_no_image():
            yield
        return
    folder = Path(tempfile.mkdtemp(prefix="dropforge-engine-"))
    try:
        with _own(folder):
            yield
    finally:
        shutil.rmtree(folder)


def _answers() -> bool:
    if shutil.which("docker") is None:
        return False
    asked = subprocess.run(["docker", "version"], capture_output=True, check=False)
    return asked.returncode == 0


def _install(package: str, *, there: bool) -> None:
    if there:
        return
    apt = shutil.which("apt-get")
    assert apt, f"there is no {package}, and no apt-get to install it: install a container engine"
    assert os.geteuid() == 0, f"there is no {package}: install it, or be root"
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["install", "--yes", "--quiet", "--no-install-recommends", package]
    for arguments in (["update", "--quiet"], install):
        done = subprocess.run(
            [apt, *arguments], capture_output=True, text=True, env=quiet, check=False
        )
        assert done.returncode == 0, f"{package} cannot be installed: {done.stdout} {done.stderr}"


@contextmanager
def _own(folder: Path) -> Iterator[None]:
    """Start an engine that keeps all it has in a folder, and leaves firewall and routes alone."""
    socket, log = folder / "engine.sock", folder / "engine.log"
    bridge_was_there = _BRIDGE.exists()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                # It is to end with us, however we end.
                *("setpriv", "--pdeathsig", "TERM", "dockerd"),
                *("--host", f"unix://{socket}", "--data-root", str(folder / "data")),
                *("--exec-root", str(folder / "run"), "--pidfile", str(folder / "pid")),
                *("--iptables=false", "--ip-forward=false", "--ip-masq=false"),
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    os.environ["DOCKER_HOST"] = f"unix://{socket}"
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _answers():
            assert process.poll() is None, f"dockerd ended: {log.read_text()[-3000:]}"
            assert time.monotonic() < deadline, f"dockerd is not up: {log.read_text()[-3000:]}"
            time.sleep(0.2)
        yield
    finally:
        del os.environ["DOCKER_HOST"]
        process.terminate()
        process.wait(_STOP_SECONDS)
        if not bridge_was_there:
            subprocess.run(["ip", "link", "delete", "docker0"], check=False, capture_output=True)


@contextmanager
def _leaving_no_image() -> Iterator[None]:
    """Remove the images that come into somebody's engine meanwhile."""
    before = _images()
    try:
        yield
    finally:
        for image in _images() - before:
            subprocess.run(
                ["docker", "image", "rm", "--force", image], capture_output=True, check=False
            )


def _images() -> set[str]:
    return set(docker("image", "ls", "--all", "--quiet", "--no-trunc").split())
