"""Where tiles lie, and how far light reaches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.special

from litho.chip.ambit import ambit_nm, energy_beyond, halo_nm, largest_change
from litho.chip.tiles import TilePlan, fitted_core, tile_plan
from litho.fourier import band_transform, complete
from litho.grid import Grid
from litho.pupil import Optics
from litho.socs import Kernels, image_band
from litho.source import Source
from litho.tcc import socs_kernels

BOX = (1140.0, 1315.0, 9730.0, 6885.0)


@pytest.mark.parametrize("core_nm", [(1024.0, 2048.0), (3072.0, 1000.0)])
def test_cores_cover_the_layout_edge_to_edge_and_share_corners_to_the_bit(core_nm: tuple[float, float]) -> None:
    plan = tile_plan(BOX, core_nm, 512.0, overlap_nm=96.0, margin_nm=200.0, unit_nm=8.0)
    assert plan.box_nm[0] <= BOX[0] - 200 and plan.box_nm[1] <= BOX[1] - 200
    assert plan.box_nm[2] >= BOX[2] + 200 and plan.box_nm[3] >= BOX[3] + 200
    tiles = {(t.column, t.row): t for t in plan.tiles()}
    assert len(tiles) == plan.count == plan.counts[0] * plan.counts[1]
    for (column, row), tile in tiles.items():
        if column:
            assert tile.core_nm[0] == tiles[column - 1, row].core_nm[2]
        if row:
            assert tile.core_nm[1] == tiles[column, row - 1].core_nm[3]
    last = tiles[plan.counts[0] - 1, plan.counts[1] - 1]
    assert plan.box_nm == (*tiles[0, 0].core_nm[:2], *last.core_nm[2:])


def test_no_column_or_row_is_needless_and_the_rest_is_shared_between_both_ends() -> None:
    plan = tile_plan(BOX, (1024.0, 2048.0), 512.0, unit_nm=8.0)
    for axis in (0, 1):
        slack = plan.counts[axis] * plan.core_nm[axis] - (BOX[axis + 2] - BOX[axis])
        assert 0 <= slack < plan.core_nm[axis] + 8
        before, after = BOX[axis] - plan.box_nm[axis], plan.box_nm[axis + 2] - BOX[axis + 2]
        assert abs(before - after) <= 16


def test_pixels_of_all_fields_are_the_same_places_of_the_layout() -> None:
    plan = tile_plan(BOX, (1024.0, 2048.0), 512.0, unit_nm=8.0)
    for tile in plan.tiles():
        grid = tile.grid(8.0)
        assert grid.period_nm == plan.field_nm[::-1]
        assert all(corner % 8 == 0 for corner in tile.field_nm)


def test_neighbours_are_the_tile_itself_and_up_to_eight_around_it() -> None:
    plan = TilePlan((0, 0, 30, 30), (10.0, 10.0), 5.0, 2.0, (0.0, 0.0), (3, 3))
    assert [t.name for t in plan.neighbours(plan.tile(0, 0))] == ["c000_r000", "c001_r000", "c000_r001", "c001_r001"]
    assert len(list(plan.neighbours(plan.tile(1, 1)))) == 9
    with pytest.raises(ValueError, match="`column`, `row` must lie below"):
        plan.tile(3, 0)


@pytest.mark.parametrize(("length", "largest"), [(30590.0, 2000.0), (29570.0, 3048.0), (800.0, 2000.0)])
def test_a_fitted_core_needs_no_more_tiles_and_leaves_least_over(length: float, largest: float) -> None:
    core = fitted_core(length, largest, 8.0)
    assert core % 8 == 0 and core <= largest
    count = tile_plan((3.0, 0.0, 3.0 + length, 10.0), (core, 80.0), 40.0, unit_nm=8.0).counts[0]
    assert count == tile_plan((3.0, 0.0, 3.0 + length, 10.0), (largest, 80.0), 40.0, unit_nm=8.0).counts[0]


def test_lengths_that_do_not_fit_pixels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`core_nm` must be a multiple of `unit_nm` \(8\), but got 1001"):
        tile_plan(BOX, (1001.0, 1000.0), 512.0, unit_nm=8.0)
    with pytest.raises(ValueError, match="`overlap_nm` must be at most the halo"):
        tile_plan(BOX, (1000.0, 1000.0), 64.0, overlap_nm=96.0, unit_nm=8.0)
    with pytest.raises(ValueError, match="`layout_box_nm` must be x0, y0, x1, y1"):
        tile_plan((0.0, 0.0, 0.0, 1.0), (1000.0, 1000.0), 64.0)


def airy(period_nm: float, na: float, wavelength_nm: float) -> Kernels:
    """The one kernel of a clear lens under coherent light: its pupil, pixels on the rim by their covered share."""
    radius = int(na / wavelength_nm * period_nm) + 1
    fine = (np.arange(8) + 0.5) / 8 - 0.5
    k = np.arange(-radius, radius + 1)
    steps = ((k[:, None] + fine) * wavelength_nm / (na * period_nm)).ravel()
    inside = steps[:, None] ** 2 + steps[None, :] ** 2 <= 1
    share = inside.reshape(len(k), 8, len(k), 8).mean(axis=(1, 3))
    pupil = np.fft.ifftshift(share)
    return Kernels(pupil[None].astype(complex), np.ones(1), (period_nm, period_nm))


@pytest.mark.parametrize("radius_nm", [60.0, 150.0, 400.0, 900.0])
def test_the_energy_beyond_a_distance_is_that_of_airys_disc(radius_nm: float) -> None:
    kernels = airy(20000.0, 1.35, 193.0)
    v = 2 * np.pi * 1.35 * radius_nm / 193.0
    closed = scipy.special.j0(v) ** 2 + scipy.special.j1(v) ** 2  # Rayleigh's encircled energy
    sample = 20000.0 / kernels.band_shape[0]
    around = [energy_beyond(kernels, radius_nm + d) for d in (-sample / 2, sample / 2)]
    # the sum over samples rises in steps; the field repeats, so that a little energy of the tail comes back
    assert around[1] - 2e-3 <= closed <= around[0] + 2e-3


@pytest.fixture(scope="module")
def kernels() -> Kernels:
    optics = Optics(wavelength_nm=193.0, na=1.35, immersion_index=1.44, source=Source.annular(0.6, 0.9))
    return replace(socs_kernels(optics, (2048.0, 2048.0), count=24, spacing=0.1), background=None)


@pytest.mark.parametrize("share", [1e-2, 2e-3])
def test_beyond_the_ambit_lies_no_more_energy_than_asked_and_a_sample_nearer_lies_more(
    kernels: Kernels, share: float
) -> None:
    ambit = ambit_nm([kernels], share)
    assert energy_beyond(kernels, ambit) <= share < energy_beyond(kernels, ambit - 2048.0 / kernels.band_shape[0])


def test_a_change_beyond_the_ambit_changes_the_image_by_less_than_the_bound(kernels: Kernels) -> None:
    ambit, grid, random = ambit_nm([kernels], 2e-3), Grid.square(2048.0, 8.0), np.random.default_rng(5)
    centre = (np.arange(256) + 0.5) * 8.0 - 1024.0
    far = np.hypot(centre[:, None], centre[None, :]) > ambit + 8.0
    before = np.kron(random.random((32, 32)) < 0.4, np.ones((8, 8)))
    ratios = []
    for _ in range(20):
        changed = np.where(far, np.kron(random.random((32, 32)) < 0.4, np.ones((8, 8))), before)
        values = []
        for mask in (before, changed):
            half, _ = image_band(complete(band_transform(grid.shape, kernels.radius, mask)(mask)), kernels)
            values.append(float(band_transform(grid.shape, kernels.image_radius, half).inverse(half)[128, 128]))
        bound = largest_change(kernels, ambit, 64.0 * np.count_nonzero(before != changed), values[0])
        ratios.append(abs(values[1] - values[0]) / bound)
    assert max(ratios) <= 1
    assert max(ratios) > 1e-3  # the bound says something


def test_a_halo_is_the_ambit_and_the_reach_on_whole_pixels(kernels: Kernels) -> None:
    ambit = ambit_nm([kernels], 2e-3)
    halo = halo_nm([kernels], 8.0, reach_nm=14.0, share=2e-3)
    assert halo % 8 == 0 and ambit + 14 <= halo < ambit + 22
    assert halo_nm([kernels], 8.0, share=2e-3, at_least_nm=900.0) == 904


def test_a_field_too_small_to_tell_the_ambit_is_refused() -> None:
    with pytest.raises(ValueError, match="`kernels` must be of a field twice as wide as the ambit"):
        ambit_nm([airy(2048.0, 1.35, 193.0)], 1e-3)
    with pytest.raises(ValueError, match="`share` must be over 0 and under 1"):
        ambit_nm([airy(2048.0, 1.35, 193.0)], 0.0)
