"""Going back, cleaning up and destroying, with the command line, on the embedded AWS."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from dropforge_core.flight import Flight

from dropforge import rollback

from .stack import Stack
from .test_cases import eventually
from .tool import Tool

pytestmark = pytest.mark.timeout(240)


class Died(BaseException):
    """A process that ends at once: no handler for errors sees it."""


@pytest.fixture
def tool(stack: Stack) -> Tool:
    """The command line, for the stack that all tests here share."""
    return Tool(stack.project.root, stack.project.state)


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Whoever starts an execution in this process dies instead."""

    def die(*_: object) -> None:
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(Flight, "start", die)
        yield patch


def deploy(stack: Stack, name: str, *answers: str, **behaviour: Any) -> list[dict[str, Any]]:
    """Deploy models that answer so, one after the other; return their runs."""
    runs = []
    for answer in answers:
        count = 1 + len(stack.target.ledger.runs(name))
        stack.publish(name, answer=answer, **behaviour)
        runs.append(stack.run(name, f"{answer}\n", count=count))
        assert runs[-1]["status"] == "DEPLOYED", runs[-1]["reason"]
    return runs


def left_of(stack: Stack, runs: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """List what SageMaker still has of each run: "config", "model", "package"."""
    sagemaker = stack.target.client("sagemaker")
    looks = {
        "config": lambda run: sagemaker.describe_endpoint_config(EndpointConfigName=name_of(run)),
        "model": lambda run: sagemaker.describe_model(ModelName=name_of(run)),
        "package": lambda run: sagemaker.describe_model_package(
            ModelPackageName=run["model_package"]
        ),
    }

    def is_there(what: str, run: dict[str, Any]) -> bool:
        try:
            looks[what](run)
        except ClientError:
            return False
        return True

    return [tuple(what for what in looks if is_there(what, run)) for run in runs]


def name_of(run: dict[str, Any]) -> str:
    """Return the name of a run's model and endpoint config."""
    return f"{run['run_id'].replace('_', '-')}-1"


def removed(stack: Stack, name: str) -> set[str]:
    """Return the runs that the ledger says were cleaned up."""
    return {run.run_id for run in stack.target.ledger.runs(name) if run.removed_at}


ALL = ("config", "model", "package")


def test_the_model_before_answers_again(stack: Stack, tool: Tool) -> None:
    """A run of its own: as quick as a deployment, one message, and told for what it is."""
    first, second = deploy(stack, "back", "1", "2")
    run = tool.document("rollback", "back")
    assert (run["status"], run["kind"], run["restores"]) == (
        "DEPLOYED",
        "ROLLBACK",
        first["run_id"],
    )
    assert run == tool.document("show", run["run_id"])
    assert stack.answer("back") == "1"
    assert run["endpoint"] == {
        "name": "dropforge-back",
        "action": "UPDATED",
        "config": name_of(run),
    }
    assert run["reason"].startswith(
        f"The model of {first['run_id']} was brought back in place of that of {second['run_id']}."
    )
    for same in ("metrics", "model_data", "data", "version"):
        assert run[same] == first[same]
    assert "Train" not in {step["name"] for step in run["steps"]}
    assert run["billed_transitions"] < first["billed_transitions"]
    (message,) = stack.slack_about(run["run_id"])
    title = f"↩️ back: went back to the model of {first['run_id']}"
    assert title in json.dumps(message, ensure_ascii=False)


def test_each_rollback_goes_further_to_the_end(stack: Stack, tool: Tool) -> None:
    """To what served before, past what was taken back; before the first nothing happens."""
    first, second, _ = deploy(stack, "further", "1", "2", "3")
    assert tool.document("rollback", "further")["restores"] == second["run_id"]
    deploy(stack, "further", "4")
    assert tool.document("rollback", "further")["restores"] == second["run_id"]
    assert stack.answer("further") == "2"
    assert tool.document("rollback", "further")["restores"] == first["run_id"]
    done = tool("rollback", "further")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nothing to go back to" in done.stderr
    assert stack.answer("further") == "1"
    assert stack.target.ledger.lock("further") is None


def test_any_promoted_model_can_be_named(stack: Stack, tool: Tool) -> None:
    """The first of three; not what serves, not a rejected one, not a stranger; forward again."""
    first, second, third = deploy(stack, "named", "1", "2", "3")
    stack.publish("named", evaluation='{"metrics": {"accuracy": 0.1}}')
    rejected = stack.run("named", "bad\n", count=4)
    assert tool.document("rollback", "named", "--to", first["run_id"])["status"] == "DEPLOYED"
    assert stack.answer("named") == "1"
    possible = f"Possible: {third['run_id']}, {second['run_id']}."
    for to, problem in (
        (first["run_id"], "serves already"),
        (rejected["run_id"], "ended REJECTED"),
        ("other-20261121t052011-1a2b3c4d", "is no run of this pipeline"),
    ):
        done = tool("rollback", "named", "--to", to)
        assert (done.returncode, done.stdout) == (2, "")
        assert problem in done.stderr
        assert possible in done.stderr
    assert tool.document("rollback", "named", "--to", third["run_id"])["status"] == "DEPLOYED"
    assert stack.answer("named") == "3"


def test_the_container_comes_with_the_model_and_the_machines_stay(stack: Stack, tool: Tool) -> None:
    """A version whose container never serves is published now: the model brings its own."""
    deploy(stack, "container", "1", "2")
    stack.publish("container", serve="broken")
    assert tool.document("rollback", "container")["status"] == "DEPLOYED"
    assert stack.answer("container") == "1"


def test_a_rollback_that_fails_says_so(stack: Stack, tool: Tool) -> None:
    """Exit 1, the newer model goes on serving, the pipeline is free, one message."""
    first, _ = deploy(stack, "denied", "1", "2")
    stack.fault("sagemaker", "UpdateEndpoint", "AccessDeniedException", times=50)
    run = tool.document("rollback", "denied", status=1)
    stack.clear_faults()
    assert run["status"] == "FAILED"
    assert stack.answer("denied") == "2"
    (message,) = stack.slack_about(run["run_id"])
    assert f"going back to the model of {first['run_id']} failed" in json.dumps(message)
    assert tool.document("rollback", "denied")["status"] == "DEPLOYED"


def test_nobody_goes_back_or_destroys_while_a_run_is_going(stack: Stack, tool: Tool) -> None:
    """Exit 1, with the run and what to do; afterwards it works."""
    deploy(stack, "busy", "1", "2")
    stack.publish("busy", train="hang")
    stack.drop("busy", "3\n")
    going = eventually(
        lambda: [one for one in stack.target.ledger.runs("busy") if not one.ended_at]
    )
    eventually(
        lambda: [
            lock for lock in [stack.target.ledger.lock("busy")] if lock and lock.phase == "RUNNING"
        ]
    )
    for command in (("rollback", "busy"), ("destroy", "busy", "--yes")):
        done = tool(*command)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"The run {going[0].run_id} is going" in done.stderr
    stack.target.stepfunctions.stop_execution(executionArn=going[0].execution)
    assert stack.ended_run("busy", count=3)["status"] == "FAILED"
    assert tool.document("rollback", "busy")["status"] == "DEPLOYED"


@pytest.mark.usefixtures("interrupted")
def test_a_killed_start_goes_on_with_the_same_command(stack: Stack, tool: Tool) -> None:
    """Between the ledger and StartExecution nothing was lost: it is the same run."""
    first, _ = deploy(stack, "killed_start", "1", "2")
    recorded = die_while_going_back(stack, "killed_start")
    done = tool("rollback", "killed_start", "--json")
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)
    assert (run["run_id"], run["restores"]) == (recorded, first["run_id"])
    assert stack.answer("killed_start") == "1"
    assert len(stack.target.ledger.runs("killed_start")) == 3


