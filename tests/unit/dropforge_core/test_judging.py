import math
from dataclasses import replace
from typing import Any

import pytest
from dropforge_core.contracts import JudgeInput
from dropforge_core.judging import Best, best_of_last, judge, needs_best_of_last
from dropforge_core.published import JudgePolicy, Threshold
from dropforge_core.records import Run

CHAMPION = "iris-20261120t081500-5e6f7a8b"
SCORED = {"run_id": CHAMPION, "status": "scored", "reason": "", "metrics": {"accuracy": 0.9667}}
UNUSABLE = {
    "run_id": CHAMPION,
    "status": "unusable",
    "reason": "the hold-out has 5 features,\n\tthe model 4.",
    "metrics": {},
}
INTERVAL = "(95 % interval {} to {}, 45 rows)"


def a_policy(**changes: Any) -> JudgePolicy:
    """The default policy, with a margin."""
    threshold = Threshold(metric="accuracy", bound="minimum", value=0.9)
    values = {"metric": "accuracy", "thresholds": (threshold,), "margin": 0.02}
    return JudgePolicy(**{**values, **changes})


def compared(difference: float, low: float, high: float, **changes: Any) -> dict[str, Any]:
    """What evaluation.json says of challenger and champion."""
    values = {"metric": "accuracy", "difference": difference, "low": low, "high": high}
    return {**values, "confidence": 0.95, "minimum_detectable": None, "rows": 45, **changes}


def a_case(policy: JudgePolicy | None = None, **changes: Any) -> JudgeInput:
    """A challenger of accuracy 0.9778 against a champion that was scored."""
    values: dict[str, Any] = {
        "run_id": "iris-20261121t052011-1a2b3c4d",
        "pipeline": "iris",
        "judge": policy or a_policy(),
        "metrics": {"accuracy": 0.97777777},
        "champion": SCORED,
        "comparison": compared(0.0111, -0.0044, 0.0267),
    }
    return JudgeInput(**{**values, **changes})


def a_run(number: int, accuracy: Any, status: Any = "DEPLOYED") -> Run:
    """The ledger's record of an earlier run."""
    return Run(
        run_id=f"iris-20261121t0520{number:02}-00000000",
        pipeline="iris",
        status=status,
        endpoint={},
        data={},
        started_at=f"2026-11-21T05:20:{number:02}.000Z",
        first_event_at="",
        manifest_hash="",
        version="v1",
        metrics={} if accuracy is None else {"accuracy": accuracy},
    )


@pytest.mark.parametrize(
    ("policy", "difference", "low", "high", "promoted", "words"),
    [
        ("better", 0.03, 0.01, 0.05, True, "is 0.03 better than the champion's"),
        ("better", 0.03, 0.0, 0.06, False, "the interval's lower end must be above 0"),
        ("better", 0.03, -0.01, 0.07, False, INTERVAL.format("-0.01", "0.07")),
        ("better", 0.0, 0.0, 0.0, False, "is the same as the champion's"),
        ("better", -0.01, -0.03, 0.01, False, "is 0.01 worse than the champion's"),
        ("not_worse", 0.03, 0.01, 0.05, True, "is 0.03 better than the champion's"),
        ("not_worse", 0.0, -0.03, 0.03, True, "is the same as the champion's"),
        ("not_worse", -0.01, -0.05, 0.03, True, "is 0.01 worse than the champion's"),
        ("not_worse", 0.96 - 0.98, -0.05, 0.03, True, "is 0.02 worse than the champion's"),
        ("not_worse", -0.0201, -0.05, 0.01, False, "worse than the champion's"),
        ("not_worse", -0.3, -0.4, -0.2, False, "more than the margin of 0.02"),
        ("always", -0.3, -0.4, -0.2, True, "is 0.3 worse than the champion's"),
        ("always", 0.3, 0.2, 0.4, True, "the policy asks for no more"),
    ],
)
def test_the_policies(  # noqa: PLR0913 - a table
    policy: Any, difference: float, low: float, high: float, *, promoted: bool, words: str
) -> None:
    """Better looks at the interval's lower end, not_worse at the difference, always at neither."""
    case = a_case(a_policy(policy=policy), comparison=compared(difference, low, high))
    verdict = judge(case, None)
    assert verdict.promoted == promoted
    assert words in verdict.reason
    assert verdict.champion_metrics == {"accuracy": 0.9667}


def test_the_reason_is_a_sentence() -> None:
    """It says by how much, how sure that is, and on how many rows."""
    assert judge(a_case(), None).reason == (
        "accuracy 0.9778 is 0.0111 better than the champion's"
        " (95 % interval -0.0044 to 0.0267, 45 rows)."
    )


