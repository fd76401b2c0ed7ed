"""Border passes: each tile takes a few more steps with what its neighbours found around it.

This is a restricted additive Schwarz method. Every tile starts at the blend of all levels on its whole field; what it
may change is a smooth field that is added to the level,

    level = blend + G (inner * y),  y = 0 at the start,

with G the recipe's Gaussian and `inner` 1 on the core and its overlap, 0 on the halo. The loss counts where the image
is known: it fades out between the core's surroundings and the field's border, beyond which the field repeats and the
mask does not. Where the blend is optimal already, the gradient vanishes and nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from litho.backend import Array, array_module, to_device, to_host
from litho.chip.blend import weights
from litho.chip.tile_setup import TileSetup
from litho.chip.tile_work import TileProblem
from litho.chip.tiles import TilePlan
from litho.model import print_mask, print_mask_adjoint
from litho.optimize import Objective, minimize
from litho.parametrize import mask_of_level, mask_of_level_adjoint
from litho.pixel_ilt import IltSettings, StageProblem, stage_problem


@dataclass(frozen=True)
class BorderStep:
    """What a tile improves; made by `border_step`.

    Parameters
    ----------
    problem
        the chain of the recipe's last stage
    level : (fields, ny, nx) real
        the blend
    inner : (1, ny, nx) real
        1 where the tile may change the level, 0 in its halo
    known : (1, ny, nx) real, in 0..1
        share of a wrong print that counts
    """

    problem: StageProblem
    level: Array
    inner: Array
    known: Array

    def changed(self, y: Array) -> Array:
        """Return the level for variables y, (fields, ny, nx)."""
        return self.level + self.problem.smoothing(self.inner * y)

    def changed_adjoint(self, level_bar: Array) -> Array:
        """Gradient with respect to `y`, from the one with respect to the level."""
        return self.inner * self.problem.smoothing.adjoint(level_bar)

    def objective(self) -> Objective:
        """Return the function that `minimize` calls."""
        problem = self.problem

        def value_and_gradient(y: Array) -> tuple[Array, Array]:
            coverage, inside = mask_of_level(self.changed(y), problem.mask_steepness, problem.free)
            printed, saved = print_mask(coverage, problem.model)
            value, counted_bar = problem.loss(problem.target + self.known * (printed - problem.target))
            coverage_bar = print_mask_adjoint(self.known * counted_bar, saved, problem.model)
            level_bar = mask_of_level_adjoint(coverage_bar, inside, problem.mask_steepness, problem.free)
            return value, self.changed_adjoint(level_bar)

        return value_and_gradient


def border_step(
    level: NDArray[np.float32], tile: TileProblem, setup: TileSetup, plan: TilePlan, device: str = "cpu"
) -> BorderStep:
    """Return what a tile improves in a border pass.

    Parameters
    ----------
    level : (ny, nx), or (fields, ny, nx)
        blend of all tiles' levels on the field, or on each of several
    tile
        its target, or theirs
    setup, plan
        what all tiles share
    device
        of the arrays of `tile`
    """
    stage, inverse = setup.last_stage, setup.inverse
    settings = IltSettings((stage,), inverse.weights, inverse.smoothing_nm, optimizer=inverse.optimizer)
    problem = stage_problem(
        tile.target,
        tile.grid,
        setup.process,
        setup.kernels,
        settings,
        stage,
        mask=setup.mask,
        probes=tile.probes,
        free=tile.free,
    )
    inner, known = (to_device(a[None], device) for a in _windows(tile.grid.shape, plan, setup.pixel_nm))
    return BorderStep(problem, to_device(level.reshape(-1, *tile.grid.shape), device), inner, known)


def improved_level(
    level: NDArray[np.float32],
    tile: TileProblem,
    setup: TileSetup,
    plan: TilePlan,
    device: str = "cpu",
    report: Callable[[int, Array], bool] | None = None,
) -> NDArray[np.float32]:
    """Return the level of a field, or of each of several, after one border pass; arguments as in `border_step`."""
    step = border_step(level, tile, setup, plan, device)
    start = array_module(step.level).zeros_like(step.level)
    optimizer = replace(setup.inverse.optimizer, tolerance=0.0)
    y, _, _ = minimize(step.objective(), start, setup.settings.border_steps, optimizer, report)
    result = step.changed(y)
    if tile.free is not None:
        xp = array_module(result)
        result = xp.where(tile.free > 0, result, -xp.abs(result))
    found: NDArray[np.float32] = np.ascontiguousarray(to_host(result).reshape(level.shape), dtype=np.float32)
    return found


def _windows(
    shape: tuple[int, int], plan: TilePlan, pixel_nm: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return where a tile may change its level, and where its print counts, (ny, nx) each."""
    halo, overlap = round(plan.halo_nm / pixel_nm), round(plan.overlap_nm / pixel_nm)
    inner = _window(shape, halo - overlap, 0)
    # the outer half of the halo does not count, and the inner half less and less
    return inner, _window(shape, halo // 2, (halo - overlap - halo // 2) // 2)


def _window(shape: tuple[int, int], cut: int, ramp: int) -> NDArray[np.float32]:
    """Return an array that is 0 up to `cut` samples from each side, and 1 after twice `ramp` more."""
    sides = []
    for n in shape:
        side = np.zeros(n, np.float32)
        side[cut : n - cut] = 1
        if ramp > 0:
            rising = weights(ramp)
            side[cut : cut + 2 * ramp] = rising
            side[n - cut - 2 * ramp : n - cut] = rising[::-1]
        sides.append(side)
    return np.outer(*sides)
