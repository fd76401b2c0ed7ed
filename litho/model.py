"""The chain from a mask on a grid to what it prints at every corner, and back.

    coverage -> half band -> transmission band -> aerial image per focus -> exposed intensity per corner -> prints

Written out, forward from top to bottom, the adjoint from bottom to top. Mask and print may stand on different grids of
the same field: both ends are exact at any pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

from litho.backend import Array, array_module
from litho.fourier import BandTransform, band_transform
from litho.grid import Grid
from litho.mask import Mask, transmission_band, transmission_band_adjoint
from litho.process import Process, expose, expose_adjoint
from litho.resist import develop, develop_adjoint
from litho.socs import Kernels, SavedFields, image_band, image_band_adjoint


@dataclass(frozen=True)
class PrintModel:
    """Everything that stays the same while masks change; made by `print_model`.

    Parameters
    ----------
    mask_grid, print_grid
        where the mask is given and where the print is wanted: two grids of one field
    process
        corners and resist
    kernels
        one set per entry of `process.foci_nm`
    mask
        what is transmitted where
    to_band
        mask grid to the lens band
    to_print
        intensity band to the print grid; one for every focus, for kernels share one band
    """

    mask_grid: Grid
    print_grid: Grid
    process: Process
    kernels: tuple[Kernels, ...]
    mask: Mask
    to_band: BandTransform
    to_print: BandTransform


@dataclass(frozen=True)
class SavedPrint:
    """What `print_mask_adjoint` needs of the forward pass."""

    fields: tuple[SavedFields, ...]
    developed: Array


def print_model(
    mask_grid: Grid,
    process: Process,
    kernels: tuple[Kernels, ...],
    like: Array,
    *,
    mask: Mask = Mask(),
    print_grid: Grid | None = None,
) -> PrintModel:
    """Precompute the chain for one field.

    Parameters
    ----------
    mask_grid
        grid of the mask's coverage
    process
        corners and resist
    kernels
        one set per entry of `process.foci_nm`, for this very field
    like
        any array of the wanted library, device and precision
    mask
        what is transmitted where; binary, drawn shapes open, if not given
    print_grid
        grid of images and prints; the mask's if not given
    """
    print_grid = mask_grid if print_grid is None else print_grid
    check_kernels(kernels, process, mask_grid)
    if print_grid.period_nm != mask_grid.period_nm:
        raise ValueError(f"`print_grid` must cover the mask's field of {mask_grid.period_nm} nm, but got {print_grid}.")
    return PrintModel(
        mask_grid,
        print_grid,
        process,
        tuple(k.like(like) for k in kernels),
        mask,
        band_transform(mask_grid.shape, kernels[0].radius, like),
        band_transform(print_grid.shape, kernels[0].image_radius, like),
    )


def check_kernels(kernels: tuple[Kernels, ...], process: Process, grid: Grid) -> None:
    """Refuse kernels that do not belong to this process or this field."""
    if len(kernels) != len(process.foci_nm):
        raise ValueError(f"`kernels` must have one set per focus {process.foci_nm} nm, but got {len(kernels)}.")
    for k in kernels:
        if any(abs(a - b) > 1e-9 * b for a, b in zip(k.period_nm, grid.period_nm, strict=True)):
            raise ValueError(
                f"`kernels` are for a field of {k.period_nm} nm (y, x), but the field is {grid.period_nm}."
            )
        if k.radius != kernels[0].radius:
            raise ValueError(f"`kernels` must share one band, but got radii {[k.radius for k in kernels]}.")
    if any(n < 2 * r + 1 for n, r in zip(grid.shape, kernels[0].radius, strict=True)):
        raise ValueError(f"`mask_grid` must resolve the lens band {kernels[0].radius}, but got {grid}.")


def aerial_images(coverage: Array, model: PrintModel) -> tuple[Array, tuple[SavedFields, ...]]:
    """Aerial images at every focus.

    Parameters
    ----------
    coverage : (..., ny, nx) real, in 0..1
        mask on `model.mask_grid`
    model
        the chain

    Returns
    -------
    intensity : (foci, ..., my, mx) real
        on `model.print_grid`, at dose 1
    saved
        what `aerial_images_adjoint` needs
    """
    return band_images(model.to_band(coverage), model)


def aerial_images_adjoint(intensity_bar: Array, saved: tuple[SavedFields, ...], model: PrintModel) -> Array:
    """Gradient with respect to `coverage`, from the one with respect to `intensity`."""
    return model.to_band.adjoint(band_images_adjoint(intensity_bar, saved, model))


def band_images(half: Array, model: PrintModel) -> tuple[Array, tuple[SavedFields, ...]]:
    """Aerial images at every focus of masks whose exact half band is known, without a raster.

    Parameters
    ----------
    half : (..., 2 Ry + 1, Rx + 1) complex
        half band of the coverage, of the radius of the model's kernels and in their library and precision
    model
        the chain; its mask grid does not matter

    Returns
    -------
    intensity : (foci, ..., my, mx) real
        on `model.print_grid`, at dose 1
    saved
        what `band_images_adjoint` needs
    """
    xp = array_module(half)
    mask_band = transmission_band(half, model.mask)
    halves, saved = zip(*(image_band(mask_band, kernels) for kernels in model.kernels), strict=True)
    return model.to_print.inverse(xp.stack(halves)), saved


def band_images_adjoint(intensity_bar: Array, saved: tuple[SavedFields, ...], model: PrintModel) -> Array:
    """Gradient with respect to `half`, from the one with respect to `intensity`."""
    halves_bar = model.to_print.inverse_adjoint(intensity_bar)
    mask_band_bar = sum(
        image_band_adjoint(halves_bar[focus, ...], fields, kernels)
        for focus, (kernels, fields) in enumerate(zip(model.kernels, saved, strict=True))
    )
    return transmission_band_adjoint(mask_band_bar, model.mask)


def print_mask(coverage: Array, model: PrintModel) -> tuple[Array, SavedPrint]:
    """Smooth prints at every corner.

    Parameters
    ----------
    coverage : (..., ny, nx) real, in 0..1
        mask on `model.mask_grid`
    model
        the chain

    Returns
    -------
    printed : (corners, ..., my, mx) real, in 0..1
        on `model.print_grid`
    saved
        what `print_mask_adjoint` needs
    """
    intensity, fields = aerial_images(coverage, model)
    exposed = expose(intensity, model.process)
    printed, developed = develop(exposed, model.process.resist)
    return printed, SavedPrint(fields, developed)


def print_mask_adjoint(printed_bar: Array, saved: SavedPrint, model: PrintModel) -> Array:
    """Gradient with respect to `coverage`, from the one with respect to `printed`."""
    exposed_bar = develop_adjoint(printed_bar, saved.developed, model.process.resist)
    intensity_bar = expose_adjoint(exposed_bar, model.process)
    return aerial_images_adjoint(intensity_bar, saved.fields, model)
