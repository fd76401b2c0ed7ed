"""Laws of boundary layers: closed forms of gratings, areas, symmetry of x and y, the thin mask as a limit."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest
from scipy.special import jv, modfresnelp

from litho.fourier import band_frequencies
from litho.grid import Grid
from litho.mask import Mask
from litho.mask_bias import biased
from litho.mask_layers import MaskLayer, MaskLayers, layers_transmission
from litho.mask_spectrum import mask_band
from litho.outlines import length_nm
from litho.raster import polygon_area_nm2
from litho.thick_mask import BoundaryLayer, EdgeStrip, ThickMask, edge_strips, strip_bands

FIELD = Grid.square(600, 4, (-70.0, 130.0))
RADIUS = (15, 15)
LAYER = BoundaryLayer(EdgeStrip(9.0, 0.1 + 0.4j), EdgeStrip(14.0, -0.2j))
SAME = BoundaryLayer(EdgeStrip(9.0, 0.1 + 0.4j), EdgeStrip(9.0, 0.1 + 0.4j))


def rectangle(x: float, y: float, width: float, height: float) -> np.ndarray:
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], float)


LETTER = np.array([[0, 0], [300, 0], [300, 60], [70, 60], [70, 140], [220, 140], [220, 200], [0, 200]], float) + 200
FRAME = [rectangle(0, 200, 300, 200), rectangle(50, 240, 120, 90)[::-1]]


def band(mask: object, mask_type: object = Mask(), grid: Grid = FIELD) -> np.ndarray:
    return mask_band(mask, mask_type, grid, RADIUS)  # type: ignore[arg-type]


def slab(start: float, stop: float, k: np.ndarray) -> np.ndarray:
    """Return the spectrum of what lies between two places, in periods."""
    return (stop - start) * np.sinc(k * (stop - start)) * np.exp(-1j * np.pi * k * (start + stop))


def area(quads: Iterable[np.ndarray]) -> float:
    return sum(polygon_area_nm2(quad) for quad in quads)


# --- gratings in closed form ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("tone", ["dark field", "bright field"])
def test_a_grating_has_the_spectrum_of_its_slabs(axis: int, tone: str) -> None:
    thin = Mask(0.9, -0.2 + 0.1j, tone)
    line = np.array([[-20, 130], [130, 130], [130, 730], [-20, 730]], float) - [-70, 130]
    line = (line if axis == 1 else line[::-1, ::-1]) + [-70, 130]  # lines along y, or along x
    full = band([line], ThickMask(LAYER, thin))
    k = band_frequencies(RADIUS[0], np.zeros(1))
    for polarization, strip in ((axis, LAYER.tm), (1 - axis, LAYER.te)):  # the field along x crosses lines along y
        along = full[1 - polarization]
        orders, rest = (along[0], along[1:]) if axis == 1 else (along[:, 0], along[:, 1:])
        start, stop, width = 50 / 600, 200 / 600, strip.width_nm / 600
        expected = (thin.drawn - thin.undrawn) * slab(start, stop, k) + thin.undrawn * (k == 0)
        sign = 1 if tone == "dark field" else -1  # the strips lie inside the line, or outside
        for edge, inwards in ((start, 1), (stop, -1)):
            ends = sorted((edge, edge + sign * inwards * width))
            expected = expected + (strip.transmission - thin.clear) * slab(*ends, k)
        assert np.abs(orders - expected).max() < 1e-15 and np.abs(rest).max() < 1e-15


def test_strips_of_no_width_leave_a_thin_mask() -> None:
    none = BoundaryLayer(EdgeStrip(0.0, 1j), EdgeStrip(0.0))
    thin = Mask(dark=0.2j)
    for part in band([LETTER], ThickMask(none, thin)):
        assert np.array_equal(part, band([LETTER], thin))


def test_what_strips_add_falls_with_their_width() -> None:
    edges = length_nm([LETTER]) / 600**2
    for width in (1.0, 0.01):
        strip = EdgeStrip(width, 1j)
        added = band([LETTER], ThickMask(BoundaryLayer(strip, strip))) - band([LETTER])
        corners = 4 * width**2 / 600**2
        assert abs(added[0, 0, 0]) == pytest.approx(math.sqrt(2) * (width * edges - corners), rel=1e-10)
        assert np.abs(added).max() <= math.sqrt(2) * width * edges


# --- the strips -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [0.5, 8.0])
def test_strips_cover_perimeter_times_width_but_for_the_corners(width: float) -> None:
    for outside, sign in ((False, -1), (True, 1)):
        assert area(edge_strips([LETTER], width, FIELD, outside)[0]) == pytest.approx(
            length_nm([LETTER]) * width + sign * 4 * width**2, rel=1e-12
        )
        length = length_nm(FRAME)  # the corners of outline and hole make up for each other
        assert area(edge_strips(FRAME, width, FIELD, outside)[0]) == pytest.approx(length * width, rel=1e-12)


def test_strips_of_one_kind_are_the_shape_without_its_shrunken_self() -> None:
    for shape in ([LETTER], FRAME, [LETTER, *FRAME]):
        expected = (SAME.te.transmission - 0.9) * (band(shape) - band(biased(shape, -9.0)))
        assert np.abs(strip_bands(shape, SAME, 0.9, FIELD, RADIUS) - expected).max() < 1e-15


def test_strips_of_random_blocks_cover_what_a_bias_moves(rng: np.random.Generator) -> None:
    for _ in range(100):
        corners = rng.integers(-2, 9, (int(rng.integers(2, 20)), 2)) * 50.0  # many touch, some over the border
        blocks = [rectangle(x, y + 130, *(rng.integers(1, 4, 2) * 50.0)) for x, y in corners]
        still = area(biased(blocks, 0.0, FIELD))
        for outside, width in ((False, -4.0), (True, 4.0)):
            moved = area(biased(blocks, width, FIELD)) - still
            assert area(edge_strips(blocks, 4.0, FIELD, outside)[0]) == pytest.approx(abs(moved), abs=1e-6)


def test_cuts_and_abutting_shapes_have_no_edges() -> None:
    cut = np.concatenate([FRAME[0], FRAME[0][:1], FRAME[1], FRAME[1][:1]])
    rest = np.array([[200, 200], [270, 260], [270, 340], [420, 340], [420, 400], [200, 400]], float)
    halves = [LETTER[:4], rest]
    for same, shape in (([cut], FRAME), (halves, [LETTER])):
        assert np.abs(band(same, ThickMask(LAYER)) - band(shape, ThickMask(LAYER))).max() < 1e-15


def test_a_moved_mask_has_the_moved_spectrum_across_the_border_too() -> None:
    still = band([LETTER, *FRAME], ThickMask(LAYER))
    k = band_frequencies(RADIUS[0], np.zeros(1)) / 600
    for x, y in ((140.5, 33.25), (333.0, 412.0)):
        moved = band([shape + np.array([x, y]) for shape in (LETTER, *FRAME)], ThickMask(LAYER))
        wave = np.exp(-2j * np.pi * (k[None, :] * x + k[:, None] * y))
        assert np.abs(moved - still * wave).max() < 1e-14


def test_the_strips_of_bright_and_dark_field_lie_on_either_side_of_an_edge() -> None:
    inside, outside = (edge_strips([LETTER], 9.0, FIELD, side)[0] for side in (False, True))
    assert area(inside) + area(outside) == pytest.approx(2 * 9 * length_nm([LETTER]), rel=1e-12)
    grown = area(biased([LETTER], 9.0)) - area(biased([LETTER], -9.0))
    assert area(inside) + area(outside) == pytest.approx(grown, rel=1e-12)


# --- polarisation ---------------------------------------------------------------------------------------------------


def turned(full: np.ndarray) -> np.ndarray:
    """Return the band of the mask turned by 90 degrees about the field's corner: (x, y) becomes (-y, x)."""
    mirrored = np.concatenate([full[..., :1, :], full[..., :0:-1, :]], axis=-2)
    return np.swapaxes(mirrored, -1, -2)


