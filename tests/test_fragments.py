"""Fragments of targets, and the masks that moved fragments make."""

from __future__ import annotations

import math
from collections.abc import Sequence

import gdstk
import numpy as np
import pytest

import litho
from litho.cells import Floats
from litho.check import dot_test
from litho.edge_moves import moved_outlines, moved_vertices, moved_vertices_adjoint, moving_edges
from litho.fragments import CONCAVE, CONVEX, LINE_END, RUN, FragmentSettings, fragmented
from litho.mask_bias import biased
from litho.outlines import area_nm2, length_nm, outlines, united

ELBOW = np.array([(0, 0), (400, 0), (400, 100), (120, 100), (120, 500), (0, 500.0)])
HOLED = [
    np.array([(0, 0), (600, 0), (600, 600), (0, 600.0)]),
    np.array([(150, 150), (150, 450), (450, 450), (450, 150.0)]),
]
TILTED = np.array([(0, 0), (500, 130), (460, 300), (300, 420), (-60, 200.0)])


def circle(radius: float = 150.0, count: int = 60) -> Floats:
    angle = 2 * np.pi * np.arange(count) / count
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


SHAPES = {"elbow": [ELBOW], "holed": HOLED, "tilted": [TILTED], "circle": [circle()]}
shapes = pytest.mark.parametrize("polygons", SHAPES.values(), ids=SHAPES.keys())


def difference_nm2(a: Sequence[Floats], b: Sequence[Floats]) -> float:
    first, second = ([gdstk.Polygon(p.tolist()) for p in united(x)] for x in (a, b))
    return float(sum(p.area() for p in gdstk.boolean(first, second, "xor", 2.0**-20)))


@shapes
def test_fragments_that_do_not_move_are_the_target(polygons: list[Floats]) -> None:
    fragments = fragmented(polygons)
    mask = moved_outlines(fragments, np.zeros(len(fragments)))
    assert difference_nm2(mask, polygons) == pytest.approx(0, abs=1e-3)
    assert sum(map(len, mask)) <= sum(map(len, polygons))


@shapes
def test_fragments_cover_the_outlines_once(polygons: list[Floats]) -> None:
    fragments = fragmented(polygons)
    assert fragments.lengths_nm.sum() == pytest.approx(length_nm(outlines(united(polygons))), rel=1e-6)
    assert np.array_equal(np.unique(fragments.mover), np.arange(len(fragments)))
    assert len(fragments.sites) == len(fragments)


@shapes
@pytest.mark.parametrize("bias_nm", [-7.0, 9.0])
def test_equal_moves_are_a_bias(polygons: list[Floats], bias_nm: float) -> None:
    fragments = fragmented(polygons)
    mask = moved_outlines(fragments, np.full(len(fragments), bias_nm))
    # vertices of the offset are rounded to 2^-20 nm
    assert difference_nm2(mask, biased(polygons, bias_nm)) < 0.01


def test_a_moved_fragment_adds_a_strip() -> None:
    fragments = fragmented([ELBOW])
    runs = np.flatnonzero(fragments.kinds == RUN)
    moves = np.zeros(len(fragments))
    moves[runs[0]] = 11.0
    mask = moved_outlines(fragments, moves)
    assert area_nm2(mask) - area_nm2([ELBOW]) == pytest.approx(11.0 * fragments.lengths_nm[runs[0]], rel=1e-12)
    (loop,) = mask
    assert len(loop) == len(ELBOW) + 4  # two jogs


def test_kinds_follow_from_corners() -> None:
    line = np.array([(0, 0), (600, 0), (600, 70), (0, 70.0)])
    fragments = fragmented([line])
    kinds = fragments.kinds
    assert np.count_nonzero(kinds == LINE_END) == 2 and np.count_nonzero(kinds == CONVEX) == 4
    assert np.all(fragments.lengths_nm[kinds == LINE_END] == 70)
    elbow = fragmented([ELBOW])
    assert np.count_nonzero(elbow.kinds == CONCAVE) == 2


def test_sites_stand_on_the_target_with_normals_out_of_it() -> None:
    for polygons in SHAPES.values():
        fragments = fragmented(polygons)
        points, normals = fragments.sites.points_nm, fragments.sites.normals
        parts = [gdstk.Polygon(p.tolist()) for p in united(polygons)]
        assert not any(gdstk.inside((points + 1e-3 * normals).tolist(), parts))
        assert all(gdstk.inside((points - 1e-3 * normals).tolist(), parts))


def test_fragments_are_no_longer_than_asked_for() -> None:
    settings = FragmentSettings(corner_nm=30, run_nm=45, single_nm=45)
    fragments = fragmented([ELBOW, TILTED + 1000], settings)
    assert fragments.lengths_nm.max() <= 45 + 1e-9
    curve = fragmented([circle()], settings)
    assert curve.lengths_nm.max() <= 45 and len(curve) == 30  # pairs of short edges move together


def test_edges_on_the_border_of_the_field_do_not_move() -> None:
    grid = litho.Grid.over((500.0, 500.0), 5.0)
    line = np.array([(200, 0), (300, 0), (300, 500), (200, 500.0)])
    fragments = fragmented([line], grid=grid)
    on_border = np.isin(fragments.sites.points_nm[:, 1], (0.0, 500.0))
    assert on_border.any() and np.array_equal(fragments.fixed, on_border)


@shapes
def test_vertices_are_linear_in_moves_and_their_adjoint_is_right(
    polygons: list[Floats], rng: np.random.Generator
) -> None:
    edges = moving_edges(fragments := fragmented(polygons))
    x, y = rng.normal(size=len(fragments)), rng.normal(size=edges.base.shape)
    found = dot_test(
        lambda m: moved_vertices(m, edges) - edges.base,
        lambda v: moved_vertices_adjoint(v, edges, len(fragments)),
        x,
        y,
    )
    assert found < 1e-12


def test_lengths_must_be_positive() -> None:
    with pytest.raises(ValueError, match="`run_nm` must be a positive length, but got 0"):
        FragmentSettings(run_nm=0)
    with pytest.raises(ValueError, match="`polygons` must hold at least one shape"):
        fragmented([])
    assert math.isfinite(FragmentSettings().corner_nm)


@pytest.mark.parametrize("length", [85.0, 91.0, 107.0, 291.0])
def test_cuts_of_whole_edges_are_whole_and_symmetric(length: float) -> None:
    fragments = fragmented([np.array([(0, 0), (length, 0), (length, 600), (0, 600.0)])])
    assert np.array_equal(fragments.starts, np.round(fragments.starts))
    bottom = fragments.starts[fragments.starts[:, 1] == 0, 0]
    assert len(bottom) >= 3 and np.array_equal(np.sort(bottom), np.sort(length - bottom))
