"""Files: what is written is what is read, and nothing is left half-written."""

from __future__ import annotations

import tracemalloc
import zipfile

import gdstk
import numpy as np
import pytest

import litho.io.glp
from litho.io import CURVE_PROPERTY, atomic_path, write_gds, write_oasis
from litho.io.npz import read_npz_array
from litho.layout import LayoutError, merge, read_layout
from litho.raster import polygon_area_nm2

WRITERS = {"gds": write_gds, "oas": write_oasis}


def box(x0, y0, x1, y1):
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], dtype=float)


def blob(x, y, radius, vertices):
    angles = 2 * np.pi * np.arange(vertices) / vertices
    radii = radius * (1 + 0.1 * np.cos(3 * angles))
    return np.stack([x + radii * np.cos(angles), y + radii * np.sin(angles)], axis=1)


def difference(a, b):
    """Area that only one of two lists of polygons covers."""
    common = gdstk.boolean([gdstk.Polygon(p) for p in a], [gdstk.Polygon(p) for p in b], "and", 2.0**-20)
    return sum(polygon_area_nm2(p) for p in merge(a) + merge(b)) - 2 * sum(p.area() for p in common)


def length(polygons):
    return sum(gdstk.Polygon(p).perimeter() for p in polygons)


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.parametrize("dbu_nm", [1.0, 0.1, 0.25, 0.001])
def test_what_is_written_is_read_to_the_database_unit(ending, dbu_nm, tmp_path):
    curved = [blob(300 * i + 0.123, 200 * j - 77.7, 90.4, 200) for i in range(3) for j in range(3)]
    path = tmp_path / f"mask.{ending}"
    WRITERS[ending](path, {(1, 0): curved, (2, 5): [box(0, 0, 64, 31)]}, dbu_nm=dbu_nm)
    layout = read_layout(path)
    assert layout.dbu_nm == dbu_nm and layout.layers == ((1, 0), (2, 5))
    assert difference(layout.polygons("1/0"), curved) <= dbu_nm / 2 * length(curved)
    assert difference(layout.polygons("2/5"), [box(0, 0, 64, 31)]) == 0


@pytest.mark.parametrize("ending", WRITERS)
def test_whole_numbers_come_back_exactly(ending, tmp_path):
    rng = np.random.default_rng(0)
    drawn = merge([box(x, y, x + w, y + h) for x, y, w, h in rng.integers(1, 500, (60, 4))])
    WRITERS[ending](tmp_path / f"a.{ending}", {(1, 0): drawn}, dbu_nm=0.1)
    read = read_layout(tmp_path / f"a.{ending}").polygons()
    assert difference(read, drawn) == 0
    assert sum(map(polygon_area_nm2, read)) == sum(map(polygon_area_nm2, drawn))


@pytest.mark.parametrize("ending", WRITERS)
def test_a_polygon_may_have_any_number_of_vertices(ending, tmp_path):
    drawn = [blob(0, 0, 9000, 40_000)]
    WRITERS[ending](tmp_path / f"a.{ending}", {(1, 0): drawn}, dbu_nm=0.1)
    layout = read_layout(tmp_path / f"a.{ending}")
    assert (layout.shape_count() == 1) == (ending == "oas")
    assert difference(layout.polygons(), drawn) <= 0.1 * length(drawn)


def test_curves_travel_as_a_text_property(tmp_path):
    texts = ["bezier3 0.125,7.5 1,2 3,4", None]
    write_oasis(tmp_path / "a.oas", {(1, 0): [box(0, 0, 9, 9), box(20, 0, 29, 9)]}, curves={(1, 0): texts})
    polygons = gdstk.read_oas(tmp_path / "a.oas").cells[0].polygons
    values = [p.get_property(CURVE_PROPERTY) for p in sorted(polygons, key=lambda p: p.points[0, 0])]
    assert values[1] is None
    assert [v.decode("ascii") if isinstance(v, bytes) else v for v in values[0]] == [texts[0]]


def test_curves_must_fit_the_polygons(tmp_path):
    layers = {(1, 0): [box(0, 0, 9, 9)]}
    with pytest.raises(ValueError, match=r"one entry per polygon \(1\), but got 2"):
        write_oasis(tmp_path / "a.oas", layers, curves={(1, 0): ["a", "b"]})
    with pytest.raises(ValueError, match="`curves` must be ASCII"):
        write_oasis(tmp_path / "a.oas", layers, curves={(1, 0): ["größe"]})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", WRITERS)