def test_a_turned_mask_exchanges_the_polarisations() -> None:
    grid = Grid.square(600, 4)
    mask = band([LETTER, *FRAME], ThickMask(LAYER, Mask(dark=0.3j)), grid)
    quarter = [np.stack([-p[:, 1], p[:, 0]], axis=1) for p in (LETTER, *FRAME)]
    x, y = band(quarter, ThickMask(LAYER, Mask(dark=0.3j)), grid)
    assert np.abs(x - turned(mask[1])).max() < 1e-15 and np.abs(y - turned(mask[0])).max() < 1e-15


def test_exchanging_te_and_tm_exchanges_the_polarisations_of_a_mask_along_the_axes() -> None:
    swapped = BoundaryLayer(LAYER.tm, LAYER.te)
    there, back = (band([LETTER], ThickMask(layer)) for layer in (LAYER, swapped))
    assert np.abs(there - back[::-1]).max() < 1e-16 and np.abs(there[0] - there[1]).max() > 1e-3


def test_edges_at_45_degrees_see_the_mean_of_both_polarisations() -> None:
    diamond = np.array([[200, 150], [350, 300], [200, 450], [50, 300]], float)
    te, tm = (band([diamond], ThickMask(BoundaryLayer(strip, strip))) for strip in (LAYER.te, LAYER.tm))
    assert np.abs(band([diamond], ThickMask(LAYER)) - (te + tm) / 2).max() < 1e-15


