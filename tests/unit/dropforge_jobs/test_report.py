import re
from html.parser import HTMLParser
from typing import Any

import pytest

from dropforge_jobs.champion import Champion
from dropforge_jobs.evaluation import evaluate_run
from dropforge_jobs.facts import RunFacts
from dropforge_jobs.profile import NumberProfile
from dropforge_jobs.report import render_report

ACTUAL = ["a"] * 30 + ["b"] * 30
NEW = ["a"] * 29 + ["b"] * 31
OLD = ["a"] * 45 + ["b"] * 15
EVIL = "<script>alert(1)</script>"


def profile(rows: int, shift: float = 0.0) -> dict[str, Any]:
    """Return a profile as preprocessing writes it."""
    column = NumberProfile()
    for row in range(rows):
        column.add(row / rows + shift)
    return {
        "rows": rows,
        "sides": {"train": rows - 60, "holdout": 60},
        "classes": {"a": {"train": rows - 60, "holdout": 30}, "b": {"holdout": 30}},
        "rejected": {
            "rows": 2,
            "reasons": {"not 5 columns": 2},
            "examples": [{"object": "incoming/iris/x.csv", "line": 7, "reason": "not 5 columns"}],
        },
        "objects": [{"key": "incoming/iris/x.csv", "rows": rows, "rejected": 2, "blank": 0}],
        "features": {"petal_length": column.document()},
    }


FACTS = RunFacts(
    run_id="iris-2",
    code_version="0123456789ab",
    champion_run_id="iris-1",
    metric="accuracy",
    manifest={"bucket": "data", "run_id": "iris-2", "objects": [{"size": 4000}, {"size": 96}]},
    profile=profile(500, shift=0.5),
    champion_profile=profile(400),
)


class Page(HTMLParser):
    """What a browser would make of a page: its tags, its attributes, its text."""

    def __init__(self, html: str) -> None:
        """Read a page."""
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag."""
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        """Keep a text."""
        self.words += data.split()

    @property
    def text(self) -> str:
        """All that is read, one space between words."""
        return " ".join(self.words).replace("\N{MINUS SIGN}", "-")


def page(champion: Champion | None, facts: RunFacts = FACTS, notes: tuple[str, ...] = ()) -> Page:
    """Render the report of the constructed models."""
    return Page(render_report(evaluate_run(ACTUAL, NEW, champion, facts.metric), facts, notes))


def test_it_tells_all_of_a_comparison() -> None:
    """Verdict, both models' metrics, data now and then, drift, features, and the sources."""
    text = page(Champion("iris-1", OLD)).text
    assert "The challenger is better than the champion: the difference in accuracy is" in text
    assert "accuracy (judged) 0.9833 0.7500 +0.2333" in text
    assert "recall_a 0.9667 1.0000 -0.0333" in text
    assert "actual class. a b a 29 1 b 0 30" in text
    assert "bytes 4,096" in text
    assert "rows used 500 400 +100" in text
    assert "not 5 columns 2" in text
    assert "incoming/iris/x.csv, line 7" in text
    assert re.search(r"petal_length \d\.\d{3} 0\.\d{3} strong drift", text)
    assert "below 0.1 stable, up to 0.25 some drift" in text
    assert "mean 0.999 0.4988" in text
    assert "code version 0123456789ab champion's run iris-1" in text
    assert "s3://data/runs/iris-2/manifest.json" in text


def test_it_needs_nothing_from_outside() -> None:
    """No script, no file, no address: and the page's own policy forbids them."""
    found = page(Champion("iris-1", OLD))
    assert not {"script", "link", "img", "iframe", "object", "form", "base"} & set(found.tags)
    names = {name for name, _ in found.attributes}
    assert not {"src", "href", "srcset", "action", "onload", "onclick"} & names
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    assert ("content", policy) in found.attributes
    assert "url(" not in render_report(evaluate_run(ACTUAL, NEW, None, None), FACTS)
    assert "@import" not in render_report(evaluate_run(ACTUAL, NEW, None, None), FACTS)


def test_what_comes_from_data_is_text() -> None:
    """Markup in labels, keys, reasons, columns and names is shown, not obeyed."""
    hostile = {
        **profile(100),
        "classes": {EVIL: {"train": 3}},
        "features": {EVIL: profile(100)["features"]["petal_length"]},
        "rejected": {
            "rows": 1,
            "reasons": {EVIL: 1},
            "examples": [{"object": EVIL, "line": 1, "reason": EVIL}],
        },
    }
    facts = RunFacts(
        run_id=EVIL,
        code_version=EVIL,
        champion_run_id=EVIL,
        metric=f"recall_{EVIL}",
        manifest={"bucket": EVIL, "run_id": EVIL, "objects": []},
        profile=hostile,
        champion_profile=hostile,
    )
    labels = [EVIL, '" onload="x'] * 10
    document = evaluate_run(labels, labels, Champion(EVIL, labels[::-1]), facts.metric)
    for each in (document, evaluate_run(labels, labels, Champion(EVIL, None, EVIL), None)):
        found = Page(render_report(each, facts, [EVIL]))
        assert "script" not in found.tags
        assert "onload" not in {name for name, _ in found.attributes}
        assert EVIL in found.text


def test_the_first_model_has_nothing_to_be_compared_with() -> None:
    """The report says so, and has no empty columns or sections for it."""
    text = page(None, RunFacts(run_id="iris-1", metric="accuracy", profile=profile(500))).text
    assert "There is no champion yet" in text
    assert "held-out rows that the model was not trained on" in text
    assert "champion's run" not in text
    assert "Drift" not in text
    assert "Features" in text


def test_an_unusable_champion_is_explained() -> None:
    """The reason is in the report, and what it has no metric for is a dash."""
    text = page(Champion("iris-1", None, "it was made for other columns")).text
    assert "the champion of run iris-1 cannot be scored" in text
    assert "it was made for other columns" in text
    assert "accuracy (judged) 0.9833 \N{EN DASH} \N{EN DASH}" in text


def test_a_comparison_that_was_not_made_is_explained() -> None:
    """Both are scored, but there is nothing to judge them by."""
    facts = RunFacts(run_id="iris-2", champion_run_id="iris-1", metric="auc")
    assert "not compared: auc is no metric that both have" in page(Champion("1", OLD), facts).text
    assert "no metric is named" in page(Champion("1", OLD), RunFacts()).text


def test_notes_are_shown() -> None:
    """What the reader must know comes before the numbers."""
    text = page(None, notes=("5 rows are left out.",)).text
    assert text.index("5 rows are left out.") < text.index("accuracy (judged)")


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"rows": 3},
        {"classes": None, "features": None, "rejected": None},
        {"features": {"x": {}}},
    ],
)
def test_a_profile_of_another_version_is_shown_as_far_as_it_goes(broken: dict[str, Any]) -> None:
    """This run's or the champion's: what it lacks is left out or a dash, never an error."""
    for facts in (
        RunFacts(profile=broken, champion_profile=profile(100)),
        RunFacts(profile=profile(100), champion_profile=broken),
        RunFacts(profile=broken, champion_profile=broken),
    ):
        assert "accuracy" in page(Champion("iris-1", OLD), facts).text
