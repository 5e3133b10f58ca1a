import http.client
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from iris_image import model
from iris_image.model import Tree
from iris_image.server import SettingError, server_options

IMAGE = Path(__file__).parents[4] / "containers" / "iris"
TREE = Tree(["a", "b"], 2, [1, -1, -1], [0.5, 0.0, 0.0], [1, -1, -1], [2, -1, -1], [0, 0, 1])


def environment(base: Path, **variables: str) -> dict[str, str]:
    """Return what a container's program sees, with the image's folder in its place."""
    return {
        "PATH": f"{IMAGE}:{Path(sys.executable).parent}:/usr/bin:/bin",
        "PYTHONPATH": str(IMAGE),
        "SAGEMAKER_BASE_DIR": str(base),
        **variables,
    }


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(base: Path, port: int, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `serve` until the block ends, having waited for /ping."""
    variables = environment(base, SAGEMAKER_BIND_TO_PORT=str(port), **more)
    process = subprocess.Popen(["serve"], env=variables, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 20
        while not answers(port):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=20)


def answers(port: int) -> bool:
    """Say whether /ping answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except ConnectionRefusedError:
        return False
    finally:
        connection.close()


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Serve TREE, and give its port."""
    base = tmp_path_factory.mktemp("ml")
    (base / "model").mkdir()
    model.save(TREE, base / "model")
    port = free_port()
    with serving(base, port):
        yield port


def test_requests_share_a_connection(port: int) -> None:
    """A refused request, even one that is far too large, leaves the connection usable."""
    huge = "0,0\n" * 5_000_000
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for body, status, text in [
        ("0,1", 200, "b\n"),
        ("0", 400, None),
        (huge, 413, None),
        ("0,0", 200, "a\n"),
    ]:
        connection.request("POST", "/invocations", body, {"Content-Type": "text/csv"})
        response = connection.getresponse()
        answer = response.read().decode()
        assert (response.status, answer) == (status, text or answer)
    connection.close()


def test_a_chunked_body_is_read(port: int) -> None:
    """A caller need not announce the length."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Content-Type": "text/csv", "Transfer-Encoding": "chunked"}
    connection.request("POST", "/invocations", iter([b"0,", b"1"]), headers, encode_chunked=True)
    assert connection.getresponse().read() == b"b\n"
    connection.close()


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux lists its sockets there")
def test_it_listens_on_loopback_only_when_the_base_is_moved(port: int) -> None:
    """A server on somebody's machine is not for the network."""
    table = [line.split() for line in Path("/proc/net/tcp").read_text("utf-8").splitlines()[1:]]
    listening = {fields[1] for fields in table if fields[3] == "0A"}
    assert f"0100007F:{port:04X}" in listening
    assert f"00000000:{port:04X}" not in listening


def test_sigterm_lets_a_request_finish(tmp_path: Path) -> None:
    """The request in progress is answered, and the server then ends well."""
    (tmp_path / "model").mkdir()
    model.save(TREE, tmp_path / "model")
    port = free_port()
    with serving(tmp_path, port) as process, socket.create_connection(("127.0.0.1", port)) as sock:
        sock.settimeout(10)
        head = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n"
        sock.sendall(head + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert sock.recv(4096).startswith(b"HTTP/1.1 100")  # it now waits for the body
        os.kill(process.pid, signal.SIGTERM)
        time.sleep(0.3)
        sock.sendall(b"0,1")
        response = http.client.HTTPResponse(sock)
        response.begin()
        assert response.read() == b"b\n"
        assert process.wait(timeout=10) == 0


@pytest.mark.parametrize(
    ("variables", "reason"),
    [({}, "cannot serve: there is no model at "), ({"MODEL_SERVER_THREADS": "many"}, "THREADS")],
)
def test_without_a_model_or_with_wrong_settings_it_does_not_start(
    tmp_path: Path, variables: dict[str, str], reason: str
) -> None:
    """One line says why, and the exit status is not 0."""
    result = subprocess.run(
        ["serve"],
        env=environment(tmp_path, **variables),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert result.returncode == 1
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1


def test_in_a_container_it_listens_to_its_network() -> None:
    """SageMaker asks from outside the container, on the port that it chose."""
    assert server_options({"SAGEMAKER_BIND_TO_PORT": "9000"})["bind"] == "0.0.0.0:9000"
    assert server_options({"SAGEMAKER_BASE_DIR": "/opt/ml"})["bind"] == "0.0.0.0:8080"


def test_the_address_can_be_chosen() -> None:
    """For a server that others are to reach although it is no container."""
    assert server_options({"BIND_ADDRESS": "10.0.0.1"})["bind"] == "10.0.0.1:8080"


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", ""])
def test_a_port_that_is_none_is_refused(text: str) -> None:
    """The variable is named."""
    with pytest.raises(SettingError, match="SAGEMAKER_BIND_TO_PORT"):
        server_options({"SAGEMAKER_BIND_TO_PORT": text})


def test_who_answers_requests_is_decided_by_root_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root names a user that exists; anybody else answers requests himself."""
    nobody = pwd.getpwnam("nobody")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    options = server_options({"SERVE_USER": "nobody"})
    assert (options["user"], options["group"]) == (nobody.pw_uid, nobody.pw_gid)
    with pytest.raises(SettingError, match="there is no such user"):
        server_options({"SERVE_USER": "nobody-at-all"})
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "user" not in server_options({"SERVE_USER": "nobody"})
