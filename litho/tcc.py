"""Coherent kernels of a partially coherent system, by decomposition of its transmission cross-coefficients (TCC).

With the rows A[s, f] = sqrt(w_s) P(f + s), one per source point, the TCC is T = A^H A + diag(background) (see `abbe`).
It is never formed for a large field: kernels are U^H A with U the eigenvectors of the small matrix A A^H, a rotation
of the rows, so that all kernels together equal the sum over source points to rounding.

The first kernel is T's column at the zeroth order: it holds all that the zeroth order interferes with, the clear field
included, and is taken out before the rest is decomposed. So the clear field is 1 however few kernels are kept, and
what is dropped is never negative and at most (next weight) x (variance of the transmission over the field).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from litho.abbe import pupil_coordinates, shifted_pupils
from litho.pupil import Optics
from litho.socs import Kernels
from litho.source import SourcePoints

MAX_ERROR = 0.03
"""Default share of the TCC's trace that may be dropped; an image's largest error is a tenth of it, or a quarter."""

ROUNDING = 1e-20
"""A kernel with less than this share of the trace is nothing but rounding."""

CHUNK = 2**19
"""Pupil values computed at a time."""

Matrix = NDArray[Any]


@dataclass(frozen=True)
class _Rows:
    """T as sum of B^H B over `blocks`, whose rows are orthogonal to those of other blocks, + diag(background).

    `share` says how often each column counts in a product of rows: mirror images of a column that is kept count 0.
    """

    blocks: list[Matrix]
    background: Matrix
    share: Matrix

    def gram(self, block: Matrix) -> Matrix:
        """Return B B^H."""
        columns = block[:, self.share > 0]
        return np.asarray((columns * self.share[self.share > 0]) @ columns.conj().T)

    @property
    def diagonal(self) -> Matrix:
        return np.asarray(self.background + sum((np.abs(b) ** 2).sum(axis=0) for b in self.blocks))


def socs_kernels(
    optics: Optics,
    period_nm: tuple[float, float],
    defocus_nm: float = 0.0,
    max_error: float = MAX_ERROR,
    count: int | None = None,
    spacing: float | None = None,
) -> Kernels:
    """Coherent kernels of a lens and source.

    Parameters
    ----------
    optics
        lens and source
    period_nm
        field (y, x)
    defocus_nm
        position of the wafer from best focus, positive towards the lens
    max_error
        share of the TCC's trace that may be dropped; sets the number of kernels unless `count` does. 0: keep all
    count
        number of kernels
    spacing
        of the source points, see `Source.sample`

    Returns
    -------
    Kernels
        host arrays in double precision, `truncation_error` the share of the trace that was dropped; the first kernel
        is the zeroth order's (not orthogonal to the others), the others are orthogonal, strongest first
    """
    if not 0 <= max_error < 1:
        raise ValueError(f"`max_error` must be a share in [0, 1), but got {max_error}.")
    if not math.isfinite(defocus_nm):
        raise ValueError(f"`defocus_nm` must be finite, but got {defocus_nm}.")
    radius = optics.band_radius(period_nm)
    rows = _shifted_pupil_rows(optics, period_nm, defocus_nm, spacing)
    first, rest = _without_zeroth_order(rows)
    trace = float(rows.diagonal.sum())
    if rows.background.size <= sum(len(b) for b in rows.blocks):
        weights, make = _by_frequencies(rest)
    else:
        weights, make = _by_source_points(rest)
    kept = _chosen(weights, trace - float(np.vdot(first, first).real), trace, max_error, count)
    spectra = np.concatenate([first[None, :], make(kept)])
    energy = (np.abs(spectra) ** 2).sum(axis=1)
    real = energy > ROUNDING * trace
    spectra, energy = _phased(spectra[real]) / np.sqrt(energy[real])[:, None], energy[real]
    return Kernels(
        spectra.reshape(-1, 2 * radius[0] + 1, 2 * radius[1] + 1).astype(complex),
        energy,
        (float(period_nm[0]), float(period_nm[1])),
        float(defocus_nm),
        max(0.0, 1 - float(energy.sum()) / trace),
        np.maximum(rows.diagonal - energy @ np.abs(spectra) ** 2, 0).reshape(2 * radius[0] + 1, 2 * radius[1] + 1),
    )


def _shifted_pupil_rows(
    optics: Optics, period_nm: tuple[float, float], defocus_nm: float, spacing: float | None
) -> _Rows:
    """Return A and the background; half of a mirrored system's points are enough, and give two orthogonal blocks."""
    points = optics.source.sample(spacing)
    mirrors: list[int] = []
    for axis, mirrored in ((-1, optics.mirrored[0]), (-2, optics.mirrored[1])):
        half = _half(points, axis) if mirrored else None
        if half is not None:
            points = half
            mirrors.append(axis)
    x, y = pupil_coordinates(optics, period_nm, np.zeros(1))
    step = max(1, CHUNK // (x.size * y.size))
    parts = [shifted_pupils(points[i : i + step], x, y, optics, defocus_nm) for i in range(0, len(points), step)]
    rows = np.sqrt(points.weight)[:, None, None] * np.concatenate([amplitude for amplitude, _ in parts])
    blocks, background = [rows if rows.imag.any() else rows.real], sum(b for _, b in parts)
    for axis in mirrors:
        blocks = [f(b, axis) / math.sqrt(2) for b in blocks for f in (_even, _odd)]
        background = _even(background, axis)
    share = np.ones(background.shape)
    for axis in mirrors:
        order = np.arange(share.shape[axis])
        once = np.where(order == 0, 1.0, np.where(order <= share.shape[axis] // 2, 2.0, 0.0))
        share = share * (once if axis == -1 else once[:, None])
    return _Rows([b.reshape(len(points), -1) for b in blocks], background.ravel(), share.ravel())


def _half(points: SourcePoints, axis: int) -> SourcePoints | None:
    """Return the points on the positive side of an axis, -1 for x, if the others are their mirror images, else None."""
    place, other = (points.x, points.y) if axis == -1 else (points.y, points.x)
    sides = []
    for sign in (1, -1):
        table = np.stack([sign * place, other, points.weight])[:, sign * place > 0]
        sides.append(table[:, np.lexsort(np.round(table, 9))])
    if 2 * sides[0].shape[1] != len(points) or sides[0].shape != sides[1].shape:
        return None
    return points[place > 0] if np.all(abs(sides[0] - sides[1]) < 1e-12) else None


def _even(values: Matrix, axis: int) -> Matrix:
    """Return the sum of values at unshifted frequencies k and -k."""
    return values + np.roll(np.flip(values, axis), 1, axis)


def _odd(values: Matrix, axis: int) -> Matrix:
    """Return the difference of values at unshifted frequencies k and -k."""
    return values - np.roll(np.flip(values, axis), 1, axis)


def _without_zeroth_order(rows: _Rows) -> tuple[Matrix, _Rows]:
    """Split T into t^H t, which holds its row and column at the zeroth order, and the rest, where these are zero."""
    block, *others = rows.blocks  # a mirrored source has its zeroth order in the even block, the first
    direction = block[:, 0] / math.sqrt(np.vdot(block[:, 0], block[:, 0]).real)
    first = direction.conj() @ block
    rest = block - direction[:, None] * first
    rest[:, 0] = 0
    return first, _Rows([rest, *others], rows.background, rows.share)


def _by_source_points(rows: _Rows) -> tuple[Matrix, Any]:
    """Decompose by A A^H: all weights, and a function that makes chosen kernels; the background's are single orders."""
    grams = [rows.gram(b) for b in rows.blocks]
    values = [scipy.linalg.eigvalsh(g) for g in grams]
    starts = np.cumsum([0, *map(len, grams)])

    def make(kept: Matrix) -> Matrix:
        spectra = np.zeros((len(kept), rows.background.size), dtype=complex)
        for block, gram, start in zip(rows.blocks, grams, starts, strict=False):
            here = (kept >= start) & (kept < start + len(block))
            spectra[here] = _vectors(gram, kept[here] - start).conj().T @ block
        orders = kept - starts[-1]
        alone = np.flatnonzero(orders >= 0)
        spectra[alone, orders[alone]] = np.sqrt(rows.background[orders[alone]])
        return spectra

    return np.concatenate([*values, rows.background]), make


def _by_frequencies(rows: _Rows) -> tuple[Matrix, Any]:
    """Decompose T itself, for fields with fewer orders than there are source points; see `_by_source_points`."""
    matrix = sum((b.conj().T @ b for b in rows.blocks), np.diag(rows.background))
    values = np.maximum(scipy.linalg.eigvalsh(matrix), 0)
    return values, lambda kept: np.sqrt(values[kept])[:, None] * _vectors(matrix, kept).conj().T


def _vectors(matrix: Matrix, chosen: Matrix) -> Matrix:
    """Return eigenvectors by their place in ascending order; a few of the largest cost much less than all."""
    if len(chosen) == 0:
        return np.zeros((len(matrix), 0))
    lowest = int(chosen.min())
    _, vectors = scipy.linalg.eigh(matrix, subset_by_index=(lowest, len(matrix) - 1))
    return np.asarray(vectors[:, chosen - lowest])


def _chosen(weights: Matrix, total: float, trace: float, max_error: float, count: int | None) -> Matrix:
    """Return which kernels to keep beside the first, strongest first."""
    order = np.argsort(-weights, kind="stable")
    if count is not None:
        if not 1 <= count <= len(order) + 1:
            raise ValueError(f"`count` must be in 1..{len(order) + 1}, but got {count}.")
        return order[: count - 1]
    if max_error == 0:
        return order
    dropped = total - np.cumsum(np.concatenate([[0.0], weights[order]]))
    kept = int(np.argmax(dropped <= max_error * trace))
    while 0 < kept < len(order) and weights[order[kept]] > (1 - 1e-6) * weights[order[kept - 1]]:
        kept += 1  # a pair of equal weights belongs together, or the source's symmetry is lost
    return order[:kept]


def _phased(spectra: Matrix) -> Matrix:
    """Turn each kernel's phase so that its largest value, the first of several, is real and positive."""
    size = np.abs(spectra)
    place = np.argmax(size > (1 - 1e-6) * size.max(axis=1, keepdims=True), axis=1)[:, None]
    largest = np.take_along_axis(spectra, place, axis=1)
    return np.asarray(spectra * (largest.conj() / np.abs(largest)))
