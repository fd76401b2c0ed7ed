"""The sample layouts: drawn again they are the same, and they can be made."""

from __future__ import annotations

from pathlib import Path

import gdstk
import numpy as np
import pytest

from litho.layout import read_layout
from litho.patterns import SAMPLES, drawn, moved, write_samples
from litho.patterns_array import BIT_NM, BITS, MEMORY_ARRAY, bit, write_memory_array
from litho.raster import polygon_area_nm2

MASKS = Path(__file__).resolve().parents[1] / "masks"
SMALLEST_NM = 45


def area(polygons):
    return sum(abs(polygon_area_nm2(p)) for p in polygons)


def difference(a, b):
    return sum(p.area() for p in gdstk.boolean(as_gdstk(a), as_gdstk(b), "xor", 1e-6))


def as_gdstk(polygons):
    return [gdstk.Polygon(p) for p in polygons]


@pytest.fixture(scope="module")
def redrawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("masks")
    write_samples(folder)
    return folder


@pytest.mark.parametrize("name", SAMPLES)
def test_the_committed_file_is_what_the_program_draws(name, redrawn):
    committed, drawn_now = read_layout(MASKS / name), read_layout(redrawn / name)
    assert committed.dbu_nm == drawn_now.dbu_nm == SAMPLES[name].dbu_nm
    assert committed.layers == ((1, 0),)
    now = drawn_now.polygons()
    assert difference(committed.polygons(), now) <= 1e-9 * area(now), f"{MASKS / name} and {redrawn / name}"


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_fits_a_field_of_two_micrometres(name):
    x0, y0, x1, y1 = read_layout(MASKS / name).bounds_nm()
    assert x1 - x0 <= 2000 and y1 - y0 <= 2000


@pytest.mark.parametrize("name", SAMPLES)
def test_no_width_and_no_space_is_below_45_nm(name):
    drawn_polygons = as_gdstk(read_layout(MASKS / name).polygons())
    half = SMALLEST_NM / 2 - 0.1
    options = {"join": "miter", "tolerance": 10, "use_union": True}
    for first in (-half, half):  # opening loses what is narrow, closing fills narrow gaps
        there = gdstk.offset(drawn_polygons, first, **options)
        back = gdstk.offset(there, -first, **options)
        changed = gdstk.boolean(back, drawn_polygons, "xor", 1e-6)
        left = [p for p in changed if p.area() > 1.0 + 0.02 * p.perimeter()]
        assert not left, f"{name}: {'width' if first < 0 else 'space'} at {left[0].points[0]}"


def test_the_readme_tells_what_each_sample_is_for():
    text = (MASKS / "README.md").read_text()
    assert [name for name in SAMPLES if f"`{name}`" not in text] == []
    assert f"`{MEMORY_ARRAY}`" in text and f"{BITS[0] * BITS[1]:,} bits" in text
    assert f"{(MASKS / MEMORY_ARRAY).stat().st_size} bytes" in text
    assert {p.name for p in MASKS.iterdir()} == {*SAMPLES, MEMORY_ARRAY, "README.md"}


def test_the_memory_array_is_what_the_program_draws_and_has_its_bits(redrawn):
    committed, now = read_layout(MASKS / MEMORY_ARRAY), read_layout(redrawn / MEMORY_ARRAY)
    assert committed.dbu_nm == now.dbu_nm == 1 and committed.layers == ((1, 0),)
    assert BITS[0] * BITS[1] >= 10**5
    assert committed.shape_count() == BITS[0] * BITS[1] * len(bit()) == now.shape_count()
    assert committed.bounds_nm() == (0, 0, BITS[0] * BIT_NM[0], BITS[1] * BIT_NM[1])
    window = (0, 0, 4 * BIT_NM[0], 4 * BIT_NM[1])
    assert difference(committed.window(window), now.window(window)) == 0


def test_every_block_of_the_memory_array_is_four_mirrored_bits():
    layout, (width, height) = read_layout(MASKS / MEMORY_ARRAY), BIT_NM
    flipped = np.array([-1.0, 1.0])
    mirrored = moved([p * flipped for p in bit()], 2 * width, 0)
    four = [q for p in (*bit(), *mirrored) for q in (p, p * np.array([1.0, -1.0]) + np.array([0, 2 * height]))]
    for column, row in ((0, 0), (37, 101), (159, 159)):
        x, y = 2 * width * column, 2 * height * row
        seen = layout.window((x, y, x + 2 * width, y + 2 * height))
        assert difference(moved(seen, -x, -y), four) == 0
        assert area(seen) == 4 * area(bit())


def test_the_memory_array_keeps_its_rules_where_bits_meet():
    """Widths and spaces inside bits, over their borders, and at the array's edge."""
    edge = read_layout(MASKS / MEMORY_ARRAY).window((-500, -500, 4 * BIT_NM[0], 4 * BIT_NM[1]))
    outlines = as_gdstk(edge)
    half = SMALLEST_NM / 2 - 0.1
    for first in (-half, half):
        there = gdstk.offset(outlines, first, join="miter", tolerance=10, use_union=True)
        back = gdstk.offset(there, -first, join="miter", tolerance=10, use_union=True)
        assert sum(p.area() for p in gdstk.boolean(back, outlines, "xor", 1e-6)) < 1


@pytest.mark.parametrize("bits", [(3, 4), (0, 4)])
def test_bits_come_in_pairs(bits, tmp_path):
    with pytest.raises(ValueError, match="`bits` must be even counts"):
        write_memory_array(tmp_path / "a.oas", bits)


def test_a_drawing_is_merged_and_stands_upright():
    polygons = drawn(["#..", "###"], (10, 20))
    assert len(polygons) == 1
    assert area(polygons) == 4 * 200
    assert polygons[0].min() == 0 and polygons[0].max(0).tolist() == [30, 40]
    corners = {tuple(p) for p in polygons[0].tolist()}
    assert (0, 40) in corners and (30, 40) not in corners
