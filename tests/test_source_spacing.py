"""Source points are chosen for a lens and a focus: the steeper the wavefront, the more of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from litho.abbe import abbe_image
from litho.films import Film, Stack
from litho.focus import FocusSpread
from litho.fourier import band_transform
from litho.grid import Grid
from litho.image import aerial_image, raster_band
from litho.mask import Mask
from litho.mask_spectrum import mask_band
from litho.pupil import Optics
from litho.pupil_maps import PupilMap
from litho.shifted_pupils import passing_shares
from litho.socs import image_band
from litho.source import Source
from litho.source_spacing import phase_slope, source_spacing, split_points
from litho.tcc import socs_kernels

RING = Source.annular(0.6, 0.9)
FIELD, GRID = (360.0, 400.0), Grid((36, 40), (10.0, 10.0))
ELBOW = np.array([[60.4, 60.2], [330, 60.2], [330, 120], [130, 120], [130, 320.7], [60.4, 320.7]])


def lens(**more: object) -> Optics:
    return Optics(**{"wavelength_nm": 193.0, "na": 0.85, "source": RING} | more)  # type: ignore[arg-type]


def test_the_slope_is_that_of_the_wavefront() -> None:
    assert phase_slope(lens()) == pytest.approx(0, abs=1e-9)
    assert phase_slope(lens(zernikes={2: 0.3})) == pytest.approx(0, abs=1e-8)  # a tilt is the same everywhere
    assert phase_slope(lens(zernikes={4: 0.1})) == pytest.approx(0.8, rel=2e-3)  # 4 c rho, either way
    assert phase_slope(lens(zernikes={5: 0.1})) == pytest.approx(0.4, rel=2e-3)  # 2 c rho, either way
    assert phase_slope(lens(zernikes={9: 0.1})) == pytest.approx(2.4, rel=2e-3)  # 12 c at the rim, either way
    paraxial = phase_slope(lens(defocus_model="paraxial"), 200.0)
    assert paraxial == pytest.approx(2 * 200 / 193 * 0.85**2, rel=2e-3)
    assert phase_slope(lens(), 200.0) == pytest.approx(paraxial / math.sqrt(1 - 0.85**2), rel=2e-3)
    assert phase_slope(lens(), -200.0) == pytest.approx(phase_slope(lens(), 200.0))
    curved = PupilMap.of(lambda x, y: np.exp(0.2j * np.pi * (x * x + y * y)), 401)
    assert phase_slope(lens(pupil_map=curved)) == pytest.approx(0.4, rel=3e-2)


def test_a_spread_of_focus_counts_by_its_ends_and_films_by_their_path() -> None:
    spread = lens(focus_spread=FocusSpread((-100.0, 0.0, 50.0), (1, 1, 1)))
    assert phase_slope(spread, 20.0) == pytest.approx(phase_slope(lens(), -80.0))
    water = {"na": 1.35, "immersion_index": 1.44, "polarization": "te"}
    film = lens(**water, wafer=Stack((Film(200.0, 1.44),), 1.44))
    assert phase_slope(film, 70.0, 150.0) == pytest.approx(phase_slope(lens(**water), -80.0), rel=1e-6)
    assert phase_slope(film, 100.0) == pytest.approx(0, abs=1e-5)  # in focus in the middle of the resist


def test_a_smaller_error_and_a_steeper_wavefront_take_more_points() -> None:
    assert source_spacing(lens()) == pytest.approx(RING.spacing_for(1e-4))
    assert source_spacing(lens(), 1e-4) == pytest.approx(source_spacing(lens(), 4e-4) / 2)
    assert source_spacing(lens(), 1e-4, 300.0) < source_spacing(lens(), 1e-4, 100.0) < source_spacing(lens())
    with pytest.raises(ValueError, match="`source_error` must be a positive number, but got 0"):
        source_spacing(lens(), 0.0)
    with pytest.raises(ValueError, match="`source_error` must be a positive number, but got nan"):
        aerial_image([ELBOW], lens(), GRID, source_error=math.nan)


@pytest.mark.parametrize("defocus_nm", [0.0, 300.0])
@pytest.mark.parametrize("zernikes", [{}, {4: 0.05, 8: 0.06, 12: 0.05}])
@pytest.mark.parametrize("source", [RING, Source.conventional(0.5), Source.dipole(0.7, 0.2)])
def test_images_err_less_than_the_error_that_was_asked_for(
    defocus_nm: float, zernikes: dict[int, float], source: Source
) -> None:
    system = lens(zernikes=zernikes, source=source)
    image = aerial_image([ELBOW], system, GRID, defocus_nm=defocus_nm, method="abbe", source_error=1e-3)
    band = mask_band([ELBOW], Mask(), GRID, system.band_radius(FIELD))
    fine = abbe_image(band, system, FIELD, defocus_nm, source_spacing(system, 1e-3, defocus_nm) / 3)
    radius = image.radius
    error = np.abs(band_transform((90, 100), radius, fine).inverse(fine - image.half)).max()
    assert 1e-3 / 100 < error < 1e-3


# --- cells that two rims cut --------------------------------------------------------------------------------------

PITCH = 1.999 * 193 / 0.85 / 2  # both orders of alternating lines on the rim, but for half a permille
TURNED = PITCH / math.sin(0.6), PITCH / math.cos(0.6)


def two_orders(system: Optics, amplitude: float = 0.45) -> np.ndarray:
    """Band of lines of alternating phase, turned against the axes of their field."""
    ry, rx = system.band_radius(TURNED)
    band = np.zeros((2 * ry + 1, 2 * rx + 1), complex)
    band[1, 1], band[-1, -1] = -1j * amplitude, 1j * amplitude
    return band


@pytest.mark.parametrize("source", [Source.conventional(0.3), Source.annular(0.02, 0.2), Source.dipole(0.5, 0.48)])
def test_cells_that_are_split_keep_light_place_and_spread(source: Source) -> None:
    system = lens(source=source)
    whole, parts = source.sample(), split_points(system, None, two_orders(system), TURNED)
    assert len(whole) < len(parts) <= 2 * len(whole)
    for moment in (
        lambda p: p.x * 0 + 1,
        lambda p: p.x,
        lambda p: p.y,
        lambda p: p.x**2 + (p.radial[:, 0] ** 2 + p.tangential[:, 0] ** 2) / 12,
        lambda p: p.x * p.y + (p.radial * p.radial[:, ::-1] + p.tangential * p.tangential[:, ::-1]).sum(axis=1) / 24,
    ):
        assert (parts.weight * moment(parts)).sum() == pytest.approx((whole.weight * moment(whole)).sum(), abs=1e-14)


def test_split_cells_are_those_that_two_rims_cut_and_come_with_their_mirror_images() -> None:
    system = lens(source=Source.conventional(0.3))
    parts = split_points(system, None, two_orders(system), TURNED)
    sides = np.hypot(*parts.radial.T)
    small = parts[sides < 0.6 * sides.max()]
    assert len(small) > 100
    assert np.hypot(small.x, small.y).max() < 0.25  # the rims touch at the axis, and part from there
    ends = {(round(x, 9) + 0.0, round(y, 9) + 0.0) for x, y in zip(parts.x.tolist(), parts.y.tolist(), strict=True)}
    for sign in ((-1, 1), (1, -1), (-1, -1)):
        assert {(sign[0] * x + 0.0, sign[1] * y + 0.0) for x, y in ends} == ends


def test_masks_without_strong_orders_at_the_rim_and_true_points_get_no_more_of_them(rng: np.random.Generator) -> None:
    system = lens()
    assert len(split_points(system, None, two_orders(system, 0.09), TURNED)) == len(RING.sample())
    clips = (rng.random((3, 36, 40)) < 0.4).astype(float)
    radius = system.band_radius(FIELD)
    bands = np.stack([mask_band([ELBOW], Mask(), GRID, radius), raster_band(clips, Mask(), GRID, radius)[0]])
    assert len(split_points(system, None, bands, FIELD)) == len(RING.sample())
    dots = lens(source=Source.points([(0.1, 0.2), (0.0, 0.0)]))
    assert len(split_points(dots, None, two_orders(dots), TURNED)) == 2


def test_a_finer_sampling_splits_until_less_is_shared() -> None:
    system = lens(source=Source.conventional(0.3))
    x, y = (np.array([[1, -1]]) * 193 / 0.85 / period for period in TURNED[::-1])
    shared = []
    for spacing in (0.02, 0.01, 0.005):
        points = split_points(system, spacing, two_orders(system), TURNED)
        share = passing_shares(points, x, y, system)[2][:, 0]
        product = np.sqrt(share * (1 - share)).prod(axis=1)
        shared.append(2 * 0.45**2 * float((points.weight * product).sum()))
        assert shared[-1] < 0.25 * system.source.sampling_error(spacing)
    assert shared[0] > 3 * shared[1] > 9 * shared[2] > 0


def test_kernels_and_the_sum_over_points_agree_on_points_that_were_split() -> None:
    system = lens(source=Source.conventional(0.3))
    band = two_orders(system)
    points = split_points(system, 0.04, band, TURNED)
    assert len(points) > len(system.source.sample(0.04))
    kernels = socs_kernels(system, TURNED, max_error=0.0, spacing=points)
    half = abbe_image(band, system, TURNED, spacing=points)
    assert np.abs(image_band(band, kernels)[0] - half).max() < 1e-12
