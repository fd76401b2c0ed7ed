"""Laws of masks drawn by polygons: binary, attenuated, alternating; their exact spectrum and their raster."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
from scipy.special import polygamma

from litho.abbe import abbe_image
from litho.backend import to_host
from litho.fourier import band_frequencies, band_transform, complete, crop
from litho.grid import Grid
from litho.mask import Mask, transmission_band
from litho.mask_layers import MaskLayer, MaskLayers, layers_transmission
from litho.mask_spectrum import mask_band
from litho.polygon_spectrum import join_outlines, polygon_band
from litho.pupil import Optics
from litho.source import Source

FIELD = Grid((150, 120), (4.0, 5.0), (-70.0, 130.0))
RADIUS = (13, 17)
COMPLEX = 0.3 * cmath.exp(2.1j)


def rectangle(x: float, y: float, width: float, height: float) -> np.ndarray:
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], float)


LETTER = np.array(
    [[0, 0], [300, 0], [300, 60], [70, 60], [70, 140], [220, 140], [220, 200], [0, 200]], float
) + np.array([10.0, 220.0])
SHAPES = [LETTER, rectangle(350, 300, 90, 250), np.array([[100, 500], [250, 520], [130, 690]], float)]


def band(mask: object, mask_type: object = Mask(), grid: Grid = FIELD) -> np.ndarray:
    return mask_band(mask, mask_type, grid, RADIUS)  # type: ignore[arg-type]


def wave(x_nm: float, y_nm: float, grid: Grid = FIELD) -> np.ndarray:
    ky, kx = (band_frequencies(r, np.zeros(1)) / p for r, p in zip(RADIUS, grid.period_nm, strict=True))
    return np.exp(-2j * np.pi * (kx[None, :] * x_nm + ky[:, None] * y_nm))


def negated(full: np.ndarray) -> np.ndarray:
    """Return the band at -k."""
    return np.roll(full[::-1, ::-1], (1, 1), axis=(0, 1))


def off_zero(full: np.ndarray, zeroth: complex) -> float:
    """Return how far a band is from that of a uniform mask."""
    rest = full.copy()
    rest[0, 0] -= zeroth
    return float(np.abs(rest).max())


# --- one kind of shapes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [Mask(), Mask.attenuated(), Mask(dark=COMPLEX), Mask(clear=0.9j, dark=COMPLEX)])
@pytest.mark.parametrize("tone", ["dark field", "bright field"])
def test_a_mask_has_the_spectrum_of_its_coverage_and_background(mask: Mask, tone: str) -> None:
    mask = Mask(mask.clear, mask.dark, tone)
    half, _ = polygon_band(*join_outlines(SHAPES), FIELD, RADIUS)
    assert np.abs(band(SHAPES, mask) - transmission_band(half, mask)).max() < 1e-15


def test_a_mask_and_its_complement_make_a_clear_field() -> None:
    clear, dark = 0.8 + 0.1j, COMPLEX
    total = band(SHAPES, Mask(clear, dark, "dark field")) + band(SHAPES, Mask(clear, dark, "bright field"))
    assert off_zero(total, clear + dark) < 1e-15


def test_no_shapes_transmit_the_background() -> None:
    for mask, expected in (([], COMPLEX), (MaskLayers((), 0.5j), 0.5j), (MaskLayers((MaskLayer([], 1),), 0.5j), 0.5j)):
        assert off_zero(band(mask, Mask(dark=COMPLEX) if mask == [] else Mask()), expected) == 0


def test_a_moved_mask_has_the_moved_spectrum_across_the_border_too() -> None:
    still = band(SHAPES, Mask(dark=COMPLEX))
    for x, y in ((0.37, -0.21), (333.3, 412.7), (-1800.0, 0.0)):
        moved = band([shape + np.array([x, y]) for shape in SHAPES], Mask(dark=COMPLEX))
        assert np.abs(moved - still * wave(x, y)).max() < 1e-14


def test_a_complex_mask_turns_round_when_its_transmission_is_conjugate() -> None:
    mask, conjugate = Mask(dark=COMPLEX), Mask(dark=COMPLEX.conjugate())
    full = band(SHAPES, mask)
    assert np.abs(np.conj(negated(full)) - full).max() > 0.02  # not the spectrum of a real field
    assert np.abs(np.conj(negated(full)) - band(SHAPES, conjugate)).max() < 1e-15


def test_shapes_that_overlap_or_abut_count_once() -> None:
    crossing = [rectangle(50, 250, 300, 80), rectangle(120, 200, 60, 300)]
    parts = [rectangle(50, 250, 300, 80), rectangle(120, 200, 60, 50), rectangle(120, 330, 60, 170)]
    assert np.abs(band(crossing) - band(parts)).max() < 1e-15


def test_a_line_longer_than_the_field_is_a_line_without_ends() -> None:
    endless = band([rectangle(0, 130, 80, 600)])
    assert np.abs(band([rectangle(0, -3000, 80, 5000)]) - endless).max() < 1e-15
    width, center = 80 / 600, 40 + 70
    kx = band_frequencies(RADIUS[1], np.zeros(1))
    expected = width * np.sinc(kx * width) * np.exp(-2j * np.pi * kx * center / 600)
    assert np.abs(endless[0] - expected).max() < 1e-15 and np.abs(endless[1:]).max() < 1e-16


def test_a_clockwise_outline_is_a_hole_in_the_shape_around_it_and_may_hold_an_island() -> None:
    outer, hole, island = rectangle(0, 200, 400, 400), rectangle(80, 300, 200, 150), rectangle(100, 320, 50, 60)
    expected = band([outer]) - band([hole]) + band([island])
    assert np.abs(band([outer, hole[::-1], island]) - expected).max() < 1e-15
    cut = np.concatenate([outer, outer[:1], hole[::-1], hole[-1:]])
    assert np.abs(band([cut, island]) - expected).max() < 1e-15
    overlapping = [outer, hole[::-1], rectangle(90, 310, 10, 70), island]
    assert np.abs(band(overlapping) - expected - band([rectangle(90, 310, 10, 70)])).max() < 1e-15


# --- several transmissions ------------------------------------------------------------------------------------------


def test_one_layer_is_a_mask_of_one_kind() -> None:
    layers = MaskLayers((MaskLayer(SHAPES, 0.9j),), COMPLEX)
    assert np.abs(band(layers) - band(SHAPES, Mask(0.9j, COMPLEX))).max() < 1e-16


def test_a_later_layer_replaces_those_below() -> None:
    below, above = rectangle(0, 200, 300, 200), rectangle(200, 300, 200, 200)
    both, rest = rectangle(200, 300, 100, 100), MaskLayers((MaskLayer([below], 0.5), MaskLayer([above], COMPLEX)), 0.1j)
    expected = (0.5 - 0.1j) * (band([below]) - band([both])) + (COMPLEX - 0.1j) * band([above])
    expected[0, 0] += 0.1j
    assert np.abs(band(rest) - expected).max() < 1e-15
    turned = MaskLayers(rest.layers[::-1], 0.1j)
    expected += (0.5 - COMPLEX) * band([both])
    assert np.abs(band(turned) - expected).max() < 1e-15


def test_a_layer_hidden_by_another_one_leaves_no_trace() -> None:
    hidden = MaskLayers((MaskLayer([rectangle(50, 250, 50, 50)], COMPLEX), MaskLayer([rectangle(0, 200, 200, 200)], 1)))
    assert np.abs(band(hidden) - band([rectangle(0, 200, 200, 200)])).max() < 1e-16


def test_openings_of_equal_area_and_opposite_phase_have_no_zeroth_order() -> None:
    shifted = [shape + np.array([233.3, 111.1]) for shape in SHAPES]
    apart = MaskLayers.alternating([rectangle(0, 200, 100, 300)], [rectangle(200, 250, 150, 200)])
    assert abs(band(apart)[0, 0]) < 1e-16
    # where they overlap, the shifted ones replace: what is left is minus the area in common
    assert band(MaskLayers.alternating(SHAPES, shifted))[0, 0].real < -1e-3


def test_an_alternating_grating_images_as_two_beams_at_twice_the_frequency() -> None:
    pitch, width = 260.0, 70.3  # two openings in a pitch: the zeroth order and the even ones vanish
    grid, optics = Grid((1, 64), (10.0, pitch / 64)), Optics(193, 0.85, Source.point())
    left, right = (rectangle(x - width / 2, 0, width, 10) for x in (40.0, 40.0 + pitch / 2))
    full = mask_band(MaskLayers.alternating([left], [right]), Mask(), grid, optics.band_radius(grid.period_nm))
    half = abbe_image(full, optics, grid.period_nm)
    shown = band_transform(grid.shape, (half.shape[0] // 2, half.shape[1] - 1), half).inverse(half)
    x = (np.arange(64) + 0.5) * pitch / 64
    first = 2 * math.sin(math.pi * width / pitch) / math.pi
    assert np.abs(to_host(shown)[0] - 4 * first**2 * np.cos(2 * np.pi * (x - 40) / pitch) ** 2).max() < 1e-10


def test_the_energy_of_all_orders_is_the_mean_transmitted_energy() -> None:
    grid, radius = Grid((1, 8), (10.0, 25.0)), (1, 2001)
    upper, lower = COMPLEX, 0.7 - 0.2j
    layers = MaskLayers((MaskLayer([rectangle(37, 0, 100, 10)], upper),), lower)
    full = mask_band(layers, Mask(), grid, radius)
    beyond = 2 * abs(upper - lower) ** 2 / math.pi**2 * float(polygamma(1, (radius[1] + 2) / 2)) / 4  # odd orders
    assert np.sum(np.abs(full) ** 2) + beyond == pytest.approx((abs(upper) ** 2 + abs(lower) ** 2) / 2, abs=1e-14)


def test_the_raster_of_layers_has_their_spectrum_over_the_sinc_of_a_pixel() -> None:
    shapes = [
        rectangle(0, 202, 300, 200),
        rectangle(450, 302, 130, 500),
        LETTER + np.array([0, 162]),
    ]  # on pixel borders
    layers = MaskLayers([MaskLayer([s], t) for s, t in zip(shapes, (0.5, COMPLEX, -1j), strict=True)], 0.2 + 0.1j)
    values = layers_transmission(layers, FIELD)
    assert values.shape == FIELD.shape and np.abs(values).max() <= 1
    ky, kx = (band_frequencies(r, np.zeros(1)) / n for r, n in zip(RADIUS, FIELD.shape, strict=True))
    half_pixel = np.exp(-1j * np.pi * (kx[None, :] + ky[:, None]))
    raster = crop(np.fft.fft2(values, norm="forward"), RADIUS) * half_pixel
    assert np.abs(raster * np.sinc(kx) * np.sinc(ky)[:, None] - band(layers)).max() < 1e-15


def test_a_raster_of_layers_is_what_a_mask_transmits_at_each_point() -> None:
    layers = MaskLayers((MaskLayer([rectangle(0, 130, 100, 400)], 0.5j), MaskLayer([rectangle(50, 130, 300, 100)], -1)))
    values = layers_transmission(layers, FIELD)
    for (x, y), expected in {(20, 135): 0.5j, (80, 140): -1, (20, 300): 0.5j, (200, 180): -1, (200, 500): 0}.items():
        assert values[int((y - 130) / 4), int((x + 70) / 5)] == expected


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MaskLayer(SHAPES, 1.2), "`transmission` must be a transmission of modulus 1 at most, but got 1.2"),
        (lambda: MaskLayers((), math.nan), "`background` must be a transmission of modulus 1"),
        (lambda: MaskLayers.alternating([], [], phase_deg=math.inf), "`phase_deg` must be finite"),
        (lambda: band(MaskLayers(()), Mask.attenuated()), "`mask_type` must be left out for layers"),
        (lambda: band([LETTER[::-1]]), "`polygons` must have clockwise outlines as holes only, but the one at"),
        (lambda: band([LETTER[:2]]), r"`polygons` must be arrays \(n, 2\) of at least 3 finite vertices"),
        (lambda: band([LETTER * math.nan]), r"`polygons` must be arrays \(n, 2\) of at least 3 finite vertices"),
        (
            lambda: band([rectangle(0, 200, 90, 90)[[0, 2, 1, 3]]]),
            "`polygons` must not cross themselves, but one of area 0 at",
        ),
        (lambda: band([LETTER * 1e6]), "`polygons` must not reach over"),
    ],
)
def test_what_is_no_mask_is_refused(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]


def test_a_half_band_completed_is_the_band_of_a_binary_mask() -> None:
    half, _ = polygon_band(*join_outlines(SHAPES), FIELD, RADIUS)
    assert np.array_equal(band(SHAPES), complete(half))
