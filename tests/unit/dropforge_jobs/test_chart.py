from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dropforge_jobs.champion import Champion
from dropforge_jobs.chart import write_chart
from dropforge_jobs.evaluation import evaluate_run

BLUE, GREY, RED = (37, 99, 235), (156, 163, 175), (220, 38, 38)
ACTUAL = ["a"] * 10 + ["b"] * 10


def drawn(document: dict[str, Any], path: Path, metric: str = "accuracy") -> Image.Image:
    """Draw a chart and open it."""
    write_chart(document, path / "folder" / "chart.png", metric)
    return Image.open(path / "folder" / "chart.png")


def leftmost(image: Image.Image, colour: tuple[int, ...], rows: range) -> int | None:
    """Return the first column that has a pixel of this colour in these rows of pixels."""
    for x in range(200, 575):
        if any(image.getpixel((x, y)) == colour for y in rows):
            return x
    return None


def test_both_models_are_dots_where_their_metrics_are(tmp_path: Path) -> None:
    """A champion that is worse lies further left, on a line per metric."""
    worse = ["a"] * 14 + ["b"] * 6
    image = drawn(evaluate_run(ACTUAL, ACTUAL, Champion("1", worse), "accuracy"), tmp_path)
    assert image.size == (800, 400)
    assert image.format == "PNG"
    first = range(112, 160)  # of four lines between 110 and 330: the judged metric's
    champion, challenger = leftmost(image, GREY, first), leftmost(image, BLUE, first)
    assert champion is not None
    assert challenger is not None
    assert champion < challenger - 50


def test_the_first_model_shows_its_confusion_matrix(tmp_path: Path) -> None:
    """Without a champion, hits are blue and misses red."""
    said = ["b"] * 10 + ["b"] * 10
    image = drawn(evaluate_run(ACTUAL, said, None, "accuracy"), tmp_path)
    assert image.getpixel((230, 150)) == (245, 245, 245)
    assert image.getpixel((500, 150)) == RED
    assert image.getpixel((500, 360)) == BLUE


def test_an_unusable_champion_is_not_drawn(tmp_path: Path) -> None:
    """The picture is that of a first model."""
    alone = drawn(evaluate_run(ACTUAL, ACTUAL, None, "accuracy"), tmp_path / "1")
    unusable = Champion("1", None, "it was made for other columns")
    image = drawn(evaluate_run(ACTUAL, ACTUAL, unusable, "accuracy"), tmp_path / "2")
    assert image.tobytes() == alone.tobytes()


@pytest.mark.parametrize("has_champion", [True, False])
@pytest.mark.parametrize(
    "labels", [["Вид, 2", "<b>&"], ["x" * 200, "\n"], [f"class {n}" for n in range(40)]]
)
def test_any_label_can_be_drawn(tmp_path: Path, labels: list[str], *, has_champion: bool) -> None:
    """Other scripts, markup, long names, line breaks and many classes do no harm."""
    champion = Champion("1", [*labels[1:], labels[0]]) if has_champion else None
    image = drawn(evaluate_run(labels, labels, champion, "accuracy"), tmp_path)
    assert image.size == (800, 400)
    assert BLUE in {colour for _, colour in image.getcolors(2**24) or []}
