"""Pictures: files that can be seen, drawn where things are, and what they are drawn from."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch

from litho.contour import contours
from litho.grid import Grid
from litho.pictures import draw_aerial, draw_all, draw_convergence, draw_prints, overview
from litho.pixel_ilt import Stage, StageHistory
from litho.raster import polygon_area_nm2
from litho.result import ClipResult
from litho.scene import region_of, rings_of, scene_of

GRID = Grid.square(400.0, 2.0, (1000.0, -200.0))


def disc(radius_nm: float, centre_nm: tuple[float, float] = (1200.0, 0.0)) -> np.ndarray:
    """Intensity that is 0.3 on a circle, falling outwards."""
    y, x = (np.arange(200) + 0.5) * 2.0 - 200.0, (np.arange(200) + 0.5) * 2.0 + 1000.0
    distance = np.hypot(x[None, :] - centre_nm[0], y[:, None] - centre_nm[1])
    return np.clip(0.3 + (radius_nm - distance) / 200, 0, None)


def a_result(radii_nm: tuple[float, ...] = (60.0, 64.0, 55.0), name: str = "disc") -> ClipResult:
    """A round print on a square target."""
    square = np.array([(1140.0, -60.0), (1260.0, -60.0), (1260.0, 60.0), (1140.0, 60.0)])
    target = np.zeros((200, 200), np.float32)
    target[70:130, 70:130] = 1
    exposed = np.stack([disc(r) for r in radii_nm])
    stage = Stage(4, 3, 4, 30)
    values = np.array([[900.0], [500.0], [300.0], [250.0]])
    return ClipResult(
        name=name,
        grid=GRID,
        target_polygons=(square,),
        mask_polygons=(square + 5.0,),
        curves=(None,),
        target=target,
        mask=target.astype(np.uint8),
        intensity=exposed[0].astype(np.float32),
        prints=exposed >= 0.3,
        corner_labels=tuple(f"dose {1 + k / 100:g}" for k in range(len(radii_nm))),
        threshold=0.3,
        print_polygons=tuple(tuple(contours(e, GRID, 0.3)) for e in exposed),
        metrics={"L2": 3100, "PVB": 3360, "EPE": 4, "sites": 8, "shots": {"count": 1, "method": "by hand"}},
        history=(StageHistory(stage, values), StageHistory(stage, values / 2)),
        recipe={"seed": 0, "epe": {"tolerance_nm": 4.0, "start_nm": 6.0, "interval_nm": 12.0, "short_edge_nm": 20.0}},
        info={"seconds": 1.25, "device_name": "a processor", "versions": {"numpy": "2.0"}},
    )


def test_every_picture_is_a_png_and_nothing_else_is_left(tmp_path: Path) -> None:
    paths = draw_all(a_result(), tmp_path)
    names = ["target.png", "mask.png", "aerial.png", "prints.png", "convergence.png", "overview.png"]
    assert [p.name for p in paths] == names
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(names)
    for path in paths:
        pixels = matplotlib.image.imread(path)[..., :3]
        assert min(pixels.shape[:2]) > 700 and pixels.std() > 0.01


def test_a_mask_that_was_not_optimised_has_no_convergence(tmp_path: Path) -> None:
    paths = draw_all(replace(a_result((60.0,)), history=()), tmp_path)
    assert "convergence.png" not in {p.name for p in paths} and len(paths) == 5


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="writable folder"):
        draw_all(a_result(), tmp_path / "none")


def test_a_print_is_empty_and_still_drawn(tmp_path: Path) -> None:
    nothing = np.zeros((200, 200), np.float32)
    result = replace(
        a_result(), intensity=nothing, prints=np.zeros((3, 200, 200), bool), print_polygons=((), (), ()), metrics={}
    )
    assert len(draw_all(result, tmp_path)) == 6
    assert scene_of(result).sites.violated.all()


def test_the_aerial_image_stands_at_its_layout_coordinates() -> None:
    axes = Figure().add_subplot()
    result = a_result()
    draw_aerial(axes, result, scene_of(result))
    (image,) = axes.images
    x0, x1, y0, y1 = image.get_extent()
    pixels = np.asarray(image.get_array())
    row, column = np.unravel_index(np.argmax(pixels), pixels.shape)
    assert image.origin == "lower"
    assert x0 + (column + 0.5) * (x1 - x0) / pixels.shape[1] == pytest.approx(1200, abs=1.01)
    assert y0 + (row + 0.5) * (y1 - y0) / pixels.shape[0] == pytest.approx(0, abs=1.01)
    assert (y1 - y0) / pixels.shape[0] == pytest.approx(2.0)
    assert x0 <= axes.get_xlim()[0] and axes.get_xlim()[1] <= x1


def test_the_band_is_drawn_as_a_ring_with_an_empty_middle() -> None:
    axes = Figure().add_subplot()
    draw_prints(axes, a_result(), scene_of(a_result()))
    patches = [artist for artist in axes.get_children() if isinstance(artist, PathPatch) and artist.get_fill()]
    band = max(patches, key=lambda p: p.get_alpha() or 0)
    figure = Figure(figsize=(1, 1), dpi=64, facecolor="none")
    alone = figure.add_axes((0, 0, 1, 1))
    alone.set_axis_off()
    alone.set(xlim=(1130, 1270), ylim=(-70, 70))
    alone.add_artist(PathPatch(band.get_path(), facecolor="black", edgecolor="none"))
    agg = FigureCanvasAgg(figure)
    agg.draw()
    shares = np.asarray(agg.buffer_rgba())[..., 3] / 255
    assert shares[32, 32] == 0 and shares.mean() * 140**2 == pytest.approx(np.pi * (64**2 - 55**2), rel=0.03)


def test_stages_are_separate_curves_on_one_axis() -> None:
    axes = Figure().add_subplot()
    draw_convergence(axes, a_result(), scene_of(a_result()))
    curves = [line for line in axes.lines if len(line.get_xdata()) > 1]
    assert axes.get_yscale() == "log"
    assert [list(line.get_xdata()) for line in curves] == [[0, 1, 2, 3], [3, 4, 5, 6]]
    assert list(curves[1].get_ydata()) == [450, 250, 150, 125]


def test_a_name_with_formula_signs_is_text() -> None:
    figure = overview(a_result(name=r"a$\frac{$_b"))
    figure.canvas.draw()


def test_pictures_can_be_drawn_by_several_threads(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def draw(folder: Path) -> None:
        try:
            folder.mkdir()
            draw_all(a_result(), folder)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=draw, args=(tmp_path / str(k),)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    first, second = ((tmp_path / str(k) / "overview.png").read_bytes() for k in range(2))
    assert first == second


def test_the_band_has_the_area_between_the_corners() -> None:
    band = scene_of(a_result((60.0, 64.0, 55.0))).band
    assert sum(polygon_area_nm2(r) for r in band) == pytest.approx(np.pi * (64**2 - 55**2), rel=5e-3)


def test_the_band_of_corners_that_cross_is_where_some_but_not_all_print() -> None:
    result = a_result((60.0, 50.0, 50.0, 50.0))
    centres = [(1200.0, 0.0), (1190.0, 0.0), (1210.0, 0.0), (1200.0, 15.0)]
    exposed = [disc(50.0, c) for c in centres]
    result = replace(
        result,
        prints=np.stack(exposed) >= 0.3,
        print_polygons=tuple(tuple(contours(e, GRID, 0.3)) for e in exposed),
    )
    counted = np.count_nonzero(result.pv_band) * GRID.pixel_area_nm2
    assert sum(polygon_area_nm2(r) for r in scene_of(result).band) == pytest.approx(counted, rel=0.02)


def test_one_other_corner_has_no_band() -> None:
    assert scene_of(a_result((60.0, 64.0))).band == []


def test_sites_are_violated_where_the_round_print_leaves_the_square() -> None:
    scene = scene_of(a_result((60.0, 64.0, 55.0)))
    off = np.abs(np.hypot(*(scene.sites.edge - (1200, 0)).T) - 60)
    assert len(off) >= 8 and scene.sites.violated.any() and not scene.sites.violated.all()
    assert off[scene.sites.violated].min() > off[~scene.sites.violated].max()
    np.testing.assert_allclose((scene.sites.inside + scene.sites.outside) / 2, scene.sites.edge)


def test_a_polygon_with_cuts_becomes_an_outline_and_its_holes() -> None:
    keyholed = np.array(
        [(0, 0), (10, 0), (10, 10), (0, 10), (0, 4), (2, 4), (2, 6), (4, 6), (4, 4), (2, 4), (0, 4)], dtype=float
    )
    rings = rings_of(keyholed)
    assert sorted(polygon_area_nm2(r) for r in rings) == [-4, 100]
    assert [len(r) for r in rings_of(keyholed[:4])] == [4]


def test_the_region_is_square_with_a_margin_and_inside_the_field() -> None:
    grid = Grid.square(1000.0, 1.0)
    box = np.array([(100.0, 480.0), (500.0, 480.0), (500.0, 520.0)])
    x0, y0, x1, y1 = region_of([box], grid)
    assert x1 - x0 == pytest.approx(y1 - y0) and x0 < 100 and x1 > 500 and (y0 + y1) / 2 == pytest.approx(500)
    assert region_of([box - (95, 480)], grid)[:2] == (0, 0)
    assert region_of([], grid) == grid.bounds_nm
    wide = Grid.over((300.0, 1000.0), 1.0)
    assert region_of([np.array([(0.0, 0.0), (800.0, 0.0), (800.0, 200.0)])], wide) == wide.bounds_nm


def test_of_a_large_clip_the_detail_is_where_the_band_and_the_violations_are() -> None:
    grid = Grid.square(3000.0, 5.0, (-500.0, 0.0))
    y, x = (np.arange(600) + 0.5) * 5.0, (np.arange(600) + 0.5) * 5.0 - 500.0
    wanted = (np.abs(x[None, :] - 1000) < 1000) & (np.abs(y[:, None] - 1500) < 1000)
    prints = np.stack([wanted] * 3)
    prints[2, 300:380, 480:500] = False  # x 1900 to 2000, y 1500 to 1900
    square = np.array([(0.0, 500.0), (2000.0, 500.0), (2000.0, 2500.0), (0.0, 2500.0)])
    outlines = ((square,), (square,), ())
    result = replace(
        a_result(), grid=grid, target_polygons=(square,), mask_polygons=(square,), target=wanted.astype(np.float32),
        mask=wanted.astype(np.uint8), intensity=wanted.astype(np.float32), prints=prints, print_polygons=outlines,
    )  # fmt: skip
    x0, y0, x1, y1 = scene_of(result).detail_nm
    assert x1 - x0 == y1 - y0 == 500 and x0 <= 1900 and 2000 <= x1 and y0 <= 1500 and 1900 <= y1
    prints[0, 100:110, 100:110] = False  # x 0 to 50, y 500 to 550: the corner, where a site goes wrong
    tiny = replace(result, prints=np.stack([prints[0], wanted, wanted]), recipe={"epe": {"start_nm": 20.0}})
    x0, y0, x1, y1 = scene_of(tiny).detail_nm
    assert x0 <= 0 and 50 <= x1 and y0 <= 500 and 550 <= y1


def test_of_a_small_clip_the_detail_is_all() -> None:
    scene = scene_of(a_result())
    assert scene.detail_nm == scene.focus_nm
