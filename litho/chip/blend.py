"""One level of all tiles: each tile's own, blended over every seam by weights that sum to 1.

Over a seam, from `overlap` before to `overlap` behind it, the weight of the second tile rises from 0 to 1 with two
continuous derivatives. The blend is taken as a + w (b - a), along x first and then along y: two tiles that agree give
exactly what they agree on, and every window that holds a sample gives it the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Offset = tuple[int, int]
"""columns and rows from a tile to its neighbour, each -1, 0 or 1"""

OUTSIDE = None
"""stands for a neighbour beyond the plan: its side of the seam belongs to nobody"""


@dataclass(frozen=True)
class BlendShape:
    """Lengths of a blend in samples.

    Parameters
    ----------
    core
        (ny, nx) of a core
    overlap
        how far beyond its core a tile's level reaches, and is blended
    """

    core: tuple[int, int]
    overlap: int

    def __post_init__(self) -> None:
        if not 1 <= self.overlap <= min(self.core) / 2:
            raise ValueError(
                f"`overlap` must be at least 1 and at most half a core {self.core} of samples, but got {self.overlap}."
            )

    @property
    def kept(self) -> tuple[int, int]:
        """Shape (ny, nx) of a tile's level."""
        return self.core[0] + 2 * self.overlap, self.core[1] + 2 * self.overlap


def weights(overlap: int) -> NDArray[np.float32]:
    """Return the weight of the second tile at the 2 `overlap` samples around a seam; w + w reversed is 1."""
    t = (np.arange(2 * overlap) + 0.5) / (2 * overlap)
    rising = t**3 * (10 + t * (6 * t - 15))
    # the second half from the first one, so that the sum is 1 to the last bit
    half = rising[:overlap].astype(np.float32)
    return np.concatenate([half, np.float32(1) - half[::-1]])


def blended(
    levels: Mapping[Offset, NDArray[np.float32] | None], shape: BlendShape, margin: int, background: float
) -> NDArray[np.float32]:
    """Return the level of the chip on a core with a margin around it.

    Parameters
    ----------
    levels
        by `Offset`: the level of the tile itself (0, 0) and of its neighbours, each of shape `kept`; `OUTSIDE`, or
        left out, beyond the plan
    shape
        see `BlendShape`
    margin
        samples beyond the core, at most core - overlap
    background
        level beyond the plan, as far as no tile reaches

    Returns
    -------
    level : (ny + 2 margin, nx + 2 margin)
    """
    if not 0 <= margin <= min(shape.core) - shape.overlap:
        raise ValueError(f"`margin` must be at most {min(shape.core) - shape.overlap} samples, but got {margin}.")
    for level in levels.values():
        if level is not None and level.shape != shape.kept:
            raise ValueError(f"`levels` must have the shape {shape.kept}, but got {level.shape}.")
    rows: dict[int, NDArray[np.float32] | None] = {}
    for dy in (-1, 0, 1):
        found = {dx: levels.get((dx, dy)) for dx in (-1, 0, 1)}
        rows[dy] = None
        if any(level is not None for level in found.values()):
            turned = {dx: None if level is None else level.T for dx, level in found.items()}
            rows[dy] = _along(turned, shape.core[1], shape.overlap, margin, background).T
    return np.ascontiguousarray(_along(rows, shape.core[0], shape.overlap, margin, background))


def _along(
    parts: Mapping[int, NDArray[np.float32] | None], core: int, overlap: int, margin: int, background: float
) -> NDArray[np.float32]:
    """Return three tiles in a row blended along the first axis, from `margin` before the middle core to behind it."""
    like: Any = next(part for part in parts.values() if part is not None)
    out = np.full((core + 2 * margin, *like.shape[1:]), background, np.float32)
    for number in (-1, 0, 1):
        part = parts[number]
        if part is not None:
            start = number * core - overlap + margin  # of the tile's level in the window
            low, high = max(start, 0), min(start + len(part), len(out))
            out[low:high] = part[low - start : high - start]
    rising = weights(overlap).reshape(-1, *(1 for _ in like.shape[1:]))
    for seam, (first, second) in ((0, (parts[-1], parts[0])), (core, (parts[0], parts[1]))):
        low, high = max(seam - overlap + margin, 0), min(seam + overlap + margin, len(out))
        if low >= high:
            continue
        taken = slice(low - (seam - overlap + margin), high - (seam - overlap + margin))
        if first is not None and second is not None:
            a, b = first[core:][taken], second[: 2 * overlap][taken]
            out[low:high] = a + rising[taken] * (b - a)
    return out
