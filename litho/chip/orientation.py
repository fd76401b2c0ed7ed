"""Which way round a tile is computed, and how what is stored of it is turned to where it lies.

A task is described by all that it is given: geometry, places, results of neighbours. Of the descriptions that a tile
has under the maps that light allows, the smallest stands for all, and the task is done in that orientation. Whoever
takes the result turns it back. So tiles that are mirror images of each other have one result, the same bits whichever
of them comes first, and a mirrored layout has mirrored levels.

A tile that is its own mirror image has several ways to its smallest description. Its result would then depend on which
of them is taken, by what rounding left: `evened` makes it symmetric to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litho.chip.symmetry import ALL, IDENTITY, Symmetry

Offset = tuple[int, int]
"""columns and rows from a tile to another"""

NAME_END = " "
"""Stands between a key and the letters of a turn."""


@dataclass(frozen=True)
class Orientation:
    """How a tile is computed.

    Parameters
    ----------
    turn
        leads from how the tile lies to how it is computed
    group
        maps that leave what is computed as it is, the identity first
    """

    turn: Symmetry = IDENTITY
    group: tuple[Symmetry, ...] = (IDENTITY,)

    def result(self, key: str) -> TurnedResult:
        """Return what is stored under a key as it lies in the tile."""
        return TurnedResult(key, self.turn.inverse, self.group).turned(IDENTITY)


@dataclass(frozen=True)
class TurnedResult:
    """A result that lies another way round than it is stored.

    Parameters
    ----------
    key
        of the file
    turn
        leads from what is stored to how it lies: of all that do, the first
    group
        maps that leave what is stored as it is
    """

    key: str
    turn: Symmetry = IDENTITY
    group: tuple[Symmetry, ...] = (IDENTITY,)

    def turned(self, symmetry: Symmetry) -> TurnedResult:
        """Return the same, turned once more."""
        return replace(self, turn=min(symmetry.after(self.turn.after(kept)) for kept in self.group))

    @property
    def name(self) -> str:
        """The key, and the letters of the turn if there is one; `read_name` reads it."""
        return self.key + NAME_END + self.turn.word if self.turn != IDENTITY else self.key


def read_name(name: str) -> tuple[str, Symmetry]:
    """Return key and turn of a `TurnedResult`."""
    key, _, word = name.partition(NAME_END)
    return key, Symmetry.named(word)


def names_after(turn: Symmetry, results: Mapping[Offset, TurnedResult]) -> dict[Offset, str]:
    """Return the names of results around a tile, by offset, after a turn of all of them with the tile."""
    return {turn.of_offset(offset): result.turned(turn).name for offset, result in results.items()}


def alike_all_ways(name: str) -> TurnedResult:
    """Return what stands for a result that looks the same after every map, such as that nothing is there."""
    return TurnedResult(name, IDENTITY, ALL)


def oriented(describe: Callable[[Symmetry], Any], allowed: Sequence[Symmetry]) -> Orientation:
    """Return the orientation in which a task's description is smallest.

    Parameters
    ----------
    describe
        from a map to the description of the task after it; all of them can be compared
    allowed
        maps that leave imaging as it is: a group
    """
    found = {symmetry: describe(symmetry) for symmetry in allowed}
    least = min(found.values())
    leading = sorted(symmetry for symmetry, description in found.items() if description == least)
    back = leading[0].inverse
    return Orientation(leading[0], tuple(sorted(symmetry.after(back) for symmetry in leading)))


def evened(values: NDArray[Any], group: Sequence[Symmetry]) -> NDArray[Any]:
    """Return samples (ny, nx) that every map of a group leaves as they are, to the last bit: the mean of all turned."""
    if len(group) == 1:
        return values
    # sorted first: a sum depends on the order of its terms
    turned = np.sort(np.stack([symmetry.of_array(values) for symmetry in group]), axis=0).astype(np.float64)
    total = turned[0]
    for one in turned[1:]:
        total = total + one
    return np.asarray(total / len(group), dtype=values.dtype)
