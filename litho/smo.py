"""Source and mask together: the realisable source, and the mask, whose prints stay closest to the target.

For one mask the image is linear in the light, so a step of the source costs little once the mask has been imaged under
each part of the source; for one source the mask is optimised as in `litho.pixel_ilt`, with the kernels of that source.
The two take turns. Both minimise the same loss, at all foci and doses of the process window.

The mask found here is coarse, and there to find the source: the final one is made by `litho.pixel_ilt`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from litho.backend import Array, array_module, complex_dtype, like, real_dtype
from litho.fourier import BandTransform, band_transform
from litho.grid import Grid
from litho.mask import Mask, transmission_band
from litho.optimize import LbfgsSettings, Objective, minimize
from litho.parametrize import mask_of_level
from litho.pixel_ilt import IltSettings, Stage, StageProblem, stage_problem
from litho.print_loss import print_loss
from litho.process import Process
from litho.pupil import Optics
from litho.source import Source
from litho.source_images import SourceImages, images_per_part, lit_image, lit_image_adjoint
from litho.source_space import SourceLimits, lifted, lifted_adjoint, sources_within
from litho.tcc import socs_kernels


@dataclass(frozen=True)
class SmoSettings:
    """How a source is optimised.

    Parameters
    ----------
    limits
        what the illuminator can make
    stage
        grid, slopes and kernels of the mask; its `steps` are those of the first mask
    rounds
        the most times that source and mask take turns
    source_steps, mask_steps
        of one turn
    tolerance
        the search ends when a round gained no more than this share of the loss
    optimizer
        of the source's steps
    placement_nm
        distance from their place that edges may have in the process window that is told of source and mask
    """

    limits: SourceLimits = field(default_factory=SourceLimits)
    stage: Stage = field(default_factory=lambda: Stage(8, 30, 8, 50, 24))
    rounds: int = 6
    source_steps: int = 20
    mask_steps: int = 8
    tolerance: float = 0.005
    optimizer: LbfgsSettings = LbfgsSettings()
    placement_nm: float = 5.0

    def __post_init__(self) -> None:
        for name in ("rounds", "source_steps", "mask_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 1, but got {getattr(self, name)}.")
        if not (math.isfinite(self.tolerance) and self.tolerance >= 0):
            raise ValueError(f"`tolerance` must be a share of at least 0, but got {self.tolerance}.")
        if not (math.isfinite(self.placement_nm) and self.placement_nm > 0):
            raise ValueError(f"`placement_nm` must be a positive length, but got {self.placement_nm}.")


@dataclass(frozen=True)
class Turn:
    """One turn of the search.

    Parameters
    ----------
    part
        "mask" or "source"
    values
        loss, summed over clips, at its start and after each step, weighted nm^2
    """

    part: str
    values: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class SmoResult:
    """An optimised source.

    Parameters
    ----------
    source
        its light relative to the brightest pixel that the illuminator could program
    brightness : (n, n) real, in 0..1
        of its pixels, row 0 at y = -1
    level : (clips, ny, nx) real
        the coarse masks it was found with, on `grid`: open where positive
    grid
        of `level`, without the clips' places
    turns
        of the search, in order
    stopped_early
        whether `report` asked to stop
    """

    source: Source
    brightness: Array
    level: Array
    grid: Grid
    turns: tuple[Turn, ...]
    stopped_early: bool

    @property
    def loss(self) -> float:
        """Loss after the last turn."""
        return self.turns[-1].values[-1]


Report = Callable[[int, str, int, float], bool]
"""called after each step with the round (from 0), "mask" or "source", step (from 1) and loss; True stops"""


def smo(
    target: Array,
    grid: Grid,
    process: Process,
    optics: Optics,
    settings: SmoSettings | None = None,
    ilt_settings: IltSettings = IltSettings(),
    *,
    mask: Mask = Mask(),
    probes: Array | None = None,
    start: Source | None = None,
    report: Report | None = None,
) -> SmoResult:
    """Optimise one source, and a mask for each of several clips.

    Parameters
    ----------
    target : (clips, ny, nx) real, in 0..1
        coverage of the wanted shapes on `grid`: clips or periods of a pattern
    grid
        its pixels must divide those of `settings.stage`
    process
        resist threshold, and the corners of the process window that the loss is taken over: foci and doses. Where lens
        and mask are symmetric through focus, foci on one side stand for both
    optics
        the lens; its source is not used
    settings
        see `SmoSettings`
    ilt_settings
        weights of the loss; smoothing, start and steps of the masks; its stages are not used
    mask, probes
        see `litho.pixel_ilt.ilt`
    start
        source to begin with; all pixels alike if it is not given, or dark where light may come from
    report
        see `Report`

    Returns
    -------
    SmoResult
    """
    settings = SmoSettings() if settings is None else settings
    search = _Search(target, grid, process, optics, settings, ilt_settings, mask, probes)
    if ilt_settings.weights.epe > 0 and probes is None:
        raise ValueError("`probes` must be given if the weight of `epe` is not 0.")
    variables = like(search.space.variables(start)[None, None, :], target, real_dtype(target))
    level: Array = None
    turns: list[Turn] = []
    for number in range(settings.rounds):
        values = lifted(variables, search.space)[0]
        problem = search.mask_problem(search.space.source(values))
        level = problem.start(ilt_settings) if level is None else level
        steps = settings.stage.steps if number == 0 else settings.mask_steps
        level, turn, asked = _turn("mask", problem.objective(), level, steps, ilt_settings.optimizer, number, report)
        turns.append(turn)
        if asked:
            break
        objective = search.source_objective(problem, level)
        variables, turn, asked = _turn(
            "source", objective, variables, settings.source_steps, settings.optimizer, number, report
        )
        turns.append(turn)
        if asked or (number and turn.values[-1] >= (1 - settings.tolerance) * turns[-3].values[-1]):
            break
    values = lifted(variables, search.space)[0]
    smooth = problem.smoothing(level)
    return SmoResult(
        search.space.source(values),
        search.space.brightness(values),
        smooth,
        problem.model.mask_grid,
        tuple(turns),
        asked,
    )


def _turn(
    part: str, objective: Objective, x: Array, steps: int, settings: LbfgsSettings, number: int, report: Report | None
) -> tuple[Array, Turn, bool]:
    """Minimise a part, and say how it went."""

    def progress(step: int, value: Array) -> bool:
        return report is not None and report(number, part, step, _total(value))

    x, values, asked = minimize(objective, x, steps, settings, progress)
    return x, Turn(part, tuple(_total(value) for value in values)), asked


def _total(value: Array) -> float:
    return float(array_module(value).sum(value))


class _Search:
    """What stays the same while source and mask take turns."""

    def __init__(
        self,
        target: Array,
        grid: Grid,
        process: Process,
        optics: Optics,
        settings: SmoSettings,
        ilt_settings: IltSettings,
        mask: Mask,
        probes: Array | None,
    ) -> None:
        self.target, self.grid, self.settings, self.mask, self.probes = target, grid, settings, mask, probes
        self.ilt_settings, self.process = ilt_settings, process
        self.space = sources_within(settings.limits)
        self.optics = replace(optics, source=self.space.all_lit)
        self.light_of_points = self.space.point_light(self.space.all_lit.sample(self.space.spacing))

    def mask_problem(self, source: Source) -> StageProblem:
        """Return what a turn of the masks minimises."""
        optics, spacing = replace(self.optics, source=source), self.space.spacing
        period, foci_nm = self.grid.period_nm, self.process.foci_nm
        kernels = tuple(socs_kernels(optics, period, focus, spacing=spacing) for focus in foci_nm)
        return stage_problem(
            self.target,
            self.grid,
            self.process,
            kernels,
            self.ilt_settings,
            self.settings.stage,
            mask=self.mask,
            probes=self.probes,
        )

    def source_objective(self, problem: StageProblem, level: Array) -> Objective:
        """Return the function of the source's variables, (1, 1, K), that `minimize` calls."""
        images, to_print = self._images(problem, level)
        space = self.space

        def value_and_gradient(x: Array) -> tuple[Array, Array]:
            light, saved_light = lifted(x, space)
            xp, flat = array_module(light), light[0, 0, :]
            lit = [lit_image(flat, each) for each in images]
            value, intensity_bar = print_loss(xp.stack([to_print.inverse(half) for half, _ in lit]), problem.cost)
            light_bar = sum(
                lit_image_adjoint(to_print.inverse_adjoint(intensity_bar[focus, ...]), saved, each)
                for focus, ((_, saved), each) in enumerate(zip(lit, images, strict=True))
            )
            return xp.sum(value)[None], lifted_adjoint(light_bar[None, None, :], saved_light, space)

        return value_and_gradient

    def _images(self, problem: StageProblem, level: Array) -> tuple[list[SourceImages], BandTransform]:
        """Return what each part of the source images, for each focus, and the way to the print grid."""
        coverage, _ = mask_of_level(problem.smoothing(level), problem.mask_steepness, problem.free)
        grid, period = problem.model.mask_grid, self.grid.period_nm
        radius = self.optics.band_radius(period)
        band = transmission_band(band_transform(grid.shape, radius, coverage)(coverage), self.mask)
        images = [
            images_per_part(band, self.optics, period, self.light_of_points, focus, self.space.spacing)
            for focus in self.process.foci_nm
        ]
        assert images[0].halves.dtype == complex_dtype(coverage)
        image_radius = (2 * radius[0], 2 * radius[1])
        return images, band_transform(problem.model.print_grid.shape, image_radius, coverage)
