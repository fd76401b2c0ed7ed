"""Source and mask together: the gradient, the turns, and the dipole that dense lines call for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from litho.abbe import abbe_image
from litho.check import gradient_test
from litho.fourier import band_transform
from litho.grid import Grid
from litho.losses import LossWeights
from litho.mask import Mask, transmission_band
from litho.parametrize import mask_of_level
from litho.pixel_ilt import IltSettings, Stage
from litho.process import Corner, Process
from litho.pupil import Optics
from litho.resist import Resist
from litho.smo import SmoResult, SmoSettings, _Search, smo
from litho.source import Source
from litho.source_space import SourceLimits, lifted, pupil_fill

WAVELENGTH, NA = 193.0, 1.35
LENS = Optics(WAVELENGTH, NA, Source.annular(0.6, 0.9), 1.44)
CORNERS = (Corner(), Corner(0.95, 0.0), Corner(1.05, 0.0), Corner(0.95, 100.0), Corner(1.05, 100.0))
PROCESS = Process(CORNERS, Resist(0.3))
MASKS = IltSettings(smoothing_nm=5.0)


def settings(pixels: int = 31, rounds: int = 6, **more: Any) -> SmoSettings:
    limits = SourceLimits(pixels, **{"min_fill": 0.03, "blur": 0.0, **more})
    return SmoSettings(limits, Stage(2.5, 10, 8, 50), rounds=rounds, tolerance=0.0)


def lines(pitch: float, along_x: bool = True) -> tuple[np.ndarray, Grid]:
    """One period of open lines of half the pitch, modulated along x or along y, (1, ny, nx)."""
    count = round(pitch / 2.5)
    row = ((np.arange(count) + 0.5) < count / 2) * 1.0
    target = np.tile(row, (4, 1))
    return (target if along_x else target.T.copy())[None], Grid((4, count) if along_x else (count, 4), (2.5, 2.5))


def light_over_sigma(found: SmoResult, along_x: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return |sigma| along an axis and the share of the light there."""
    share = np.asarray(found.brightness).sum(axis=0 if along_x else 1)
    count = len(share)
    return np.abs((np.arange(count) + 0.5) * 2 / count - 1), share / share.sum()


@pytest.mark.parametrize(("pitch", "along_x"), [(100.0, True), (120.0, False)])
def test_dense_lines_call_for_a_dipole_at_half_their_first_order(pitch: float, along_x: bool) -> None:
    """Light at sigma = lambda / (2 p NA) passes order 0 and one first order at the same distance from the axis.

    They stay in phase at any focus, so the image is that of two beams. No light elsewhere does that.
    """
    target, grid = lines(pitch, along_x)
    found = smo(target, grid, PROCESS, LENS, settings(rounds=10), MASKS)
    sigma, share = light_over_sigma(found, along_x)
    wanted = WAVELENGTH / (2 * pitch * NA)
    near = np.abs(sigma - wanted) < 1.5 * 2 / 31  # its own pixel and the neighbours
    assert share[near].sum() > 0.9
    assert share @ sigma == pytest.approx(wanted, abs=0.05)


@pytest.mark.parametrize(("tone", "sign"), [("bright", 1), ("dark", -1)])
def test_the_source_step_sees_the_loss_of_an_independent_image(tone: str, sign: int, rng: np.random.Generator) -> None:
    """Its images, by parts, print as the sum over source points does."""
    target, grid = lines(140.0)
    process = Process(CORNERS, Resist(0.3, tone=tone))
    search = _Search(target, grid, process, LENS, settings(15), MASKS, Mask(), None)
    problem = search.mask_problem(Source.annular(0.5, 0.9))
    level = target - 0.5 + 0.1 * rng.standard_normal(target.shape)
    x = rng.standard_normal((1, 1, len(search.space)))
    value, _ = search.source_objective(problem, level)(x)
    source = search.space.source(lifted(x, search.space)[0])
    optics = Optics(WAVELENGTH, NA, source, 1.44)
    radius = optics.band_radius(grid.period_nm)
    mask = mask_of_level(problem.smoothing(level), problem.mask_steepness)[0]
    band = transmission_band(band_transform(grid.shape, radius, mask)(mask), Mask())
    to_print = band_transform(grid.shape, (2 * radius[0], 2 * radius[1]), mask)
    printed = []
    for corner in CORNERS:
        half = abbe_image(band, optics, grid.period_nm, corner.defocus_nm, search.space.spacing)
        printed.append(1 / (1 + np.exp(-sign * 50 * (corner.dose * to_print.inverse(half) - 0.3))))
    others = np.stack(printed[1:])
    band_loss = ((others.max(axis=0) - others.min(axis=0)) ** 2).sum() * 2.5**2
    expected = ((printed[0] - target) ** 2).sum() * 2.5**2 + band_loss
    assert float(value[0]) == pytest.approx(expected, rel=1e-9)