@pytest.mark.parametrize("degrees", [10.0, 30.0, 77.0])
def test_an_edge_counts_cos_squared_of_its_angle(degrees: float) -> None:
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    bar = 250 + np.array([[0, 0], [200, 0], [200, 60], [0, 60]]) @ np.array([[cosine, sine], [-sine, cosine]])
    te, tm = (strip.transmission - 1 for strip in (LAYER.te, LAYER.tm))
    # two strips along each side, cut at 45 degrees at both ends
    long, short = ({w: 2 * (length * w - w * w) for w in (9.0, 14.0)} for length in (200, 60))
    x = te * (cosine**2 * long[9] + sine**2 * short[9]) + tm * (sine**2 * long[14] + cosine**2 * short[14])
    y = te * (sine**2 * long[9] + cosine**2 * short[9]) + tm * (cosine**2 * long[14] + sine**2 * short[14])
    added = strip_bands([bar], LAYER, 1.0, FIELD, RADIUS)[:, 0, 0]
    assert np.abs(added * 600**2 - [x, y]).max() < 1e-4  # vertices are rounded to 1e-6 nm


# --- the edge of a conducting screen --------------------------------------------------------------------------------


def beside_an_edge(part: str, sine: float = 0.0) -> complex:
    """Return the exact field less the thin mask's, added up over the distance from the edge, in wavelengths.

    With a `sine`, that of an angle towards which it is added up.

    Sommerfeld's field of a half-plane at normal incidence, of modified Fresnel integrals: along the edge in the
    opening, and across it, as its magnetic field along the edge, on the back of the screen.
    """
    distance = (np.arange(200_000) + 0.5) * 1e-3  # wavelengths
    fresnel = modfresnelp(np.sqrt(2 * np.pi * distance))[0] * 2 * np.exp(-0.25j * np.pi) / math.sqrt(np.pi)
    field = {"te": -fresnel, "tm": fresnel}[part] * np.exp(-2j * np.pi * sine * distance)
    damped = [np.sum(field * np.exp(-loss * distance)) * 1e-3 for loss in (0.4, 0.2, 0.1)]
    return (damped[0] - 6 * damped[1] + 8 * damped[2]) / 3  # what they tend to without damping


@pytest.mark.parametrize("part", ["te", "tm"])
def test_the_strip_of_a_conducting_edge_adds_what_its_exact_field_does(part: str) -> None:
    strip = getattr(BoundaryLayer.conducting_screen(193.0, 4.0), part)
    assert abs((strip.transmission - 1) * strip.width_nm * 4 / 193 - beside_an_edge(part)) < 2e-5  # of 0.08


@pytest.mark.parametrize(("degrees", "share"), [(20.0, 1.36), (-20.0, 0.80)])
@pytest.mark.parametrize("part", ["te", "tm"])
def test_to_either_side_an_edge_sends_more_or_less_than_straight_on(part: str, degrees: float, share: float) -> None:
    sine = math.sin(math.radians(degrees))
    closed_form = 2 / sine * (1 / math.sqrt(1 - sine) - 1)  # the half-plane's spectrum is 1 / (sine sqrt(1 - sine))
    assert abs(beside_an_edge(part, sine) / beside_an_edge(part) - closed_form) < 2e-4
    assert closed_form == pytest.approx(share, abs=0.005)


def test_a_slit_in_a_conducting_screen_has_opposite_phases_for_either_polarisation() -> None:
    slit = rectangle(0, 130, 200, 600)
    x, y = band([slit], ThickMask(BoundaryLayer.conducting_screen(193.0, 4.0)))[:, 0, 0]
    assert x - 200 / 600 == pytest.approx(2j * 193 / (16 * math.pi) / 600, abs=1e-12)
    assert y == pytest.approx(x.conjugate(), abs=1e-15)