@pytest.mark.usefixtures("interrupted")
def test_a_killed_start_goes_on_with_the_next_drop(stack: Stack) -> None:
    """The trigger starts the rollback that was asked for, and then a run for the new data."""
    deploy(stack, "killed_drop", "1", "2")
    recorded = die_while_going_back(stack, "killed_drop")
    stack.publish("killed_drop", answer="3")
    stack.drop("killed_drop", "3\n")
    stack.ended_run("killed_drop", count=4)
    newest, restored = stack.target.ledger.runs("killed_drop")[:2]
    assert (restored.run_id, restored.status, restored.kind) == (recorded, "DEPLOYED", "ROLLBACK")
    assert (newest.status, newest.kind) == ("DEPLOYED", "RETRAIN")
    assert stack.answer("killed_drop") == "3"


def die_while_going_back(stack: Stack, name: str) -> str:
    """Start a rollback and die before its execution; later, its lock counts as a dead one's."""
    with pytest.raises(Died):
        rollback.start(stack.target, name, None)
    lock = stack.target.ledger.lock(name)
    assert lock is not None
    stack.target.ledger.renew(lock, 0)
    return lock.run_id


def test_old_models_go_and_what_serves_stays(stack: Stack, tool: Tool) -> None:
    """Two are kept; of older ones model, config and package go, and none of what serves."""
    first, second, third, fourth = deploy(stack, "cleaned", "1", "2", "3", "4", keep=2)
    eventually(lambda: [True] if len(removed(stack, "cleaned")) == 2 else [])
    assert removed(stack, "cleaned") == {first["run_id"], second["run_id"]}
    assert left_of(stack, [first, second, third, fourth]) == [(), (), ALL, ALL]

    back = tool.document("rollback", "cleaned", "--to", first["run_id"])
    assert (back["status"], stack.answer("cleaned")) == ("DEPLOYED", "1")
    (fifth,) = deploy(stack, "cleaned", "5", keep=2)
    eventually(lambda: [True] if third["run_id"] in removed(stack, "cleaned") else [])
    assert left_of(stack, [third, fourth, fifth]) == [(), ALL, ALL]
    deploy(stack, "cleaned", "6", keep=2)
    eventually(lambda: [True] if back["run_id"] in removed(stack, "cleaned") else [])
    assert left_of(stack, [fourth, fifth]) == [(), ALL]
    assert stack.answer("cleaned") == "6"


