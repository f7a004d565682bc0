"""Self-contained HTML pages and text tables.

A page makes no outside request: pictures are inside it, and there is no script.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from data.exceptions import ImageError
from data.extras import require

_SIGNATURES = {b"\x89PNG": "image/png", b"\xff\xd8": "image/jpeg"}


@dataclass(frozen=True)
class Table:
    """Cells as text; the first column holds names, the others numbers."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True)
class Picture:
    """An encoded PNG or JPEG.

    `wide` ones take the page's width, `panel` ones (plots) half of it, and all of a phone's;
    others stand in a grid. On a phone a wide picture scrolls, so that its text stays legible; one
    that `shrinks` is seen whole instead.
    """

    content: bytes
    caption: str = ""
    wide: bool = False
    shrinks: bool = False
    panel: bool = False

    @property
    def uri(self) -> str:
        """The picture as a data URI.

        Raises:
            ImageError: if the bytes are neither PNG nor JPEG.
        """
        for signature, media_type in _SIGNATURES.items():
            if self.content.startswith(signature):
                coded = base64.b64encode(self.content).decode("ascii")
                return f"data:{media_type};base64,{coded}"
        raise ImageError(f"expected PNG or JPEG bytes, but got {self.content[:8]!r}")


@dataclass(frozen=True)
class Card:
    """One figure to be seen first: its value, what it is, and a remark."""

    value: str
    label: str
    note: str = ""


@dataclass(frozen=True)
class Section:
    """One part of a page; each string of `text` is a paragraph, each of `code` a command line.

    A `folded` one shows its heading alone until it is clicked.
    """

    heading: str
    text: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    code: tuple[str, ...] = ()
    cards: tuple[Card, ...] = ()
    folded: bool = False


def render_page(title: str, sections: Sequence[Section], lead: str = "") -> str:
    """An HTML page; every text is escaped, so names of files and classes can hold anything.

    Raises:
        MissingExtraError: if jinja2 isn't installed.
        ImageError: if a picture is neither PNG nor JPEG.
    """
    jinja2 = require("jinja2", "eval")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("eval", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("page.html")
    return str(page.render(title=title, lead=lead, sections=sections))


def format_score(value: float | None) -> str:
    """A score with three decimals, "-" where there is none."""
    return "-" if value is None else f"{value:.3f}"


def format_interval(value: tuple[float, float] | None) -> str:
    """A range of scores, "-" where there is none."""
    return "-" if value is None else f"{value[0]:.3f} to {value[1]:.3f}"


def table_to_text(table: Table) -> str:
    """An aligned text table: names to the left, numbers to the right."""
    lines = [table.header, *table.rows]
    widths = [max(len(line[k]) for line in lines) for k in range(len(table.header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
