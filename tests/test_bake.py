"""The bake: each part alone against its closed form, all together against an adaptive solver, order, adjoints."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from litho.backend import to_host
from litho.bake import Bake, deprotect, deprotect_adjoint, neutralize, neutralize_adjoint
from litho.check import dot_test, gradient_test, inner
from litho.grid import Grid

GRID = Grid((6, 8), (7.0, 5.0))
LINE = Grid((1, 24), (1.0, 5.0))
FULL = Bake(60.0, 0.12, 1.5, 14.0, 0.15, 8.0, 2.0, 16)
"""All parts at once, of usual size."""


def waves(grid: Grid) -> np.ndarray:
    """A smooth latent image between 0 and 0.6."""
    y, x = ((np.arange(n) + 0.5) / n for n in grid.shape)
    return 0.3 + 0.1 * np.cos(2 * np.pi * y)[:, None] + 0.2 * np.cos(2 * np.pi * x - 0.3)[None, :]


def end_of_bake(bake: Bake, xp: Any, start: np.ndarray, grid: Grid, layer_nm: float | None = None) -> list[np.ndarray]:
    """Inhibitor, acid and quencher."""
    inhibitor, saved = deprotect(xp(start), bake, grid, layer_nm)
    return [to_host(c) for c in (inhibitor, saved.acid, saved.quencher)]


@cache
def reference(bake: Bake, layers: int = 0, layer_nm: float = 1.0) -> tuple[np.ndarray, ...]:
    """Inhibitor, acid and quencher on `LINE` (or a depth below one pixel), by an adaptive solver of stiff equations."""
    n, mirrored = (layers, True) if layers else (LINE.shape[1], False)
    start = depth_start(layers) if layers else waves(LINE)[0]
    if mirrored:  # a film between mirrors is half of a periodic one
        start, n = np.concatenate([start, start[::-1]]), 2 * n
    k = 2 * np.pi * np.fft.fftfreq(n, layer_nm if layers else LINE.pixel_nm[1])
    laplace = np.fft.ifft(-(k**2)[:, None] * np.fft.fft(np.eye(n), axis=0), axis=0).real
    d_acid, d_quencher = (s**2 / 2 / bake.duration_s for s in (bake.acid_diffusion_nm, bake.quencher_diffusion_nm))

    def rate(_: float, state: np.ndarray) -> np.ndarray:
        h, q = state.reshape(3, n)[:2]
        met = bake.neutralization_per_s * h * q
        change = d_acid * laplace @ h - met, d_quencher * laplace @ q - met, -bake.deprotection_per_s * h**bake.order
        return np.concatenate(change)

    begin = np.concatenate([start, np.full(n, bake.quencher), np.zeros(n)])
    end = solve_ivp(rate, (0, bake.duration_s), begin, "LSODA", rtol=1e-11, atol=1e-13).y[:, -1].reshape(3, n)
    if mirrored:
        end = end[:, : n // 2]
    return np.exp(end[2]), end[0], end[1]


def depth_start(layers: int) -> np.ndarray:
    return 0.3 + 0.25 * np.cos(np.pi * (np.arange(layers) + 0.5) / layers * 3)


# --- each part alone ----------------------------------------------------------------------------------------------


def test_acid_without_quencher_only_diffuses(xp: Any) -> None:
    bake = Bake(60.0, 0.0, acid_diffusion_nm=11.0, steps=7)
    _, acid, quencher = end_of_bake(bake, xp, waves(GRID), GRID)
    damping = [math.exp(-2 * math.pi**2 * 11.0**2 / p**2) for p in GRID.period_nm]
    y, x = ((np.arange(n) + 0.5) / n for n in GRID.shape)
    expected = 0.3 + 0.1 * damping[0] * np.cos(2 * np.pi * y)[:, None] + 0.2 * damping[1] * np.cos(2 * np.pi * x - 0.3)
    assert np.abs(acid - expected).max() < 1e-14
    assert np.abs(quencher).max() == 0


def test_instant_neutralisation_leaves_what_is_more(xp: Any) -> None:
    inhibitor, acid, quencher = end_of_bake(Bake(60.0, 0.1, quencher=0.25), xp, waves(GRID), GRID)
    assert np.abs(acid - np.maximum(waves(GRID) - 0.25, 0)).max() < 1e-15
    assert np.abs(quencher - np.maximum(0.25 - waves(GRID), 0)).max() < 1e-15
    assert np.abs(inhibitor - np.exp(-6 * acid)).max() < 1e-14


@pytest.mark.parametrize("rate", [0.0, 0.3, 50.0])
def test_neutralisation_follows_its_closed_form_for_any_number_of_steps(rate: float, xp: Any) -> None:
    start, q0, t = waves(GRID), 0.31, 20.0
    bake = Bake(t, 0.0, quencher=q0, neutralization_per_s=rate, steps=5)
    _, acid, quencher = end_of_bake(bake, xp, start, GRID)
    excess = start - q0
    decay = np.exp(-rate * excess * t)
    assert np.abs(acid - excess / (1 - q0 / start * decay) if rate else acid - start).max() < 1e-13
    assert np.abs(acid - quencher - excess).max() < 1e-14


def test_equal_acid_and_quencher_decay_as_1_over_1_plus_c_k_t(xp: Any) -> None:
    start = xp(np.full((2, 2), 0.4))
    for amount in (0.0, 1e-9, 3.0, 1e9):
        for left in neutralize(start, start, amount)[:2]:
            assert np.abs(to_host(left) - 0.4 / (1 + 0.4 * amount)).max() < 1e-16


def test_fast_neutralisation_tends_to_the_instant_one(xp: Any) -> None:
    start, base = xp(waves(GRID)), xp(np.full(GRID.shape, 0.25))
    instant, fast = neutralize(start, base, math.inf), neutralize(start, base, 1e6)
    assert max(np.abs(to_host(a - b)).max() for a, b in zip(instant, fast, strict=True)) < 2e-5


@pytest.mark.parametrize("order", [1.0, 1.7, 3.0])
def test_acid_at_rest_deprotects_exponentially(order: float, xp: Any) -> None:
    inhibitor, acid, _ = end_of_bake(Bake(90.0, 0.05, order, steps=3), xp, waves(GRID), GRID)
    assert np.abs(inhibitor - np.exp(-4.5 * waves(GRID) ** order)).max() < 1e-14
    assert np.array_equal(acid, waves(GRID))


# --- all together -------------------------------------------------------------------------------------------------


def test_diffusing_acid_deprotects_by_its_mean_over_time(xp: Any) -> None:
    bake = Bake(60.0, 0.1, acid_diffusion_nm=15.0, steps=400)
    inhibitor, _, _ = end_of_bake(bake, xp, waves(LINE), LINE)
    rate = 2 * math.pi**2 * 15.0**2 / LINE.period_nm[1] ** 2  # of the wave's damping over the bake
    x = (np.arange(24) + 0.5) / 24
    mean = 0.2 + 0.2 * (1 - math.exp(-rate)) / rate * np.cos(2 * np.pi * x - 0.3)
    assert np.abs(-np.log(inhibitor[0]) - 6 * mean).max() < 1e-5


@pytest.mark.parametrize(
    "bake", [FULL, replace(FULL, quencher=0.4, order=2.0), replace(FULL, neutralization_per_s=0.05)]
)
def test_the_bake_follows_its_equations_and_errs_with_the_square_of_the_step(bake: Bake, xp: Any) -> None:
    errors = []
    for steps in (16, 64, 128, 256):
        got = end_of_bake(replace(bake, steps=steps), xp, waves(LINE), LINE)
        errors.append([np.abs(g[0] - r).max() for g, r in zip(got, reference(bake), strict=True)])
    assert max(errors[0]) < 3e-3 and max(errors[1]) < 4e-4
    for worse, better in itertools.pairwise(errors[1:]):
        assert all(3.5 < w / b < 4.5 for w, b in zip(worse, better, strict=True))


def test_acid_and_quencher_that_diffuse_alike_and_meet_at_once_leave_the_diffused_excess(xp: Any) -> None:
    bake = Bake(60.0, 0.12, 1.5, 14.0, 0.22, 14.0, math.inf)
    times, weights = np.polynomial.legendre.leggauss(400)
    damping = np.exp(-2 * math.pi**2 * 14.0**2 / LINE.period_nm[1] ** 2 * (1 + times) / 2)
    swing = 0.2 * np.cos(2 * np.pi * (np.arange(24) + 0.5) / 24 - 0.3)
    excess = np.clip(0.2 - 0.22 + swing * damping[:, None], 0, None)
    expected = np.exp(-0.12 * 60 * weights @ excess**1.5 / 2)
    ends = [end_of_bake(replace(bake, steps=n), xp, waves(LINE), LINE)[0][0] for n in (20, 80, 320)]
    errors = [np.abs(end - expected).max() for end in ends]
    assert errors[0] < 1e-5 and all(12 < a / b < 20 for a, b in itertools.pairwise(errors))


def test_with_instant_neutralisation_of_unlike_diffusion_the_error_falls_in_proportion_to_the_step() -> None:
    bake = replace(FULL, neutralization_per_s=math.inf)
    ends = [deprotect(waves(LINE), replace(bake, steps=n), LINE)[0] for n in (20, 40, 80, 160, 320)]
    moves = [np.abs(b - a).max() for a, b in itertools.pairwise(ends)]
    assert moves[0] < 1e-3 and all(1.7 < a / b < 2.4 for a, b in itertools.pairwise(moves))


def test_the_bake_follows_its_equations_through_depth(xp: Any) -> None:
    layers, layer_nm = 20, 4.0
    start = np.broadcast_to(depth_start(layers)[:, None, None], (layers, 2, 3)).copy()
    got = end_of_bake(replace(FULL, steps=128), xp, start, Grid((2, 3), (9.0, 9.0)), layer_nm)
    for g, r in zip(got, reference(FULL, layers, layer_nm), strict=True):
        assert np.abs(g - r[:, None, None]).max() < 1e-4


def test_acid_less_quencher_is_kept(xp: Any) -> None:
    start = np.stack([waves(GRID), 0.5 * waves(GRID)])
    _, acid, quencher = end_of_bake(FULL, xp, start, GRID, 4.0)
    assert (acid - quencher).sum() == pytest.approx((start - FULL.quencher).sum(), rel=1e-13)
    _, acid, quencher = end_of_bake(replace(FULL, quencher_diffusion_nm=14.0), xp, start, GRID, 4.0)
    _, free, _ = end_of_bake(replace(FULL, quencher=0.0), xp, start, GRID, 4.0)
    # diffusing alike, their difference diffuses as if they did not meet
    assert np.abs(acid - quencher - (free - FULL.quencher)).max() < 1e-14


def test_more_dose_longer_bakes_and_less_quencher_deprotect_more() -> None:
    start = waves(GRID)
    less, _ = deprotect(start, FULL, GRID)
    for bake, acid in (
        (FULL, 1.05 * start),
        (replace(FULL, duration_s=66.0), start),
        (replace(FULL, quencher=0.12), start),
        (replace(FULL, deprotection_per_s=0.13), start),
    ):
        more, _ = deprotect(acid, bake, GRID)
        assert (more < less).all() and (more > 0).all()


def test_the_bake_keeps_single_precision(xp: Any) -> None:
    start = waves(GRID)
    inhibitor, saved = deprotect(xp(start.astype(np.float32)), FULL, GRID)
    bar = deprotect_adjoint(inhibitor, saved, FULL)
    assert to_host(inhibitor).dtype == to_host(bar).dtype == np.float32
    assert np.abs(to_host(inhibitor) - deprotect(start, FULL, GRID)[0]).max() < 1e-5


# --- derivatives --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bake", [FULL, replace(FULL, order=1.0, neutralization_per_s=math.inf), replace(FULL, quencher=0.0)]
)
@pytest.mark.parametrize("layer_nm", [None, 6.0])
def test_the_adjoint_of_the_bake_is_its_derivative(
    bake: Bake, layer_nm: float | None, xp: Any, rng: np.random.Generator
) -> None:
    start, direction = (xp(rng.random((3, *GRID.shape))) for _ in range(2))
    before, bake = to_host(start).copy(), replace(bake, steps=4)
    inhibitor, saved = deprotect(start, bake, GRID, layer_nm)
    weight = xp(rng.standard_normal(tuple(inhibitor.shape)))
    gradient = deprotect_adjoint(weight, saved, bake)

    def value(acid: Any) -> float:
        return inner(weight, deprotect(acid, bake, GRID, layer_nm)[0])

    # a step that no pixel crosses the kink of instant neutralisation in
    assert gradient_test(value, gradient, start, direction, 1e-5) < 1e-6
    assert np.array_equal(to_host(start), before)


@pytest.mark.parametrize("amount", [1e-6, 0.7, 300.0, math.inf])
def test_the_adjoint_of_neutralisation_is_its_derivative(amount: float, xp: Any, rng: np.random.Generator) -> None:
    both, direction = xp(rng.random((2, 5, 6)) + 0.01), xp(rng.standard_normal((2, 5, 6)))
    weight = rng.standard_normal((3, 5, 6))

    def value(x: Any) -> float:
        return sum(inner(xp(w), y) for w, y in zip(weight, neutralize(x[0, ...], x[1, ...], amount), strict=True))

    bars = neutralize_adjoint(tuple(xp(w) for w in weight), both[0, ...], both[1, ...], amount)
    gradient = xp(np.stack([to_host(b) for b in bars]))
    assert gradient_test(value, gradient, both, direction, 1e-6) < 1e-6


def test_the_linearised_neutralisation_and_its_adjoint_satisfy_the_dot_test(rng: np.random.Generator) -> None:
    acid, quencher = rng.random((2, 5, 6))
    unit = [[np.full((5, 6), float(i == j)) for j in range(3)] for i in range(3)]
    rows = [np.stack(neutralize_adjoint((a, b, c), acid, quencher, 3.0)) for a, b, c in unit]

    def forward(d: Any) -> Any:
        return np.stack([(row * d).sum(axis=0) for row in rows])

    def adjoint(b: Any) -> Any:
        return np.stack(neutralize_adjoint((b[0], b[1], b[2]), acid, quencher, 3.0))

    x, y = rng.standard_normal((2, 5, 6)), rng.standard_normal((3, 5, 6))
    assert dot_test(forward, adjoint, x, y) < 1e-12


def test_bakes_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="`duration_s` must be a positive time, but got 0"):
        Bake(0.0, 0.1)
    with pytest.raises(ValueError, match=r"`quencher` must be at least 0, but got -0\.1"):
        Bake(60.0, 0.1, quencher=-0.1)
    with pytest.raises(ValueError, match="`neutralization_per_s` must be at least 0, but got nan"):
        Bake(60.0, 0.1, neutralization_per_s=math.nan)
    with pytest.raises(ValueError, match=r"`order` must be at least 1, but got 0\.5"):
        Bake(60.0, 0.1, 0.5)
    with pytest.raises(ValueError, match="`steps` must be at least 1, but got 0"):
        Bake(60.0, 0.1, steps=0)
    with pytest.raises(ValueError, match="`acid` must end in the grid's shape"):
        deprotect(np.ones((5, 5)), FULL, GRID)
    with pytest.raises(ValueError, match="`acid` must have a depth"):
        deprotect(np.ones(GRID.shape), FULL, GRID, 5.0)
