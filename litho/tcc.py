"""Coherent kernels of a partially coherent system, by decomposition of its transmission cross-coefficients (TCC).

With the rows A[(s, c), f] = sqrt(w_s) G_sc(f + s), one per source point and component of its light, the TCC is
T = A^H A + diag(background) (see `abbe`). Polarised light, a film stack and a spread of focus only add rows: there are
hardly more kernels, and an image costs the same.

Where lens and source are their own mirror images, T falls apart into blocks of even and odd functions, each with half
the rows and half the columns. A block with fewer columns than rows is formed and decomposed itself; of another, A A^H
is, and its kernels are U^H A with U the eigenvectors. All kernels together equal the sum over source points to
rounding.

The first kernel is T's column at the zeroth order: it holds all that the zeroth order interferes with, the clear field
included, and is taken out before the rest is decomposed. So the clear field is 1 however few kernels are kept, and
what is dropped is never negative and at most (next weight) x (variance of the transmission over the field).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.linalg
import scipy.linalg.blas
from numpy.typing import NDArray

from litho.abbe import transfer_of
from litho.parity import Parity, folded, mirror_half, parities
from litho.pupil import RIM, Optics
from litho.shifted_pupils import pupil_coordinates, shifted_pupils
from litho.socs import Kernels
from litho.source_spacing import source_spacing
from litho.source_weights import lit_points

MAX_ERROR = 0.03
"""Default share of the TCC's trace that may be dropped; an image's largest error is a tenth of it, or a quarter."""

ROUNDING = 1e-20
"""A kernel with less than this share of the trace is nothing but rounding."""

CHUNK = 2**20
"""Pupil values computed at a time."""

Matrix = NDArray[Any]


FIRST_TRY = 48
"""Kernels of a block that are computed at first; twice as many if they are not enough."""


@dataclass(frozen=True)
class _Block:
    """The part of T of one parity: matrix + diag(background), or rows^H rows + diag(background) with matrix their Gram.

    Parameters
    ----------
    parity
        what its columns mean
    matrix : (n, n)
        T itself, the background included, or the products A A^H of the rows
    rows : (n, columns)
        None where `matrix` is T itself
    background : (columns,)
        of T beside the rows; each is a kernel of its own order. Zero where `matrix` is T itself
    """

    parity: Parity
    matrix: Matrix
    rows: Matrix | None
    background: Matrix

    def strongest(self, count: int) -> tuple[Matrix, Matrix]:
        """Return weights, strongest first, and kernels (kernels, columns) of `matrix`."""
        n = len(self.matrix)
        values, vectors = scipy.linalg.eigh(self.matrix, subset_by_index=(max(0, n - count), n - 1))
        values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1].conj().T
        return values, np.sqrt(values)[:, None] * vectors if self.rows is None else vectors @ self.rows


def socs_kernels(
    optics: Optics,
    period_nm: tuple[float, float],
    defocus_nm: float = 0.0,
    max_error: float = MAX_ERROR,
    count: int | None = None,
    spacing: float | None = None,
    depth_nm: float | None = None,
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
        of the source points; for intensities within 1e-4 if it is not given, see `litho.source_spacing`
    depth_nm
        below the top of the films of `optics.wafer`; None: the mean over the resist, or no wafer

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
    spacing = source_spacing(optics, defocus_nm=defocus_nm, depth_nm=depth_nm) if spacing is None else spacing
    blocks, diagonal = _blocks(optics, period_nm, defocus_nm, spacing, depth_nm)
    trace = float(diagonal.sum())
    first, blocks[0] = _without_zeroth_order(blocks[0])
    rest = trace - float(np.vdot(first, first).real)
    spectra = np.concatenate(
        [blocks[0].parity.expanded(first[None, :]), _chosen(blocks, rest, trace, max_error, count)]
    )
    spectra = spectra.reshape(len(spectra), -1).astype(complex)
    energy = (np.abs(spectra) ** 2).sum(axis=1)
    real = energy > ROUNDING * trace
    spectra, energy = _phased(spectra[real]) / np.sqrt(energy[real])[:, None], energy[real]
    left = np.maximum(diagonal - (energy @ np.abs(spectra) ** 2).reshape(diagonal.shape), 0)
    transfer = transfer_of(optics, period_nm, left)
    return Kernels(
        spectra.reshape(-1, *diagonal.shape),
        energy,
        (float(period_nm[0]), float(period_nm[1])),
        float(defocus_nm),
        max(0.0, 1 - float(energy.sum()) / trace),
        left,
        transfer,
    )


def _blocks(
    optics: Optics,
    period_nm: tuple[float, float],
    defocus_nm: float,
    spacing: float | None,
    depth_nm: float | None,
) -> tuple[list[_Block], Matrix]:
    """Return T in blocks, the even one first, and its whole diagonal (ny, nx)."""
    points, mirrors = mirror_half(lit_points(optics, spacing), optics.mirrored)
    x, y = pupil_coordinates(optics, period_nm, np.zeros(1))
    cells = np.hypot(*points.radial.T) + np.hypot(*points.tangential.T)
    inside = np.hypot(x, y) <= 1 + (np.hypot(points.x, points.y) + cells / 2).max() + RIM
    blocks = [_Sum(parity) for parity in parities(inside, mirrors)]
    background, start = np.zeros(inside.shape), 0
    step = 1  # the first point tells how many components there are
    while start < len(points):
        amplitude, lost = shifted_pupils(points[start : start + step], x, y, optics, defocus_nm, depth_nm)
        amplitude *= np.sqrt(points.weight[start : start + step])[:, None, None, None]
        rows = (amplitude if amplitude.imag.any() else amplitude.real).reshape(-1, *inside.shape)
        for block, part in zip(blocks, folded(rows, [b.parity for b in blocks]), strict=True):
            block.add(part, len(points) * amplitude.shape[1])
        background += lost
        start += step
        step = max(1, CHUNK // (amplitude.shape[1] * x.size * y.size))
    for axis in mirrors:
        background = background + np.roll(np.flip(background, axis), 1, axis)
    done = [block.block(background) for block in blocks]
    return done, background + sum(block.power for block in blocks)


class _Sum:
    """T of one parity while source points are added to it: as rows, or as rows^H rows where that is smaller."""

    def __init__(self, parity: Parity) -> None:
        self.parity = parity
        self.rows: list[Matrix] = []
        self.matrix: Matrix | None = None
        self.diagonal: Matrix = np.zeros(1)

    def add(self, rows: Matrix, total: int) -> None:
        """Add rows (n, columns), some of `total`."""
        self.diagonal = self.diagonal + (np.abs(rows) ** 2).sum(axis=0)
        if rows.shape[1] > total:
            self.rows.append(rows)
        else:
            self.matrix = _half_products(rows.T, self.matrix)

    @property
    def power(self) -> Matrix:
        """Share of T's diagonal (ny, nx)."""
        return self.parity.power(self.diagonal)

    def block(self, background: Matrix) -> _Block:
        """Return the finished block."""
        beside = self.parity.columns(background)
        if self.matrix is not None:
            return _Block(self.parity, _whole(self.matrix) + np.diag(beside), None, 0 * beside)
        rows = np.concatenate(self.rows)
        return _Block(self.parity, _products(rows), rows, beside)


