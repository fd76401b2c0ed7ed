"""Layouts: hierarchy, windows, merging, and what is refused."""

from __future__ import annotations

import gzip
import itertools
import os
import warnings

import gdstk
import numpy as np
import pytest

import litho.io.read
import litho.io.streams
from litho.grid import Grid
from litho.io import write_gds
from litho.layout import LayoutError, check_inside, merge, parse_layer, read_layout
from litho.raster import polygon_area_nm2

NM = {"unit": 1e-9, "precision": 1e-9}


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


def box(x0, y0, x1, y1):
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], dtype=float)


@pytest.fixture(params=["gds", "oas"])
def save(request, tmp_path):
    """Write a gdstk library in each format; returns its path."""

    def write(library, name="layout"):
        path = tmp_path / f"{name}.{request.param}"
        library.write_gds(path) if request.param == "gds" else library.write_oas(path)
        return path

    return write


def one_cell(*polygons, layer=1):
    library = gdstk.Library(**NM)
    library.new_cell("TOP").add(*(gdstk.Polygon(p, layer) for p in polygons))
    return library


def random_hierarchy(seed, angles):
    """Three levels of cells with rotated, mirrored, magnified, arrayed references and repeated polygons."""
    rng = np.random.default_rng(seed)
    library = gdstk.Library(**NM)
    leaf, middle, top = (library.new_cell(name) for name in ("LEAF", "MIDDLE", "TOP"))
    leaf.add(gdstk.rectangle((3, 5), (40, 22), layer=1), gdstk.rectangle((30, 10), (60, 80), layer=1))
    leaf.add(gdstk.rectangle((0, 0), (10, 10), layer=2))
    repeated = gdstk.Polygon([(0, 0), (25, 0), (25, 9), (9, 9), (9, 30), (0, 30)], 1)
    repeated.repetition = gdstk.Repetition(columns=3, rows=2, spacing=(70, 55))
    scattered = gdstk.rectangle((0, 0), (12, 13), layer=1)
    scattered.repetition = gdstk.Repetition(offsets=[(100, 17), (31, 250), (77, 77)])
    middle.add(repeated, scattered)
    for cell, child in ((middle, leaf), (middle, leaf), (top, middle), (top, middle), (top, leaf)):
        array = {"columns": 3, "rows": 4, "spacing": tuple(rng.integers(60, 300, 2).tolist())}
        cell.add(
            gdstk.Reference(
                child,
                tuple(rng.integers(-900, 900, 2).tolist()),
                rotation=float(rng.choice(angles)),
                magnification=float(rng.choice([1, 2])),
                x_reflection=bool(rng.integers(2)),
                **(array if rng.integers(2) else {}),
            )
        )
    return library, top


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
    library = gdstk.Library(**NM)
    cell = library.new_cell("C0")
    cell.add(gdstk.rectangle((0, 0), (10, 10), layer=1))
    step = 20
    for level in range(1, levels + 1):
        parent = library.new_cell(f"C{level}")
        parent.add(gdstk.Reference(cell, columns=100, rows=100, spacing=(step, step)))
        cell, step = parent, 100 * step
    return library


def test_a_file_that_stands_for_too_many_shapes_is_refused_with_their_number(save):
    path = save(arrays_in_arrays(4))
    with pytest.raises(LayoutError, match=r"at most 20000000 shapes, but .* has 10000000000000000\."):
        read_layout(path)


def test_a_window_of_a_huge_array_visits_only_what_it_shows(save):
    layout = read_layout(save(arrays_in_arrays(3)), max_shapes=10**12)
    assert layout.shape_count() == 10**12
    assert layout.bounds_nm() == (0, 0, 19_999_990, 19_999_990)
    seen = layout.window((10_000_005, 5_000_000, 10_000_105, 5_000_100))
    assert len(seen) == 30 and area(seen) == 20 * 100 + 10 * 50


def test_repeated_polygons_are_counted(tmp_path):
    library = gdstk.Library(**NM)
    square = gdstk.rectangle((0, 0), (1, 1), layer=1)
    square.repetition = gdstk.Repetition(columns=100_000, rows=100_000, spacing=(2, 2))
    library.new_cell("TOP").add(square)
    library.write_oas(tmp_path / "repeated.oas")
    assert os.path.getsize(tmp_path / "repeated.oas") < 1000
    with pytest.raises(LayoutError, match=r"has 10000000000\."):
        read_layout(tmp_path / "repeated.oas")


def test_paths_become_polygons(save):
    library = gdstk.Library(**NM)
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


def test_a_hole_that_gets_lost_is_an_error(monkeypatch):
    monkeypatch.setattr(gdstk, "boolean", lambda *_: warnings.warn("lost", RuntimeWarning, stacklevel=1))
    with pytest.raises(LayoutError, match="must have holes that gdstk can join to outlines, but: lost"):
        merge([box(0, 0, 1, 1)])


def test_fewer_than_three_vertices_are_refused():
    with pytest.raises(LayoutError, match="at least 3 vertices"):
        merge([np.zeros((2, 2))])


