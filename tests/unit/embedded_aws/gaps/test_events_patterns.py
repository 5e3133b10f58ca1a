"""Event patterns: what matches, and what is refused."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.events.models import EventPattern

from embedded_aws.gaps import events_patterns
from tests.conftest import Embedded

EVENT = {
    "source": "aws.s3",
    "detail": {
        "object": {"key": "incoming/iris/a.csv", "size": 5},
        "line": "a\nb",
        "flag": True,
        "one": 1,
        "nothing": None,
        "list": ["x", "y"],
    },
}


@pytest.fixture(scope="module", autouse=True)
def closed() -> None:
    """Close the gap in this process, too."""
    events_patterns.apply()


@pytest.mark.parametrize(
    ("detail", "matches"),
    [
        ({"object": {"key": [{"prefix": "incoming/"}]}}, True),
        ({"object": {"key": [{"prefix": "other/"}]}}, False),
        ({"object": {"key": [{"suffix": ".csv"}]}}, True),
        ({"object": {"key": [{"prefix": {"equals-ignore-case": "INCOMING/"}}]}}, True),
        ({"object": {"key": [{"wildcard": "incoming/*/a.*"}]}}, True),
        ({"object": {"key": [{"wildcard": "incoming/*/b.*"}]}}, False),
        ({"object": {"key": [{"wildcard": r"incoming/\*/a.csv"}]}}, False),
        ({"line": [{"wildcard": "a*b"}]}, True),
        ({"object": {"key": [{"anything-but": "incoming/iris/a.csv"}]}}, False),
        ({"object": {"key": [{"anything-but": ["b", "c"]}]}}, True),
        ({"object": {"key": [{"anything-but": {"prefix": "incoming/"}}]}}, False),
        ({"object": {"key": [{"anything-but": {"suffix": [".json", ".csv"]}}]}}, False),
        ({"object": {"key": [{"exists": True}]}}, True),
        ({"object": {"gone": [{"exists": False}]}}, True),
        ({"object": {"gone": [{"exists": True}]}}, False),
        ({"object": {"gone": [{"prefix": "x"}]}}, False),
        ({"object": {"size": [{"numeric": [">", 0, "<=", 5]}]}}, True),
        ({"object": {"size": [{"numeric": [">", 5]}]}}, False),
        ({"object": {"size": ["5"]}}, False),
        ({"flag": [True]}, True),
        ({"flag": [1]}, False),
        ({"one": [True]}, False),
        ({"one": [1]}, True),
        ({"nothing": [None]}, True),
        ({"list": ["y", "z"]}, True),
        ({"list": ["z"]}, False),
        ({"line": [{"equals-ignore-case": "A\nB"}]}, True),
        ({"$or": [{"one": [2]}, {"flag": [True]}]}, True),
        ({"$or": [{"one": [2]}, {"flag": [False]}]}, False),
    ],
)
def test_matching(detail: dict[str, Any], matches: bool) -> None:  # noqa: FBT001
    """Each kind of filter matches what EventBridge documents, and only that."""
    pattern = EventPattern.load(json.dumps({"source": ["aws.s3"], "detail": detail}))
    assert pattern.matches_event(EVENT) is matches


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": [{"starts-with": "aws"}]},
        {"source": [{"prefix": "aws", "suffix": "s3"}]},
        {"detail": {"$or": [{"a": [{"like": "b"}]}, {"a": ["c"]}]}},
        {"source": "aws.s3"},
        {"source": []},
    ],
)
def test_what_is_no_pattern_is_refused(embedded: Embedded, pattern: dict[str, Any]) -> None:
    """A filter that EventBridge does not know is refused, not taken as a match of everything."""
    with pytest.raises(ClientError, match="InvalidEventPatternException"):
        embedded.client("events").put_rule(Name="patterns", EventPattern=json.dumps(pattern))