def exact_slit(width: float) -> tuple[complex, complex]:
    """Return what a slit in a thin conducting screen sends straight on, TE and TM, in wavelengths, to 1e-3.

    The field in the slit, even Chebyshev polynomials with the right behaviour at the edges, is found from the
    continuity of the other field (Galerkin's method in the frequencies q along the screen, k being 2 pi).
    """
    k, a, orders = 2 * np.pi, width / 2, np.arange(0, 16, 2)
    t, weight = (f * np.pi / 4 for f in np.polynomial.legendre.leggauss(200))
    u = np.linspace(0, np.arccosh(160), 20_001)  # q up to 1000, where waves along the screen fade
    u, step = (u[1:] + u[:-1]) / 2, u[1]
    q = np.concatenate([k * np.sin(t + np.pi / 4), k * np.cosh(u)])
    normal = np.concatenate([k * np.cos(t + np.pi / 4), 1j * k * np.sinh(u)])
    share = np.concatenate([weight, np.full(u.shape, step) / 1j]) * normal  # dq
    te = (1j**orders * (orders + 1))[:, None] * jv(orders[:, None] + 1, q * a) * np.pi / q
    tm = (1j**orders)[:, None] * jv(orders[:, None], q * a) * np.pi * a
    sent = []
    for waves, factor, straight in ((te, normal / k, np.pi * a / 2), (tm, k / normal, np.pi * a)):
        matrix = (waves.conj() * factor * share) @ waves.T / np.pi
        sent.append(np.linalg.solve(matrix, straight * (orders == 0))[0] * straight)
    return sent[0], sent[1]


@pytest.mark.parametrize(
    ("width", "te_error", "tm_error"),
    # measured: of the thin mask 0.10, 0.06, 0.04, 0.03 for TE and 0.16, 0.08, 0.05, 0.03 for TM
    [(1.0, 0.1, 0.005), (2.0, 0.035, 0.002), (3.0, 0.02, 0.001), (5.0, 0.01, 0.001)],
)
def test_two_edges_make_a_slit_when_it_is_wider_than_the_wavelength(
    width: float, te_error: float, tm_error: float
) -> None:
    grid, slit = Grid.square(10.0, 0.1), rectangle(5 - width / 2, 0, width, 10)
    x, y = band([slit], ThickMask(BoundaryLayer.conducting_screen(1.0, 1.0)), grid)[:, 0, 0] * 10
    te, tm = exact_slit(width)
    assert abs(y / te - 1) < te_error and abs(x / tm - 1) < tm_error
    assert abs(width / te - 1) > abs(y / te - 1) and abs(width / tm - 1) > 20 * abs(x / tm - 1)  # the thin mask


# --- layers and refusals --------------------------------------------------------------------------------------------


def test_a_layer_with_a_boundary_is_a_thick_mask_in_dark_field() -> None:
    layers = MaskLayers((MaskLayer([LETTER], 0.9j, LAYER),), 0.2)
    assert np.abs(band(layers) - band([LETTER], ThickMask(LAYER, Mask(0.9j, 0.2)))).max() < 1e-16


def test_shifted_openings_with_walls_of_their_own_have_a_zeroth_order() -> None:
    zero, shifted = rectangle(0, 200, 100, 300), rectangle(250, 200, 100, 300)
    etched = BoundaryLayer(EdgeStrip(12.0), EdgeStrip(15.0))
    layers = MaskLayers((MaskLayer([zero], 1), MaskLayer([shifted], -1, etched)))
    x, y = band(layers)[:, 0, 0] * 600**2  # each polarisation runs along two edges and across two
    assert x == pytest.approx(2 * (12 * 100 - 12**2 + 15 * 300 - 15**2), rel=1e-12)
    assert y == pytest.approx(2 * (12 * 300 - 12**2 + 15 * 100 - 15**2), rel=1e-12)


def test_strips_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="`width_nm` must leave room between the strips of two edges"):
        band([rectangle(0, 200, 20, 300)], ThickMask(LAYER))
    pair = [rectangle(0, 200, 50, 300), rectangle(62, 200, 50, 300)]
    with pytest.raises(ValueError, match="the clear parts are too narrow for"):
        band(pair, ThickMask(LAYER, Mask(tone="bright field")))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: BoundaryLayer.conducting_screen(0.0), "`wavelength_nm` and `reduction` must be positive, but got 0.0"),
        (lambda: EdgeStrip(-1.0), "`width_nm` must be a length of 0 or more, but got -1.0"),
        (lambda: EdgeStrip(1.0, math.nan), "`transmission` must be finite, but got nan"),
        (
            lambda: layers_transmission(MaskLayers((MaskLayer([], 1, LAYER),)), FIELD),
            "`mask` must be thin for a raster",
        ),
    ],
)
def test_what_is_no_strip_is_refused(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
