"""Layouts: hierarchy, windows, merging, and what is refused."""

from __future__ import annotations

import gzip
import itertools
import os
import time
import warnings

import gdstk
import numpy as np
import pytest
from gdstk import Library
from layout_cells import NM, box, one_cell, random_hierarchy

from litho.crossings import crossings_of
from litho.grid import Grid
from litho.io import write_gds
from litho.layout import LayoutError, check_inside, merge, parse_layer, read_layout
from litho.raster import polygon_area_nm2


def area(polygons):
    return sum(polygon_area_nm2(p) for p in polygons)


def difference(a, b):
    """Area that only one of two lists of polygons covers."""
    common = gdstk.boolean(as_gdstk(a), as_gdstk(b), "and", 2.0**-20)
    return area(merge(a)) + area(merge(b)) - 2 * sum(p.area() for p in common)


def as_gdstk(polygons):
    return [gdstk.Polygon(p) for p in polygons]


def corners(polygons):
    """Vertices of each polygon in an order of their own."""
    return sorted(sorted(map(tuple, p.tolist())) for p in polygons)


@pytest.mark.parametrize("text, layer", [("1/0", (1, 0)), ("1:0", (1, 0)), ("17", (17, 0)), ("235/5", (235, 5))])
def test_a_layer_is_written_with_slash_or_colon(text, layer):
    assert parse_layer(text) == layer


@pytest.mark.parametrize("text", ["", "M1", "1/", "-1/0", "1/0/0", "1.5"])
def test_what_is_no_layer_is_refused(text):
    with pytest.raises(LayoutError, match="`layer` must be written"):
        parse_layer(text)


@pytest.mark.parametrize("seed", range(6))
def test_right_angled_hierarchy_is_flattened_exactly(seed, save):
    library, top = random_hierarchy(seed, np.pi / 2 * np.arange(4))
    layout = read_layout(save(library))
    drawn = [np.rint(p.points) for p in top.get_polygons(layer=1, datatype=0)]
    assert layout.layers == ((1, 0), (2, 0))
    assert layout.shape_count("1/0") == len(drawn)
    assert difference(layout.polygons("1/0"), drawn) == 0
    assert all((p == np.rint(p)).all() for p in layout.polygons("1/0"))
    points = np.concatenate(drawn)
    assert layout.bounds_nm("1/0") == (*points.min(0), *points.max(0))


@pytest.mark.parametrize("seed", range(4))
def test_hierarchy_at_any_angle_is_flattened_as_gdstk_does(seed, save):
    library, _ = random_hierarchy(seed, np.linspace(0.1, 6, 23))
    path = save(library)
    layout = read_layout(path)
    read_back = (gdstk.read_gds if path.suffix == ".gds" else gdstk.read_oas)(path, unit=1e-9)
    drawn = [p.points for p in read_back.top_level()[0].get_polygons(layer=1, datatype=0)]
    assert layout.shape_count("1/0") == len(drawn)
    assert difference(layout.polygons("1/0"), drawn) < 1e-6 * area(merge(drawn))
    points = np.concatenate(drawn)
    np.testing.assert_allclose(layout.bounds_nm("1/0"), (*points.min(0), *points.max(0)), atol=1e-6)


def test_windows_side_by_side_hold_the_whole(save):
    library, _ = random_hierarchy(1, [0.3, 1.1, np.pi / 2])
    layout = read_layout(save(library))
    whole = layout.polygons("1/0")
    x0, y0, x1, y1 = layout.bounds_nm("1/0")
    xs, ys = np.linspace(x0, x1, 6), np.linspace(y0, y1, 5)
    parts = []
    for (x, right), (y, top) in itertools.product(itertools.pairwise(xs), itertools.pairwise(ys)):
        part = layout.window((x, y, right, top), "1/0")
        assert all((p >= (x - 1e-5, y - 1e-5)).all() and (p <= (right + 1e-5, top + 1e-5)).all() for p in part)
        parts += part
    assert area(parts) == pytest.approx(area(whole), rel=1e-6)
    assert difference(parts, whole) < 1e-6 * area(whole)


