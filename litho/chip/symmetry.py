"""The eight mirrors and quarter turns of a field: which of them leave imaging as it is.

A tile that is the mirror image of another one need not be corrected again if light treats both alike. Whether it does
is checked on what is used: on kernels, by the coherence matrix that they stand for, and on the whole way from polygons
to images, by patterns that have no symmetry of their own. `litho.chip.tile_symmetries` does both for a recipe.

Which way round a tile is then computed, and how its result is turned back, is the matter of `litho.chip.orientation`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litho.backend import to_host
from litho.cells import Floats
from litho.grid import Grid
from litho.polygons import Box
from litho.socs import Kernels

TOLERANCE = 2e-6
"""Relative difference of two coherence matrices, or of two images to the clear field, that rounding explains."""

_PATTERNS, _SHAPES = 2, 12  # random surroundings that a model is tried on, and shapes in each


@dataclass(frozen=True, order=True)
class Symmetry:
    """A map of a field onto itself, around its middle: first x and y change places, then each may change its sign.

    Parameters
    ----------
    swap
        whether x and y change places, which only square fields allow
    flip_x, flip_y
        whether the new x, and the new y, changes its sign
    """

    swap: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def named(cls, word: str) -> Symmetry:
        """Return the map that has a `word`."""
        return cls("s" in word, "x" in word, "y" in word)

    @property
    def word(self) -> str:
        """Letters: "s" for the swap, then "x" and "y" for the signs; empty if nothing moves."""
        return "s" * self.swap + "x" * self.flip_x + "y" * self.flip_y

    @property
    def matrix(self) -> NDArray[np.int64]:
        """(2, 2) for column vectors (x, y)."""
        signs = np.diag([-1 if self.flip_x else 1, -1 if self.flip_y else 1])
        return np.asarray(signs[:, ::-1] if self.swap else signs)

    @property
    def mirrors(self) -> bool:
        """Whether counter-clockwise outlines become clockwise."""
        return self.swap ^ self.flip_x ^ self.flip_y

    @property
    def inverse(self) -> Symmetry:
        """What undoes this."""
        return Symmetry(True, self.flip_y, self.flip_x) if self.swap else self

    def after(self, first: Symmetry) -> Symmetry:
        """Return the map that does `first` and then this."""
        x, y = (first.flip_y, first.flip_x) if self.swap else (first.flip_x, first.flip_y)
        return Symmetry(self.swap ^ first.swap, self.flip_x ^ x, self.flip_y ^ y)

    def of_points(self, points: NDArray[Any], size: tuple[Any, Any]) -> NDArray[Any]:
        """Return points (n, 2) of a field of `size` (width, height), from its lower left corner."""
        x, y = points[:, ::-1].T if self.swap else points.T
        width, height = size[::-1] if self.swap else size
        return np.stack([width - x if self.flip_x else x, height - y if self.flip_y else y], axis=1)

    def of_offset(self, offset: tuple[int, int]) -> tuple[int, int]:
        """Return a step (x, y) from the middle of a field."""
        x, y = offset[::-1] if self.swap else offset
        return -x if self.flip_x else x, -y if self.flip_y else y

    def of_box(self, box: Box, size: tuple[float, float]) -> Box:
        """Return x0, y0, x1, y1 of a box in a field of `size`, as `of_points` does."""
        (x0, y0), (x1, y1) = np.sort(self.of_points(np.reshape(box, (2, 2)), size), axis=0).tolist()
        return x0, y0, x1, y1

    def of_polygon(self, points: NDArray[Any], size: tuple[Any, Any]) -> NDArray[Any]:
        """Return an outline as `of_points` does; one that ran counter-clockwise does so again."""
        mapped = self.of_points(points, size)
        return mapped[::-1] if self.mirrors else mapped

    def of_array(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return samples (..., ny, nx) at the centres of pixels."""
        values = np.swapaxes(values, -1, -2) if self.swap else values
        return values[..., :: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]


IDENTITY = Symmetry()

ALL = tuple(Symmetry(swap, x, y) for swap in (False, True) for x in (False, True) for y in (False, True))
"""All eight, the identity first."""


def kernel_symmetries(kernels: Sequence[Kernels], tolerance: float = TOLERANCE) -> tuple[Symmetry, ...]:
    """Return the maps after which every set of kernels images as before.

    Kernels differ by unitary mixtures for the same system, so compared is what they add up to: the matrix of mutual
    coherence, by its Frobenius norm, and with it the background and the transfer.

    Parameters
    ----------
    kernels
        one set per focus
    tolerance
        largest relative difference
    """
    return _group(lambda s: all(_keeps(s, k, tolerance) for k in kernels))