def test_destroyed_is_all_but_what_it_takes_to_come_back(stack: Stack, tool: Tool) -> None:
    """Without --yes nobody can be asked; afterwards a rollback or a new drop creates it again."""
    first, second = deploy(stack, "destroyed", "1", "2")
    done = tool("destroy", "destroyed")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--yes" in done.stderr
    told = tool.document("destroy", "destroyed", "--yes")
    assert told["pipeline"] == "destroyed"
    assert set(told["deleted"]) == {
        "endpoint dropforge-destroyed",
        *(
            f"{kind} {name_of(run)}"
            for kind in ("endpoint config", "model")
            for run in (first, second)
        ),
    }
    assert [what.partition(":")[0] for what in told["left"]] == [
        *("data", "artifacts and reports", "ledger", "registry", "publication"),
    ]
    assert left_of(stack, [first, second]) == [("package",), ("package",)]
    with pytest.raises(ClientError):
        stack.answer("destroyed")
    again = tool("destroy", "destroyed", "--yes")
    assert again.returncode == 0
    assert "nothing was there" in again.stdout
    assert stack.target.ledger.lock("destroyed") is None

    back = tool.document("rollback", "destroyed")
    assert (back["restores"], back["endpoint"]["action"]) == (second["run_id"], "CREATED")
    assert stack.answer("destroyed") == "2"
    assert tool("destroy", "destroyed", "--yes").returncode == 0
    (third,) = deploy(stack, "destroyed", "3")
    assert third["endpoint"]["action"] == "CREATED"
    assert stack.answer("destroyed") == "3"
