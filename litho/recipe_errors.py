"""All mistakes of a recipe at once, one line each.

A table that holds one wrong value is not built, so that rules between its other values, and between tables, go
unchecked. Therefore a wrong value, once noted, is replaced by one from a recipe that is right, and the recipe is read
again, until it is free of mistakes or shows no new ones.
"""

from __future__ import annotations

import copy
import difflib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from litho.cells import printable

ROUNDS = 20
"""How often a recipe is read again; each round uncovers at least one more mistake."""

MOST_MISTAKES = 200
"""That are told."""


class RecipeError(ValueError):
    """A recipe that cannot be used: one sentence per mistake, each on its own line."""


def mistakes(data: Mapping[str, Any], read: Callable[[str], Any], right: Mapping[str, Any]) -> list[str]:
    """Return every mistake of a recipe.

    Parameters
    ----------
    data
        the recipe as TOML has it
    read
        reads it from JSON, or raises pydantic's `ValidationError`
    right
        values for every table, free of mistakes

    Returns
    -------
    lines
        one per mistake, each naming the key by its path; empty if there is none
    """
    lines: dict[str, None] = {}
    told: set[tuple[Any, ...]] = set()
    trial = copy.deepcopy(dict(data))
    for _ in range(ROUNDS):
        try:
            read(as_json(trial))
            break
        except ValidationError as error:
            before = as_json(trial)
            found = [entry for entry in error.errors() if not _follows_from_another(entry)]
            for entry in found[: MOST_MISTAKES - len(lines)]:
                place = tuple(key for _, key in _places(entry, trial))
                if not (entry["type"] == "missing" and place in told):  # it was wrong, and taken out
                    lines[_line(entry, trial)] = None
                told.add(place)
            for entry in found:
                _repair(trial, entry, right)
            if as_json(trial) == before or len(lines) >= MOST_MISTAKES:
                break
    return list(lines)


def as_json(data: Mapping[str, Any]) -> str:
    """Return JSON of what TOML holds; dates become text."""
    return json.dumps(data, default=str)


def _line(entry: Any, data: dict[str, Any]) -> str:
    """Return one mistake as a sentence."""
    steps = [key for _, key in _places(entry, data)]
    name = printable(re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", ".".join(map(str, steps))))
    kind = entry["type"]
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"`{name}` {_unknown(steps[-1])}"
    if kind == "missing" and isinstance(entry["loc"][-1], int):
        return f"`{name}` must have more entries, but got {_short(entry['input'])}."
    if kind == "missing":
        return f"`{name}` must be given."
    if kind == "too_short":
        return f"`{name}` must have {entry['ctx']['min_length']} or more entries, but got {_short(entry['input'])}."
    if kind == "value_error":
        text = str(entry["ctx"]["error"]).rstrip(".")
        return f"`{name}`: {text}." if name else f"{text}."
    rule = entry["msg"].replace("Input should be", "must be")
    rule = rule.replace("a valid integer", "an integer").replace("a valid ", "a ")
    return f"`{name}` {rule[0].lower()}{rule[1:]}, but got {_short(entry['input'])}."


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _unknown(key: Any) -> str:
    """Return what is wrong with an unknown key, and the known one that looks most like it."""
    close = [known for known in difflib.get_close_matches(str(key), KNOWN_KEYS) if known != key]
    return f"is not a key that belongs there{f'; did you mean `{close[0]}`?' if close else '.'}"


def _follows_from_another(entry: Any) -> bool:
    """Whether a list is only too short because an entry of it, named by itself, is wrong."""
    return bool(entry["type"] == "too_short" and len(entry["input"]) >= entry["ctx"]["min_length"])


KNOWN_KEYS: list[str] = []
"""Every key of every table; filled in by `litho.config`."""


def _places(entry: Any, data: Any) -> list[tuple[Any, Any]]:
    """Return the (container, key) pairs on the way to what a mistake is about.

    Pydantic also names the variant of a table on the way, which is no key of the data: it is left out.
    """
    pairs: list[tuple[Any, Any]] = []
    missing = entry["loc"][-1] if entry["type"] == "missing" else None
    for step in entry["loc"]:
        if isinstance(data, dict) and (step in data or step == missing):
            pairs.append((data, step))
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            pairs.append((data, step))
            data = data[step]
    return pairs


def _repair(data: dict[str, Any], entry: Any, right: Mapping[str, Any]) -> None:
    """Replace the value that a mistake is about; of a broken rule, the values that it names."""
    pairs = _places(entry, data)
    steps = [key for _, key in pairs]
    if "source" in steps:  # its keys depend on its shape: only a whole source is right
        _put(*pairs[steps.index("source")], _look_up(right, steps[: steps.index("source") + 1]))
        return
    table = pairs[-1][0][pairs[-1][1]] if pairs and entry["type"] != "missing" else data
    if entry["type"] == "value_error" and isinstance(table, dict):
        named = [name for name in re.findall(r"`(\w+)`", str(entry["ctx"]["error"])) if name in table]
        for name in named:
            _put(table, name, _look_up(right, [*steps, name]))
        if named:
            return
    if pairs:
        _put(*pairs[-1], _look_up(right, steps))


def _put(container: Any, key: Any, value: Any) -> None:
    """Set an entry, or remove it if there is no right value for it."""
    if value is not None:
        container[key] = copy.deepcopy(value)
    elif isinstance(container, dict):
        container.pop(key, None)


def _look_up(right: Any, steps: list[Any]) -> Any:
    """Return the value at a place of the right recipe, None if it has none; lists repeat their first entry."""
    for step in steps:
        if isinstance(right, Mapping):
            right = right.get(step)
        elif isinstance(right, list | tuple) and right:
            right = right[0]
        else:
            return None
    return right