def model_symmetries(
    images: Callable[[list[Floats]], NDArray[Any]], grid: Grid, tolerance: float = TOLERANCE
) -> tuple[Symmetry, ...]:
    """Return the maps after which polygons image as before, turned alike.

    Parameters
    ----------
    images
        from polygons (n, 2) in nm, within the field and without overlap, to samples (..., ny, nx) on `grid` relative
        to the clear field: the whole model, mask included
    grid
        of the field; its pixels are square
    tolerance
        largest difference
    """
    size, corner = grid.period_nm[::-1], np.asarray(grid.origin_nm)
    drawn = [_pattern(size, np.random.default_rng(seed)) for seed in range(_PATTERNS)]
    before = [np.asarray(images([p + corner for p in shapes])) for shapes in drawn]

    def keeps(s: Symmetry) -> bool:
        if s.swap and grid.shape[0] != grid.shape[1]:
            return False
        turned = (np.asarray(images([s.of_polygon(p, size) + corner for p in shapes])) for shapes in drawn)
        return all(np.abs(a - s.of_array(b)).max() <= tolerance for a, b in zip(turned, before, strict=True))

    return _group(keeps)


def _group(keeps: Callable[[Symmetry], bool]) -> tuple[Symmetry, ...]:
    """Return the maps that keep something; what follows from others is not asked for, so that they are a group."""
    kept, refused = {IDENTITY}, set[Symmetry]()
    for s in ALL:
        if s in kept:
            continue
        more = _closed(kept | {s})
        if not more & refused and keeps(s):
            kept = more
        else:
            refused.add(s)
    return tuple(s for s in ALL if s in kept)


def is_group(maps: Sequence[Symmetry]) -> bool:
    """Return whether maps are a group: one after the other they lead to none but themselves."""
    return len(maps) > 0 and _closed(set(maps)) == set(maps)


def _closed(maps: set[Symmetry]) -> set[Symmetry]:
    """Return maps and all that they lead to, one after the other."""
    while (more := {a.after(b) for a in maps for b in maps}) != maps:
        maps = more
    return maps


def _pattern(size: tuple[float, float], rng: np.random.Generator) -> list[Floats]:
    """Return shapes without overlap and without symmetry: one rectangle or triangle in each cell of a raster."""
    shapes = []
    columns = rows = round(_SHAPES**0.5) + 1
    cell = np.array([size[0] / columns, size[1] / rows])
    for place in np.ndindex(columns, rows):
        x0, y0 = (np.array(place) + 0.05 + 0.3 * rng.random(2)) * cell
        x1, y1 = (np.array(place) + 0.55 + 0.4 * rng.random(2)) * cell
        outline = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
        shapes.append(outline[: 3 + rng.integers(2)])
    return shapes


def _keeps(symmetry: Symmetry, kernels: Kernels, tolerance: float) -> bool:
    shape, period = kernels.spectra.shape[1:], kernels.period_nm
    if symmetry.swap and (shape[0] != shape[1] or abs(period[0] - period[1]) > 1e-9 * period[0]):
        return False
    spectra = np.asarray(to_host(kernels.spectra), dtype=np.complex128)
    weights = np.asarray(to_host(kernels.weights), dtype=np.float64)
    near = _coherence_difference(spectra, _turned(spectra, symmetry), weights) <= tolerance
    for even in (_or_none(kernels.background), _whole(_or_none(kernels.transfer))):
        near = near and (even is None or bool(np.abs(_turned(even, symmetry) - even).max() <= tolerance))
    return near


def _coherence_difference(first: NDArray[Any], second: NDArray[Any], weights: NDArray[Any]) -> float:
    """Return the norm of sum w a a^H - sum w b b^H for kernels a and b (K, ny, nx), relative to that of the first."""
    a = first.reshape(len(first), -1) * np.sqrt(weights)[:, None]
    b = second.reshape(len(second), -1) * np.sqrt(weights)[:, None]
    norm = np.linalg.norm(a.conj() @ a.T)
    # the difference lives in what both span, where it is small enough to be written out
    triangle: NDArray[Any] = np.asarray(np.linalg.qr(np.concatenate([a, b]).T, mode="r"))
    left, right = triangle[:, : len(a)], triangle[:, len(a) :]
    return float(np.linalg.norm(left @ left.conj().T - right @ right.conj().T) / norm)


def _turned(values: NDArray[Any], symmetry: Symmetry) -> NDArray[Any]:
    """Return values (..., ny, nx) at unshifted frequencies, which turn as places do."""
    axes = (-2, -1)
    return np.fft.ifftshift(symmetry.of_array(np.fft.fftshift(values, axes=axes)), axes=axes)


def _or_none(values: Any) -> NDArray[Any] | None:
    return None if values is None else np.asarray(to_host(values), dtype=np.float64)


def _whole(half: NDArray[Any] | None) -> NDArray[Any] | None:
    """Return a real transfer at all frequencies from the half with x from 0: it is the same at both ends of a line."""
    if half is None:
        return None
    mirrored = np.roll(half[::-1, :0:-1], 1, axis=0)
    return np.concatenate([half, mirrored], axis=1)
