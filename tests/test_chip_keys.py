"""Keys of tiles: what must not change them, what must, and that what they are made of is all a result depends on."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litho.cells import Floats
from litho.chip.keys import (
    PARTS,
    TileGeometry,
    code_version,
    content_digest,
    sources_digest,
    tile_geometry,
    tile_key,
)
from litho.chip.orientation import Orientation, oriented
from litho.chip.symmetry import ALL, IDENTITY, Symmetry
from litho.outlines import area_nm2
from litho.patterns import lines, rectangle
from litho.patterns_array import block
from litho.polygons import merge

FIELD = (0.0, 0.0, 2000.0, 2000.0)
SIZE = (2000, 2000)
TRIANGLE = np.array([(100.0, 1500.0), (433.0, 1500.0), (100.0, 1911.0)])
BENT = [(100, 100), (900, 100), (900, 250), (700, 250), (700, 180), (300, 180), (300, 700), (100, 700)]
SHAPES = [
    *(np.array(BENT, dtype=float) + place for place in ((0, 0), (950, 0), (800, 900))),
    *(rectangle(1000 + 130 * k, 750 + 10 * k, 60, 150) for k in range(7)),
    TRIANGLE,
    np.array([(500.0, 1700.0), (700.0, 1650.0), (834.0, 1988.0)]),
]
"""Disjoint, inside the field, and no vertex between two others on a straight edge."""

RECIPE = {"seed": 0, "ilt": {"stages": [{"pixel_nm": 4.0, "steps": 20}], "weight": 0.5}, "method": "level-set"}
FRAME = [rectangle(0, 0, 90, 30), rectangle(0, 60, 90, 30), rectangle(0, 0, 30, 90), rectangle(60, 0, 30, 90)]


def moved(polygons: list[Floats], x: float, y: float) -> list[Floats]:
    return [p + np.array([x, y]) for p in polygons]


def at(polygons: list[Floats], x: float, y: float, dbu_nm: float = 1.0) -> TileGeometry:
    return tile_geometry(moved(polygons, x, y), (x, y, x + 2000, y + 2000), dbu_nm)


def key(geometry: TileGeometry | None = None, **changed: Any) -> str:
    given = {"recipe": RECIPE, "optics": "0a", "code": "1b", "pass_name": "correct", "inputs": ()} | changed
    return tile_key(at(SHAPES, 0, 0) if geometry is None else geometry, **given)


@given(x=st.integers(-(10**7), 10**7), y=st.integers(-(10**7), 10**7), dbu_nm=st.sampled_from([1.0, 0.1, 0.25]))
@settings(max_examples=25, deadline=None)
def test_where_a_tile_lies_does_not_change_its_key(x: int, y: int, dbu_nm: float) -> None:
    assert at(SHAPES, x * dbu_nm, y * dbu_nm, dbu_nm).digest == at(SHAPES, 0, 0, dbu_nm).digest


def test_neither_order_nor_start_nor_direction_of_polygons_changes_a_key(rng: np.random.Generator) -> None:
    for _ in range(5):
        shuffled = [np.roll(SHAPES[k], rng.integers(9), axis=0) for k in rng.permutation(len(SHAPES))]
        shuffled[0] = shuffled[0][::-1]
        assert at(shuffled, 0, 0).digest == at(SHAPES, 0, 0).digest


def test_how_an_area_is_cut_into_polygons_does_not_change_a_key() -> None:
    whole = [rectangle(100, 100, 900, 300)]
    parts = [rectangle(100, 100, 500, 300), rectangle(600, 100, 400, 170), rectangle(550, 270, 450, 130)]
    assert at(whole, 0, 0).digest == at(parts, 0, 0).digest
    (ring,) = at(parts, 0, 0).rings
    assert (ring // PARTS).tolist() == [[100, 100], [1000, 100], [1000, 400], [100, 400]]


def test_a_hole_is_a_hole_wherever_its_cut_lies() -> None:
    cut_left = np.array([(0, 0), (90, 0), (90, 90), (0, 90), (0, 30), (30, 30), (30, 60), (60, 60), (60, 30), (0, 30)])
    found = [at(FRAME, 0, 0), at(merge(FRAME), 0, 0), at([cut_left.astype(float)], 0, 0)]
    assert len({g.digest for g in found}) == 1
    outer, hole = sorted((ring / PARTS for ring in found[0].rings), key=lambda r: r.min())
    assert (area_nm2([outer]), area_nm2([hole])) == (8100, -900)
    assert area_nm2(found[0].polygons_nm()) == 8100 - 900


def test_every_vertex_counts() -> None:
    """Each moved by one database unit, in x and in y."""
    known = {at(SHAPES, 0, 0).digest}
    for number, polygon in enumerate(SHAPES):
        for vertex, axis in itertools.product(range(len(polygon)), (0, 1)):
            changed = [p.copy() for p in SHAPES]
            changed[number][vertex, axis] += 1
            digest = at(changed, 0, 0).digest
            assert digest not in known, f"vertex {vertex} of {number}"
            known.add(digest)


def test_what_lies_outside_the_field_does_not_count_and_its_border_does() -> None:
    beyond = [*SHAPES, rectangle(2000, 500, 300, 300), rectangle(-400, -400, 300, 300)]
    assert at(beyond, 0, 0).digest == at(SHAPES, 0, 0).digest
    inside = [*SHAPES, rectangle(1999, 500, 300, 300)]
    assert at(inside, 0, 0).digest != at(SHAPES, 0, 0).digest
    assert at([*SHAPES, rectangle(1999, 500, 1, 300)], 0, 0).digest == at(inside, 0, 0).digest


def test_field_and_database_unit_count() -> None:
    shapes = [rectangle(100, 100, 500, 500)]
    found = [
        tile_geometry(shapes, (0, 0, 2000, 2000), 1.0),
        tile_geometry(shapes, (0, 0, 2000, 1999), 1.0),
        tile_geometry(shapes, (0, 0, 2000, 2000), 0.5),
        tile_geometry(shapes, (0, 1, 2000, 2001), 1.0),
    ]
    assert len({g.digest for g in found}) == 4


def test_a_field_off_the_database_unit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"whole database units \(1 nm\), but got \(0\.5, 0"):
        tile_geometry(SHAPES, (0.5, 0, 2000.5, 2000), 1.0)


def test_nothing_drawn_is_a_geometry_too() -> None:
    empty = at([], 0, 0)
    assert empty.rings == () and empty.polygons_nm() == [] and empty.digest != at(SHAPES, 0, 0).digest


def test_coordinates_count_from_the_fields_corner_in_nm() -> None:
    (outline,) = tile_geometry([rectangle(1010, 2020, 30, 40)], (1000, 2000, 1100, 2100), 0.1).outlines_nm()
    assert outline.tolist() == [[10, 20], [40, 20], [40, 60], [10, 60]]


def test_shapes_whose_corners_touch_are_two() -> None:
    squares = [rectangle(0, 0, 50, 50), rectangle(50, 50, 50, 50)]
    found = at(squares, 0, 0)
    assert len(found.rings) == 2 and at(squares[::-1], 0, 0).digest == found.digest


@pytest.mark.parametrize("symmetry", ALL)
def test_a_turned_geometry_is_that_of_turned_polygons(symmetry: Symmetry) -> None:
    """Holes, slanted edges, touching corners and shapes that the field cuts."""
    touching = moved([rectangle(0, 0, 50, 50), rectangle(50, 50, 50, 50)], 300, 1300)
    shapes = [*SHAPES, *moved(FRAME, 1500, 1400), *touching, rectangle(-10, 1320, 60, 50), np.array(TRIANGLE) * 0.999]
    turned = [symmetry.of_polygon(p, SIZE) for p in shapes]
    assert at(turned, 0, 0).digest == at(shapes, 0, 0).turned(symmetry).digest


@pytest.mark.parametrize("symmetry", [Symmetry(flip_x=True), Symmetry(flip_y=True), Symmetry(swap=True)])
def test_fields_that_cut_a_memory_anywhere_read_alike_from_every_side(
    symmetry: Symmetry, rng: np.random.Generator
) -> None:
    """Shapes with holes that the field opens, and that abut along parts of edges."""
    cells = [p for x in range(3) for y in range(3) for p in moved(block(), 960.0 * x, 960.0 * y)]
    for x, y in rng.integers(0, 48, (10, 2)) * 20.0:
        here = moved(cells, -x, -y)
        turned = [symmetry.of_polygon(p, (1700, 1700)) for p in here]
        first, second = (tile_geometry(merge(shapes), (0, 0, 1700, 1700), 1.0) for shapes in (here, turned))
        assert second.digest == first.turned(symmetry).digest


def standing(tile: TileGeometry, allowed: Sequence[Symmetry]) -> tuple[str, Orientation]:
    """The digest that stands for a tile and its images, and how it is reached."""
    way = oriented(lambda turn: tile.turned(turn).digest, allowed)
    return tile.turned(way.turn).digest, way


def test_a_tile_and_its_mirror_images_have_one_geometry_that_stands_for_all() -> None:
    tile = at(SHAPES, 0, 0)
    standard, way = standing(tile, ALL)
    assert tile.turned(way.turn).turned(way.turn.inverse).digest == tile.digest
    for other in ALL:
        image = tile.turned(other)
        found, back = standing(image, ALL)
        assert found == standard and back.turn.after(other) == way.turn
        assert standing(image, [IDENTITY])[0] == image.digest
    few = [IDENTITY, Symmetry(flip_x=True)]
    assert standing(tile.turned(few[1]), few)[0] == standing(tile, few)[0]
    assert standing(tile.turned(Symmetry(True)), few)[0] != standing(tile, few)[0]


def test_a_tile_that_is_its_own_mirror_image_is_not_turned_for_nothing() -> None:
    grating = at(lines(5, 100, 400, 2000), 150, 0)
    centred = tile_geometry(moved(lines(5, 100, 400, 2000), 150, 0), FIELD, 1.0)
    mirror = (IDENTITY, Symmetry(flip_x=True))
    assert standing(centred, mirror)[1] == Orientation(IDENTITY, mirror)
    assert standing(grating, mirror)[1].group == (IDENTITY,)
    assert grating.digest != centred.digest


def changed_values(value: Any) -> list[Any]:
    """Every copy of nested data in which one value is another."""
    if isinstance(value, dict):
        return [{**value, name: new} for name, inner in value.items() for new in changed_values(inner)]
    if isinstance(value, list):
        return [[*value[:k], new, *value[k + 1 :]] for k, inner in enumerate(value) for new in changed_values(inner)]
    return [
        value + "x" if isinstance(value, str) else np.nextafter(value, 9) if isinstance(value, float) else value + 1
    ]


def test_every_value_of_a_recipe_counts() -> None:
    found = [key(), *(key(recipe=recipe) for recipe in changed_values(RECIPE))]
    assert len(set(found)) == len(found) == 6
    assert key(recipe=dict(reversed(RECIPE.items()))) == key()


def test_everything_else_that_a_result_depends_on_counts() -> None:
    found = [
        key(),
        key(at(SHAPES[1:], 0, 0)),
        key(optics="0b"),
        key(code="1c"),
        key(pass_name="border 1"),
        key(inputs=["aa"]),
        key(inputs=["aa", "bb"]),
        key(inputs=["bb", "aa"]),
        key(inputs={"left": "aa"}),
        key(inputs={"right": "aa"}),
    ]
    assert len(set(found)) == len(found)
    assert all(len(k) == 64 and set(k) <= set("0123456789abcdef") for k in found)


def test_what_is_no_number_cannot_be_part_of_a_key() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        key(recipe={"weight": float("nan")})
    with pytest.raises(TypeError, match="must be made of numbers, texts and arrays, but got a set"):
        content_digest({"a": {1}})


@dataclass(frozen=True)
class Pair:
    """As kernels are: a dataclass of arrays and numbers."""

    first: Any
    second: Any


def test_every_bit_of_kernels_counts(xp: Any, rng: np.random.Generator) -> None:
    spectra = (rng.random((2, 3, 3)) + 1j * rng.random((2, 3, 3))).astype(np.complex64)
    whole = content_digest(Pair(xp(spectra), (300.0, 300.0)))
    assert whole == content_digest(Pair(spectra, (300.0, 300.0)))
    found = {whole}
    for bit in rng.integers(8 * spectra.nbytes, size=20).tolist():
        data = bytearray(spectra.tobytes())
        data[bit // 8] ^= 1 << bit % 8
        found.add(content_digest(Pair(np.frombuffer(bytes(data), np.complex64).reshape(2, 3, 3), (300.0, 300.0))))
    assert len(found) > 15 and whole in found
    assert content_digest(spectra) != content_digest(spectra.reshape(3, 2, 3)) != content_digest(spectra.tobytes())


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3)
VALUES = st.recursive(
    LEAVES | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=5,
)


@given(a=VALUES, b=VALUES)
@settings(max_examples=60, deadline=None)
def test_different_values_have_different_hashes(a: Any, b: Any) -> None:
    assert (content_digest(a) == content_digest(b)) == (repr(a) == repr(b) or (isinstance(a, dict) and same(a, b)))


def same(a: Any, b: Any) -> bool:
    """Equal to the sign of zero and the kind of number, dictionaries in any order."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return repr(a) == repr(b)


def test_the_codes_version_is_that_of_its_sources(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "sub" / "k.cu").write_text("int x;\n")
    (tmp_path / "readme.md").write_text("text")
    first = sources_digest([tmp_path])
    (tmp_path / "readme.md").write_text("other text")
    assert sources_digest([tmp_path]) == first
    (tmp_path / "sub" / "k.cu").write_text("int y;\n")
    second = sources_digest([tmp_path])
    (tmp_path / "sub" / "k.cu").rename(tmp_path / "k.cu")
    assert len({first, second, sources_digest([tmp_path])}) == 3
    assert code_version() == code_version() and len(code_version()) == 64
