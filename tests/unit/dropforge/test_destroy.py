from collections.abc import Callable
from typing import Any

import pytest
import typer
from botocore.exceptions import ClientError

from dropforge.destroy import Destroyed, destroy
from dropforge.errors import CommandError, InputError
from dropforge.target import Target
from tests.unit.dropforge.deployments import CURRENT
from tests.unit.dropforge_core.sagemaker import FakeSageMaker
from tests.unit.dropforge_core.test_ledger import a_run

RUNS = [
    a_run(1, status="DEPLOYED", model_package="arn:package/1"),
    a_run(2, status="DEPLOYED", removed_at="2026-11-21T06:00:00.000Z"),
    a_run(3, status="SKIPPED"),
    a_run(4, status="REJECTED"),
    a_run(5, status="DEPLOYED"),
]
ALL = {
    "endpoint df-iris",
    *(f"{kind} {RUNS[n].run_id}-1" for kind in ("endpoint config", "model") for n in (0, 4)),
}


@pytest.fixture(autouse=True)
def deployed(target: Target, sagemaker: FakeSageMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline with runs of all kinds, of which the newest serves; waits take no time."""
    target.ledger.publish(CURRENT, "s3://df-artifacts/pipelines/iris/v9/", "2026-11-21")
    for run in RUNS:
        target.ledger.put_run(run)
    for run in (RUNS[0], RUNS[4]):
        sagemaker.deployed(run)
    sagemaker.serves("df-iris", f"{RUNS[4].run_id}-1")
    monkeypatch.setattr(Target, "poll_seconds", 0.0)


def agreed(target: Target) -> Destroyed:
    """Destroy without being asked."""
    return destroy(target, "iris", yes=True, may_ask=False)


def test_all_that_serves_and_served_goes(target: Target, sagemaker: FakeSageMaker) -> None:
    """Once the endpoint is gone; nobody asks for what never was or was cleaned up."""
    sagemaker.will_be("df-iris", "InService", "InService", "Deleting", None)
    done = agreed(target)
    assert set(done.deleted) == ALL
    assert len(done.deleted) == len(ALL)
    asked = {name for _, name in sagemaker.asked}
    assert not asked & {f"{RUNS[n].run_id}-1" for n in (1, 2)}
    assert set(sagemaker.there["model-package"]) == {"arn:package/1"}
    assert done.left == [
        "data: s3://df-data/incoming/iris/",
        "artifacts and reports: s3://df-artifacts/runs/iris-*",
        "ledger: the records of 5 runs",
        "registry: the model package group df-iris with its packages",
        "publication: version v9; a drop or a rollback makes the endpoint again",
    ]
    assert target.ledger.lock("iris") is None
    assert agreed(target) == Destroyed("iris", deleted=[], left=done.left)


def test_the_endpoints_own_goes_too(target: Target, sagemaker: FakeSageMaker) -> None:
    """A config that somebody put there by hand, with its model."""
    by_hand = {"ProductionVariants": [{"ModelName": "hand-made"}]}
    sagemaker.there["endpoint-config"]["by-hand"] = by_hand
    sagemaker.there["model"]["hand-made"] = {}
    sagemaker.serves("df-iris", "by-hand")
    sagemaker.will_be("df-iris", "InService", "InService", None)
    assert {"endpoint config by-hand", "model hand-made"} <= set(agreed(target).deleted)


def test_a_change_under_way_is_waited_for(target: Target, sagemaker: FakeSageMaker) -> None:
    """SageMaker refuses to delete an endpoint in transition."""
    sagemaker.serves("df-iris", f"{RUNS[4].run_id}-1", "Updating")
    sagemaker.will_be("df-iris", "Updating", "Updating", "InService", "Deleting", None)
    assert "endpoint df-iris" in agreed(target).deleted
    deletes = [one for one in sagemaker.asked if one[0] == "delete_endpoint"]
    assert len(deletes) == 1


def test_an_endpoint_that_does_not_go_is_told(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a bounded time; the pipeline is free again, and nothing else was deleted."""
    monkeypatch.setattr("dropforge.destroy._ENDPOINT_SECONDS", -1)
    with pytest.raises(CommandError, match="df-iris is still InService: run this again"):
        agreed(target)
    assert target.ledger.lock("iris") is None


def test_a_lost_lock_ends_it(target: Target, sagemaker: FakeSageMaker) -> None:
    """Somebody took its holder for dead: what a run may need now is left alone."""

    def take_over() -> None:
        lock = target.ledger.lock("iris")
        assert lock is not None
        target.ledger.renew(lock, 0)
        assert target.ledger.acquire("iris", "another", 1_000_000)

    sagemaker.will_be("df-iris", "InService", "InService")
    sagemaker.happenings["describe_endpoint"].append(take_over)
    with pytest.raises(CommandError, match="The lock of iris was lost: run this again"):
        agreed(target)
    lock = target.ledger.lock("iris")
    assert lock is not None
    assert lock.owner == "another"
    assert len(sagemaker.there["model"]) == 2


@pytest.mark.parametrize(
    ("execution_input", "how"), [("", "by itself"), ("{}", "by itself within minutes, or at once")]
)
def test_an_interrupted_start_goes_first(
    target: Target, sagemaker: FakeSageMaker, execution_input: str, how: str
) -> None:
    """Of new data or of a rollback, which go on in different ways; nothing is deleted."""
    dead = target.ledger.acquire("iris", "dead", 0)
    assert dead is not None
    target.ledger.open_run(dead, a_run(9), execution_input)
    with pytest.raises(CommandError, match=f"{a_run(9).run_id} was interrupted; it goes on {how}"):
        agreed(target)
    assert sagemaker.asked == []


def test_a_run_that_waits_for_approval_is_named(target: Target, sagemaker: FakeSageMaker) -> None:
    """Approving it would make the endpoint again."""
    target.ledger.put_run(a_run(8, status="WAITING_FOR_APPROVAL"))
    sagemaker.will_be("df-iris", "InService", "InService", None)
    assert agreed(target).left[-1].startswith(f"approval: {a_run(8).run_id} waits")


def test_who_cannot_be_asked_has_to_say_yes(target: Target, sagemaker: FakeSageMaker) -> None:
    """Wrong use, told with what would be deleted."""
    with pytest.raises(InputError, match=r"would delete the endpoint df-iris, .*: add --yes"):
        destroy(target, "iris", yes=False, may_ask=False)
    assert sagemaker.asked == []


def abort() -> bool:
    """Press Ctrl-C."""
    raise typer.Abort


@pytest.mark.parametrize("answer", [lambda: False, abort])
def test_who_says_no_is_obeyed(
    target: Target,
    sagemaker: FakeSageMaker,
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[], bool],
) -> None:
    """Nothing is deleted, and the exit status says that it was not done."""
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: answer())
    with pytest.raises(CommandError, match="Nothing was deleted") as raised:
        destroy(target, "iris", yes=False, may_ask=True)
    assert raised.value.status == 1
    assert sagemaker.asked == []


