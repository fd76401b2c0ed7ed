"""The numbers of a report: tiles for the most important, a table for the rest, and the recipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

import tomli_w

from litho.result import ClipResult

_DRAWN = {"loss", "rules"}  # shown as a chart, and as a section


def tiles(result: ClipResult) -> str:
    """Return the figures that a mask is judged by, as items of a description list."""
    metrics, info = result.metrics, result.info
    shots = metrics.get("shots", {})
    sum_nm2 = metrics["L2"] + metrics["PVB"] if {"L2", "PVB"} <= metrics.keys() else None
    sites = metrics.get("sites")
    found = [
        ("L2", metrics.get("L2"), "nm², nominal print against target"),
        ("PV band", metrics.get("PVB"), "nm², between process corners"),
        ("L2 + PV band", sum_nm2, "nm²"),
        ("EPE violations", metrics.get("EPE"), "" if sites is None else f"at {sites:,} sites"),
        ("Shots", shots.get("count"), f"by {shots.get('method')}"),
        ("Time", info.get("seconds"), f"s on {info.get('device_name', info.get('device', 'this machine'))}"),
    ]
    return "".join(tile(*entry) for entry in found if entry[1] is not None)


def numbers_table(result: ClipResult) -> str:
    """Return every figure and every word about where it was computed, as rows of a table."""
    figures = {key: value for key, value in result.metrics.items() if key not in _DRAWN}
    return number_rows(figures, result.info)


def number_rows(*values: Mapping[str, Any]) -> str:
    """Return every leaf of nested mappings as rows of a table."""
    rows = [row for one in values for row in flat(one)]
    return "".join(f'<tr><th scope="row">{escape(k)}</th><td>{escape(v)}</td></tr>' for k, v in rows)


def recipe_text(recipe: Mapping[str, Any]) -> str:
    """Return a recipe as TOML."""
    return tomli_w.dumps(recipe)


def flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Yield each leaf of nested mappings and lists with its path and its text."""
    for key, value in values.items():
        name = f"{before} {key}".strip().replace("_", " ")
        if isinstance(value, Mapping):
            yield from flat(value, name)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            yield from flat({str(number): item for number, item in enumerate(value, 1)}, name)
        else:
            yield name, number_text(value)


def number_text(value: object) -> str:
    """Return a number for people, anything else as its text."""
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.4g}" if isinstance(value, float) and abs(value) < 1000 else _grouped(value)


def _grouped(value: object) -> str:
    return f"{value:,.0f}" if isinstance(value, float) else str(value)


def tile(name: str, value: object, unit: str) -> str:
    """Return a figure as an item of a description list."""
    text = escape(number_text(value))
    return f'<div class="tile"><dt>{escape(name)}</dt><dd><b>{text}</b> <span>{escape(unit)}</span></dd></div>'
