"""The report of a result: one HTML file that opens anywhere, with layers to switch, zoom, and the numbers.

`template.html` is the page between `head.html` and `foot.html`, which the report of a chip has too; `style.css` and
`viewer.js` are put into it; nothing is loaded from elsewhere. Text that comes from outside (names of layouts, of
devices) is escaped where it is put in: in `tables` and here.
"""

from __future__ import annotations

import os
from html import escape

from litho.report.chart import convergence_chart
from litho.report.drawing import Drawing, drawing_of
from litho.report.page import filled_page, resource_text, write_page
from litho.report.sections import measured_sections
from litho.report.tables import numbers_table, recipe_text, tiles
from litho.result import ClipResult
from litho.scene import scene_of

__all__ = ["report_html", "write_report"]


def write_report(result: ClipResult, path: str | os.PathLike[str]) -> None:
    """Write the report of one clip, whole or not at all.

    Parameters
    ----------
    result
        of one clip
    path
        of the HTML file
    """
    write_page(report_html(result), path)


def report_html(result: ClipResult) -> str:
    """Return the report of one clip as HTML."""
    drawing = drawing_of(result, scene_of(result))
    width, height = result.grid.period_nm[::-1]
    pixel = " x ".join(f"{p:g}" for p in dict.fromkeys(result.grid.pixel_nm[::-1]))
    parts = {
        "name": escape(result.name),
        "subtitle": f"{width:g} x {height:g} nm field, {pixel} nm pixels",
        "title": "litho report",
        "tiles": tiles(result),
        "corners": "".join(f"<li>{escape(label)}</li>" for label in result.corner_labels),
        "measured": measured_sections(result),
        "chart": convergence_chart(result.history),
        "numbers": numbers_table(result),
        "recipe": escape(recipe_text(result.recipe)),
        **_parts_of(drawing),
    }
    return filled_page(resource_text("report", "template.html"), parts, resource_text("report", "viewer.js"))


def _parts_of(drawing: Drawing) -> dict[str, str]:
    return {
        "width": f"{drawing.size_nm[0]:g}",
        "height": f"{drawing.size_nm[1]:g}",
        "origin": " ".join(f"{c!r}" for c in drawing.origin_nm),
        "focus": " ".join(f"{c:.1f}" for c in drawing.focus),
        "palette": drawing.aerial.palette_hex,
        "gradient": drawing.aerial.gradient,
        "brightest": f"{drawing.aerial.brightest:.4g}",
        "threshold": f"{drawing.threshold:g}",
        "threshold_percent": f"{100 * drawing.threshold / drawing.aerial.brightest:.2f}",
        "aerial": drawing.aerial.svg,
        **{f"{name}_path": path for name, path in drawing.paths.items()},
    }
