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
what is dropped is never negative. Where the blocks were formed it is at most (next weight) x (variance of the
transmission over the field). Where they were not, each order's background is a kernel of its own, not orthogonal to the
others, and the bound is twice that.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litho.abbe import transfer_of
from litho.backend import single_threaded_blas
from litho.pupil import Optics
from litho.socs import Kernels
from litho.source_spacing import source_spacing
from litho.source_weights import Spacing
from litho.tcc_blocks import Block, tcc_blocks, without_zeroth_order

MAX_ERROR = 0.03
"""Default share of the TCC's trace that may be dropped; an image's largest error is a tenth of it, or a quarter."""

ROUNDING = 1e-20
"""A kernel with less than this share of the trace is nothing but rounding."""

FIRST_TRY = 48
"""Kernels of a block that are computed at first; twice as many if they are not enough."""

Matrix = NDArray[Any]


def socs_kernels(
    optics: Optics,
    period_nm: tuple[float, float],
    defocus_nm: float = 0.0,
    max_error: float = MAX_ERROR,
    count: int | None = None,
    spacing: Spacing = None,
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
        of the source points, or the points themselves; for intensities within 1e-4 if it is not given, see
        `litho.source_spacing`
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
    blocks, diagonal = tcc_blocks(optics, period_nm, defocus_nm, spacing, depth_nm)
    trace = float(diagonal.sum())
    first, blocks[0] = without_zeroth_order(blocks[0])
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


def _chosen(blocks: list[Block], total: float, trace: float, max_error: float, count: int | None) -> Matrix:
    """Return the kernels (kernels, ny, nx) to keep beside the first, strongest first."""
    largest = max(len(b.matrix) for b in blocks)
    tried = largest if max_error == 0 and count is None else min(largest, max(FIRST_TRY, count or 0))
    while True:
        with single_threaded_blas():
            found = [b.strongest(tried) for b in blocks]
        weights = np.concatenate([w for w, _ in found] + [b.background for b in blocks])
        kept = _kept(weights, total, trace, max_error, count)
        starts = np.cumsum([0, *(len(w) for w, _ in found)])
        # where the weakest kernel of a block that was computed is not needed, the next ones are not either
        if tried == largest or all(stop - 1 not in kept for stop in starts[1:]):
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