def test_the_same_polygons_give_the_same_bytes(ending, tmp_path):
    for name in ("a", "b"):
        WRITERS[ending](tmp_path / f"{name}.{ending}", {(1, 0): [blob(0, 0, 50, 64)]})
    assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.parametrize(
    "polygon, message",
    [
        (np.array([(0, 0), (np.nan, 0), (1, 1)]), "coordinates within"),
        (box(0, 0, 1e17, 1), "coordinates within"),
        (np.zeros((2, 2)), "must hold polygons"),
    ],
)
def test_what_cannot_be_written_leaves_no_file(ending, polygon, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        WRITERS[ending](tmp_path / f"a.{ending}", {(1, 0): [polygon]})
    with pytest.raises(ValueError, match="`dbu_nm` must be a positive length"):
        WRITERS[ending](tmp_path / f"a.{ending}", {(1, 0): []}, dbu_nm=0)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_old_file_as_it_was(tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_path(path) as temporary:
        temporary.write_text("ne")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_success_replaces_the_old_file(tmp_path):
    path = tmp_path / "mask.npz"
    path.write_text("old")
    with atomic_path(path) as temporary:
        assert temporary.suffix == ".npz" and temporary.parent == tmp_path
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "missing" / "a.oas", tmp_path / "file" / "a.oas"):
        with pytest.raises(OSError, match="`path` must lie in a writable folder") as error:
            write_oasis(path, {(1, 0): [box(0, 0, 1, 1)]})
        assert str(path) in str(error.value)
    with pytest.raises(OSError, match=r"but .* is a folder"):
        write_oasis(tmp_path, {(1, 0): [box(0, 0, 1, 1)]})


def glp(tmp_path, *shapes, unit="EQUIV  1  1000  MICRON  +X,+Y"):
    path = tmp_path / "clip.glp"
    head = ["BEGIN     /* made by a test */", unit, "CNAME T", "LEVEL M1", "", "CELL T PRIME"]
    path.write_text("\n".join([*head, *shapes, "ENDMSG", ""]))
    return path


def test_glp_rectangles_have_corner_and_size_and_polygons_vertices(tmp_path):
    path = glp(tmp_path, "   RECT N M1  80  492  452  88", "PGON N M1  0 0 90 0 90 40 30 40 30 70 0 70")
    layout = read_layout(path)
    assert layout.layers == ((1, 0),) and layout.dbu_nm == 1.0
    assert sum(map(polygon_area_nm2, layout.polygons("1/0"))) == 452 * 88 + 90 * 40 + 30 * 30
    assert layout.bounds_nm() == (0, 0, 532, 580)


def test_glp_layers_are_numbered_by_their_names(tmp_path):
    layout = read_layout(glp(tmp_path, "RECT N M2 0 0 5 5", "RECT N POLY 0 0 7 7"))
    assert layout.layers == ((0, 0), (2, 0))


def test_glp_units_are_heeded(tmp_path):
    path = glp(tmp_path, "RECT N M1 0 0 10 10", unit="EQUIV 1 4000 MICRON +X,+Y")
    assert read_layout(path).bounds_nm() == (0, 0, 2.5, 2.5)


@pytest.mark.parametrize(
    "line, reason",
    [
        ("RECT N M1 0 0 10", "RECT needs x y width height, but got 3 numbers"),
        ("RECT N M1 0 0 10 ten", "could not convert string to float: 'ten'"),
        ("RECT N M1 0 0 10 nan", "a coordinate is not a finite number"),
        ("RECT N", "list index out of range"),
        ("PGON N M1 0 0 10 0 10", "PGON needs x y pairs, but got 5 numbers"),
        ("PGON N M1 0 0 10 0", "at least 3 vertices, but got 2"),
        ("CIRCLE N M1 0 0 10", "it begins with none of"),
        ("RECT N V1 0 0 10 10", "two layers have one number"),
        ("RECT N M1234567890 0 0 10 10", "a layer's number has more than 9 digits"),
        ("RECT N M1 0 0 10 1e300", r"a coordinate lies beyond \+-2\^53"),
        ("EQUIV 1 0 MICRON +X,+Y", "the unit is not positive"),
    ],
)
def test_glp_mistakes_are_named_by_their_line(line, reason, tmp_path):
    with pytest.raises(LayoutError, match=f"line 8: .*{reason}"):
        read_layout(glp(tmp_path, "RECT N M1 0 0 10 10", line))


def test_a_glp_rectangle_of_no_width_is_refused(tmp_path):
    with pytest.raises(LayoutError, match="must have an area"):
        read_layout(glp(tmp_path, "RECT N M1 5 5 0 10")).polygons()


def test_a_glp_file_too_large_for_a_clip_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(litho.io.glp, "LARGEST_BYTES", 100)
    with pytest.raises(LayoutError, match="must be a GLP file of at most 100 bytes"):
        read_layout(glp(tmp_path, "RECT N M1 0 0 10 10"))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_array_of_an_archive_is_read_if_it_fits(save, tmp_path):
    save(tmp_path / "a.npz", mask=np.eye(4), other=np.array(["a"]))
    np.testing.assert_array_equal(read_npz_array(tmp_path / "a.npz", "mask", (4, 4)), np.eye(4))
    with pytest.raises(ValueError, match=r"`mask` must be numbers of the field's shape \(5, 4\), but .* has \(4, 4\)"):
        read_npz_array(tmp_path / "a.npz", "mask", (5, 4))
    with pytest.raises(ValueError, match=r"`other` must be numbers"):
        read_npz_array(tmp_path / "a.npz", "other", (1,))
    with pytest.raises(ValueError, match=r"must be an \.npz file with an array `none`"):
        read_npz_array(tmp_path / "a.npz", "none", (4, 4))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_that_numpy_did_not_write_is_refused(method, tmp_path):
    np.savez(tmp_path / "a.npz", mask=np.eye(4))
    with zipfile.ZipFile(tmp_path / "a.npz") as source, zipfile.ZipFile(tmp_path / "b.npz", "w", method) as made:
        made.writestr("mask.npy", source.read("mask.npy"))
    with pytest.raises(ValueError, match=r"must be an \.npz file"):
        read_npz_array(tmp_path / "b.npz", "mask", (4, 4))


def test_an_archive_that_expands_a_thousandfold_is_not_expanded(tmp_path):
    np.savez_compressed(tmp_path / "bomb.npz", mask=np.zeros((8000, 8000)))
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"has \(8000, 8000\)"):
        read_npz_array(tmp_path / "bomb.npz", "mask", (4, 4))
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


@pytest.mark.data
def test_a_routed_block_of_others_is_read(data_dir):
    layout = read_layout(data_dir / "clips" / "gcd_45nm.gds")
    assert layout.layers == ((11, 0),) and layout.dbu_nm == 0.1
    assert layout.shape_count() == 1776
    assert layout.bounds_nm() == (1140, 1315, 31730, 30885)
