"""Development: rates, fronts against Fermat's closed forms, profiles of known shape, and the whole flow."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from litho.backend import to_host
from litho.bake import Bake, deprotect
from litho.development import EnhancedMackRate, MackRate
from litho.exposure import Exposure, bleach, generate_acid
from litho.front import arrival_time
from litho.grid import Grid
from litho.resist_profile import ResistProfile, remaining_height, resist_profile

MACK = MackRate(100.0, 0.1, 0.5, 5.0)
ENHANCED = EnhancedMackRate(80.0, 5.0, 0.05, 4.0, 8.0)


def middles(count: int, spacing: float) -> np.ndarray:
    return (np.arange(count) + 0.5) * spacing


def in_depth(rate: np.ndarray, width: int = 1) -> np.ndarray:
    """A rate that depends on depth only."""
    return np.broadcast_to(rate[:, None, None], (len(rate), 1, width))


# --- rates --------------------------------------------------------------------------------------------------------


def test_macks_rate_runs_from_its_minimum_to_its_maximum_and_bends_most_at_its_threshold(xp: Any) -> None:
    m = np.linspace(0, 1, 2001)
    rate = to_host(MACK(xp(m)))
    assert rate[0] == pytest.approx(100.1, rel=1e-14) and rate[-1] == pytest.approx(0.1, rel=1e-14)
    assert (np.diff(rate) < 0).all()
    # Mack 1987: the threshold is the point of inflection
    assert m[np.argmin(np.gradient(rate, m))] == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(("threshold", "order"), [(-10.0, 2.0), (-100.0, 3.0)])
def test_macks_rate_without_a_threshold_is_a_power_of_what_was_exposed(threshold: float, order: float) -> None:
    m = np.linspace(0, 1, 50)
    rate = MackRate(100.0, 0.1, threshold, order)(m)
    assert np.abs(rate - (100 * (1 - m) ** order + 0.1)).max() < 100 / (1 - threshold) ** order


def test_the_enhanced_rate_takes_its_three_values_and_the_resin_between(xp: Any) -> None:
    assert to_host(ENHANCED(xp(np.array([0.0, 1.0])))) == pytest.approx([80.0, 0.05], rel=1e-14)
    # neither enhanced nor inhibited, it is the resin's
    assert replace(ENHANCED, max_nm_per_s=5.0, min_nm_per_s=5.0)(np.linspace(0, 1, 9)) == pytest.approx(np.full(9, 5.0))
    plateau = EnhancedMackRate(80.0, 5.0, 0.05, 60.0, 60.0)(np.array(0.5))
    assert plateau == pytest.approx(5.0, rel=1e-14)
    assert (np.diff(ENHANCED(np.linspace(0, 1, 500))) < 0).all()


@pytest.mark.parametrize("model", [MACK, ENHANCED])
def test_rates_hold_the_inhibitor_within_0_and_1_and_keep_precision(model: Any, xp: Any) -> None:
    inhibitor = np.array([-1e-9, 0.0, 1.0, 1 + 1e-9])
    rate = to_host(model(xp(inhibitor)))
    assert rate[0] == rate[1] and rate[2] == rate[3]
    assert to_host(model(xp(inhibitor.astype(np.float32)))).dtype == np.float32


# --- fronts -------------------------------------------------------------------------------------------------------


def test_a_homogeneous_film_is_developed_at_its_rate() -> None:
    arrival = arrival_time(np.full((20, 3, 8), 7.0), (1.0, 2.0), 2.5)
    assert np.abs(arrival - middles(20, 2.5)[:, None, None] / 7).max() < 1e-13


def test_two_layers_take_the_sum_of_their_times() -> None:
    layer, upper, lower = 0.5, 10.0, 2.0
    z = middles(200, layer)
    arrival = arrival_time(in_depth(np.where(z < 50, upper, lower)), (1.0, 1.0), layer)[:, 0, 0]
    expected = np.minimum(z, 50) / upper + np.maximum(z - 50, 0) / lower
    assert (
        np.abs(arrival - expected).max() < 0.3 * layer / lower
    )  # at a jump the rate belongs to one layer or the other


def test_a_rate_that_depends_on_depth_only_is_integrated_to_second_order() -> None:
    errors = []
    for count in (25, 50, 100, 200):
        z = middles(count, 100 / count)
        arrival = arrival_time(in_depth(1 + 0.05 * z, 4), (1.0, 1.0), 100 / count)
        errors.append(np.abs(arrival[:, 0, :] - (np.log1p(0.05 * z) / 0.05)[:, None]).max())
    assert errors[-1] < 4e-3
    assert all(a / b > 3 for a, b in itertools.pairwise(errors))


def test_developer_runs_round_the_edge_of_a_closed_top_in_circles() -> None:
    for count, axis in ((40, 2), (80, 2), (40, 1)):
        pitch = 100 / count
        x, z = middles(2 * count, pitch) - 100, middles(count, pitch)
        hidden = np.maximum(50 - np.abs(x), 0)
        shape, top = (1, 2 * count), (np.abs(x) > 50)[None]
        if axis == 1:
            shape, top = shape[::-1], top.T
        arrival = np.squeeze(arrival_time(np.full((count, *shape), 2.0), (pitch, pitch), pitch, top))
        assert np.abs(arrival - np.hypot(hidden[None], z[:, None]) / 2).max() < 0.6 * pitch / 2


def test_developer_from_a_small_hole_spreads_in_spheres() -> None:
    count, hole = 40, 6.0
    x, z = middles(2 * count, 1.0) - count, middles(count, 1.0)
    away = np.hypot(x[:, None], x[None, :])
    arrival = arrival_time(np.full((count, 2 * count, 2 * count), 2.0), (1.0, 1.0), 1.0, away < hole)
    expected = np.hypot(np.maximum(away - hole, 0)[None], z[:, None, None]) / 2
    inside = np.broadcast_to(away < 38, arrival.shape)
    # the hole is made of whole pixels
    assert np.abs(arrival - expected)[inside].max() < 0.5 and np.abs(arrival - expected)[inside].mean() < 0.2


def test_a_linear_rate_bends_the_paths_of_developer_into_circles() -> None:
    errors = []
    for count in (40, 80, 160):
        pitch = 100 / count
        z, x = middles(count, pitch), middles(2 * count, pitch) - 100
        rate = 1 + 0.05 * np.abs(x)
        arrival = arrival_time(np.broadcast_to(rate, (count, 1, 2 * count)), (1.0, pitch), pitch)[:, 0]
        # where the rate grows in proportion to a distance X, lengths over rate are those of the hyperbolic half-plane
        expected = np.arcsinh(0.05 * z[:, None] / rate) / 0.05
        reached = np.hypot(rate / 0.05, z[:, None]) < (1 + 0.05 * 100) / 0.05  # by circles that start below the ridge
        errors.append(np.abs(arrival - expected)[reached].mean())
    assert errors[-1] < 1e-3 and all(a / b > 3.3 for a, b in itertools.pairwise(errors))


def test_a_slow_wall_is_entered_sideways_from_the_fast_space_beside_it() -> None:
    errors = []
    for count in (50, 100, 200):
        pitch = 100 / count
        z, x = middles(count, pitch), middles(2 * count, pitch)
        fast, slow = 8.0, 1.0
        rate = np.where(x < 100, fast, slow)
        arrival = arrival_time(np.broadcast_to(rate, (count, 1, 2 * count)), (1.0, pitch), pitch)[:, 0]
        wall = x > 100
        away = np.minimum(x[wall] - 100, 200 - x[wall])
        # from above, or as the wake of the front that runs down the boundary (a head wave)
        expected = np.minimum(z[:, None] / slow, z[:, None] / fast + away * math.sqrt(slow**-2 - fast**-2))
        errors.append(np.abs(arrival[:, wall] - expected).max() * slow / pitch)
    assert max(errors) < 1.0  # in pixels: the boundary lies somewhere between two of them


def test_the_front_shifts_mirrors_and_turns_with_the_rate(rng: np.random.Generator) -> None:
    rate = np.exp(rng.standard_normal((6, 9, 7)))
    arrival = arrival_time(rate, (2.0, 3.0), 1.5)
    assert (
        np.abs(arrival_time(np.roll(rate, (4, 3), (1, 2)), (2.0, 3.0), 1.5) - np.roll(arrival, (4, 3), (1, 2))).max()
        < 1e-11
    )
    assert np.abs(arrival_time(rate[:, ::-1], (2.0, 3.0), 1.5) - arrival[:, ::-1]).max() < 1e-11
    turned = arrival_time(rate.transpose(0, 2, 1), (3.0, 2.0), 1.5)
    assert np.abs(turned - arrival.transpose(0, 2, 1)).max() < 1e-11
    assert np.abs(arrival_time(4 * rate, (2.0, 3.0), 1.5) - arrival / 4).max() < 1e-11


def test_no_front_is_faster_than_the_largest_rate_nor_slower_than_straight_down(rng: np.random.Generator) -> None:
    rate = np.exp(2 * np.cos(2 * np.pi * rng.random((12, 8, 8))))
    arrival = arrival_time(rate, (1.0, 1.0), 1.0)
    straight = np.cumsum(1 / rate, axis=0) - 0.5 / rate
    assert (arrival >= middles(12, 1.0)[:, None, None] / rate.max() - 1e-12).all()
    assert (arrival <= straight + 0.6 / rate.min()).all()


# --- profiles -----------------------------------------------------------------------------------------------------


def trapezoid(feature: str = "line") -> np.ndarray:
    """Times of arrival, linear sideways, of walls at 80 (left) and 100 (right) degrees, 60 nm apart at the top."""
    z, x = middles(40, 2.5), middles(200, 1.0)
    slope = math.tan(math.radians(10))
    left, right = 73 - slope * z, 133 - slope * z
    inside = np.minimum(x - left[:, None], right[:, None] - x)
    return 20 + (0.2 if feature == "line" else -0.2) * np.clip(inside, -10, 10)


@pytest.mark.parametrize("feature", ["line", "space"])
@pytest.mark.parametrize("center", [103.0, 12.0])
def test_a_profile_of_known_walls_is_measured_exactly(feature: str, center: float) -> None:
    arrival = np.roll(
        trapezoid(feature), round(center - 103), axis=1
    )  # at 12 nm the feature lies across the cut's ends
    profile = resist_profile(arrival, 20.0, 1.0, 2.5, center, feature)
    flat = replace(profile, loss_nm=0.0)
    for height in (0.0, 0.1, 0.5, 1.0):
        assert flat.cd_nm(height) == pytest.approx(60, abs=1e-9)
    expected = (80, 100) if feature == "line" else (100, 80)
    assert flat.sidewall_deg() == pytest.approx(expected, abs=1e-9)
    assert flat.edges_nm(1.0)[0] == pytest.approx(center - 30, abs=1e-9)


def test_a_tapered_line_is_wider_at_the_bottom_by_its_height_over_the_tangent() -> None:
    z, x = middles(50, 2.0), middles(300, 1.0)
    half = 40 + z / math.tan(math.radians(85))
    arrival = 30 + 0.5 * np.clip(half[:, None] - np.abs(x - 150), -20, 20)
    profile = replace(resist_profile(arrival, 30.0, 1.0, 2.0, 150.0), loss_nm=0.0)
    assert profile.cd_nm(0.0) - profile.cd_nm(1.0) == pytest.approx(2 * 100 / math.tan(math.radians(85)), abs=1e-9)
    assert profile.sidewall_deg() == pytest.approx((85, 85), abs=1e-9)


def test_resist_is_lost_from_the_top_at_its_own_rate() -> None:
    rate = np.full((40, 2, 3), 0.8)
    arrival = arrival_time(rate, (1.0, 1.0), 2.5)
    for seconds in (0.5, 1.0, 30.0, 100.0):
        assert np.abs(remaining_height(arrival, seconds, 2.5) - (100 - 0.8 * seconds)).max() < 1e-11
    assert np.array_equal(remaining_height(arrival, 200.0, 2.5), np.zeros((2, 3)))


# --- the whole flow -----------------------------------------------------------------------------------------------

GRID, LAYERS, LAYER_NM = Grid((1, 100), (2.0, 2.0)), 25, 4.0
EXPOSURE = Exposure(60.0, 0.03, a_per_um=0.2, b_per_um=0.8)
BAKE = Bake(60.0, 0.12, 1.5, 12.0, 0.1, 6.0, 5.0)


def line_in_resist(
    exposure: Exposure = EXPOSURE, bake: Bake = BAKE, rate: Any = MACK, standing_wave: float = 0.0
) -> ResistProfile:
    """A dark line of a cosine image of 200 nm pitch, through the whole flow."""
    x = middles(100, 2.0)
    image = (0.5 - 0.48 * np.cos(2 * np.pi * (x - 100) / 200))[None]
    intensity, _ = bleach(image, exposure, LAYERS, LAYER_NM)
    ripple = 1 + standing_wave * np.cos(2 * np.pi * middles(LAYERS, LAYER_NM) / 50)
    acid, _ = generate_acid(intensity * ripple[:, None, None], exposure)
    inhibitor, _ = deprotect(acid, bake, GRID, LAYER_NM)
    arrival = arrival_time(rate(inhibitor), GRID.pixel_nm, LAYER_NM)
    return resist_profile(arrival[:, 0], 45.0, 2.0, LAYER_NM, 100.0)


@pytest.mark.parametrize("rate", [MACK, ENHANCED])
def test_a_line_through_the_whole_flow_is_symmetric_tapered_and_thinner_with_dose(rate: Any) -> None:
    profile = line_in_resist(rate=rate)
    assert np.isnan(profile.left_nm[0]) and profile.loss_nm > LAYER_NM / 2  # some is lost from the top
    assert (profile.left_nm + profile.right_nm)[1:] == pytest.approx(np.full(LAYERS - 1, 200.0), abs=1e-9)
    left, right = profile.sidewall_deg()
    assert left == pytest.approx(right, abs=1e-9) and 70 < left < 90  # absorption leaves less light at the bottom
    widths = [line_in_resist(replace(EXPOSURE, dose_mj_per_cm2=d), rate=rate).cd_nm() for d in (50.0, 60.0, 70.0)]
    assert widths[0] > widths[1] > widths[2] > 20


def test_a_line_in_resist_that_absorbs_more_is_more_tapered() -> None:
    angles = [line_in_resist(replace(EXPOSURE, b_per_um=b)).sidewall_deg()[0] for b in (0.0, 0.8, 2.0)]
    assert angles[0] > angles[1] > angles[2]


def test_a_bake_smooths_the_ripple_of_standing_waves_from_the_walls() -> None:
    def ripple(length: float) -> float:
        edge = line_in_resist(bake=replace(BAKE, acid_diffusion_nm=length), standing_wave=0.3).left_nm[6:-2]
        return float(np.std(np.diff(edge, 2)))

    assert ripple(20.0) < 0.8 * ripple(10.0) < 0.7 * ripple(3.0)


def test_a_steep_rate_develops_to_the_contour_of_its_threshold() -> None:
    # no absorption, no bake: a vertical wall where the inhibitor equals the threshold
    x = middles(400, 0.5)
    inhibitor = 0.5 + 0.45 * np.cos(2 * np.pi * (x - 100) / 200)
    rate = MackRate(200.0, 1e-4, 0.45, 400.0)(np.broadcast_to(inhibitor, (25, 1, 400)))
    profile = resist_profile(arrival_time(rate, (1.0, 0.5), 4.0)[:, 0], 60.0, 0.5, 4.0, 100.0)
    expected = 2 * math.acos(-0.05 / 0.45) / (2 * math.pi) * 200
    assert profile.cd_nm() == pytest.approx(expected, abs=3.0)


# --- bad input ----------------------------------------------------------------------------------------------------


def test_rates_fronts_and_profiles_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="`order` must be above 1, but got 1"):
        MackRate(100.0, 0.1, 0.5, 1.0)
    with pytest.raises(ValueError, match="`threshold` must be below 1, but got 1"):
        MackRate(100.0, 0.1, 1.0, 5.0)
    with pytest.raises(ValueError, match="`resin_nm_per_s` must lie between"):
        EnhancedMackRate(80.0, 100.0, 0.1, 4.0, 4.0)
    with pytest.raises(ValueError, match="`rate` must be positive and finite everywhere"):
        arrival_time(np.zeros((2, 2, 2)), (1.0, 1.0), 1.0)
    with pytest.raises(ValueError, match="`rate` must have shape"):
        arrival_time(np.ones((2, 2)), (1.0, 1.0), 1.0)
    with pytest.raises(ValueError, match="must be positive lengths"):
        arrival_time(np.ones((2, 2, 2)), (1.0, 0.0), 1.0)
    with pytest.raises(ValueError, match="`open_top` must have shape"):
        arrival_time(np.ones((2, 2, 2)), (1.0, 1.0), 1.0, np.zeros((2, 2), dtype=bool))
    with pytest.raises(ValueError, match="`center_nm` must be a place along the cut, but got nan"):
        resist_profile(np.ones((3, 8)), 1.0, 1.0, 1.0, math.nan)
    with pytest.raises(ValueError, match="`center_nm` must be inside a line that ends in the cut, but at 50"):
        resist_profile(np.ones((4, 100)), 2.0, 1.0, 1.0, 50.0)
    with pytest.raises(ValueError, match="`feature` must be 'line' or 'space', but got 'hole'"):
        resist_profile(np.ones((4, 100)), 2.0, 1.0, 1.0, 50.0, "hole")
    tapered = resist_profile(trapezoid(), 20.0, 1.0, 2.5, 103.0)
    with pytest.raises(ValueError, match=r"`height` must be in 0\.\.1, but got 2"):
        tapered.cd_nm(2.0)
    arrival = trapezoid("space")
    arrival[-10:] = 100.0
    with pytest.raises(ValueError, match=r"`height` must be where the space has two edges, but at 0\.1 it has not"):
        resist_profile(arrival, 20.0, 1.0, 2.5, 103.0, "space").cd_nm(0.1)