@pytest.mark.parametrize(
    ("value", "objection"),
    [
        (0.9, ""),
        (1, ""),
        (0.35555555, "accuracy 0.3556 is below 0.9."),
        (0.89999, "accuracy 0.89999 is below 0.9."),
        (-0.0, "accuracy 0 is below 0.9."),
        (0.00001234, "accuracy 1.234e-05 is below 0.9."),
        (-1e300, "accuracy -1e+300 is below 0.9."),
        (None, "accuracy is missing."),
        ("0.99", "accuracy is not a number."),
        (True, "accuracy is not a number."),
        ([0.99], "accuracy is not a number."),
        (math.nan, "accuracy is not a finite number."),
        (math.inf, "accuracy is not a finite number."),
        (10**400, "accuracy is not a finite number."),
    ],
)
@pytest.mark.parametrize("policy", ["better", "not_worse", "always"])
@pytest.mark.parametrize("champion", [None, UNUSABLE, SCORED])
def test_thresholds_come_first(policy: Any, champion: Any, value: Any, objection: str) -> None:
    """Under every policy a metric that is no finite number within its bounds never passes."""
    case = a_case(
        a_policy(policy=policy),
        metrics={"accuracy": value},
        champion=champion,
        comparison=compared(0.1, 0.1, 0.1) if champion is SCORED else None,
    )
    verdict = judge(case, None)
    assert verdict.promoted == (not objection)
    assert not objection or verdict.reason == objection


def test_a_missing_metric_is_missing() -> None:
    """Not there is the same as null, and needs no threshold of its own to be noticed."""
    for thresholds in ((), a_policy().thresholds):
        verdict = judge(a_case(a_policy(thresholds=thresholds), metrics={}, champion=None), None)
        assert (verdict.promoted, verdict.reason) == (False, "accuracy is missing.")


def test_every_objection_is_named() -> None:
    """Bounds are judged one by one, minima and maxima, also those of other metrics."""
    bounds: list[tuple[str, Any, float]] = [
        ("accuracy", "minimum", 0.9),
        ("mae", "maximum", 2),
        ("mae", "minimum", 4),
        ("bias", "maximum", 1),
        ("bias", "minimum", -1),
        ("loss", "maximum", 1),
    ]
    thresholds = tuple(Threshold(metric=m, bound=b, value=v) for m, b, v in bounds)
    metrics = {"accuracy": 0.5, "mae": 3, "bias": 0}
    verdict = judge(a_case(a_policy(thresholds=thresholds), metrics=metrics), None)
    assert verdict.reason == (
        "loss is missing; accuracy 0.5 is below 0.9; mae 3 is above 2; mae 3 is below 4."
    )


@pytest.mark.parametrize("policy", ["better", "not_worse", "always"])
def test_without_a_champion_the_thresholds_decide(policy: Any) -> None:
    """A first model needs no comparison; the best of the last does not hold it back either."""
    case = a_case(a_policy(policy=policy), champion=None, comparison=None)
    verdict = judge(case, Best(run_id="iris-1", value=1.0))
    assert verdict.promoted
    assert verdict.reason == "all thresholds are met (accuracy 0.9778), and no champion was scored."
    assert verdict.champion_metrics is None
    assert not needs_best_of_last(case)


@pytest.mark.parametrize("policy", ["better", "not_worse", "always"])
def test_an_unusable_champion_is_named(policy: Any) -> None:
    """It is told on one line, and holds no better model back."""
    case = a_case(a_policy(policy=policy), champion=UNUSABLE, comparison=None)
    verdict = judge(case, None)
    assert verdict.promoted
    assert verdict.reason == (
        f"all thresholds are met (accuracy 0.9778); the champion of {CHAMPION} cannot be scored:"
        " the hold-out has 5 features, the model 4."
    )
    assert verdict.champion_metrics is None
    assert not needs_best_of_last(case)


@pytest.mark.parametrize(
    "comparison",
    [
        None,
        {},
        compared(0.1, 0.1, 0.1, metric="recall"),
        compared(math.nan, 0.1, 0.1),
        compared(0.1, math.nan, 0.1),
        compared(0.1, 0.1, math.inf),
        {**compared(0.1, 0.1, 0.1), "difference": True},
        {**compared(0.1, 0.1, 0.1), "low": "0.1"},
        {"metric": "accuracy", "difference": 0.1},
    ],
)
@pytest.mark.parametrize("policy", ["better", "not_worse"])
@pytest.mark.parametrize("champion", [SCORED, {"metrics": {}}])
def test_a_scored_champion_must_be_compared(champion: Any, policy: Any, comparison: Any) -> None:
    """Without numbers for the judged metric nothing shows that the challenger may replace it."""
    case = a_case(a_policy(policy=policy), champion=champion, comparison=comparison)
    verdict = judge(case, None)
    assert not verdict.promoted
    assert "does not compare accuracy" in verdict.reason