def test_who_says_yes_is_obeyed(
    target: Target, sagemaker: FakeSageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question names the endpoint, and goes to stderr."""
    asked: list[Any] = []

    def confirm(question: str, *, err: bool) -> bool:
        asked.append((question, err))
        return True

    monkeypatch.setattr(typer, "confirm", confirm)
    sagemaker.will_be("df-iris", "InService", "InService", None)
    assert destroy(target, "iris", yes=False, may_ask=True).deleted
    question = "Delete the endpoint df-iris, its endpoint configs and its models?"
    assert asked == [(question, True)]


def test_an_error_frees_the_pipeline(target: Target, sagemaker: FakeSageMaker) -> None:
    """What AWS refuses is told in its words, and can be done again."""
    sagemaker.refuse("delete_endpoint", "df-iris", "AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDenied"):
        agreed(target)
    assert target.ledger.lock("iris") is None


@pytest.mark.parametrize("pipeline", ["rose", "../iris"])
def test_an_unknown_pipeline_is_bad_input(target: Target, pipeline: str) -> None:
    """Whether the name could be one or not."""
    with pytest.raises(InputError, match="is published in df"):
        destroy(target, pipeline, yes=True, may_ask=False)


def test_people_read_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """What was deleted, then what is left."""
    Destroyed("iris", deleted=["endpoint df-iris"], left=["ledger: 5 runs"]).write()
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["deleted", "endpoint", "df-iris"],
        ["left", "ledger:", "5", "runs"],
    ]
    Destroyed("iris").write()
    assert "nothing was there" in capsys.readouterr().out