def _products(rows: Matrix) -> Matrix:
    """Return A A^H, (n, n) for A (n, columns)."""
    return _whole(_half_products(rows.conj()))


def _half_products(rows: Matrix, total: Matrix | None = None) -> Matrix:
    """Return the upper triangle of conj(A) A^T, (n, n) for A (n, columns), added to a `total` that may be reused."""
    if np.iscomplexobj(rows) or (total is not None and np.iscomplexobj(total)):
        start = np.zeros((len(rows), len(rows)), dtype=complex, order="F") if total is None else total
        product = scipy.linalg.blas.zherk(1.0, rows.conj(), 1.0, start.astype(complex, copy=False), overwrite_c=1)
    else:
        start = np.zeros((len(rows), len(rows)), order="F") if total is None else total
        product = scipy.linalg.blas.dsyrk(1.0, rows, 1.0, start, overwrite_c=1)
    return np.asarray(product)


def _whole(half: Matrix) -> Matrix:
    """Return a Hermitian matrix from its upper triangle."""
    return np.asarray(np.triu(half) + np.triu(half, 1).conj().T)


def _without_zeroth_order(block: _Block) -> tuple[Matrix, _Block]:
    """Split T into t^H t, which holds its row and column at the zeroth order, and the rest, where these are zero."""
    if block.rows is None:
        first = block.matrix[0] / math.sqrt(block.matrix[0, 0].real)
        rest = block.matrix - np.outer(first.conj(), first)
        rest[0], rest[:, 0] = 0, 0
        return first, replace(block, matrix=rest)
    direction = block.rows[:, 0] / math.sqrt(np.vdot(block.rows[:, 0], block.rows[:, 0]).real)
    first = direction.conj() @ block.rows
    rows = block.rows - direction[:, None] * first
    rows[:, 0] = 0
    return first, replace(block, rows=rows, matrix=_products(rows))


def _chosen(blocks: list[_Block], total: float, trace: float, max_error: float, count: int | None) -> Matrix:
    """Return the kernels (kernels, ny, nx) to keep beside the first, strongest first."""
    largest = max(len(b.matrix) for b in blocks)
    tried = largest if max_error == 0 and count is None else min(largest, max(FIRST_TRY, count or 0))
    while True:
        found = [b.strongest(tried) for b in blocks]
        weights = np.concatenate([w for w, _ in found] + [b.background for b in blocks])
        kept = _kept(weights, total, trace, max_error, count)
        starts = np.cumsum([0, *(len(w) for w, _ in found)])
        if tried == largest or all(_some_left(kept, *ends) for ends in itertools.pairwise(starts)):
            break
        tried = min(largest, 2 * tried)
    singles = np.cumsum([starts[-1], *(len(b.background) for b in blocks)])
    spectra = np.zeros((len(kept), *blocks[0].parity.inside.shape), dtype=complex)
    for i, (block, (_, kernels)) in enumerate(zip(blocks, found, strict=True)):
        here = (kept >= starts[i]) & (kept < starts[i + 1])
        spectra[here] = block.parity.expanded(kernels[kept[here] - starts[i]])
        alone = np.flatnonzero((kept >= singles[i]) & (kept < singles[i + 1]))
        orders = np.zeros((len(alone), len(block.background)))
        orders[np.arange(len(alone)), kept[alone] - singles[i]] = np.sqrt(block.background[kept[alone] - singles[i]])
        spectra[alone] = block.parity.expanded(orders)
    return spectra


def _some_left(kept: Matrix, start: int, stop: int) -> bool:
    """Whether the weakest kernel of a block that was computed is not needed: then the next ones are not either."""
    return stop - 1 not in kept


def _kept(weights: Matrix, total: float, trace: float, max_error: float, count: int | None) -> Matrix:
    """Return which weights to keep, strongest first."""
    order = np.argsort(-weights, kind="stable")
    if count is not None:
        if not 1 <= count <= len(order) + 1:
            raise ValueError(f"`count` must be in 1..{len(order) + 1}, but got {count}.")
        return order[: count - 1]
    if max_error == 0:
        return order
    dropped = total - np.cumsum(np.concatenate([[0.0], weights[order]]))
    if not (dropped <= max_error * trace).any():
        return order
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
