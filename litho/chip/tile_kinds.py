"""How many tiles of a plan differ, pass by pass, before anything is computed.

    distinct_tiles(plan, source, passes=3)

In the first pass a tile sees its field, in each that follows the results of itself and its eight neighbours, and with
them what these saw. Which of them are equal is decided as in a run: see `litho.chip.orientation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from litho.chip.keys import content_digest
from litho.chip.orientation import TurnedResult, names_after, oriented
from litho.chip.symmetry import IDENTITY, Symmetry
from litho.chip.tile_work import box_of_plan
from litho.chip.tiles import TilePlan
from litho.chip.whole_verify import Drawn

Place = tuple[int, int]
"""column and row of a tile"""

Fields = Mapping[Place, Mapping[Symmetry, str]]
"""what the field of each tile shows, as a text for each map that it may be turned by"""


def distinct_tiles(
    plan: TilePlan, source: Drawn, passes: int = 1, symmetries: Sequence[Symmetry] = (IDENTITY,)
) -> tuple[int, ...]:
    """Return how many tiles of a plan differ in each pass.

    Parameters
    ----------
    plan, source
        tiles and layout
    passes
        how many, see above
    symmetries
        maps after which tiles count as equal, a group
    """
    return distinct_fields(fields_seen(plan, source, symmetries), passes, symmetries)


def fields_seen(plan: TilePlan, source: Drawn, symmetries: Sequence[Symmetry]) -> Fields:
    """Return what each tile sees in the first pass; arguments as in `distinct_tiles`."""
    found, known = {}, dict[object, dict[Symmetry, str]]()
    for tile in plan.tiles():
        geometry = source.geometry(tile.field_nm)
        seen = geometry.digest, box_of_plan(tile, plan)
        if seen not in known:
            known[seen] = {s: repr((geometry.turned(s).digest, box_of_plan(tile, plan, s))) for s in symmetries}
        found[tile.column, tile.row] = known[seen]
    return found


def distinct_fields(fields: Fields, passes: int, symmetries: Sequence[Symmetry]) -> tuple[int, ...]:
    """Return how many tiles differ in each pass.

    Parameters
    ----------
    fields
        of `fields_seen`
    passes
        how many
    symmetries
        maps after which tiles count as equal: a group, all of them among those of `fields`
    """
    results = {place: _result({s: described[s] for s in symmetries}) for place, described in fields.items()}
    counts = [_distinct(results)]
    for _ in range(passes - 1):
        results = _next_results(results, symmetries)
        counts.append(_distinct(results))
    return tuple(counts)


def _next_results(results: Mapping[Place, TurnedResult], symmetries: Sequence[Symmetry]) -> dict[Place, TurnedResult]:
    """Return what stands for the results of a pass in which each tile sees these ones of itself and its neighbours."""
    found, known = {}, dict[object, TurnedResult]()
    offsets = [(dx, dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    for column, row in results:
        places = {(dx, dy): (column + dx, row + dy) for dx, dy in offsets}
        around = {offset: results[place] for offset, place in places.items() if place in results}
        seen = tuple(around.items())
        if seen not in known:
            known[seen] = _result({s: content_digest(sorted(names_after(s, around).items())) for s in symmetries})
        found[column, row] = known[seen]
    return found


def _result(described: Mapping[Symmetry, str]) -> TurnedResult:
    way = oriented(described.__getitem__, tuple(described))
    return way.result(described[way.turn])


def _distinct(results: Mapping[Place, TurnedResult]) -> int:
    return len({result.key for result in results.values()})
