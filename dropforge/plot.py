"""`dropforge invoke --plot`: what was asked and what was answered, as curves in one picture."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from dropforge.errors import CommandError, InputError
from dropforge_jobs.canvas import HEIGHT, WIDTH, Canvas

INK, FAINT, GRID, ASKED = "#1f2937", "#6b7280", "#e5e7eb", "#9ca3af"
COLOURS = ("#2563eb", "#d97706", "#059669", "#7c3aed")
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, WIDTH - 30, 84, HEIGHT - 44
_TICKS = 5  # at least half, at most twice as many
_ANSWERS = ("predictions", "outputs")

type Curve = list[float]


@dataclass(frozen=True)
class Picture:
    """The curves of the first instance: what was asked, and what was answered, by name."""

    asked: Curve
    answered: dict[str, Curve]


def write(title: str, body: bytes, answer: Any, path: Path) -> None:
    """Draw a question and its answer, as `Answer.document` gives it.

    Raises:
        CommandError: the answer holds no numbers.
        InputError: the file cannot be written.
    """
    picture = read(body, answer)
    canvas = Canvas()
    _draw(canvas, title, picture)
    try:
        canvas.save(path)
    except OSError as err:
        raise InputError(f"--plot: {path}: cannot be written: {err.strerror or err}.") from err


def read(body: bytes, answer: Any) -> Picture:
    """Find the numbers in both; a question may have none.

    Raises:
        CommandError: the answer has none.
    """
    answered = _curves(_first_instance(_parsed(answer)))
    if not answered:
        shown = answer if isinstance(answer, str) else json.dumps(answer)
        raise CommandError(f"--plot: the answer holds no numbers to draw: {shown[:80]!r}")
    asked = _curves(_first_instance(_parsed(body.decode(errors="replace"))))
    return Picture(next(iter(asked.values()), []), answered)


def _parsed(given: Any) -> Any:
    """Read text as JSON, else as CSV: rows of one column are a column, else each row is one."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except ValueError:
        rows = [line.split(",") for line in given.splitlines() if line.strip()]
    if all(len(row) == 1 for row in rows):
        return [[cell for row in rows for cell in row]]
    return rows


def _first_instance(given: Any) -> Any:
    """Take what TensorFlow Serving and its like wrap: the first of several instances."""
    if isinstance(given, dict):
        for name in ("instances", "inputs", *_ANSWERS):
            if name in given:
                return _first_instance(given[name])
        return given
    return given[0] if isinstance(given, list) and given and _is_nested(given[0]) else given


def _is_nested(value: Any) -> bool:
    """Whether it is an instance of its own, and not one step of a series."""
    if isinstance(value, dict):
        return True
    return isinstance(value, list) and len(value) != 1


def _curves(instance: Any) -> dict[str, Curve]:
    """Give each list of numbers; an instance of several outputs names them."""
    named = instance if isinstance(instance, dict) else {"answer": instance}
    found = {str(name): list(_numbers(value)) for name, value in named.items()}
    return {name: curve for name, curve in found.items() if curve}


def _numbers(value: Any) -> Iterator[float]:
    """Walk all finite numbers in lists, whatever their depth; text counts if it is one."""
    if isinstance(value, list):
        for part in value:
            yield from _numbers(part)
        return
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return
    try:
        number = float(value)
    except ValueError:
        return
    if math.isfinite(number):
        yield number


def _draw(canvas: Canvas, title: str, picture: Picture) -> None:
    begin = -len(picture.asked)
    end = max(len(curve) for curve in picture.answered.values())
    values = [*picture.asked, *(y for curve in picture.answered.values() for y in curve)]
    low, high, step = _axis(min(values), max(values))

    def place(at: float, value: float) -> tuple[float, float]:
        x = _LEFT + (at - begin) / max(end - begin, 1) * (_RIGHT - _LEFT)
        return x, _BOTTOM - (value - low) / (high - low) * (_BOTTOM - _TOP)

    canvas.text((_LEFT, 28), title, 20, INK, "lm")
    for tick in range(round((high - low) / step) + 1):
        value = low + tick * step
        _, y = place(0, value)
        canvas.line((_LEFT, y, _RIGHT, y), GRID)
        canvas.text((_LEFT - 8, y), f"{value:.6g}", 13, FAINT, "rm")
    across = _step(end - begin)
    for at in range(math.ceil(begin / across), math.floor(end / across) + 1):
        x, _ = place(at * across, low)
        canvas.text((x, _BOTTOM + 16), f"{at * across:g}", 13, FAINT, "mm")
    now, _ = place(0, low)
    canvas.line((now, _TOP, now, _BOTTOM), FAINT)
    _draw_curve(canvas, [place(begin + i + 1, y) for i, y in enumerate(picture.asked)], ASKED)
    names = [("asked", ASKED)] if picture.asked else []
    for number, (name, curve) in enumerate(picture.answered.items()):
        colour = COLOURS[number % len(COLOURS)]
        names.append((name, colour))
        _draw_curve(canvas, [place(i + 1, y) for i, y in enumerate(curve)], colour)
    for number, (name, colour) in enumerate(names):
        canvas.dot(_LEFT + 6 + number * 120, 58, 5, colour)
        canvas.text((_LEFT + 18 + number * 120, 58), name[:12], 14, INK, "lm")


def _draw_curve(canvas: Canvas, places: Sequence[tuple[float, float]], colour: str) -> None:
    for (x, y), (next_x, next_y) in pairwise(places):
        canvas.line((x, y, next_x, next_y), colour, width=2)
    if len(places) == 1:
        canvas.dot(*places[0], 4, colour)


def _axis(least: float, most: float) -> tuple[float, float, float]:
    """Return where an axis begins and ends, both on a tick, and the distance of ticks."""
    step = _step((most - least) or abs(most) or 1.0)
    low = math.floor(least / step) * step
    high = math.ceil(most / step) * step
    return low, high if high > low else low + step, step


def _step(span: float) -> float:
    """Return a round number that divides a span into about as many parts as there are ticks."""
    power = 10.0 ** math.floor(math.log10(span / _TICKS))
    return next(power * factor for factor in (1, 2, 5, 10) if span <= _TICKS * power * factor)