def test_a_window_cuts_at_its_border(save):
    layout = read_layout(save(one_cell(box(0, 0, 100, 100), box(200, 0, 300, 100), box(50, 150, 60, 160))))
    cut = layout.window((50, 20, 250, 150))
    assert corners(cut) == corners([box(50, 20, 100, 100), box(200, 20, 250, 100)])
    assert layout.window((110, 0, 190, 100)) == []
    with pytest.raises(LayoutError, match="`window_nm` must be"):
        layout.window((10, 0, 0, 10))


def test_overlapping_shapes_are_merged_and_clockwise_ones_count_too(save):
    layout = read_layout(save(one_cell(box(0, 0, 100, 50), box(50, 0, 150, 50)[::-1], box(150, 0, 170, 50))))
    (polygon,) = layout.polygons()
    assert sorted(map(tuple, polygon.tolist())) == [(0, 0), (0, 50), (170, 0), (170, 50)]
    assert polygon_area_nm2(polygon) == 170 * 50


def test_a_hole_is_kept_as_a_cut(save):
    frame = [box(0, 0, 90, 30), box(0, 60, 90, 90), box(0, 0, 30, 90), box(60, 0, 90, 90)]
    (polygon,) = read_layout(save(one_cell(*frame))).polygons()
    assert polygon_area_nm2(polygon) == 90 * 90 - 30 * 30


def test_fine_database_units_give_whole_nanometres_exactly(tmp_path):
    square = box(0, 0, 641, 333)
    write_gds(tmp_path / "fine.gds", {(1, 0): [square]}, dbu_nm=0.1)
    layout = read_layout(tmp_path / "fine.gds")
    assert layout.dbu_nm == 0.1
    assert corners(layout.polygons()) == corners([square])
    assert corners(layout.window((1, 2, 3, 4))) == corners([box(1, 2, 3, 4)])


def arrays_in_arrays(levels):
    """10^4 copies at each level of a cell with one square."""
    library = Library(**NM)
    cell = library.new_cell("C0")
    cell.add(gdstk.rectangle((0, 0), (10, 10), layer=1))
    step = 20
    for level in range(1, levels + 1):
        parent = library.new_cell(f"C{level}")
        parent.add(gdstk.Reference(cell, columns=100, rows=100, spacing=(step, step)))
        cell, step = parent, 100 * step
    return library


def test_more_shapes_than_can_be_expanded_are_refused_with_their_number(save):
    layout = read_layout(save(arrays_in_arrays(4)))
    with pytest.raises(LayoutError, match=r"more than 20000000 shapes on a layer, but .* stands for 1(0{16})\."):
        layout.polygons()
    with pytest.raises(LayoutError, match=r"must show at most 20000000 shapes"):
        layout.window((0, 0, 10**6, 10**6))


def test_a_window_of_a_huge_array_visits_only_what_it_shows(save):
    layout = read_layout(save(arrays_in_arrays(3)), max_shapes=100)
    assert layout.shape_count() == 10**12
    assert layout.bounds_nm() == (0, 0, 19_999_990, 19_999_990)
    seen = layout.window((10_000_005, 5_000_000, 10_000_105, 5_000_100))
    assert len(seen) == 30 and area(seen) == 20 * 100 + 10 * 50


def test_repeated_polygons_are_counted(tmp_path):
    library = Library(**NM)
    square = gdstk.rectangle((0, 0), (1, 1), layer=1)
    square.repetition = gdstk.Repetition(columns=100_000, rows=100_000, spacing=(2, 2))
    library.new_cell("TOP").add(square)
    library.write_oas(tmp_path / "repeated.oas")
    assert os.path.getsize(tmp_path / "repeated.oas") < 1000
    layout = read_layout(tmp_path / "repeated.oas")
    assert layout.shape_count() == 10**10
    assert len(layout.window((1000, 1000, 1005, 1005))) == 9


@pytest.mark.parametrize("copies", [3, 2000])
def test_polygons_repeated_at_places_of_their_own_are_copied(copies, tmp_path, rng):
    """Few copies are copied when the file is read, many stay a placement."""
    offsets = rng.permutation(4 * copies)[: copies - 1] * 30 + 30
    library = Library(**NM)
    corner = gdstk.Polygon([(0, 0), (20, 0), (20, 8), (7, 8), (7, 15), (0, 15)], 1)
    corner.repetition = gdstk.Repetition(x_offsets=offsets.tolist())
    library.new_cell("TOP").add(corner)
    library.write_oas(tmp_path / "repeated.oas")
    layout = read_layout(tmp_path / "repeated.oas")
    assert layout.shape_count() == copies
    assert {p.min(0)[0] for p in layout.polygons()} == {0, *offsets.tolist()}
    assert area(layout.polygons()) == copies * (20 * 8 + 7 * 7)


