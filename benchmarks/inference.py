"""What one fitted transformation in front of XGBoost costs to serve, against the usual way.

    uv run python benchmarks/inference.py [--out FILE] [--requests N]

Both answer one row of text through InvokeEndpoint of the embedded AWS, over kept connections: the
three containers of `car_evaluation`, and one process that holds pandas, scikit-learn and XGBoost
behind Flask and gunicorn. Callers are threads of this process, a connection each; they, the front
and the containers share this machine's cores.

A hop is what one more container adds at one client: for it the chain's first container, and its
first two, are endpoints too, which take turns with the whole chain. What the first one adds is told
by a request that the front itself refuses, and that comes to no container. Of each endpoint's turns
the fastest counts, by its p50, as with Python's timeit: what else this machine and its host do only
adds. The p50 of all turns, which is what callers here met, stands beside it.
"""

import argparse
import http.client
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from dropforge import environments
from dropforge.project import Project
from dropforge.target import Target, local_target

ROOT = Path(__file__).parents[1]
BASELINE = ROOT / "benchmarks" / "baseline"
DATA = ROOT / "pipelines" / "car_evaluation" / "data" / "car.data"
STATE = ROOT / ".dropforge" / "benchmark"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/dropforge/baseline:1"
# The embedded AWS reads the service from it, and checks no signature.
HEADERS = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=a/20261128/us-east-1/sagemaker/aws4_request",
    "Content-Type": "text/csv",
}
CHAIN, USUAL = "dropforge-car-evaluation", "usual"
CLIENTS = (1, 8, 32)
TURN = 50  # requests
WAIT_SECONDS = 120.0
LIMITS = {"times the throughput": 3.0, "ms a hop": 0.5}


def main() -> None:
    """Measure, print the table, write the JSON; exit 1 when a limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / ".dropforge/benchmarks/inference.json")
    parser.add_argument("--requests", type=int, default=4000, help="of each measurement")
    arguments = parser.parse_args()
    tool("local", "down")
    try:
        tool("drop", "car_evaluation", str(DATA), "--wait", "--timeout", "600")
        target, port = embedded()
        serve_the_usual_way(target)
        hops, met = measure_hops(port, serve_beginnings(target), arguments.requests)
        found = {
            name: {str(n): measure(port, name, n, arguments.requests) for n in CLIENTS}
            for name in (CHAIN, USUAL)
        }
        memory = memory_of_containers()
    finally:
        tool("local", "down")
    ratios = compare(found, hops)
    console = Console()
    console.print(table_of(found), rounded(ratios), memory)
    console.print("ms a hop, p50 of all turns:", rounded(met))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "measured": found,
        "compared": ratios,
        "hops_of_all_turns_ms": met,
        "rss_mb": memory,
        "cores": os.cpu_count(),
    }
    arguments.out.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    console.print(f"written to {arguments.out}")
    for name in broken(ratios):
        console.print(f"too {'low' if name.startswith('times') else 'high'}: {name}")
    sys.exit(1 if broken(ratios) else 0)


def tool(*arguments: str) -> None:
    """Run a command of the tool, with an embedded AWS of the benchmark's own."""
    environment = os.environ | {"DROPFORGE_STATE": str(STATE)}
    command = [sys.executable, "-m", "dropforge.cli", *arguments]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


def embedded() -> tuple[Target, int]:
    """Open the embedded AWS; return its port too."""
    url = json.loads((STATE / "embedded.json").read_text("utf-8"))["endpoint_url"]
    return local_target(url, "dropforge", "us-east-1"), int(url.rpartition(":")[2])


