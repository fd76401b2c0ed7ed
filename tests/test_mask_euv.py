"""Laws of masks for extreme ultraviolet light: shadows traced by rays, the slit, films on a mirror."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest

from litho.euv import EuvMask, absorber_reflection, mirror_amplitude, shadowed, slit_azimuth_deg
from litho.euv_mirror import multilayer
from litho.films import Film, reflectance
from litho.grid import Grid
from litho.image import aerial_image
from litho.mask import Mask
from litho.mask_spectrum import mask_band
from litho.outlines import length_nm, outlines
from litho.pupil import Optics
from litho.raster import coverage, polygon_area_nm2
from litho.source import Source

FIELD = Grid.square(512, 1)
DRAWN_ABSORBER = Mask(tone="bright field")
TANGENT = math.tan(math.radians(6))


def rectangle(x: float, y: float, width: float, height: float) -> np.ndarray:
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], float)


LETTER = np.array([[0, 0], [300, 0], [300, 60], [70, 60], [70, 140], [220, 140], [220, 200], [0, 200]], float) + 90
ISLAND = np.array([[150, 350], [260, 400], [200, 470]], float)


def area(polygons: list[np.ndarray]) -> float:
    return sum(polygon_area_nm2(p) for p in polygons)


def size(polygons: list[np.ndarray]) -> np.ndarray:
    points = np.concatenate(polygons)
    return points.max(0) - points.min(0)


# --- the shadow -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("azimuth", [90.0, 72.0, 110.0, 0.0, 270.0])
def test_lines_of_absorber_grow_by_twice_the_shadow_across_them(azimuth: float) -> None:
    mask, box = EuvMask(64.0, azimuth_deg=azimuth, thin=DRAWN_ABSORBER), rectangle(200, 150, 40, 160)
    grown = size(shadowed([box], mask, FIELD)) - [40, 160]
    reach, angle = 2 * 64 * TANGENT / 4, math.radians(azimuth)
    assert grown == pytest.approx([reach * abs(math.cos(angle)), reach * abs(math.sin(angle))], abs=2e-6)


def test_the_bias_of_horizontal_against_vertical_lines_is_that_of_the_formula() -> None:
    mask = EuvMask(70.0, thin=DRAWN_ABSORBER)
    horizontal, vertical = (rectangle(0, 100, 512, 32), rectangle(100, 0, 32, 512))
    cd_h, cd_v = area(shadowed([horizontal], mask, FIELD)) / 512, area(shadowed([vertical], mask, FIELD)) / 512
    assert cd_h - cd_v == pytest.approx(2 * 70 * TANGENT / 4, abs=1e-5)  # 3.68 nm on the wafer
    assert cd_v == pytest.approx(32, abs=1e-12)


def test_openings_shrink_by_what_absorber_grows() -> None:
    openings, absorber = EuvMask(60.0, azimuth_deg=65.0), EuvMask(60.0, azimuth_deg=65.0, thin=DRAWN_ABSORBER)
    clear = shadowed([LETTER, ISLAND], openings, FIELD)
    around = np.concatenate([rectangle(0, 0, 512, 512), [[0, 0]], LETTER[::-1], LETTER[-1:]])
    dark = shadowed([around, ISLAND[::-1]], absorber, FIELD)
    assert area(clear) + area(dark) == pytest.approx(512**2, abs=1e-3)
    total = coverage(clear, FIELD) + coverage(dark, FIELD)
    assert np.abs(total - 1).max() < 1e-5


def test_rays_traced_through_the_walls_see_the_same_mask(rng: np.random.Generator) -> None:
    """Points of the mirror, with heights along the arriving and the leaving ray, against the drawn absorber."""
    mask = EuvMask(400.0, chief_ray_deg=9.0, azimuth_deg=60.0, reduction=(8.0, 4.0), thin=DRAWN_ABSORBER)
    hole = rectangle(110, 250, 60, 30)
    drawn = [LETTER, ISLAND, hole[::-1], rectangle(-30, 20, 60, 30)]  # one of them reaches over the border
    absorber = coverage([LETTER, ISLAND, hole[::-1], rectangle(482, 20, 60, 30), rectangle(-30, 20, 60, 30)], FIELD)
    seen = coverage(shadowed(drawn, mask, FIELD), FIELD)
    points = rng.uniform(0, 512, (20000, 2))
    heights = np.linspace(-400, 400, 401)  # negative: on the way in
    run = math.tan(math.radians(9)) * np.array([math.cos(math.radians(60)) / 4, math.sin(math.radians(60)) / 8])
    along = points[:, None, :] + heights[None, :, None] * run
    column, row = np.moveaxis(np.floor(along).astype(int) % 512, -1, 0)
    dark = absorber[row, column].max(1)
    expected = seen[points[:, 1].astype(int), points[:, 0].astype(int)]
    sure = ((dark == 0) | (dark == 1)) & ((expected == 0) | (expected == 1))
    # both rasters are of 1 nm, so that a point may be wrong within a pixel of an edge only
    wrong = np.mean(dark[sure] != expected[sure])
    border = length_nm(outlines(shadowed(drawn, mask, FIELD))) / 512**2
    assert sure.mean() > 0.95 and wrong < 0.75 * border and 0.05 < expected.mean() < 0.95


def test_a_shadow_has_no_sign_and_none_is_thrown_by_a_flat_absorber_or_steep_light() -> None:
    there, back = (shadowed([LETTER], EuvMask(60.0, azimuth_deg=a, thin=DRAWN_ABSORBER), FIELD) for a in (50, 230))
    assert area(there) == pytest.approx(area(back), rel=1e-12)
    for mask in (EuvMask(0.0), EuvMask(60.0, chief_ray_deg=0.0), EuvMask(0.0, thin=DRAWN_ABSORBER)):
        band = mask_band([LETTER], mask, FIELD, (9, 9))
        assert np.abs(band - mask_band([LETTER], mask.thin, FIELD, (9, 9))).max() < 1e-16


def test_mirrored_places_in_the_slit_give_mirrored_masks() -> None:
    mirrored = LETTER[::-1] * [-1, 1] + [512, 0]
    bands = []
    for x, shape in ((9.0, LETTER), (-9.0, mirrored)):
        mask = EuvMask(60.0, azimuth_deg=slit_azimuth_deg(x, 40.0), thin=Mask(dark=-0.1j))
        bands.append(mask_band([shape], mask, FIELD, (9, 12)))
    # x becomes 512 - x: the order kx becomes -kx
    flipped = np.concatenate([bands[1][:, :1], bands[1][:, :0:-1]], axis=1)
    assert np.abs(bands[0] - flipped).max() < 1e-8


def test_a_grating_in_shadow_has_the_spectrum_of_wider_lines() -> None:
    mask = EuvMask(61.0, thin=Mask(dark=-0.14 + 0.05j, tone="bright field"))
    full = mask_band([rectangle(0, -32, 512, 64)], mask, FIELD, (20, 3))
    share = (64 + 2 * 61 * TANGENT / 4) / 512
    k = np.r_[0:21, -20:0]
    expected = (k == 0) + (mask.thin.dark - 1) * share * np.sinc(k * share)
    assert np.abs(full[:, 0] - expected).max() < 1e-8 and np.abs(full[:, 1:]).max() < 1e-15


# --- the chief ray --------------------------------------------------------------------------------------------------


def test_the_plane_of_incidence_contains_the_axis_of_the_ring() -> None:
    for x in (-13.0, 0.0, 5.0):
        azimuth = math.radians(slit_azimuth_deg(x, 36.0))
        y = math.sqrt(36.0**2 - x**2)  # the point of the ring seen from the axis
        assert (math.cos(azimuth), math.sin(azimuth)) == pytest.approx((x / 36, y / 36), abs=1e-15)


def test_a_higher_mask_moves_the_image_as_the_traced_ray_says() -> None:
    mask = EuvMask(0.0, azimuth_deg=70.0, reduction=(8.0, 4.0))
    point, height = np.array([100.0, 50.0, 0.0]), 50.0
    ray = np.array([*mask.direction, math.sqrt(1 - sum(d * d for d in mask.direction))])
    # the ray that leaves the raised point seems to come from where it would meet the mask's plane
    start = point + np.array([0, 0, height])
    seen = start - ray * (start[2] / ray[2])
    assert mask.placement_shift_nm(height) == pytest.approx((seen - point)[:2] / [4, 8], rel=1e-12)
    assert math.hypot(*EuvMask(0.0).placement_shift_nm(50.0)) == pytest.approx(50 * TANGENT / 4, rel=1e-12)


# --- films ----------------------------------------------------------------------------------------------------------


def test_an_absorber_of_vacuum_reflects_as_the_mirror() -> None:
    for polarization in ("s", "p"):
        films = (Film(30.0, 1.0), Film(12.0, 1.0))
        assert absorber_reflection(films, multilayer(), 13.5, polarization=polarization) == pytest.approx(1, abs=1e-13)
    assert absorber_reflection((), multilayer(), 13.5) == 1


@pytest.mark.parametrize("index", [0.99 + 0.02j, 0.995 + 0.0j, 0.985 + 0.01j])
def test_a_weak_absorber_is_passed_twice(index: complex) -> None:
    height, cosine, sine = 40.0, math.cos(math.radians(6)), math.sin(math.radians(6))
    path = 2 * height * (cmath.sqrt(index**2 - sine**2) - cosine)
    expected = cmath.exp(2j * math.pi * path / 13.5)
    assert abs(absorber_reflection((Film(height, index),), multilayer(), 13.5) - expected) < abs(index - 1)


def test_the_mirror_reflects_into_the_pupil_as_under_the_angle_there() -> None:
    mirror, mask = multilayer(), EuvMask(60.0, azimuth_deg=90.0)
    x, y = np.array([0.0, 0.0, 0.6, -0.6, 0.0]), np.array([0.0, 0.9, 0.3, 0.3, -0.9])
    amplitude = mirror_amplitude(x, y, mask, mirror, 13.5, 0.33)
    angles = np.array([math.sin(math.radians(6)) + s * 0.9 * 0.33 / 4 for s in (0, 1, -1)])
    expected = reflectance(mirror, 13.5, 1.0, angles, "s")
    assert np.abs(np.abs(amplitude[[0, 1, 4]]) ** 2 * expected[0] - expected).max() < 1e-14
    assert amplitude[0] == 1 and amplitude[2] == pytest.approx(amplitude[3], rel=1e-13)
    assert abs(abs(amplitude[1]) - abs(amplitude[4])) > 0.01  # the pupil is not symmetric about the chief ray


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: EuvMask(-1.0), "`absorber_nm` must be a height of 0 or more, but got -1.0"),
        (lambda: EuvMask(60.0, chief_ray_deg=90.0), "`chief_ray_deg` must be an angle of 0 to below 90, but got 90.0"),
        (lambda: EuvMask(60.0, azimuth_deg=math.nan), "`azimuth_deg` must be finite, but got nan"),
        (lambda: EuvMask(60.0, reduction=(4.0, 0.0)), r"`reduction` must be two positive numbers \(y, x\)"),
        (lambda: EuvMask(60.0, reduction=4.0), r"`reduction` must be two positive numbers \(y, x\), but got 4.0"),
        (lambda: slit_azimuth_deg(50.0, 40.0), "`x_mm` must lie within the ring of radius 40.0, but got 50.0"),
    ],
)
def test_what_is_no_mask_is_refused(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]


def test_a_lens_of_another_reduction_than_the_masks_is_refused() -> None:
    lens = Optics(13.5, 0.55, Source.point(), reduction=(8.0, 4.0))
    with pytest.raises(ValueError, match=r"`mask_type` must have the reduction of the lens, \(8.0, 4.0\), but got \(4"):
        aerial_image([LETTER], lens, FIELD, mask_type=EuvMask(60.0), method="abbe")
    mask = EuvMask(60.0, reduction=(8.0, 4.0))
    assert aerial_image([LETTER], lens, FIELD, mask_type=mask, method="abbe").intensity.shape == FIELD.shape
