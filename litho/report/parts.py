"""Parts that sections of a report are made of: tables and pictures."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Collection, Iterable, Sequence
from html import escape

from matplotlib.figure import Figure

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


def number(value: float | None, digits: int) -> str:
    """Return a number with so many decimals."""
    return "none" if value is None else f"{value:.{digits}f}"


def limit_text(value: float) -> str:
    """Return a limit, which may be infinite."""
    return f"{value:.4g}" if math.isfinite(value) else "none"


def _row(cells: Sequence[str], marked: bool) -> str:
    style = ' class="broken"' if marked else ""
    return f"<tr{style}>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
