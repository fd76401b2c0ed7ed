"""The light of a source's points: relative to the clear field, and as the brightness of pixels that one turns.

To optimise a source, start from the one in which every pixel that may shine has the brightness 1, for example
`Source.pixels(Source.conventional(1).to_map(n) > 0)`: its extent sets the band of the mask, and its points stay where
they are while the brightness changes, down to 0 and up again. With its `points = source.sample(spacing)`, the image of
`Source.pixels(brightness)` and the derivative in every pixel, dark ones too, are

    weight = pixel_weights(brightness, points)
    half = abbe_image(mask_band, optics, period_nm, spacing=spacing, weight=weight)
    bars = abbe_image_adjoint(half_bar, mask_band, optics, period_nm, spacing=spacing, weight=weight)
    brightness_bar = pixel_weights_adjoint(bars.weight_bar, points, brightness.shape)

A list of points needs nothing of this: with the source `Source.points(xy)`, `weight` is what its `weights` would be.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from litho.backend import Array, like, real_dtype, to_host
from litho.pupil import Optics
from litho.shifted_pupils import lens_parts, passing_shares, squared
from litho.source_shapes import SourcePoints, Values

CHUNK = 4096
"""Points whose open mask is imaged at a time."""

ROUNDING = 1e-9
"""A cell this much wider than a pixel is not wider."""


Spacing = float | SourcePoints | None
"""Distance of source points, as `Source.sample` takes it, or the points themselves."""


def lit_points(optics: Optics, spacing: Spacing = None, weight: Array | None = None) -> SourcePoints:
    """Return the source's points, weighted so that an open mask images to 1.

    With a wafer the image of an open mask has the mean 1 over the depth of the resist. `weight` (S,) is light of the
    points instead of their own.
    """
    points = _given_light(optics, spacing, weight)
    clear = float((points.weight * _clear_light(points, optics)).sum())
    if not clear > 0:
        raise ValueError("`source` must send some light through the lens, but an open mask images to 0.")
    return replace(points, weight=points.weight / clear)


def lit_points_adjoint(
    weight_bar: Values, optics: Optics, spacing: Spacing = None, weight: Array | None = None
) -> Values:
    """Gradient with respect to the light (S,) of each point, from the one with respect to `lit_points(...).weight`."""
    points = _given_light(optics, spacing, weight)
    clear = _clear_light(points, optics)
    total = (points.weight * clear).sum()
    return np.asarray((weight_bar - clear * ((points.weight * weight_bar).sum() / total)) / total)


def _given_light(optics: Optics, spacing: Spacing, weight: Array | None) -> SourcePoints:
    """Return the source's points, with their own light or a given one."""
    points = spacing if isinstance(spacing, SourcePoints) else optics.source.sample(spacing)
    if weight is None:
        return points
    light = np.asarray(to_host(weight), dtype=np.float64)
    if light.shape != points.weight.shape:
        raise ValueError(f"`weight` must have one number per source point ({len(points)}), but got {light.shape}.")
    if not ((light >= 0).all() and math.isfinite(light.sum())):
        raise ValueError(f"`weight` must be finite and 0 or more, but got {light.min()} to {light.max()}.")
    return replace(points, weight=light)


def _clear_light(points: SourcePoints, optics: Optics) -> Values:
    """Return the image of an open mask under each point alone, of light 1, (S,) on the host."""
    origin, clear = np.zeros((1, 1)), []
    for start in range(0, len(points), CHUNK):
        chosen = points[start : start + CHUNK]
        x, y, share = passing_shares(chosen, origin, origin, optics)
        lens = lens_parts(chosen, x, y, optics, 0.0, None)
        clear.append((share * sum(squared(part) for part in lens))[:, 0, 0])
    return np.concatenate(clear)


def pixel_weights(brightness: Array, points: SourcePoints) -> Array:
    """Light of each point when pixels have a relative brightness.

    Parameters
    ----------
    brightness : (ny, nx) real
        of pixels over [-1, 1]^2, row 0 at y = -1: factors of the light that points have
    points
        a sampled source, in cells no larger than a pixel

    Returns
    -------
    weight : (S,) real
        the point's light times the brightness of the pixel it lies in
    """
    values = to_host(brightness)
    row, column = _pixels_of(points, (values.shape[0], values.shape[1]))
    return like(values[row, column] * points.weight, brightness, real_dtype(brightness))


def pixel_weights_adjoint(weight_bar: Array, points: SourcePoints, shape: tuple[int, int]) -> Array:
    """Gradient with respect to `brightness`, of `shape` (ny, nx), from the one with respect to `weight`."""
    values = np.zeros(shape)
    np.add.at(values, _pixels_of(points, shape), to_host(weight_bar) * points.weight)
    return like(values, weight_bar, real_dtype(weight_bar))


def _pixels_of(points: SourcePoints, shape: tuple[int, int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return row and column of the pixel each point lies in."""
    size = 2 / np.array(shape[::-1])
    widest = (np.abs(points.radial) + np.abs(points.tangential)).max(axis=0)
    if (widest > size * (1 + ROUNDING)).any():
        raise ValueError(
            f"`spacing` must be small enough for cells within one pixel of {size[0]:.6g} x {size[1]:.6g}, "
            f"but cells are up to {widest[0]:.6g} x {widest[1]:.6g} wide."
        )
    row, column = (
        np.clip(np.floor((place + 1) / 2 * count).astype(np.intp), 0, count - 1)
        for place, count in ((points.y, shape[0]), (points.x, shape[1]))
    )
    return row, column
