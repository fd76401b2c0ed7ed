"""Assist features: where rules and the inverse image lay them, and what they keep."""

from __future__ import annotations

import gdstk
import numpy as np
import pytest
from edge_cases import GRID, TILTED, box

from litho.cells import Floats
from litho.outlines import area_nm2
from litho.srafs import SrafRules, brightest, guided_bars, rule_bars

RULES = SrafRules()
LONG = [box(-40, -250, 40, 250)]


def apart(a: Floats, b: Floats, distance_nm: float) -> bool:
    """Return whether two polygons are at least so far apart."""
    grown = gdstk.offset(gdstk.Polygon(a.tolist()), distance_nm, "round", 720)
    return not gdstk.boolean(grown, gdstk.Polygon(b.tolist()), "and", 2.0**-20)


def sides(bar: Floats) -> Floats:
    return np.hypot(*(np.roll(bar, -1, axis=0) - bar).T)


def test_bars_stand_along_isolated_edges_at_their_distance() -> None:
    bars = rule_bars(LONG, (80.0, 160.0), SrafRules(longest_nm=600), GRID)
    upright = [bar for bar in bars if np.ptp(bar[:, 1]) > np.ptp(bar[:, 0])]
    near = sorted(float(np.abs(bar[:, 0]).min()) for bar in upright)
    assert near == pytest.approx([120, 120, 200, 200])
    assert all(np.ptp(bar[:, 0]) == pytest.approx(RULES.width_nm) for bar in upright)
    assert sorted(bar[:, 0].mean() for bar in upright) == pytest.approx([-215, -135, 135, 215])


@pytest.mark.parametrize("target", [LONG, TILTED, [*LONG, box(240, -250, 320, 100)]], ids=["line", "tilted", "two"])
def test_bars_of_rules_keep_width_space_length_and_area(target: list[Floats]) -> None:
    bars = rule_bars(target, (70.0, 140.0), RULES, GRID)
    assert len(bars) >= 4
    for number, bar in enumerate(bars):
        assert sides(bar).min() == pytest.approx(RULES.width_nm, abs=1e-3)
        assert RULES.shortest_nm - 1e-3 <= sides(bar).max() <= RULES.longest_nm + 1e-3
        assert area_nm2([bar]) >= RULES.min_area_nm2 - 1e-3
        assert all(apart(polygon, bar, RULES.main_nm - 1e-2) for polygon in target)
        assert all(apart(bar, other, RULES.space_nm - 1e-2) for other in bars[:number])


def test_there_is_no_bar_where_there_is_no_room() -> None:
    dense = [box(-40, -250, 40, 250), box(160, -250, 240, 250)]  # 120 nm apart: a bar needs 60 + 30 + 60
    bars = rule_bars(dense, (60.0,), RULES, GRID)
    between = [bar for bar in bars if bar[:, 0].min() > 40 and bar[:, 0].max() < 160]
    assert bars and not between


def test_a_turned_target_has_turned_bars() -> None:
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
    bars = rule_bars(LONG, (80.0,), RULES)
    turned = rule_bars([polygon @ turn for polygon in LONG], (80.0,), RULES)
    first, second = (
        [gdstk.Polygon(np.asarray(bar).tolist()) for bar in some] for some in ([b @ turn for b in bars], turned)
    )
    assert sum(p.area() for p in gdstk.boolean(first, second, "xor", 2.0**-20)) < 1e-2


def test_the_inverse_image_lays_a_bar_along_its_ridge() -> None:
    ny, nx = GRID.shape
    y, x = ((np.arange(n) + 0.5) * 5.0 - 480 for n in (ny, nx))
    ridge = np.exp(-(((x[None, :] - 150) / 20) ** 2)) * (np.abs(y[:, None]) < 120)
    (bar,) = guided_bars(ridge, GRID, LONG, RULES, least=0.3)
    low, high = bar.min(axis=0), bar.max(axis=0)
    assert (low + high) / 2 == pytest.approx([150, 0], abs=5)
    assert high[0] - low[0] == RULES.width_nm and high[1] - low[1] == pytest.approx(240, abs=25)


def test_guided_bars_keep_their_rules(rng: np.random.Generator) -> None:
    noise = rng.normal(size=GRID.shape)
    noise = sum(np.roll(noise, (i, j), (0, 1)) for i in range(-6, 7) for j in range(-6, 7))
    present = [box(100, 300, 130, 420)]
    bars = guided_bars(noise, GRID, LONG, RULES, others=present)
    assert len(bars) > 5
    for number, bar in enumerate(bars):
        assert sides(bar).min() == RULES.width_nm and sides(bar).max() >= RULES.shortest_nm
        assert area_nm2([bar]) >= RULES.min_area_nm2
        assert apart(bar, LONG[0], RULES.main_nm - 5)  # to a pixel
        assert all(apart(bar, other, RULES.space_nm - 5) for other in [*present, *bars[:number]])


def test_nothing_is_laid_where_light_does_not_help() -> None:
    assert guided_bars(-np.ones(GRID.shape), GRID, LONG) == []


def test_the_brightest_place_counts_with_its_dose() -> None:
    def image(x: Floats, y: Floats) -> Floats:
        return 0.2 * np.exp(-((x - 10) ** 2 + y**2) / 800)

    def flat(x: Floats, y: Floats) -> Floats:
        return np.full(len(x), 0.1)

    peaks = brightest([box(-12, -12, 12, 12), box(300, 0, 330, 60)], [image, flat], [1.0, 1.05])
    assert peaks == pytest.approx([0.2, 0.105], rel=0.02)


def test_rules_of_bars_must_fit_together() -> None:
    with pytest.raises(ValueError, match="`longest_nm` must be at least `shortest_nm`, 60"):
        SrafRules(longest_nm=50.0)
    with pytest.raises(ValueError, match="`width_nm` must be a positive length, but got 0"):
        SrafRules(width_nm=0)


def test_bars_that_would_cross_give_way_to_the_longer_one() -> None:
    elbow = [np.array([(-300, -300), (300, -300), (300, -220), (-220, -220), (-220, 200), (-300, 200.0)])]
    bars = rule_bars(elbow, (70.0,), SrafRules(longest_nm=600), GRID)
    inner = [bar for bar in bars if bar.min() > -220]
    assert len(inner) == 2 and apart(*inner, RULES.space_nm - 1e-2)
