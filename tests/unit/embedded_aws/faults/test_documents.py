"""The documents of faults: what is refused, with what words, and what is kept."""

import json
import urllib.request
from typing import Any
from urllib.error import HTTPError

import pytest

from embedded_aws.errors import AwsError
from embedded_aws.faults import Faults
from tests.conftest import Embedded

CALL = {"service": "s3", "operation": "PutObject"}


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (None, "it is a JSON object"),
        ([], "it is a JSON object"),
        ({}, "service: Field required; operation: Field required"),
        ({"service": "s3"}, "operation: Field required"),
        ({"kind": "weather"}, "'weather'"),
        (CALL, "it changes nothing"),
        ({**CALL, "happens": True}, "it changes nothing"),
        ({**CALL, "code": "Y", "colour": "red"}, "colour: Extra inputs are not permitted"),
        ({**CALL, "code": "Y", "times": 0}, "times: Input should be greater than or equal to 1"),
        ({**CALL, "code": "Y", "status": 200}, "status: "),
        ({**CALL, "code": "Y", "breaks": True}, "not both"),
        ({**CALL, "seconds": -1}, "seconds: "),
        ({**CALL, "seconds": float("nan")}, "seconds: "),
        ({"service": "s3", "operation": "PutObjekt", "code": "Y"}, "no operation s3:PutObjekt"),
        ({"service": "s4", "operation": "PutObject", "code": "Y"}, "no operation s4:PutObject"),
        ({"kind": "event"}, "then: Field required"),
        ({"kind": "event", "then": "delayed"}, "seconds goes with delayed"),
        ({"kind": "event", "then": "dropped", "seconds": 1}, "seconds goes with delayed"),
        ({"kind": "event", "then": "dropped", "copies": 2}, "copies goes with duplicated"),
        ({"kind": "event", "then": "reordered"}, "reordered needs times"),
        ({"kind": "function", "call": 0}, "call: "),
        ({"kind": "function", "call": 2, "seconds": 1}, "give seconds or call, not both"),
        (
            {"kind": "function", "service": "states", "operation": "StartExekution"},
            "no operation states:StartExekution",
        ),
        ({"kind": "job", "then": "failed"}, "reason goes with failed"),
        ({"kind": "job", "then": "stopped", "reason": "why"}, "reason goes with failed"),
        ({"kind": "endpoint", "restarts": "perhaps"}, "restarts: "),
    ],
)
def test_what_is_no_fault_is_refused(document: Any, why: str) -> None:
    """Each is told in one line what is wrong with it."""
    with pytest.raises(AwsError) as caught:
        Faults().add(document)
    assert caught.value.message.startswith("not a fault: ")
    assert why in caught.value.message
    assert "\n" not in caught.value.message


def test_over_http_it_is_refused_in_the_same_words(embedded: Embedded) -> None:
    """Status 400, and nothing is kept."""
    url = f"{embedded.endpoint_url}/_embedded/faults"
    for body in (b'{"kind": "weather"}', b"no JSON"):
        with pytest.raises(HTTPError) as caught:
            urllib.request.urlopen(url, body)  # noqa: S310
        assert caught.value.code == 400
        assert json.load(caught.value)["message"].startswith("not a fault: ")


@pytest.mark.parametrize(
    ("document", "kept"),
    [
        (
            {"service": "stepfunctions", "operation": "StartExecution", "code": "Y", "times": "3"},
            {"kind": "call", "service": "states", "operation": "StartExecution", "code": "Y"},
        ),
        (
            {"service": "sagemaker-runtime", "operation": "InvokeEndpoint", "breaks": True},
            {
                "kind": "call",
                "service": "sagemaker",
                "operation": "InvokeEndpoint",
                "breaks": True,
            },
        ),
        (
            {"kind": "endpoint", "endpoint": "e", "restarts": "false", "match": ""},
            {"kind": "endpoint", "endpoint": "e", "restarts": False},
        ),
    ],
)
def test_what_is_kept(document: dict[str, Any], kept: dict[str, Any]) -> None:
    """No kind is a call; a service has one name; values may be text, as a command line has them."""
    faults = Faults()
    faults.add(document)
    assert faults.pending() == [{**kept, "after": 0, "times": int(document.get("times", 1))}]
    faults.clear()
    assert faults.pending() == []
