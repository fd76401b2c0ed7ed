"""The section of a report that compares what a target prints without correction and with it."""

from __future__ import annotations

from litho.report.parts import picture, section, table
from litho.result import ClipResult

_ROWS = (
    ("L2, nm²", ("L2",)),
    ("PV band, nm²", ("PVB",)),
    ("L2 + PV band, nm²", ("L2", "PVB")),
    ("EPE violations", ("EPE",)),
)


def before_section(result: ClipResult) -> str:
    """Return the section as HTML; nothing for a result that is not compared."""
    before = result.uncorrected
    if before is None:
        return ""
    from litho.comparison_picture import comparison_figure

    rows = []
    for name, keys in _ROWS:
        first, last = (sum(float(metrics[key]) for key in keys) for metrics in (before.metrics, result.metrics))
        rows.append((name, f"{first:,.0f}", f"{last:,.0f}", _change(first, last)))
    listed = table(("", "before", "after", "change"), rows, style="wide snug")
    note = "Before: the target itself as the mask, with the same optics, resist and process corners."
    shown = picture(comparison_figure(result, before), "Prints before and after correction")
    body = f'{listed}<p class="note">{note}</p>{shown}'
    return section("before", "Before and after correction", body)


def _change(first: float, last: float) -> str:
    if first == 0:
        return "none" if last == 0 else f"+{last:,.0f}"
    return f"{100 * (last / first - 1):+.0f} %".replace("-", "\N{MINUS SIGN}")
