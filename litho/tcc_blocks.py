"""The transmission cross-coefficients in blocks: sums over source points, shared out among threads.

T = A^H A + diag(background), in the basis of even and odd functions (`litho.parity`). A block with fewer columns than
rows is kept as the product itself, any other as its rows and the products A A^H. Threads work on fixed shares of the
source, and BLAS works alone inside each, so the result is the same bits for any number of threads.
"""

from __future__ import annotations

import itertools
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.linalg
import scipy.linalg.blas
from numpy.typing import NDArray

from litho.backend import single_threaded_blas, threads
from litho.parity import Parity, folded, mirror_half, parities
from litho.pupil import RIM, Optics
from litho.shifted_pupils import components, pupil_coordinates, shifted_pupils
from litho.source_shapes import SourcePoints
from litho.source_weights import Spacing, lit_points

SHARES = 4
"""Parts of a source that are summed side by side; each has its own products."""

CHUNK = 2**20
"""Pupil values of a share that are computed at a time."""

Matrix = NDArray[Any]


@dataclass(frozen=True)
class Block:
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


@dataclass(frozen=True)
class _Condition:
    """What the rows depend on, beside the source points."""

    optics: Optics
    x: Matrix
    y: Matrix
    defocus_nm: float
    depth_nm: float | None
    blocks: list[Parity]
    points: int


def tcc_blocks(
    optics: Optics,
    period_nm: tuple[float, float],
    defocus_nm: float,
    spacing: Spacing,
    depth_nm: float | None,
) -> tuple[list[Block], Matrix]:
    """Return T in blocks, the even one first, and its whole diagonal (ny, nx); see `litho.tcc.socs_kernels`."""
    points, mirrors = mirror_half(lit_points(optics, spacing), optics.mirrored)
    x, y = pupil_coordinates(optics, period_nm, np.zeros(1))
    cells = np.hypot(*points.radial.T) + np.hypot(*points.tangential.T)
    inside = np.hypot(x, y) <= 1 + (np.hypot(points.x, points.y) + cells / 2).max() + RIM
    condition = _Condition(optics, x, y, defocus_nm, depth_nm, parities(inside, mirrors), len(points))
    edges = np.linspace(0, len(points), min(SHARES, len(points)) + 1).astype(int)
    with single_threaded_blas(), ThreadPoolExecutor(min(SHARES, threads())) as pool:
        shares = [points[int(a) : int(b)] for a, b in itertools.pairwise(edges)]
        sums = list(pool.map(lambda share: _sums(share, condition), shares))
    background = np.sum([lost for _, lost in sums], axis=0)
    for axis in mirrors:
        background = background + np.roll(np.flip(background, axis), 1, axis)
    totals = [_together([parts[i] for parts, _ in sums]) for i in range(len(condition.blocks))]
    with single_threaded_blas():
        blocks = [total.block(background) for total in totals]
    return blocks, np.asarray(background + sum(total.power for total in totals))


def _sums(points: SourcePoints, condition: _Condition) -> tuple[list[_Sum], Matrix]:
    """Return the sums over some source points, of each block and of the background (ny, nx)."""
    shape = condition.y.size, condition.x.size
    sums = [_Sum(parity) for parity in condition.blocks]
    background, start = np.zeros(shape), 0
    parts = components(points, condition.optics, condition.depth_nm, condition.x)
    step = max(1, CHUNK // (parts * shape[0] * shape[1]))
    while start < len(points):
        some = points[start : start + step]
        amplitude, lost = shifted_pupils(
            some, condition.x, condition.y, condition.optics, condition.defocus_nm, condition.depth_nm
        )
        amplitude *= np.sqrt(some.weight)[:, None, None, None]
        rows = (amplitude if amplitude.imag.any() else amplitude.real).reshape(-1, *shape)
        for total, columns in zip(sums, folded(rows, condition.blocks), strict=True):
            total.add(columns, condition.points * parts)
        background += lost
        start += step
    return sums, background


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

    def block(self, background: Matrix) -> Block:
        """Return the finished block."""
        beside = self.parity.columns(background)
        if self.matrix is not None:
            return Block(self.parity, _whole(self.matrix) + np.diag(beside), None, 0 * beside)
        rows = np.concatenate(self.rows)
        return Block(self.parity, _products(rows), rows, beside)


def _together(sums: list[_Sum]) -> _Sum:
    """Return the sum of sums over parts of a source, in their order."""
    first, *others = sums
    for other in others:
        first.diagonal = first.diagonal + other.diagonal
        first.rows += other.rows
        if first.matrix is not None and other.matrix is not None:
            first.matrix = first.matrix + other.matrix
    return first


def without_zeroth_order(block: Block) -> tuple[Matrix, Block]:
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