def test_the_gradient_of_the_source_step_agrees_with_differences(xp: Any, rng: np.random.Generator) -> None:
    target, grid = lines(140.0)
    search = _Search(xp(target), grid, PROCESS, LENS, settings(11), MASKS, Mask(), None)
    problem = search.mask_problem(Source.annular(0.5, 0.9))
    objective = search.source_objective(problem, xp(target - 0.5))
    x, direction = rng.standard_normal((2, 1, 1, len(search.space)))
    _, gradient = objective(xp(x))
    assert gradient_test(lambda v: float(objective(v)[0][0]), gradient, xp(x), xp(direction), 1e-4) < 1e-6


def test_no_turn_raises_the_loss_and_the_constraints_hold_at_the_end() -> None:
    target, grid = lines(120.0)
    chosen = settings(21, 3, sigma_inner=0.3, sigma_outer=0.9, min_fill=0.15, symmetry="fourfold", blur=0.05)
    found = smo(target, grid, PROCESS, LENS, chosen, MASKS)
    assert [turn.part for turn in found.turns] == ["mask", "source"] * 3
    for turn in found.turns:
        assert all(b <= a for a, b in zip(turn.values, turn.values[1:], strict=False))
    assert found.loss < 0.8 * found.turns[0].values[-1]
    bright = np.asarray(found.brightness)
    assert pupil_fill(found.source, 21) >= 0.15 * (1 - 1e-9)
    assert np.abs(bright - bright.T).max() < 1e-12 and np.abs(bright - bright[::-1]).max() < 1e-12
    assert found.source.extent <= 0.9 + 1e-9


def test_one_source_serves_several_clips_and_their_losses_add_up() -> None:
    """Two periods of the same lines are one clip twice: the same source, and twice the loss."""
    target, grid = lines(140.0)
    one, two = (smo(t, grid, PROCESS, LENS, settings(11, 2), MASKS) for t in (target, np.concatenate([target] * 2)))
    assert two.turns[0].values[-1] == pytest.approx(2 * one.turns[0].values[-1], rel=1e-9)
    assert two.level.shape[0] == 2


def test_a_report_stops_the_search_with_what_there_is() -> None:
    target, grid = lines(140.0)
    seen: list[tuple[int, str, int]] = []

    def report(number: int, part: str, step: int, loss: float) -> bool:
        assert math.isfinite(loss)
        seen.append((number, part, step))
        return part == "source" and step == 2

    found = smo(target, grid, PROCESS, LENS, settings(11), MASKS, report=report)
    assert found.stopped_early and len(found.turns) == 2 and seen[-1] == (0, "source", 2)
    assert found.source.light > 0


def test_a_start_source_is_where_the_search_begins() -> None:
    target, grid = lines(140.0)
    found = smo(target, grid, PROCESS, LENS, settings(21, 1, blur=0.0), MASKS, start=Source.dipole(0.5, 0.2))
    sigma, share = light_over_sigma(found, along_x=True)
    assert share[np.abs(sigma - 0.5) < 0.25].sum() > 0.8


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rounds": 0}, "`rounds` must be at least 1"),
        ({"source_steps": 0}, "`source_steps` must be at least 1"),
        ({"tolerance": -1.0}, "`tolerance` must be a share"),
        ({"placement_nm": 0.0}, "`placement_nm` must be a positive length"),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SmoSettings(**changes)


def test_an_objective_without_weight_or_without_its_probes_is_refused() -> None:
    with pytest.raises(ValueError, match="the loss weights must be at least 0 and not all 0"):
        LossWeights(0.0, 0.0, 0.0)
    target, grid = lines(140.0)
    with pytest.raises(ValueError, match="`probes` must be given"):
        smo(target, grid, PROCESS, LENS, settings(11), IltSettings(weights=LossWeights(1, 1, 1)))
