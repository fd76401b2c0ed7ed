"""Windows of layouts of any size: what they hold, what they cost, and that cells' names and worse do no harm."""

from __future__ import annotations

import gc
import itertools
import pickle
import resource
import time
from pathlib import Path
from typing import Any

import gdstk
import numpy as np
import pytest
from gdstk import Library
from layout_cells import NM, box, one_cell, random_hierarchy

import litho.chip.windows
from litho.box_index import BoxIndex
from litho.chip.array_pitch import array_pitch, array_plan
from litho.chip.keys import tile_geometry
from litho.chip.symmetry import ALL
from litho.chip.tile_kinds import distinct_tiles
from litho.chip.tiles import tile_plan
from litho.chip.windows import LayoutWindows
from litho.io import write_gds, write_oasis
from litho.layout import LayoutError, read_layout
from litho.patterns_array import BIT_NM, write_memory_array
from litho.raster import polygon_area_nm2

BLOCK_NM = 2 * BIT_NM[0]


def area(polygons):
    return sum(polygon_area_nm2(p) for p in polygons)


def array_of(columns, rows, steps=(220, 360), cells=1):
    """Three shapes, `columns` x `rows` times."""
    library = Library(**NM)
    bit = library.new_cell("BIT")
    bit.add(*(gdstk.rectangle(a, b, layer=1) for a, b in (((0, 0), (60, 200)), ((100, 0), (160, 100)))))
    bit.add(gdstk.rectangle((100, 140), (160, 300), layer=1))
    library.new_cell("TOP").add(gdstk.Reference(bit, columns=columns, rows=rows, spacing=steps))
    return library


@pytest.mark.parametrize("count", [1, 15, 17, 300, 5000])
def test_an_index_finds_what_looking_at_every_box_finds(count: int, rng: np.random.Generator) -> None:
    low = rng.integers(-1000, 1000, (count, 2)).astype(float)
    boxes = np.hstack([low, low + rng.integers(0, 300, (count, 2))])
    index = BoxIndex(boxes)
    np.testing.assert_array_equal(index.bounds, [*boxes[:, :2].min(0), *boxes[:, 2:].max(0)])
    for _ in range(60):
        x, y = rng.integers(-1300, 1300, 2)
        window = np.array([x, y, x + rng.integers(0, 500), y + rng.integers(0, 500)])
        seen = (boxes[:, :2] <= window[2:]).all(1) & (boxes[:, 2:] >= window[:2]).all(1)
        np.testing.assert_array_equal(index.touching(window), np.flatnonzero(seen))


def test_windows_hold_what_the_layout_holds_there(save: Any) -> None:
    path = save(random_hierarchy(3, np.pi / 2 * np.arange(4))[0])
    source, layout = LayoutWindows(path, "1/0"), read_layout(path)
    assert source.bounds_nm == layout.bounds_nm("1/0") and source.shape_count == layout.shape_count("1/0")
    x0, y0, x1, y1 = source.bounds_nm
    for x, y in itertools.product(np.arange(x0, x1, 1100), np.arange(y0, y1, 1100)):
        window = (x, y, x + 1100, y + 1100)
        geometry = source.geometry(window)
        assert geometry.digest == tile_geometry(layout.window(window, "1/0"), window, layout.dbu_nm).digest
        assert area(geometry.outlines_nm()) == area(source.polygons(window)) == area(geometry.polygons_nm())


def test_a_hundred_million_copies_cost_as_much_as_a_hundred(tmp_path: Path) -> None:
    path = tmp_path / "large.oas"
    array_of(10_000, 10_000).write_oas(path)
    gc.collect()
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    source = LayoutWindows(path)
    assert source.shape_count == 3 * 10**8
    assert source.bounds_nm == (0, 0, 9999 * 220 + 160, 9999 * 360 + 300)
    seen = source.polygons((1_100_000, 1_800_000, 1_104_000, 1_803_600))
    assert area(seen) == pytest.approx(4000 * 3600 * (60 * 200 + 60 * 100 + 60 * 160) / (220 * 360), rel=0.02)
    assert time.process_time() - start < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