def test_cells_that_are_placed_alike_are_one_placement(save):
    library = Library(**NM)
    cell, top = library.new_cell("C"), library.new_cell("TOP")
    cell.add(gdstk.rectangle((0, 0), (20, 10), layer=1))
    places = [(100 * i, 70 * j) for i in range(30) for j in range(20)]
    top.add(*(gdstk.Reference(cell, place) for place in places))
    top.add(*(gdstk.Reference(cell, (x, -9000 + y), rotation=np.pi / 2) for x, y in places))
    layout = read_layout(save(library))
    placements = layout.hierarchy.cells[layout.top].placements
    assert sorted(p.copies for p in placements) == [600, 600]
    assert len(layout.polygons()) == 1200 and area(layout.polygons()) == 1200 * 200


def test_paths_become_polygons(save):
    library = Library(**NM)
    library.new_cell("TOP").add(
        gdstk.FlexPath([(0, 0), (100, 0), (100, 100)], 10, layer=1, simple_path=True),
    )
    assert area(read_layout(save(library)).polygons()) == 105 * 10 + 95 * 10


def test_compressed_files_are_read(tmp_path):
    write_gds(tmp_path / "a.gds", {(1, 0): [box(0, 0, 10, 10)]})
    (tmp_path / "a.gds.gz").write_bytes(gzip.compress((tmp_path / "a.gds").read_bytes()))
    assert corners(read_layout(tmp_path / "a.gds.gz").polygons()) == corners([box(0, 0, 10, 10)])


def test_an_unknown_layer_is_answered_by_those_that_exist(save):
    library = one_cell(box(0, 0, 10, 10))
    library.cells[0].add(gdstk.rectangle((0, 0), (5, 5), layer=7, datatype=3))
    layout = read_layout(save(library))
    with pytest.raises(LayoutError, match=r"`layer` must be one of 1/0, 7/3 .* but got 2/0"):
        layout.polygons("2/0")
    with pytest.raises(LayoutError, match=r"`layer` must be one of 1/0, 7/3 .* but none was named"):
        layout.polygons()


def test_several_top_cells_have_to_be_chosen_from(save):
    library = one_cell(box(0, 0, 10, 10))
    library.new_cell("OTHER").add(gdstk.rectangle((0, 0), (5, 5), layer=1))
    path = save(library)
    with pytest.raises(LayoutError, match=r"`cell` must be one of (TOP, OTHER|OTHER, TOP), .* has 2 top cells"):
        read_layout(path)
    assert area(read_layout(path, cell="OTHER").polygons()) == 25
    with pytest.raises(LayoutError, match=r"`cell` must be a cell of .*, but got 'NONE'"):
        read_layout(path, cell="NONE")


BOW_TIE = np.array([(0, 0), (100, 100), (100, 0), (0, 100)], dtype=float)


def test_a_polygon_that_crosses_itself_is_refused_or_filled(save):
    path = save(one_cell(BOW_TIE + 30))
    with pytest.raises(LayoutError, match=r"not cross themselves, but the one at \(30, 1?30\) nm does"):
        read_layout(path).polygons()
    assert area(read_layout(path, repair=True).polygons()) == 2 * 100 * 100 / 4


def test_filling_does_not_depend_on_what_lies_below(save):
    over = read_layout(save(one_cell(BOW_TIE, box(-10, -10, 110, 110))), repair=True)
    assert area(over.polygons()) == 120 * 120


def test_crossings_by_rounding_are_repaired_in_silence(save):
    needle = np.array([(0, 0), (1000, 1), (1000, 60), (500, 0), (0, 60)], dtype=float)  # 500, 0 lies 0.5 below
    assert area(read_layout(save(one_cell(needle))).polygons()) == pytest.approx(29500, abs=300)


def test_a_polygon_without_area_is_refused_or_left_out(tmp_path):
    library = one_cell(np.array([(0, 0), (100, 0), (50, 0)]), box(200, 0, 210, 10))
    library.write_gds(tmp_path / "flat.gds")
    with pytest.raises(LayoutError, match=r"must have an area, but the one at \(0, 0\) nm has none"):
        read_layout(tmp_path / "flat.gds").polygons()
    assert area(read_layout(tmp_path / "flat.gds", repair=True).polygons()) == 100


