"""The textbook's way to an aerial image: one transform of the whole grid per kernel, and one more each for the adjoint.

It computes what `litho.model` computes, on grids that resolve the image, without knowing of the lens band: it is what
others do, and the independent answer that all must agree with.
"""

from __future__ import annotations

from litho.backend import Array, array_module, fft_of, zeros
from litho.fourier import crop, embed
from litho.grid import Grid
from litho.optimize import Objective, minimize
from litho.parametrize import mask_of_level, mask_of_level_adjoint, resample
from litho.pixel_ilt import IltSettings, StageProblem, stage_problem
from litho.process import Process, expose, expose_adjoint
from litho.resist import develop, develop_adjoint
from litho.socs import Kernels

SavedImage = tuple[Array, list[Array]]
"""The mask's spectrum in the band, and the fields, if they were kept."""


def full_grid_image(coverage: Array, kernels: Kernels, keep: bool) -> tuple[Array, SavedImage]:
    """Return the intensity (ny, nx) by K + 1 transforms of the whole grid; also spectrum and, to keep, the fields."""
    xp, fft = array_module(coverage), fft_of(array_module(coverage))
    spectrum = crop(fft.fftn(coverage, norm="forward"), kernels.radius)
    intensity, fields = zeros(coverage.shape, coverage), []
    for weight, kernel in zip(kernels.weights, kernels.spectra, strict=True):
        field = fft.ifftn(embed(spectrum * kernel, coverage.shape), norm="forward", overwrite_x=True)
        intensity += weight * (xp.real(field) ** 2 + xp.imag(field) ** 2)
        if keep:
            fields.append(field)
    if kernels.background is not None:
        intensity += xp.sum(kernels.background * (xp.real(spectrum) ** 2 + xp.imag(spectrum) ** 2))
    return intensity, (spectrum, fields)


def full_grid_image_adjoint(intensity_bar: Array, saved: SavedImage, kernels: Kernels) -> Array:
    """Gradient with respect to `coverage`, from the one with respect to the intensity, by K + 1 transforms."""
    xp, fft = array_module(intensity_bar), fft_of(array_module(intensity_bar))
    spectrum, fields = saved
    spectrum_bar = zeros(spectrum.shape, spectrum)
    for weight, kernel, field in zip(kernels.weights, kernels.spectra, fields, strict=True):
        field_bar = fft.fftn((2 * weight) * intensity_bar * field, overwrite_x=True)
        spectrum_bar += crop(field_bar, kernels.radius) * xp.conj(kernel)
    if kernels.background is not None:
        spectrum_bar += (2 * xp.sum(intensity_bar)) * kernels.background * spectrum
    return xp.real(fft.ifftn(embed(spectrum_bar, intensity_bar.shape), overwrite_x=True))


def full_grid_images(coverage: Array, kernels: Kernels) -> Array:
    """Return the intensities (clips, ny, nx) of masks (clips, ny, nx), one after the other."""
    return array_module(coverage).stack([full_grid_image(clip, kernels, keep=False)[0] for clip in coverage])


def full_grid_objective(problem: StageProblem) -> Objective:
    """Return the objective of a stage, with images of the whole grid: as `StageProblem.objective`.

    The mask and the print must stand on one grid.
    """
    model = problem.model
    if model.mask_grid != model.print_grid:
        raise ValueError(f"`problem` must print on the mask's grid {model.mask_grid}, but got {model.print_grid}.")

    def value_and_gradient(x: Array) -> tuple[Array, Array]:
        xp = array_module(x)
        coverage, inside = mask_of_level(problem.smoothing(x), problem.mask_steepness, problem.free)
        pairs = [[full_grid_image(clip, k, keep=True) for clip in coverage] for k in model.kernels]
        intensity = xp.stack([xp.stack([image for image, _ in focus]) for focus in pairs])
        printed, developed = develop(expose(intensity, model.process), model.process.resist)
        value, printed_bar = problem.loss(printed)
        exposed_bar = develop_adjoint(printed_bar, developed, model.process.resist)
        intensity_bar = expose_adjoint(exposed_bar, model.process)
        coverage_bar = zeros(coverage.shape, coverage)
        for bar, focus, kernels in zip(intensity_bar, pairs, model.kernels, strict=True):
            for clip, (_, saved) in enumerate(focus):
                coverage_bar[clip, ...] += full_grid_image_adjoint(bar[clip, ...], saved, kernels)
        level_bar = mask_of_level_adjoint(coverage_bar, inside, problem.mask_steepness, problem.free)
        return value, problem.smoothing.adjoint(level_bar)

    return value_and_gradient


def full_grid_ilt(
    target: Array, grid: Grid, process: Process, kernels: tuple[Kernels, ...], settings: IltSettings
) -> Array:
    """Return the level field of `litho.pixel_ilt.ilt`, (clips, ny, nx), found with images of the whole grid."""
    x: Array = None
    for stage in settings.stages:
        problem = stage_problem(target, grid, process, kernels, settings, stage)
        x = problem.start(settings) if x is None else resample(x, problem.model.mask_grid.shape)
        x, _, _ = minimize(full_grid_objective(problem), x, stage.steps, settings.optimizer)
    return resample(problem.smoothing(x), grid.shape)