def test_a_window_of_a_flat_file_does_not_look_at_every_shape(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    low = rng.integers(0, 200_000, (30_000, 2))
    write_gds(tmp_path / "flat.gds", {(1, 0): [box(x, y, x + 90, y + 60) for x, y in low.tolist()]})
    source = LayoutWindows(tmp_path / "flat.gds")
    assert source.bounds_nm[0] == low[:, 0].min()
    looked: list[int] = []

    class Counted(np.ndarray):  # type: ignore[type-arg]
        def __getitem__(self, place: Any) -> Any:
            looked.append(len(place))
            return np.asarray(super().__getitem__(place))

    index = source.layout.flattened().root.index
    assert index is not None
    monkeypatch.setattr(index, "_levels", [level.view(Counted) for level in index._levels])
    window = np.array([90_000.0, 90_000, 94_000, 94_000])
    inside = (low <= window[2:]).all(1) & (low + np.array([90, 60]) >= window[:2]).all(1)
    assert len(list(source.layout.shapes(None, window))) == inside.sum() > 3
    assert 0 < sum(looked) < 1000


def test_another_process_gets_a_name_and_opens_the_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.gds"
    write_gds(path, {(1, 0): [box(0, 0, 100, 50)], (2, 0): [box(0, 0, 10, 10)]})
    source = LayoutWindows(path, "1/0")
    sent = pickle.dumps(source)
    assert len(sent) < 500
    opened = []
    monkeypatch.setattr("litho.chip.windows.read_layout", lambda *a, **k: opened.append(a))
    again = pickle.loads(sent)
    assert again.layer == (1, 0) and again.polygons((0, 0, 10, 10))[0].tolist() and opened == []


def test_a_file_that_has_changed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.gds"
    write_gds(path, {(1, 0): [box(0, 0, 100, 50)]})
    digest = LayoutWindows(path).digest
    write_gds(path, {(1, 0): [box(0, 0, 100, 51)]})
    litho.chip.windows._opened.cache_clear()  # as in another process
    with pytest.raises(LayoutError, match=r"must be the file that was planned for, but .* has changed since"):
        LayoutWindows(path, digest=digest)


@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil", "a\nb", "..", "con", "x" * 300, "$(touch evil)", "%s%n"])
def test_a_cells_name_is_no_path(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    library = Library(**NM)
    cell = library.new_cell(name)
    cell.add(gdstk.rectangle((0, 0), (10, 10), layer=1))
    library.new_cell("T").add(gdstk.Reference(cell))
    library.write_gds("a.gds")
    found = LayoutWindows("a.gds")
    write_oasis("out.oas", {(1, 0): found.polygons((0, 0, 5, 5))}, cell="TOP")
    assert found.shape_count == 1
    assert {p.name for p in folder.iterdir()} == {"a.gds", "out.oas"} and [*tmp_path.iterdir()] == [folder]


@pytest.mark.parametrize(
    "steps, counts",
    [((0, 0), (50_000, 50_000)), ((1, 1), (60_000, 60_000)), ((0, 500), (60_000, 60_000))],
)
def test_copies_that_lie_on_each_other_are_one_or_refused(steps: Any, counts: Any, tmp_path: Path) -> None:
    array_of(*counts, steps=steps).write_oas(tmp_path / "dense.oas")
    source = LayoutWindows(tmp_path / "dense.oas")
    start = time.process_time()
    if steps == (1, 1):
        with pytest.raises(LayoutError, match="must show at most 1000000 shapes"):
            source.polygons((30_000, 30_000, 35_000, 35_000))
    else:
        assert area(source.polygons((0, 0, 160, 300))) == 60 * 200 + 60 * 100 + 60 * 160
    assert time.process_time() - start < 3


def test_cells_that_turn_a_little_at_every_level_are_refused(tmp_path: Path) -> None:
    library = Library(**NM)
    cell = library.new_cell("C0")
    cell.add(gdstk.rectangle((0, 0), (9, 5), layer=1))
    for level in range(1, 60):
        parent = library.new_cell(f"C{level}")
        parent.add(gdstk.Reference(cell, rotation=0.1), gdstk.Reference(cell, rotation=0.2, magnification=1.001))
        cell = parent
    library.write_gds(tmp_path / "a.gds")
    with pytest.raises(LayoutError, match="at most 10000 orientations"):
        print(LayoutWindows(tmp_path / "a.gds").bounds_nm)


def test_cells_that_grow_at_every_level_are_refused(tmp_path: Path) -> None:
    library = Library(**NM)
    cell = library.new_cell("C0")
    cell.add(gdstk.rectangle((0, 0), (9, 5), layer=1))
    for level in range(1, 50):
        parent = library.new_cell(f"C{level}")
        parent.add(gdstk.Reference(cell, magnification=1000))
        cell = parent
    library.write_gds(tmp_path / "a.gds")
    with pytest.raises(LayoutError, match=r"magnified at most 1e\+12 times"):
        print(LayoutWindows(tmp_path / "a.gds").bounds_nm)


def test_a_number_of_shapes_of_thousands_of_digits_is_said_in_words(tmp_path: Path) -> None:
    library = Library(**NM)
    cell = library.new_cell("C0")
    cell.add(gdstk.rectangle((0, 0), (1, 1), layer=1))
    for level in range(1, 190):
        parent = library.new_cell(f"C{level}")
        parent.add(*(gdstk.Reference(cell, columns=60_000, rows=60_000, spacing=(0, 0)) for _ in range(2)))
        cell = parent
    library.write_oas(tmp_path / "a.oas")
    layout = read_layout(tmp_path / "a.oas")
    assert layout.shape_count() == (2 * 60_000**2) ** 189
    with pytest.raises(LayoutError, match=r"stands for more than 10\^18"):
        layout.polygons()
    with pytest.raises(LayoutError, match="must show at most"):
        list(layout.flattened().polygons(np.array([0.0, 0, 1, 1]), 10_000))


def test_the_pitch_of_an_array_is_found_and_tiles_fit_it(tmp_path: Path) -> None:
    write_memory_array(tmp_path / "memory.oas", (60, 40))
    source = LayoutWindows(tmp_path / "memory.oas")
    found = array_pitch(source, 4000)
    assert found.pitch_nm == (BLOCK_NM, BLOCK_NM) and found.corner_nm == (0, 0) and found.share == 1
    plan = array_plan(source, 4000, 600, unit_nm=4)
    assert plan is not None
    assert plan.core_nm == (4 * BLOCK_NM, 4 * BLOCK_NM) and plan.counts == (8, 5)
    assert plan.origin_nm == (-BLOCK_NM, 0)  # 30 blocks of 32 and 20 of 20: in the middle
    # at each side one kind, and one inside; then one more at each side
    assert distinct_tiles(plan, source, 2) == (3 * 3, 5 * 5)
    assert distinct_tiles(plan, source, 2, [s for s in ALL if not s.swap]) == (2 * 2, 3 * 3)
    other = tile_plan((0.0, 0.0, 14_000.0, 9000.0), (3700.0, 3700.0), 600.0)
    assert distinct_tiles(other, source) == (other.count,) == (12,)


@pytest.mark.parametrize("kind", ["lattice", "one by one", "in rows"])
def test_arrays_are_found_however_they_are_placed(kind: str, tmp_path: Path) -> None:
    library = Library(**NM)
    cell, top = library.new_cell("C"), library.new_cell("TOP")
    cell.add(gdstk.rectangle((0, 0), (200, 150), layer=1))
    if kind == "lattice":
        top.add(gdstk.Reference(cell, (70, 30), columns=20, rows=30, spacing=(250, 300)))
    elif kind == "one by one":
        top.add(*(gdstk.Reference(cell, (70 + 250 * i, 30 + 300 * j)) for i in range(20) for j in range(30)))
    else:
        row = library.new_cell("ROW")
        row.add(gdstk.Reference(cell, columns=20, rows=1, spacing=(250, 1)))
        top.add(gdstk.Reference(row, (70, 30), columns=1, rows=30, spacing=(1, 300)))
    top.add(gdstk.rectangle((-900, -900), (-800, -850), layer=1))
    library.write_gds(tmp_path / "a.gds")
    found = array_pitch(LayoutWindows(tmp_path / "a.gds"), 4000)
    assert found.pitch_nm == (250, 300) and found.corner_nm == (70, 30)
    assert array_pitch(LayoutWindows(tmp_path / "a.gds"), 260).pitch_nm == (250, None)


def test_a_layout_that_does_not_repeat_has_no_array(tmp_path: Path) -> None:
    one_cell(box(0, 0, 100, 100), box(300, 0, 400, 200)).write_gds(tmp_path / "a.gds")
    source = LayoutWindows(tmp_path / "a.gds")
    assert array_pitch(source, 4000).pitch_nm == (None, None)
    assert array_plan(source, 4000, 600) is None