def zigzag(count, rng):
    points = rng.integers(0, 100_000, (count, 2)).astype(float)
    points[:, 0] = 100_000 * (np.arange(count) % 2)
    return points


def test_edges_that_cross_are_counted(rng):
    polygons = [zigzag(40, rng), box(500, 500, 60_000, 700), rng.integers(0, 99_999, (9, 2)).astype(float)]
    edges = [(p[k - 1], p[k]) for p in polygons for k in range(len(p))]

    def left(a, b, c):
        return np.sign(np.linalg.det(np.array([b - a, c - a])))

    pairs = itertools.combinations(edges, 2)
    found = sum(left(*e, f[0]) * left(*e, f[1]) < 0 and left(*f, e[0]) * left(*f, e[1]) < 0 for e, f in pairs)
    assert crossings_of(polygons) == pytest.approx(found) and found > 100
    assert crossings_of([box(10 * k, 0, 10 * k + 10, 9) for k in range(50)]) == 0


def test_so_many_crossings_are_estimated():
    across = [box(-500, 1000 * k, 10**6, 1000 * k + 300) for k in range(200)]
    upright = [p[:, ::-1] for p in across]
    assert crossings_of(across + upright) == pytest.approx(4 * 200**2, rel=0.05)


@pytest.mark.parametrize("repair", [False, True])
def test_shapes_that_cross_a_million_times_are_refused_at_once(repair, tmp_path, rng):
    """Merging them would take minutes, from a file of seven kilobytes."""
    one_cell(zigzag(2000, rng)).write_oas(tmp_path / "a.oas")
    crossing = [np.array([(x, 0), (x + 50, 0), (y + 50, 10**5), (y, 10**5)]) for x, y in 10**5 * rng.random((900, 2))]
    one_cell(*crossing).write_oas(tmp_path / "b.oas")
    for name in ("a.oas", "b.oas"):
        start = time.process_time()
        with pytest.raises(LayoutError, match=r"not cross each other or themselves more than 100000 times, but from"):
            read_layout(tmp_path / name, repair=repair).window((0, 0, 10**5, 10**5))
        assert time.process_time() - start < 1


def test_a_path_of_no_width_has_no_area(save):
    library = one_cell(box(0, 0, 10, 10))
    library.cells[0].add(gdstk.FlexPath([(20, 0), (90, 0)], 0, layer=1, simple_path=True))
    path = save(library)
    with pytest.raises(LayoutError, match="must have an area"):
        read_layout(path).polygons()
    assert area(read_layout(path, repair=True).polygons()) == 100


def test_polygons_beyond_the_field_are_refused():
    grid = Grid.square(100, 1.0, (10.0, 10.0))
    check_inside([box(10, 10, 110, 110)], grid)
    check_inside([], grid)
    with pytest.raises(LayoutError, match="x 10 to 110, y 10 to 110 nm, but reach over x 20 to 111, y 20 to 30"):
        check_inside([box(20, 20, 111, 30)], grid)
    with pytest.raises(LayoutError, match="must lie in the field"):
        check_inside([box(20, 20, np.nan, 30)], grid)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_coordinates_that_cannot_be_counted_are_refused(bad):
    with pytest.raises(LayoutError, match="Coordinates must be numbers within"):
        merge([box(0, 0, bad, 1)])


@pytest.mark.parametrize("window", [(2.0**50, 0, 2.0**50 + 9, 9), (0, 0, 1, np.nan), (-np.inf, 0, 1, 1)])
def test_a_window_that_cannot_be_counted_is_refused(window):
    with pytest.raises(LayoutError, match="Coordinates must be numbers within"):
        merge([], window)


def test_a_hole_that_gets_lost_is_an_error(monkeypatch):
    monkeypatch.setattr(gdstk, "boolean", lambda *_: warnings.warn("lost", RuntimeWarning, stacklevel=1))
    with pytest.raises(LayoutError, match="must have holes that gdstk can join to outlines, but: lost"):
        merge([box(0, 0, 1, 1)])


def test_fewer_than_three_vertices_are_refused():
    with pytest.raises(LayoutError, match="at least 3 vertices"):
        merge([np.zeros((2, 2))])