def serve_the_usual_way(target: Target) -> None:
    """Train the baseline, and serve it as an endpoint of one container."""
    environment = environments.provide(Project(ROOT, STATE), BASELINE)
    image = STATE / "images" / "dropforge" / "baseline" / "1"
    shutil.rmtree(image, ignore_errors=True)
    shutil.copytree(BASELINE, image)
    python = sys.executable
    if environment:
        (image / ".venv").symlink_to(environment)
        python = str(environment / "bin" / "python")
    bucket = target.output("ArtifactsBucketName")
    with tempfile.TemporaryDirectory() as folder:
        model, archive = Path(folder) / "model", Path(folder) / "model.tar.gz"
        subprocess.run([python, str(BASELINE / "usual.py"), str(DATA), str(model)], check=True)
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(model / "model.joblib", "model.joblib")
        target.s3.upload_file(str(archive), bucket, "usual/model.tar.gz")
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{bucket}/usual/model.tar.gz"}
    _serve(target, USUAL, PrimaryContainer=container)


def serve_beginnings(target: Target) -> dict[str, str]:
    """Serve each beginning of the chain; return the endpoints by the name of their last container.

    The chain itself is the last of them.
    """
    sagemaker = target.client("sagemaker")
    config = sagemaker.describe_endpoint(EndpointName=CHAIN)["EndpointConfigName"]
    [variant] = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    containers = sagemaker.describe_model(ModelName=variant["ModelName"])["Containers"]
    names = [str(each["ContainerHostname"]) for each in containers]
    endpoints = [f"beginning-{length}" for length in range(1, len(names))]
    _serve(target, endpoints[0], PrimaryContainer=containers[0])
    for length, endpoint in enumerate(endpoints[1:], start=2):
        _serve(target, endpoint, Containers=containers[:length])
    return dict(zip(names, [*endpoints, CHAIN], strict=True))


def _serve(target: Target, name: str, **containers: Any) -> None:
    """Make a model, a config and an endpoint of one name, and wait until it serves."""
    sagemaker = target.client("sagemaker")
    role = "arn:aws:iam::123456789012:role/benchmark"
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, **containers)
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    deadline = time.monotonic() + WAIT_SECONDS
    while (status := _status(sagemaker, name)) == "Creating" and time.monotonic() < deadline:
        time.sleep(0.5)
    if status != "InService":
        raise SystemExit(f"the endpoint {name} is {status}")