def test_small_losses_cannot_add_up() -> None:
    """Each a margin's half below the last: the third in a row is stopped, by the best of them."""
    ledger: list[Run] = []
    promoted = []
    for number in range(6):
        accuracy = 0.99 - number * 0.01
        case = a_case(
            metrics={"accuracy": accuracy},
            champion=SCORED if ledger else None,
            comparison=compared(-0.01, -0.03, 0.01) if ledger else None,
        )
        verdict = judge(case, best_of_last(ledger, case.judge))
        promoted.append(verdict.promoted)
        ledger.insert(0, a_run(number, accuracy, "DEPLOYED" if verdict.promoted else "REJECTED"))
    assert promoted == [True, True, True, False, False, False]
    assert verdict.reason == (
        "accuracy 0.94 is 0.05 worse than the best of the last 5 deployed"
        " (0.99 of iris-20261121t052000-00000000), more than the margin of 0.02."
    )


@pytest.mark.parametrize("policy", ["better", "always"])
def test_the_best_of_the_last_is_for_not_worse_only(policy: Any) -> None:
    """Other policies never accept a loss that could add up, or accept every one."""
    case = a_case(a_policy(policy=policy), comparison=compared(0.1, 0.1, 0.1))
    assert not needs_best_of_last(case)
    assert judge(case, Best(run_id="iris-1", value=5.0)).promoted
    assert needs_best_of_last(a_case())


def test_models_that_met_other_data_are_no_measure_when_none_is_asked_for() -> None:
    """With ``last: 0``, as for series, whose every week is easier or harder than another."""
    case = a_case(a_policy(last=0))
    assert not needs_best_of_last(case)
    assert best_of_last([a_run(1, 0.99)], case.judge) is None


def test_the_direction_counts() -> None:
    """Of errors the lowest is the best, and a higher one is the loss."""
    bound = Threshold(metric="mae", bound="maximum", value=9)
    policy = a_policy(metric="mae", direction="lower", thresholds=(bound,), margin=0.5)
    runs = [a_run(3, None), a_run(2, None), a_run(1, None)]
    for run, mae in zip(runs, (2.4, 2.0, 2.2), strict=True):
        run.metrics["mae"] = mae
    best = best_of_last(runs, policy)
    assert best is not None
    assert (best.run_id, best.value) == (runs[1].run_id, 2.0)
    for mae, promoted in ((1.0, True), (2.5, True), (2.51, False)):
        comparison = compared(0.1, 0.0, 0.2, metric="mae")
        verdict = judge(a_case(policy, metrics={"mae": mae}, comparison=comparison), best)
        assert verdict.promoted == promoted


def test_the_best_of_the_last_deployed() -> None:
    """Only deployed runs count, only the newest of them, and only real numbers of theirs."""
    runs = [
        a_run(9, None, "RUNNING"),
        a_run(8, 1.0, "REJECTED"),
        a_run(7, 1.0, "ROLLED_BACK"),
        a_run(6, "Infinity"),
        a_run(5, 0.95),
        a_run(4, 0.97),
        a_run(3, 0.99),
    ]
    assert best_of_last(runs, a_policy(last=3)) == Best(run_id=runs[5].run_id, value=0.97)
    assert best_of_last(runs, a_policy(last=4)) == Best(run_id=runs[6].run_id, value=0.99)
    assert best_of_last(runs[:4], a_policy()) is None
    assert best_of_last([], a_policy()) is None


def test_a_model_that_was_taken_back_is_no_measure() -> None:
    """After a rollback the best is that of the model which came back, and of those before it."""
    back = replace(a_run(3, 0.95), kind="ROLLBACK", restores=a_run(1, 0.95).run_id)
    runs = [a_run(4, 0.96), back, a_run(2, 0.99), a_run(1, 0.95), a_run(0, 0.97)]
    assert best_of_last(runs[2:], a_policy()) == Best(run_id=runs[2].run_id, value=0.99)
    assert best_of_last(runs, a_policy(last=2)) == Best(run_id=runs[0].run_id, value=0.96)
    assert best_of_last(runs, a_policy(last=3)) == Best(run_id=runs[4].run_id, value=0.97)
    assert best_of_last(runs[1:], a_policy(last=1)) == Best(run_id=runs[3].run_id, value=0.95)
