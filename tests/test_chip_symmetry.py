"""Which mirrors and quarter turns imaging allows: by kernels and by images, and what the maps themselves obey."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lines import wet

from litho.chip.keys import tile_geometry
from litho.chip.orientation import oriented
from litho.chip.symmetry import ALL, IDENTITY, Symmetry, kernel_symmetries, model_symmetries
from litho.grid import Grid
from litho.image import aerial_image
from litho.kernel_files import read_kernels
from litho.raster import coverage
from litho.socs import Kernels
from litho.source import Source
from litho.tcc import socs_kernels

GRID = Grid((20, 20), (20.0, 20.0), (-37.0, 1200.0))
FLIP_X, FLIP_Y, HALF_TURN = Symmetry(flip_x=True), Symmetry(flip_y=True), Symmetry(flip_x=True, flip_y=True)
DIAGONAL, OTHER_DIAGONAL = Symmetry(True), Symmetry(True, True, True)
MIRRORS = {IDENTITY, FLIP_X, FLIP_Y, HALF_TURN}
RING = Source.annular(0.5, 0.9)
SYSTEMS: dict[str, tuple[Source, dict[str, Any], set[Symmetry]]] = {
    "ring": (RING, {}, set(ALL)),
    "four poles": (Source.quasar(0.5, 0.9, 40.0), {}, set(ALL)),
    "two poles on x": (Source.dipole(0.6, 0.2), {}, MIRRORS),
    "two poles on a diagonal": (
        Source.dipole(0.6, 0.2, rotation_deg=45.0),
        {},
        {IDENTITY, HALF_TURN, DIAGONAL, OTHER_DIAGONAL},
    ),
    "two poles elsewhere": (Source.dipole(0.6, 0.2, rotation_deg=20.0), {}, {IDENTITY, HALF_TURN}),
    "one point beside the axis": (Source.point(0.3, 0.0), {}, {IDENTITY, FLIP_Y}),
    "three points": (Source.points([(0.3, 0.0), (0.1, 0.5), (-0.2, 0.1)]), {}, {IDENTITY}),
    "coma": (RING, {"zernikes": {7: 0.05}}, {IDENTITY, FLIP_Y}),
    "astigmatism": (RING, {"zernikes": {5: 0.05}}, MIRRORS),
    "light along x": (RING, {"polarization": "x"}, MIRRORS),
    "light around": (RING, {"polarization": "te"}, set(ALL)),
}
"""Systems, and what leaves them as they are, by the shape of source, pupil and field."""


@pytest.mark.parametrize("name", SYSTEMS)
def test_kernels_keep_the_symmetry_of_source_lens_and_light(name: str) -> None:
    source, more, expected = SYSTEMS[name]
    optics = wet(source, **more)
    kernels = [socs_kernels(optics, GRID.period_nm, focus, max_error=1e-3) for focus in (0.0, 60.0)]
    assert set(kernel_symmetries(kernels)) == expected


@pytest.mark.parametrize("name", ["ring", "two poles on a diagonal", "one point beside the axis", "light along x"])
def test_images_by_source_points_have_the_symmetry_that_kernels_have(name: str) -> None:
    """Abbe's sum knows nothing of kernels."""
    source, more, expected = SYSTEMS[name]
    optics = wet(source, **more)

    def images(polygons: list[Any]) -> Any:
        mask = coverage(polygons, GRID)
        focused = aerial_image(mask, optics, GRID, method="abbe", spacing=0.3).intensity
        return np.stack(
            [focused, aerial_image(mask, optics, GRID, method="abbe", spacing=0.3, defocus_nm=60).intensity]
        )

    assert set(model_symmetries(images, GRID, 1e-9)) == expected


def test_a_mask_that_is_seen_from_one_side_is_not_symmetric() -> None:
    """Shadows to the right of every edge: the kernels do not know, the images do."""

    def images(polygons: list[Any]) -> Any:
        seen = coverage(polygons, GRID)
        return seen + 0.1 * np.roll(seen, 1, axis=-1)

    assert model_symmetries(images, GRID) == (IDENTITY, FLIP_Y)


def test_a_field_that_is_no_square_has_no_quarter_turns() -> None:
    optics = wet(RING)
    assert set(kernel_symmetries([socs_kernels(optics, (400.0, 500.0))])) == MIRRORS
    wide = Grid((16, 20), (20.0, 20.0))
    assert set(model_symmetries(lambda polygons: coverage(polygons, wide), wide)) == MIRRORS
    assert set(model_symmetries(lambda polygons: coverage(polygons, GRID), GRID)) == set(ALL)