def _status(sagemaker: Any, name: str) -> str:
    return str(sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"])


def measure_hops(
    port: int, endpoints: dict[str, str], requests: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Ask each beginning of the chain, one client; return the ms that each hop adds.

    They take turns, some requests each; the first turn is to warm up.

    Args:
        port: of the embedded AWS.
        endpoints: by the name of the container that each one ends with, in the chain's order.
        requests: to each.

    Returns:
        By the p50 of each endpoint's fastest turn, and by the p50 of all its turns.
    """
    refused = HEADERS | {"X-Amzn-SageMaker-Target-Variant": "none"}
    asked = {"": (CHAIN, refused), **{name: (each, HEADERS) for name, each in endpoints.items()}}
    times: dict[str, list[list[float]]] = {name: [] for name in asked}
    row = DATA.read_text("utf-8").partition("\n")[0].rpartition(",")[0].encode()
    connection = http.client.HTTPConnection("127.0.0.1", port)
    turns = [turn for _ in range(requests // TURN + 1) for turn in asked.items()]
    for name, (endpoint, headers) in turns:
        turn: list[float] = []
        for _ in range(TURN):
            began = time.perf_counter()
            connection.request("POST", f"/endpoints/{endpoint}/invocations", row, headers)
            answer = connection.getresponse()
            answer.read()
            turn.append((time.perf_counter() - began) * 1000)
            if (answer.status == http.HTTPStatus.OK) == (headers is refused):
                raise SystemExit(f"{endpoint} answered {answer.status}")
        times[name].append(turn)
    connection.close()
    warm = {name: each[1:] for name, each in times.items()}
    fastest = [min(map(statistics.median, each)) for each in warm.values()]
    of_all = [statistics.median(itertools.chain.from_iterable(each)) for each in warm.values()]
    return _added(endpoints, fastest), _added(endpoints, of_all)


def _added(names: Iterable[str], milliseconds: list[float]) -> dict[str, float]:
    added = (more - less for less, more in itertools.pairwise(milliseconds))
    return dict(zip(names, added, strict=True))


def measure(port: int, endpoint: str, clients: int, requests: int) -> dict[str, float]:
    """Ask an endpoint from so many threads; return milliseconds and requests a second."""
    rows = [line.rpartition(",")[0].encode() for line in DATA.read_text("utf-8").split()]
    times: list[float] = []
    wrong: list[int] = []

    def ask(number: int, count: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for each in range(count):
            body = rows[(number * count + each) % len(rows)]
            began = time.perf_counter()
            connection.request("POST", f"/endpoints/{endpoint}/invocations", body, HEADERS)
            answer = connection.getresponse()
            answer.read()
            times.append(time.perf_counter() - began)
            if answer.status != http.HTTPStatus.OK:
                wrong.append(answer.status)
        connection.close()

    for count in (max(requests // 10, clients), requests):  # the first to warm up
        times.clear()
        threads = [
            threading.Thread(target=ask, args=(number, count // clients))
            for number in range(clients)
        ]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - began
    if wrong:
        raise SystemExit(f"{endpoint} answered {wrong[0]}")
    hundredths = statistics.quantiles(times, n=100)
    return {
        "p50_ms": statistics.median(times) * 1000,
        "p99_ms": hundredths[98] * 1000,
        "per_second": len(times) / seconds,
    }


def memory_of_containers() -> dict[str, float]:
    """Return the resident memory of each container of both, in MB, by its folder's name."""
    folders = tuple(f"SAGEMAKER_BASE_DIR={STATE}/endpoints/{name}/" for name in (CHAIN, USUAL))
    found: dict[str, float] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            variables = (process / "environ").read_bytes().decode(errors="replace").split("\0")
            status = (process / "status").read_text("utf-8")
        except OSError:
            continue  # it has ended, or is another user's
        base = next((v for v in variables if v.startswith("SAGEMAKER_BASE_DIR=")), "")
        if base.startswith(folders) and "VmRSS:" in status:
            name = base.removesuffix("/root/opt/ml").removesuffix("/opt/ml").rpartition("/")[2]
            kilobytes = int(status.partition("VmRSS:")[2].split()[0])
            found[name] = round(found.get(name, 0) + kilobytes / 1024, 1)
    return dict(sorted(found.items()))


def compare(found: dict[str, Any], hops: dict[str, float]) -> dict[str, float]:
    """Return what the limits are about."""
    chain, usual = found[CHAIN], found[USUAL]
    return {
        "times the throughput at 8": chain["8"]["per_second"] / usual["8"]["per_second"],
        "times the throughput at 32": chain["32"]["per_second"] / usual["32"]["per_second"],
        "p50 at 1 against the usual": chain["1"]["p50_ms"] / usual["1"]["p50_ms"],
        **{f"ms a hop, {name}": milliseconds for name, milliseconds in hops.items()},
    }


def broken(ratios: dict[str, float]) -> list[str]:
    """Name the limits that do not hold."""
    least = LIMITS["times the throughput"]
    return [
        *(name for name in ratios if name.startswith("times") and ratios[name] < least),
        *(name for name in ratios if name.startswith("p50") and ratios[name] > 1),
        *(name for name in ratios if name.startswith("ms") and ratios[name] > LIMITS["ms a hop"]),
    ]


def rounded(numbers: dict[str, float]) -> dict[str, float]:
    """Return them as they are told."""
    return {name: round(each, 2) for name, each in numbers.items()}


def table_of(found: dict[str, Any]) -> Table:
    """Return the measurements as a table."""
    table = Table("endpoint", "clients", "p50 ms", "p99 ms", "requests/s", title="InvokeEndpoint")
    for endpoint, by_clients in found.items():
        for clients, each in by_clients.items():
            cells = (f"{each[key]:.2f}" for key in ("p50_ms", "p99_ms"))
            table.add_row(endpoint, clients, *cells, f"{each['per_second']:.0f}")
    return table


if __name__ == "__main__":
    main()
