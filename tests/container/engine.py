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


class EngineError(Exception):
    """There is no engine, and none can be had; the message is a sentence."""


def docker(*arguments: str) -> str:
    """Run a command of the engine, which has to succeed; return what it prints."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


def left_behind(state: Path) -> list[str]:
    """List the containers and networks of a state folder's embedded AWS."""
    label = ("--filter", f"label=embedded-aws={state}", "--quiet")
    containers = docker("ps", "--all", *label).split()
    return [*containers, *docker("network", "ls", *label).split()]


@contextmanager
def engine() -> Iterator[None]:
    """See to it that there is an engine: on Debian root installs and starts one when need be.

    Raises:
        EngineError: there is none.
    """
    _install("busybox-static", there=Path("/bin/busybox").exists())
    if _answers():
        with _leaving_no_image():
            yield
        return
    # Newer Debians have its command line in a package of its own.
    _install("docker.io", there=shutil.which("dockerd") is not None)
    _install("docker-cli", there=shutil.which("docker") is not None)
    if _answers():  # installing it has started it
        try:
            with _leaving_no_image():
                yield
        finally:
            services = ("docker.socket", "docker.service", "containerd.service")
            subprocess.run(["systemctl", "stop", *services], check=False)
        return
    with tempfile.TemporaryDirectory(prefix="dropforge-engine-") as folder, _own(Path(folder)):
        yield


def _answers() -> bool:
    if shutil.which("docker") is None:
        return False
    asked = subprocess.run(["docker", "version"], capture_output=True, check=False)
    return asked.returncode == 0


def _install(package: str, *, there: bool) -> None:
    if there:
        return
    apt = shutil.which("apt-get")
    if apt is None:
        raise EngineError(f"{package} is not here, and there is no apt-get to install it.")
    if os.geteuid() != 0:
        raise EngineError(f"{package} is not here: install it, or let root run this.")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["install", "--yes", "--quiet", "--no-install-recommends", package]
    for arguments in (["update", "--quiet"], install):
        done = subprocess.run(
            [apt, *arguments], capture_output=True, text=True, env=quiet, check=False
        )
        if done.returncode:
            what = f"{package} is not here, and `apt-get {' '.join(arguments)}` fails"
            raise EngineError(f"{what}: {_last_words(done.stderr)}")


def _last_words(text: str) -> str:
    return ([line.strip() for line in text.splitlines() if line.strip()] or ["nothing"])[-1]


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
            if process.poll() is not None:
                raise EngineError(f"dockerd cannot run here: {_last_words(log.read_text())}")
            if time.monotonic() > deadline:
                raise EngineError(f"dockerd does not answer: {_last_words(log.read_text())}")
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
