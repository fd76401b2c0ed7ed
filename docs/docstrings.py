"""Make reStructuredText of our docstrings, which are written for readers of the source."""

from __future__ import annotations

import re
from typing import Any

_PLAIN: dict[str, list[str]] = {}


def prepare(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Show indented blocks as they are, and take bars for bars."""
    result: list[str] = []
    inside = False
    for number, line in enumerate(lines):
        indented = line.startswith("    ")
        if inside and line and not indented:
            inside = False
        if not inside and indented and number > 0 and not lines[number - 1] and _before(lines, number):
            inside = True
            result += ["::", ""]
        result.append(line if inside else re.sub(r"(?<!\\)\|", r"\\|", line))
    lines[:] = result
    if what in ("attribute", "data", "property"):
        _PLAIN[name] = result


def restore(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Undo for values what was made of them: what stands before a colon in their first line is no type."""
    lines[:] = _PLAIN.pop(name, lines)


def _before(lines: list[str], number: int) -> bool:
    """Whether the last line with text is not indented."""
    text = [line for line in lines[:number] if line]
    return bool(text) and not text[-1].startswith(" ")


def setup(app: Any) -> dict[str, Any]:
    """Connect to autodoc, before and after the extension that reads sections."""
    app.connect("autodoc-process-docstring", prepare, priority=400)
    app.connect("autodoc-process-docstring", restore, priority=600)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
