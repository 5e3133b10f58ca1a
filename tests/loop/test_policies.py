"""Challengers against a champion that serves: each policy, as whole runs."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from .stack import Stack

CHAMPION = 0.97


@dataclass(frozen=True)
class Case:
    """A challenger, the policy, and what must come of it."""

    name: str
    policy: dict[str, Any]
    accuracy: float
    interval: tuple[float, float]
    status: str
    says: str

    def __str__(self) -> str:
        """Name the case in the test's id."""
        return self.name


MARGIN = {"policy": "not_worse", "margin": 0.02}
CASES = [
    Case("within_margin", MARGIN, 0.96, (-0.03, 0.01), "DEPLOYED", "0.01 worse than the champion"),
    Case(
        "outside_margin", MARGIN, 0.94, (-0.05, -0.01), "REJECTED", "more than the margin of 0.02"
    ),
    Case("better", {"policy": "better"}, 0.99, (0.01, 0.03), "DEPLOYED", "0.02 better than"),
    Case("maybe_better", {"policy": "better"}, 0.98, (-0.01, 0.03), "REJECTED", "must be above 0"),
    Case("always", {"policy": "always"}, 0.91, (-0.09, -0.03), "DEPLOYED", "asks for no more"),
]


def compared(case: Case) -> str:
    """Write evaluation.json as dropforge_jobs does, with a champion that was scored."""
    low, high = case.interval
    difference = round(case.accuracy - CHAMPION, 4)
    return json.dumps(
        {
            "metrics": {"accuracy": case.accuracy},
            "champion": {"status": "scored", "metrics": {"accuracy": CHAMPION}},
            "comparison": {
                "metric": "accuracy",
                "difference": difference,
                "low": low,
                "high": high,
                "confidence": 0.95,
                "rows": 300,
            },
        },
        separators=(",", ":"),  # an argument of a processing job has at most 256 characters
    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_challenger_is_judged_as_the_policy_says(stack: Stack, case: Case) -> None:
    """Promoted it replaces the champion; else the champion goes on answering. Both are recorded."""
    name = f"p_{case.name}"
    stack.publish(name, answer="1", evaluation=json.dumps({"metrics": {"accuracy": CHAMPION}}))
    stack.run(name, "1\n")
    stack.publish(name, answer="2", evaluation=compared(case), judging=case.policy)
    run = stack.run(name, "2\n", count=2)
    promoted = case.status == "DEPLOYED"
    assert (run["status"], run["endpoint"]["action"]) == (
        case.status,
        "UPDATED" if promoted else "NONE",
    ), run["reason"]
    assert case.says in run["reason"]
    assert run["champion_metrics"] == {"accuracy": CHAMPION}
    assert stack.answer(name) == ("2" if promoted else "1")
    package = stack.target.client("sagemaker").describe_model_package(
        ModelPackageName=run["model_package"]
    )
    assert package["ModelApprovalStatus"] == ("Approved" if promoted else "Rejected")
    assert case.says in package["ModelPackageDescription"]
