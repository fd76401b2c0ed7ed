"""Parts that sections of a report are made of: tables and pictures."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Collection, Iterable, Sequence
from html import escape

from matplotlib.figure import Figure

from litho.hotspots import HotSpot

_DPI = 96
MOST_ROWS = 50
"""Places that the page lists; the files have all."""


def picture(figure: Figure, label: str, style: str = "picture") -> str:
    """Return a figure as an element that holds it as PNG."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=_DPI)
    width, height = (figure.get_size_inches() * _DPI).astype(int).tolist()
    data = base64.b64encode(stream.getvalue()).decode("ascii")
    return (
        f'<svg class="{style}" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">'
        f'<image width="{width}" height="{height}" href="data:image/png;base64,{data}"/></svg>'
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]], marked: Collection[str] = (), style: str = "wide") -> str:
    """Return a table; rows whose first cell is one of `marked` stand out."""
    cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = "".join(_row(row, row[0] in marked) for row in rows)
    content = f"<thead><tr>{cells}</tr></thead><tbody>{lines}</tbody>"
    return f'<div class="scroll"><table class="{style}">{content}</table></div>'


def section(name: str, title: str, body: str, verdict: str = "", style: str = "") -> str:
    """Return a section with its heading, which may tell how it ends: `style` is "", "passed", "failed" or "open"."""
    said = f': <span class="verdict {style}">{escape(verdict)}</span>' if verdict else ""
    return f'<section class="measured" id="{name}"><h2>{escape(title)}{said}</h2>{body}</section>'


def worst_places(hotspots: Sequence[HotSpot]) -> str:
    """Return a table of the worst hot spots; nothing if there are none."""
    if not hotspots:
        return ""
    rows = [
        (s.kind, str(rank), *(number(n, 1) for n in (s.x_nm, s.y_nm)), f"{s.value:.4g}", limit_text(s.limit), s.corner)
        for rank, s in enumerate(hotspots[:MOST_ROWS], 1)
    ]
    count = len(hotspots)
    more = f"<p>The worst {MOST_ROWS} of {count:,}; hotspots.csv has all.</p>" if count > MOST_ROWS else ""
    return more + table(("kind", "rank", "x nm", "y nm", "value", "limit", "corner"), rows)


def number(value: float | None, digits: int) -> str:
    """Return a number with so many decimals."""
    return "none" if value is None else f"{value:.{digits}f}"


def limit_text(value: float) -> str:
    """Return a limit, which may be infinite."""
    return f"{value:.4g}" if math.isfinite(value) else "none"


def _row(cells: Sequence[str], marked: bool) -> str:
    style = ' class="broken"' if marked else ""
    return f"<tr{style}>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
