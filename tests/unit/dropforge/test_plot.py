import math
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dropforge import plot
from dropforge.errors import CommandError, InputError


@pytest.mark.parametrize(
    ("body", "answer", "asked", "answered"),
    [
        ("1,2,3", {"predictions": [[4.0, 5.0]]}, [1, 2, 3], {"answer": [4, 5]}),
        ("1\n2\n3\n", [4.0, 5.0], [1, 2, 3], {"answer": [4, 5]}),
        ("1,2\n8,9", {"predictions": [[3], [4]]}, [1, 2], {"answer": [3, 4]}),
        ('{"instances": [[[1], [2]]]}', {"predictions": [[[3.5]]]}, [1, 2], {"answer": [3.5]}),
        ("1,2", {"predictions": [{"low": [1], "high": [3]}]}, [1, 2], {"low": [1], "high": [3]}),
        ('{"inputs": [[1, 2]]}', {"outputs": [[3, 4]]}, [1, 2], {"answer": [3, 4]}),
        ("x,y", "1.5", [], {"answer": [1.5]}),
        ("5,setosa", "1,2\n3,4", [5], {"answer": [1, 2]}),
    ],
)
def test_the_numbers_of_the_first_instance_are_found(
    body: str, answer: Any, asked: list[float], answered: dict[str, list[float]]
) -> None:
    """However TensorFlow Serving, CSV or plain JSON wrap them."""
    assert plot.read(body.encode(), answer) == plot.Picture(asked, answered)


@pytest.mark.parametrize("answer", ["setosa", {"predictions": []}, {"a": None}, "", [True]])
def test_an_answer_without_numbers_is_told(tmp_path: Path, answer: Any) -> None:
    """With what it was, and no file."""
    with pytest.raises(CommandError, match=r"--plot: the answer holds no numbers to draw: "):
        plot.write("x", b"1,2", answer, tmp_path / "out.png")
    assert not (tmp_path / "out.png").exists()


def test_both_curves_are_drawn_left_and_right_of_now(tmp_path: Path) -> None:
    """A day and the next, in their colours; the folder is made."""
    day = [10 + 5 * math.sin(n / 288 * math.tau) for n in range(288)]
    body = ",".join(map(str, day)).encode()
    path = tmp_path / "pictures" / "out.png"
    plot.write("temperature", body, {"predictions": [day]}, path)
    with Image.open(path) as picture:
        assert picture.size == (800, 400)
        seen = picture.convert("RGB")
    middle = (70 + 770) / 2
    places = {
        colour: [
            x for x in range(70, 770) for y in range(84, 357) if seen.getpixel((x, y)) == wanted
        ]
        for colour, wanted in (("asked", (0x9C, 0xA3, 0xAF)), ("answer", (0x25, 0x63, 0xEB)))
    }
    assert min(places["asked"]) < 80
    assert max(places["asked"]) <= middle
    assert min(places["answer"]) >= middle
    assert max(places["answer"]) > 760


@pytest.mark.parametrize("values", [[0.0], [5.0, 5.0], [-1e9, 1e9], [1e-9, 2e-9]])
def test_any_numbers_can_be_drawn(tmp_path: Path, values: list[float]) -> None:
    """One, equal ones, huge and tiny ones."""
    plot.write("x", b"", values, tmp_path / "out.png")
    assert (tmp_path / "out.png").exists()


def test_a_file_that_cannot_be_written_is_bad_input(tmp_path: Path) -> None:
    """Its name is told."""
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"--plot: .*out\.png: cannot be written"):
        plot.write("x", b"1", [1.0, 2.0], tmp_path / "file" / "out.png")
