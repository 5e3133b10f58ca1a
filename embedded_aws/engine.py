"""A container engine on this machine, asked through its command line, `docker`.

Everything that is made in it for an embedded AWS carries a label with that one's state folder, so
that whoever comes later can remove what is left: the warden, the next start, or the next stop.
"""

import contextlib
import ipaddress
import json
import os
import secrets
import subprocess
from pathlib import Path
from typing import Any

from embedded_aws.errors import AwsError

_LABEL = "embedded-aws"
# In the state folder while there may be something to remove.
_MARK = "engine"
_SECONDS = 60.0
_REMOVAL_SECONDS = 30.0
_REMOVE_ALL = """
found=$(docker ps --all --quiet --filter "label=$0") || exit
test -z "$found" || docker rm --force --volumes $found
found=$(docker network ls --quiet --filter "label=$0")
test -z "$found" || docker network rm $found
"""


class EngineError(AwsError):
    """The engine cannot do what it was asked for; the message has its own words."""

    def __init__(self, message: str) -> None:
        """Take it for an error on AWS's side."""
        super().__init__("InternalFailure", message, 500)


class Engine:
    """The engine, as one embedded AWS uses it."""

    def __init__(self, state: Path) -> None:
        """Find the engine; raises EngineError when there is none that can be used."""
        self.label = label_of(state)
        told = json.loads(self.run("info", "--format", "{{json .}}"))
        if told.get("ServerErrors"):
            raise EngineError(f"no container engine answers: {' '.join(told['ServerErrors'])}")
        self.cpus: int = told["NCPU"]
        self.memory_bytes: int = told["MemTotal"]
        [bridge] = json.loads(self.run("network", "inspect", "bridge"))
        config = bridge["IPAM"]["Config"][0]
        # The address of this machine as containers see it.
        self.bridge: str = config.get("Gateway") or _first_address(config["Subnet"])
        (state / _MARK).touch()

    def run(self, *arguments: str, seconds: float = _SECONDS) -> str:
        """Run a command of the engine; return what it prints. Raises EngineError."""
        try:
            done = subprocess.run(
                ["docker", *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        except FileNotFoundError as err:
            raise EngineError("there is no container engine: no program `docker`") from err
        except subprocess.TimeoutExpired as err:
            message = f"the container engine did not answer `docker {arguments[0]}` in {seconds} s"
            raise EngineError(message) from err
        if done.returncode:
            words = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
            raise EngineError(f"the container engine refused `docker {arguments[0]}`: {words}")
        return done.stdout.strip()

    def image_labels(self, name: str) -> dict[str, str] | None:
        """Give the labels of an image that the engine has; None when it has no such image."""
        try:
            found = self.run("image", "inspect", "--format", "{{json .Config.Labels}}", name)
        except EngineError as err:
            if "no such image" in err.message.lower():
                return None
            raise
        return json.loads(found) or {}

    def make_isolated_network(self) -> str:
        """Make a network from which nothing can be reached; return its name.

        An internal network has a way to this machine's other addresses all the same. So its
        gateway is one that nobody has.
        """
        name = f"embedded-aws-{secrets.token_hex(4)}"
        create = ("network", "create", "--internal", "--label", self.label)
        # The engine knows a subnet that is free.
        self.run(*create, name)
        [draft] = json.loads(self.run("network", "inspect", name))
        self.run("network", "rm", name)
        subnet = draft["IPAM"]["Config"][0]["Subnet"]
        nobody = ipaddress.ip_network(subnet)[-2]
        gateway = ("--aux-address", f"DefaultGatewayIPv4={nobody}")
        self.run(*create, "--subnet", subnet, *gateway, name)
        return name

    def inspect(self, container: str) -> dict[str, Any]:
        """Describe a container."""
        [found] = json.loads(self.run("container", "inspect", container))
        return found  # type: ignore[no-any-return]


def label_of(state: Path) -> str:
    """Give the label of all that belongs to the embedded AWS of a state folder."""
    return f"{_LABEL}={state}"


def removal(state: Path) -> list[str]:
    """Give the command that removes everything of that label; it needs nothing of ours."""
    return ["/bin/sh", "-c", _REMOVE_ALL, label_of(state)]


def remove_all(state: Path) -> None:
    """Remove what an embedded AWS left in an engine; one that never used any asks none."""
    mark = state / _MARK
    if not mark.exists():
        return
    with contextlib.suppress(subprocess.TimeoutExpired, subprocess.CalledProcessError):
        subprocess.run(
            removal(state),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_REMOVAL_SECONDS,
            check=True,
        )
        mark.unlink(missing_ok=True)


def client_environment() -> dict[str, str]:
    """Give what the engine's command line needs of our environment."""
    names = {"PATH", "HOME", "XDG_RUNTIME_DIR"}
    return {
        name: value
        for name, value in os.environ.items()
        if name in names or name.startswith("DOCKER_")
    }


def _first_address(subnet: str) -> str:
    return str(next(ipaddress.ip_network(subnet).hosts()))
