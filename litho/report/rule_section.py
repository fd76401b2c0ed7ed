"""The section of a report that tells which mask rules a mask breaks, and where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litho.report.parts import MOST_ROWS, number, picture, section, table
from litho.result import ClipResult
from litho.rule_report import broken_rules, rule_limits
from litho.rule_set import MaskRules

AREAS = ("area", "hole")
DISCS = ("opening", "closing")


def rule_section(result: ClipResult) -> str:
    """Return the section as HTML; nothing for a result that does not speak of rules."""
    figures = result.metrics.get("rules")
    if figures is None:
        return ""
    clean = figures["clean"]
    verdict, style = {True: ("clean", ""), False: ("broken", "failed"), None: ("not checked", "open")}[clean]
    return section("rules", "Mask rules", _body(result, figures), verdict, style)


def _body(result: ClipResult, figures: Mapping[str, Any]) -> str:
    if figures["clean"] is None:
        return (
            '<p class="note">This mask came as pixels, which have no outlines: give polygons to have them checked.</p>'
        )
    tables = f'{_limits(figures)}<p class="note">{_note(figures)}</p>'
    if not result.violations:
        return tables
    from litho.verify_pictures import rules_figure

    shown = picture(rules_figure(result), "Places that break a mask rule", "picture narrow")
    return f'<div class="beside"><div>{tables}{_places(result)}</div>{shown}</div>'


def _limits(figures: Mapping[str, Any]) -> str:
    """Return a table of the rules that were checked."""
    broken = {row.rule: row for row in broken_rules(figures)}
    rows = []
    for rule, limit in rule_limits(MaskRules(**figures["limits"])).items():
        row = broken.get(rule)
        found = ("0", "") if row is None else (f"{row.places:,}", _length(rule, row.worst))
        asked = "at most" if rule in DISCS else "at least"
        rows.append((rule, f"{asked} {_length(rule, limit)}", *found))
    return table(("rule", "asked", "places", "worst"), rows, [row[0] for row in rows if row[2] != "0"], "wide snug")


def _note(figures: Mapping[str, Any]) -> str:
    told = "Measured on the mask's outlines, wherever two stretches face each other."
    if figures["limits"].get("max_residue_nm") is not None:
        told += " Opening and closing: how far a disc of the smallest width, or space, moves an outline."
    return told


def _places(result: ClipResult) -> str:
    """Return a table of places."""
    violations = result.violations or ()
    rows = [
        (v.rule, str(rank), number(v.x_nm, 1), number(v.y_nm, 1), _length(v.rule, v.value), _length(v.rule, v.limit))
        for rank, v in enumerate(violations[:MOST_ROWS], 1)
    ]
    count = len(violations)
    more = f"<p>The first {MOST_ROWS} of {count:,}; rules.csv has all.</p>" if count > MOST_ROWS else ""
    return more + table(("rule", "number", "x nm", "y nm", "value", "limit"), rows, style="wide snug")


def _length(rule: str, value: float) -> str:
    return f"{value:,.4g} nm²" if rule in AREAS else f"{value:.4g} nm"