def test_kernels_without_symmetry_allow_none(rng: np.random.Generator) -> None:
    spectra = rng.standard_normal((3, 7, 7)) + 1j * rng.standard_normal((3, 7, 7))
    assert kernel_symmetries([Kernels(spectra, np.array([0.5, 0.3, 0.2]), (400.0, 400.0))]) == (IDENTITY,)


@pytest.mark.parametrize("part", ["spectra", "background", "transfer"])
def test_one_changed_value_of_symmetric_kernels_is_seen(part: str) -> None:
    kernels = socs_kernels(wet(RING, vibration_nm=5.0), GRID.period_nm, max_error=1e-3)
    assert len(kernel_symmetries([kernels])) == 8
    values = np.array(getattr(kernels, part))
    values[..., 1, 2] += 1e-4
    # a real light's transfer is the same at opposite frequencies: half a turn always keeps it
    expected = {IDENTITY, HALF_TURN} if part == "transfer" else {IDENTITY}
    assert set(kernel_symmetries([replace(kernels, **{part: values})])) == expected


def test_symmetry_does_not_depend_on_how_kernels_are_mixed(rng: np.random.Generator) -> None:
    """Equal weights make any unitary mixture the same system."""
    kernels = socs_kernels(wet(RING), GRID.period_nm, max_error=1e-3)
    first = np.asarray(kernels.spectra)[:4]
    weights = np.full(4, 0.25)
    unitary = np.linalg.qr(rng.standard_normal((4, 4)) + 1j * rng.standard_normal((4, 4)))[0]
    mixed = np.tensordot(unitary, first, 1)
    found = [set(kernel_symmetries([Kernels(s, weights, GRID.period_nm)])) for s in (first, mixed)]
    assert found[0] == found[1] and len(found[0]) > 1


@pytest.mark.data
def test_kernels_of_others_are_checked_like_our_own(data_dir: Path) -> None:
    kernels = read_kernels(data_dir / "iccad13" / "optical_kernels.npz")
    found = kernel_symmetries(list(kernels.values()))
    assert IDENTITY in found
    for a, b in itertools.product(found, found):
        assert a.after(b) in found


def test_the_maps_are_a_group_of_eight_orthogonal_matrices() -> None:
    matrices = {s: s.matrix for s in ALL}
    assert len({m.tobytes() for m in matrices.values()}) == 8
    for s, m in matrices.items():
        assert (m @ m.T == np.eye(2)).all() and s.after(s.inverse) == s.inverse.after(s) == IDENTITY
        assert s.mirrors == (round(np.linalg.det(m)) == -1)
    for a, b in itertools.product(ALL, ALL):
        assert (a.after(b).matrix == matrices[a] @ matrices[b]).all()


@pytest.mark.parametrize("symmetry", ALL)
def test_points_turn_around_the_middle_as_the_matrix_does(symmetry: Symmetry, rng: np.random.Generator) -> None:
    size, points = np.array([70.0, 30.0]), 30 * rng.random((9, 2))
    new_size = size[::-1] if symmetry.swap else size
    turned = symmetry.of_points(points, (70.0, 30.0))
    np.testing.assert_allclose(turned - new_size / 2, (points - size / 2) @ symmetry.matrix.T, atol=1e-12)


@pytest.mark.parametrize("symmetry", ALL)
def test_arrays_turn_as_what_they_are_samples_of(symmetry: Symmetry) -> None:
    grid = Grid((12, 20), (5.0, 5.0))
    shapes = [np.array([(11.0, 7), (63, 7), (63, 31), (40, 55)]), np.array([(80.0, 20), (97, 20), (80, 43)])]
    other = Grid(grid.shape[::-1] if symmetry.swap else grid.shape, (5.0, 5.0))
    turned = coverage([symmetry.of_polygon(p, (100.0, 60.0)) for p in shapes], other)
    np.testing.assert_allclose(symmetry.of_array(coverage(shapes, grid)), turned, atol=1e-12)


def test_mirrored_tiles_share_a_result_that_is_turned_back() -> None:
    """Whichever of them comes first, whatever is done to the one that is computed: each gets its own orientation."""
    shapes = [np.array([(100.0, 100), (900, 100), (900, 250), (300, 250), (300, 700), (100, 700)])]
    grid, size = Grid((100, 100), (10.0, 10.0)), (1000.0, 1000.0)
    results = {}
    for s in ALL:
        tile = tile_geometry([s.of_polygon(p, size) for p in shapes], (0, 0, 1000, 1000), 1.0)
        digests = {turn: tile.turned(turn).digest for turn in ALL}
        turned = oriented(digests.__getitem__, ALL).turn
        computed = coverage(tile.turned(turned).polygons_nm(), grid) + np.arange(100) / 1000  # not symmetric in itself
        results[s] = turned.inverse.of_array(computed)
    for s, result in results.items():
        np.testing.assert_array_equal(result, s.of_array(results[IDENTITY]))
