"""Definitions are read by JSON's rules, each by itself."""

import json
import threading
from typing import TYPE_CHECKING

import pytest
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

if TYPE_CHECKING:
    from tests.unit.embedded_aws.gaps.stepfunctions.conftest import States

TEXT = 'say "x" \\ / 😀 é \n tab\t'


def test_literals(states: "States") -> None:
    """Strings with quotes, escapes and emoji arrive as written, in Assign and in Output."""
    found = states.output(
        {
            "A": {"Type": "Pass", "Assign": {"t": TEXT, "o": {"k": [TEXT]}}, "Next": "B"},
            "B": {"Type": "Pass", "Output": {"t": "{% $t %}", "o": "{% $o %}", "l": TEXT, TEXT: 1}}
            | {"End": True},
        }
    )
    assert found == {"t": TEXT, "o": {"k": [TEXT]}, "l": TEXT, TEXT: 1}


def test_expressions_with_escapes(states: "States") -> None:
    """An expression may hold quotes and backslashes."""
    found = states.output({"A": {"Type": "Succeed", "Output": '{% \'a"b\' & "\\\\ \\"c" %}'}})
    assert found == 'a"b\\ "c'


def test_a_refused_definition_spoils_nothing() -> None:
    """A definition of the other query language can be read after one that was refused."""
    bad = {"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Nothing"}}}
    good = {"StartAt": "A", "States": {"A": {"Type": "Pass", "InputPath": "$.a", "End": True}}}
    for _ in range(2):
        with pytest.raises(Exception, match=r"Nothing|State|mismatched"):
            AmazonStateLanguageParser.parse(json.dumps(bad))
        AmazonStateLanguageParser.parse(json.dumps(good))


def test_parsing_in_threads() -> None:
    """Definitions of both query languages can be read at once."""
    failures: list[Exception] = []

    def read(number: int) -> None:
        language = ("JSONata", "JSONPath")[number % 2]
        state = {"Type": "Pass", "Comment": str(number), "End": True}
        machine = {"QueryLanguage": language, "StartAt": "A", "States": {"A": state}}
        try:
            AmazonStateLanguageParser.parse(json.dumps(machine))
        except Exception as err:  # noqa: BLE001 - collected
            failures.append(err)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert failures == []
