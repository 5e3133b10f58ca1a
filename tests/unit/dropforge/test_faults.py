"""`dropforge local faults`, on an embedded AWS that is up."""

import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded_aws import faults
from tests.conftest import Embedded
from tests.unit.dropforge.conftest import Command, Done


@pytest.fixture
def local_faults(
    dropforge: Command, embedded: Embedded, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Command]:
    """Run the command, which reads what is given; no fault is left over."""
    monkeypatch.setenv("DROPFORGE_STATE", str(embedded.state))

    def run(*arguments: str, given: str = "") -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
        return dropforge("local", "faults", *arguments)

    yield run
    assert run("clear").status == 0


def test_faults_are_added_listed_and_forgotten(local_faults: Command) -> None:
    """For scripts as documents, for people in the words that `add` takes."""
    said = ["service=s3", "operation=PutObject", "code=SlowDown", "times=2"]
    added = local_faults("add", "call", *said, "--json")
    call = {
        "kind": "call",
        "service": "s3",
        "operation": "PutObject",
        "code": "SlowDown",
        "after": 0,
        "times": 2,
    }
    assert json.loads(added.out) == [call]
    assert local_faults("add", "endpoint", "endpoint=e", "restarts=false").status == 0
    assert json.loads(local_faults("--json").out)[1]["restarts"] is False
    header, *rows = [line.split() for line in local_faults().out.splitlines()]
    assert header == ["kind", "fault", "after", "times"]
    assert rows == [
        ["call", *said[:3], "0", "2"],
        ["endpoint", "endpoint=e", "restarts=false", "0", "1"],
    ]
    assert json.loads(local_faults("clear", "--json").out) == []
    none = local_faults()
    assert (none.out, none.err) == ("", "There are no faults to come.\n")


def test_a_document_comes_from_a_file_or_stdin(local_faults: Command, tmp_path: Path) -> None:
    """The same document as over HTTP, kept as it is given."""
    document = {"kind": "event", "then": "dropped", "match": "gönnt"}
    file = tmp_path / "fault.json"
    file.write_text(json.dumps(document), "utf-8")
    kept = {**document, "after": 0, "times": 1}
    assert json.loads(local_faults("add", "--file", str(file), "--json").out) == [kept]
    again = local_faults("add", "--file", "-", "--json", given=json.dumps(document))
    assert json.loads(again.out) == [kept, kept]


@pytest.mark.parametrize(
    ("arguments", "given", "says"),
    [
        ([], "", "give KIND and its fields, or --file"),
        (["call", "--file", "-"], "{}", "give KIND and its fields, or --file"),
        (["call", "times"], "", "'times': is no FIELD=VALUE"),
        (["call", "=2"], "", "'': is no FIELD=VALUE"),
        (["weather"], "", "not a fault: "),
        (["call", "service=s3", "operation=PutObject"], "", "not a fault: it changes nothing"),
        (["--file", "-"], "{", "-: no JSON"),
        (["--file", "-"], "[]", "not a fault: it is a JSON object"),
        (["--file", "missing.json"], "", "missing.json: cannot be read"),
        (["call", "--target", "aws"], "", "leave out --target aws"),
    ],
)
def test_what_is_no_fault_is_refused_in_one_line(
    local_faults: Command, arguments: list[str], given: str, says: str
) -> None:
    """With status 2 and nothing on stdout."""
    done = local_faults("add", *arguments, given=given)
    assert (done.status, done.out) == (2, "")
    assert says in done.err
    assert done.err.count("\n") == 1


def test_the_help_names_every_field(local_faults: Command) -> None:
    """Of every kind; but for headers, which take a document."""
    told = local_faults("add", "--help").out
    lines = dict(re.findall(r"^  (\w+) +(\S.*)$", told, re.MULTILINE))
    for model in faults.Fault.__subclasses__():
        fields = model.model_fields.keys() - faults.Fault.model_fields.keys() - {"kind", "headers"}
        kind = model.__name__.removesuffix("Fault").lower()
        assert fields <= set(re.findall(r"\w+", lines[kind]))
    assert set(re.findall(r"\w+", lines["each"])) == faults.Fault.model_fields.keys()
