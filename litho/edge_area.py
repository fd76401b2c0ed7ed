"""The last steps of edge-based correction: fragments move to where the whole print is best, not its sites alone.

The loss is that of inverse lithography, area that prints wrongly and area between the corners' prints, with the exact
gradient in every move; limits are kept by the method itself.

References
----------
R. H. Byrd, P. Lu, J. Nocedal, C. Zhu, "A limited memory algorithm for bound constrained optimization", SIAM J. Sci.
Comput. 16, 1995.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.optimize

from litho.cells import Floats
from litho.edge_image import Complexes, EdgeImages, EdgeModel, edge_images, edge_images_adjoint
from litho.edge_moves import MovingEdges, moving_edges
from litho.fourier import band_transform
from litho.fragments import Fragments
from litho.grid import Grid
from litho.losses import LossWeights, PrintCost
from litho.mask import transmission_band_adjoint
from litho.print_loss import print_loss
from litho.socs import image_band_adjoint


@dataclass(frozen=True)
class AreaSettings:
    """How the whole print is improved.

    Parameters
    ----------
    steps
        the most steps to take; 0 for none
    pixel_nm
        grid of the prints, which divides the field
    resist_steepness
        slope of the sigmoid that makes the intensity a print
    weights
        of the kinds of error, see `litho.losses.LossWeights`; without one of side lobes: bars that print are found,
        and made smaller
    jog_weight
        what a jog of 1 nm costs, nm^2
    """

    steps: int = 60
    pixel_nm: float = 8.0
    resist_steepness: float = 80.0
    weights: LossWeights = LossWeights(1.0, 1.0, 1.0)
    jog_weight: float = 0.3

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise ValueError(f"`steps` must be at least 0, but got {self.steps}.")
        for name in ("pixel_nm", "resist_steepness"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"`{name}` must be a positive number, but got {value}.")
        if self.weights.side_lobes != 0:
            raise ValueError(f"`weights.side_lobes` must be 0 for moved edges, but got {self.weights.side_lobes}.")
        if not (math.isfinite(self.jog_weight) and self.jog_weight >= 0):
            raise ValueError(f"`jog_weight` must be at least 0, but got {self.jog_weight}.")


@dataclass(frozen=True, eq=False)
class AreaLoss:
    """What is minimised; made by `area_loss`.

    Parameters
    ----------
    fragments, edges
        what moves
    model
        lens and process
    grid
        of the prints
    target : (ny, nx) real, in 0..1
        on it
    probes : (ny, nx) real, or None
        nm^2 that a wrong print costs at each pixel
    settings
        see `AreaSettings`
    """

    fragments: Fragments
    edges: MovingEdges
    model: EdgeModel
    grid: Grid
    target: Floats
    probes: Floats | None
    settings: AreaSettings

    def __call__(self, moves_nm: Floats) -> tuple[float, Floats]:
        """Return the loss of moves (m,), nm^2, and its gradient (m,)."""
        images = edge_images(moves_nm, self.edges, self.model)
        value, halves_bar = self._of_images(images)
        gradient = edge_images_adjoint(halves_bar, images, self.edges, self.model, len(self.fragments))
        jogs = self.fragments.jogs
        steps = moves_nm[jogs[:, 0]] - moves_nm[jogs[:, 1]]
        pull = 2 * self.settings.jog_weight * steps
        gradient += np.bincount(jogs[:, 0], pull, len(gradient)) - np.bincount(jogs[:, 1], pull, len(gradient))
        return value + self.settings.jog_weight * float((steps**2).sum()), gradient

    def help(self, moves_nm: Floats) -> Floats:
        """Return how much the loss falls per nm^2 that the mask is opened at each pixel of `grid`, (ny, nx)."""
        images = edge_images(moves_nm, self.edges, self.model)
        _, halves_bar = self._of_images(images)
        bands = zip(halves_bar, images.saved, self.model.kernels, strict=True)
        band_bar = sum(image_band_adjoint(half_bar, saved, kernels) for half_bar, saved, kernels in bands)
        to_band = band_transform(self.grid.shape, self.model.kernels[0].radius, self.target)
        coverage_bar = to_band.adjoint(transmission_band_adjoint(band_bar, self.model.mask))
        return np.asarray(-coverage_bar / self.grid.pixel_area_nm2)

    def _of_images(self, images: EdgeImages) -> tuple[float, list[Complexes]]:
        """Return the loss of images, and its gradient with respect to the half band of each."""
        transforms = [band_transform(self.grid.shape, k.image_radius, self.target) for k in self.model.kernels]
        intensity = np.stack([t.inverse(i.half) for t, i in zip(transforms, images.images, strict=True)])
        value, bars = print_loss(intensity[:, None], self.cost)
        return float(value[0]), [t.inverse_adjoint(bar) for t, bar in zip(transforms, bars[:, 0], strict=True)]

    @cached_property
    def cost(self) -> PrintCost:
        """What is punished, of a batch of this one field."""
        process, settings = self.model.process, self.settings
        process = replace(process, resist=replace(process.resist, steepness=settings.resist_steepness))
        probes = None if self.probes is None else self.probes[None]
        return settings.weights.cost(process, self.target[None], self.grid.pixel_area_nm2, probes)


def area_loss(
    fragments: Fragments, model: EdgeModel, target: Floats, settings: AreaSettings, probes: Floats | None = None
) -> AreaLoss:
    """Return the loss of moves.

    Parameters
    ----------
    fragments
        what moves
    model
        lens and process
    target : (ny, nx) real, in 0..1
        coverage of the wanted shapes, on the model's grid
    settings
        see `AreaSettings`
    probes : (ny, nx) real, optional
        nm^2 that a wrong print costs at each pixel of that grid
    """
    grid = model.grid.resampled(settings.pixel_nm)
    blocks = [a // b for a, b in zip(model.grid.shape, grid.shape, strict=True)]

    def means(values: Floats) -> Floats:
        parts = np.asarray(values, np.float64).reshape(grid.shape[0], blocks[0], grid.shape[1], blocks[1])
        return np.asarray(parts.mean(axis=(1, 3)))

    costs = None if probes is None else means(probes) * (blocks[0] * blocks[1])
    return AreaLoss(fragments, moving_edges(fragments), model, grid, means(target), costs, settings)


@dataclass(frozen=True, eq=False)
class Improved:
    """Moves (m,) nm after the last steps, the losses on the way, nm^2, and whether somebody asked to stop."""

    moves_nm: Floats
    losses: Floats
    asked: bool


def improve(
    loss: AreaLoss,
    moves_nm: Floats,
    limits_nm: tuple[Floats, Floats],
    report: Callable[[int, float], bool] | None = None,
) -> Improved:
    """Return better moves within limits; the best that were seen, whatever happens.

    Parameters
    ----------
    loss
        see `area_loss`
    moves_nm : (m,) real
        first moves
    limits_nm
        smallest and largest move of each fragment, (m,) each
    report
        called after each step with its number, from 1, and the loss; True stops
    """
    best: list[tuple[float, Floats]] = []
    losses: list[float] = []
    asked = False

    def value_and_gradient(moves: Floats) -> tuple[float, Floats]:
        value, gradient = loss(moves)
        if not best or value < best[0][0]:
            best[:] = [(value, moves.copy())]
        return value, gradient

    def after(moves: Floats) -> None:
        nonlocal asked
        losses.append(best[0][0])
        if report is not None and report(len(losses), losses[-1]):
            asked = True
            raise StopIteration

    start = np.clip(moves_nm, *limits_nm)
    if loss.settings.steps == 0:
        return Improved(start, np.array([loss(start)[0]]), False)
    scipy.optimize.minimize(
        value_and_gradient,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=np.stack(limits_nm, axis=1),
        callback=after,
        options={"maxiter": loss.settings.steps, "maxfun": 2 * loss.settings.steps, "maxcor": 12},
    )
    return Improved(best[0][1], np.array(losses), asked)
