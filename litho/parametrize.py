"""Free variables and the mask they stand for.

Variables are one number per pixel. A Gaussian filter (`litho.diffusion`) makes them a smooth level field; the mask is
where the field is positive. While optimising that step is a sigmoid; at the end the curve level = 0 is the mask's edge,
at any resolution.

    variables -> level (smooth) -> coverage (0..1, inside the free region)
"""

from __future__ import annotations

from litho.backend import Array, array_module
from litho.cuda import dense, empty, fused, program
from litho.fourier import band_transform


def mask_of_level(level: Array, steepness: float, free: Array | None = None) -> tuple[Array, Array]:
    """Coverage of the mask that a level field stands for, as a smooth step.

    Parameters
    ----------
    level : (..., ny, nx) real
        positive inside the mask
    steepness
        slope of the sigmoid's argument over the level
    free : (..., ny, nx) real in 0..1, optional
        where the mask may be open; everywhere if not given

    Returns
    -------
    coverage : (..., ny, nx) real, in 0..1
    inside : (..., ny, nx) real
        the sigmoid before `free`: what `mask_of_level_adjoint` needs
    """
    if fused(level):
        return _mask_of_level_fused(dense(level), steepness, free)
    inside = 0.5 + 0.5 * array_module(level).tanh((0.5 * steepness) * level)
    return (inside if free is None else inside * free), inside


def mask_of_level_adjoint(coverage_bar: Array, inside: Array, steepness: float, free: Array | None = None) -> Array:
    """Gradient with respect to `level`, from the one with respect to `coverage`."""
    if fused(inside):
        level_bar, open_ = empty(inside.shape, inside), None if free is None else _spread(free, inside)
        kernels, arrays = program("level", inside), (dense(coverage_bar), inside, open_, level_bar)
        kernels.launch("level_to_mask_adjoint", (inside.size,), *arrays, steepness, inside.size)
        return level_bar
    level_bar = coverage_bar * (steepness * inside * (1.0 - inside))
    return level_bar if free is None else level_bar * free


def _mask_of_level_fused(level: Array, steepness: float, free: Array | None) -> tuple[Array, Array]:
    """Return what `mask_of_level` does, by a kernel."""
    inside = empty(level.shape, level)
    coverage, open_ = (None, None) if free is None else (empty(level.shape, level), _spread(free, level))
    kernels = program("level", level)
    kernels.launch("level_to_mask", (level.size,), level, open_, coverage, inside, 0.5 * steepness, level.size)
    return (inside if coverage is None else coverage), inside


def _spread(free: Array, level: Array) -> Array:
    """Return `free` with the shape of `level`, as the kernels take it."""
    return dense(array_module(free).broadcast_to(free, level.shape))


def resample(field: Array, shape: tuple[int, int]) -> Array:
    """Fourier interpolation of a smooth periodic field onto another grid (ny, nx) of the same area, pixel centres both.

    What the coarser of the two grids cannot carry is dropped.
    """
    if tuple(field.shape[-2:]) == tuple(shape):
        return field
    radius = tuple((min(n, m) - 1) // 2 for n, m in zip(field.shape[-2:], shape, strict=True))
    pair = radius[0], radius[1]
    half = band_transform((field.shape[-2], field.shape[-1]), pair, field)(field)
    return band_transform(shape, pair, field).inverse(half)


def block_mean(coverage: Array, shape: tuple[int, int]) -> Array:
    """Return the coverage of larger pixels, exactly: the mean over the whole number of small ones in each."""
    blocks = [n / m for n, m in zip(coverage.shape[-2:], shape, strict=True)]
    if any(b != int(b) or b < 1 for b in blocks):
        raise ValueError(f"`shape` must divide {tuple(coverage.shape[-2:])} pixels, but got {shape}.")
    by, bx = (int(b) for b in blocks)
    xp = array_module(coverage)
    split = xp.reshape(coverage, (*coverage.shape[:-2], shape[0], by, shape[1], bx))
    return xp.mean(split, axis=(-3, -1))