@pytest.mark.parametrize(
    "content, reason",
    [
        (None, "is missing"),
        (b"", "is empty"),
        (b"hello, world", "is none of them"),
        (b"\x89PNG\r\n\x1a\n", "is none of them"),
        (b"\x00\x06\x00\x02\x02\x58", "intact GDS file"),
        (b"%SEMI-OASIS\r\n", "truncated"),
        (b"\x1f\x8b\x08", "intact gzip file"),
        (gzip.compress(b"BEGIN\n" * 10_000)[:-5], "intact gzip file"),
        (b"BEGIN\nRECT N M1 0 0 1\n", "line 2: RECT needs"),
        (b"BEGIN\nCELL x PRIME\nENDMSG\n", "holds none"),
    ],
)
def test_a_file_that_is_no_layout_is_refused_in_one_sentence(content, reason, tmp_path):
    path = tmp_path / "layout.gds"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LayoutError, match=reason) as error:
        read_layout(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_folder_is_no_layout(tmp_path):
    with pytest.raises(LayoutError, match="is no file"):
        read_layout(tmp_path)


def test_a_truncated_file_is_refused_wherever_it_ends(save):
    library, _ = random_hierarchy(0, [0.0])
    path = save(library)
    data = path.read_bytes()
    for length in np.linspace(1, len(data) - 1, 12).astype(int):
        path.write_bytes(data[:length])
        with pytest.raises(LayoutError):
            read_layout(path)


def test_every_truncation_of_oasis_is_noticed(tmp_path):
    library, _ = random_hierarchy(0, [0.0])
    path = tmp_path / "layout.oas"
    for options in ({}, {"compression_level": 0}, {"validation": "crc32"}):
        library.write_oas(path, **options)
        data = path.read_bytes()
        assert litho.io.streams._has_end_record(path)
        for length in range(len(data)):
            path.write_bytes(data[:length])
            assert not litho.io.streams._has_end_record(path), f"{length} of {len(data)} bytes, {options}"


def test_changed_bytes_never_end_the_program(save):
    library, _ = random_hierarchy(0, [0.0])
    path = save(library)
    data = path.read_bytes()
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(25):
        changed = bytearray(data)
        for place in rng.integers(len(data), size=4):
            changed[place] = rng.integers(256)
        path.write_bytes(changed)
        try:
            read_layout(path)
        except LayoutError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 0


def test_a_reader_that_breaks_off_is_a_sentence(tmp_path, monkeypatch):
    program = tmp_path / "breaks_off.py"
    program.write_text("import os; os.abort()")
    monkeypatch.setattr(litho.io.streams, "_PROGRAM", program)
    write_gds(tmp_path / "a.gds", {(1, 0): [box(0, 0, 10, 10)]})
    with pytest.raises(LayoutError, match="broke off with signal 6"):
        read_layout(tmp_path / "a.gds")


def test_a_file_that_needs_too_much_memory_is_refused(tmp_path, monkeypatch):
    angles = np.linspace(0, 2 * np.pi, 400_000, endpoint=False)
    library = one_cell(np.rint(1e6 * np.stack([np.cos(angles), np.sin(angles)], axis=1)))
    library.write_oas(tmp_path / "large.oas")
    assert read_layout(tmp_path / "large.oas").shape_count() == 1
    monkeypatch.setattr(os, "sysconf", lambda name: 2**13)
    with pytest.raises(LayoutError, match="intact OASIS file"):
        read_layout(tmp_path / "large.oas")


def test_a_compressed_file_that_expands_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(litho.io.read, "LARGEST_BYTES", 2**22)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(2**24)))
    with pytest.raises(LayoutError, match="expand to at most 4194304 bytes"):
        read_layout(tmp_path / "bomb.gz")


def test_a_database_unit_of_zero_is_refused(tmp_path):
    path = tmp_path / "a.gds"
    write_gds(path, {(1, 0): [box(0, 0, 10, 10)]})
    data = path.read_bytes()
    units = data.index(b"\x00\x14\x03\x05") + 4
    path.write_bytes(data[: units + 8] + bytes(8) + data[units + 16 :])
    with pytest.raises(LayoutError, match="must hold finite numbers"):
        read_layout(path)


def test_cells_within_themselves_are_refused(save):
    library = gdstk.Library(**NM)
    a, b = library.new_cell("A"), library.new_cell("B")
    a.add(gdstk.Reference(b), gdstk.rectangle((0, 0), (1, 1), layer=1))
    b.add(gdstk.Reference(a))
    with pytest.raises(LayoutError, match=r"must not contain themselves, but cell '[AB]' does"):
        read_layout(save(library))


def test_too_deep_nesting_is_refused(save):
    library = gdstk.Library(**NM)
    cell = library.new_cell("C0")
    cell.add(gdstk.rectangle((0, 0), (1, 1), layer=1))
    for level in range(1, 1500):
        parent = library.new_cell(f"C{level}")
        parent.add(gdstk.Reference(cell))
        cell = parent
    with pytest.raises(LayoutError, match="at most 200 levels deep, but got 1500"):
        read_layout(save(library))


def test_a_reference_to_a_missing_cell_is_refused(tmp_path):
    library = gdstk.Library(**NM)
    top = library.new_cell("TOP")
    top.add(gdstk.Reference("NOWHERE"), gdstk.rectangle((0, 0), (1, 1), layer=1))
    library.write_gds(tmp_path / "missing.gds")
    with pytest.raises(LayoutError, match="Missing referenced cell NOWHERE"):
        read_layout(tmp_path / "missing.gds")
