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
from litho.image import aerial_image
from litho.mask import Mask
from litho.mask_spectrum import mask_band
from litho.pupil import Optics
from litho.pupil_maps import PupilMap
from litho.source import Source
from litho.source_spacing import phase_slope, source_spacing

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
