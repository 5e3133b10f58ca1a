import json
from pathlib import Path
from typing import Any

import pytest
from dropforge_core.columns_config import Column as Declared
from dropforge_core.columns_config import Csv, Quarantine, rules_document

from dropforge_jobs.columns import Column
from dropforge_jobs.jobs import JobError
from dropforge_jobs.rules import FILE, BadRowError, Rules

COLUMNS = (Column("size", "number"), Column("kind", "text", label=True), Column("count", "integer"))


def test_what_publish_writes_is_what_a_job_reads(tmp_path: Path) -> None:
    """Every setting of pipeline.yaml arrives, defaults too."""
    columns = [
        Declared(name="size", type="number", minimum=0, maximum=9.5, nullable=True),
        Declared(name="kind", type="text", label=True, values=("a", "b"), pattern="[ab]"),
    ]
    document = rules_document(
        columns, Csv(header=True, delimiter=";"), Quarantine(most_bad_rows=0.1, fewest_rows=3)
    )
    (tmp_path / FILE).write_text(json.dumps(document), "utf-8")
    assert Rules.load(tmp_path) == Rules(
        (
            Column("size", "number", minimum=0, maximum=9.5, nullable=True),
            Column("kind", "text", label=True, values=("a", "b"), pattern="[ab]"),
        ),
        header=True,
        delimiter=";",
        most_bad_rows=0.1,
        fewest_rows=3,
    )


def test_a_pipeline_without_columns_is_told_to_declare_some(tmp_path: Path) -> None:
    """Its script asks for rules that publish did not write."""
    with pytest.raises(JobError, match=r"pipeline\.yaml has to declare columns"):
        Rules.load(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"columns": [{}]}', '{"columns": [], "x": 1}'])
def test_what_are_no_rules(tmp_path: Path, text: str) -> None:
    """Another version's file is refused, and named."""
    (tmp_path / FILE).write_text(text, "utf-8")
    with pytest.raises(JobError, match=r"rules\.json is not what publish writes"):
        Rules.load(tmp_path)


@pytest.mark.parametrize(
    ("delimiter", "line"),
    [
        (",", "1.5, pine ,3"),
        (",", '1.5,"pine",3'),
        (";", "1.5;pine;3"),
        ("\t", "1.5\tpine\t3"),
        ("|", '"1.5"|pine|"3"'),
    ],
)
def test_a_line_is_a_row(delimiter: str, line: str) -> None:
    """Cells are read by their columns, and the label can be taken from anywhere."""
    rules = Rules(COLUMNS, delimiter=delimiter)
    assert rules.read(line) == [1.5, "pine", 3]
    assert rules.part([1.5, "pine", 3]) == ("pine", [1.5, 3])
    assert rules.features == ["size", "count"]


def test_a_pipeline_may_have_no_label() -> None:
    """Then all columns are features."""
    assert Rules(COLUMNS[:1]).part([1.5]) == (None, [1.5])


def test_quotes_keep_a_delimiter() -> None:
    """And two of them are one."""
    assert Rules(COLUMNS).read('1,"a ""b"", c",2') == [1.0, 'a "b", c', 2]


def test_all_faults_of_a_row_are_told_with_their_columns() -> None:
    """Not the first one only."""
    with pytest.raises(BadRowError) as raised:
        Rules(COLUMNS).read("x,pine,1.5")
    assert raised.value.reasons == ["size is no finite number", "count is no whole number"]
    assert raised.value.columns == ["size", "count"]
    assert str(raised.value) == "size is no finite number; count is no whole number"


@pytest.mark.parametrize(
    ("line", "is_header"),
    [
        ("size,kind,count", True),
        (' size , "kind",count', True),
        ("kind,size,count", False),
        ("size,kind", False),
        ('size,"kind,count', False),
        ("1,2,3", False),
    ],
)
def test_a_header_names_the_columns_in_their_order(line: str, *, is_header: bool) -> None:
    """Another order would put values under wrong names."""
    assert Rules(COLUMNS, header=True).is_header(line) is is_header


def test_rules_are_the_same_for_all(tmp_path: Path) -> None:
    """What is not said has the defaults of pipeline.yaml."""
    document: dict[str, Any] = rules_document(
        [Declared(name="size", type="number")], Csv(), Quarantine()
    )
    (tmp_path / FILE).write_text(json.dumps(document), "utf-8")
    rules = Rules.load(tmp_path)
    assert (rules.header, rules.delimiter, rules.most_bad_rows, rules.fewest_rows) == (
        False,
        ",",
        0.2,
        10,
    )
