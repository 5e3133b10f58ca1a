"""A picture to draw lines, boxes, dots and texts on, written as PNG.

Drawn with Pillow, which is imported in a fourteenth of a second; a plotting library takes one to
two. Its built-in font has ASCII letters only, so others come out as question marks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, HEIGHT = 800, 400  # in pixels, as are all places and sizes here


class Canvas:
    """A white picture to draw on; it is drawn at twice its size, so that round edges are smooth."""

    _SCALE = 2

    def __init__(self) -> None:
        """Begin empty."""
        from PIL import Image, ImageDraw  # noqa: PLC0415  only the end of a job draws

        size = (WIDTH * self._SCALE, HEIGHT * self._SCALE)
        self._image = Image.new("RGB", size, "white")
        self._draw = ImageDraw.Draw(self._image)

    def save(self, path: Path) -> None:
        """Write the picture as PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._image.reduce(self._SCALE).save(path, format="PNG")

    def line(self, ends: tuple[float, float, float, float], fill: str, width: int = 1) -> None:
        """Draw a line from x, y to x, y."""
        self._draw.line(self._scaled(ends), fill=fill, width=width * self._SCALE)

    def box(
        self, corners: tuple[float, float, float, float], fill: Union[str, tuple[int, ...]]
    ) -> None:
        """Fill a box from x, y to x, y."""
        self._draw.rectangle(self._scaled(corners), fill=fill)

    def dot(self, x: float, y: float, radius: float, fill: str) -> None:
        """Draw a filled circle."""
        self._draw.circle(self._scaled((x, y)), radius * self._SCALE, fill=fill)

    def text(self, at: tuple[float, float], text: str, size: int, fill: str, anchor: str) -> None:
        """Write a text; its point that `anchor` names, as Pillow does, such as "lm", lies `at`."""
        from PIL import ImageFont  # noqa: PLC0415

        plain = text.replace("\N{MINUS SIGN}", "-").replace("\N{EN DASH}", "-")
        plain = plain.encode("ascii", "replace").decode("ascii")
        font = ImageFont.load_default(size * self._SCALE)
        place = (at[0] * self._SCALE, at[1] * self._SCALE)
        self._draw.text(place, plain, fill=fill, font=font, anchor=anchor)

    def _scaled(self, places: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(place * self._SCALE for place in places)
