"""Opponents are timed only after they were seen to agree.

Images and gradients are compared with the textbook's way in double precision; of a batch every clip, which is the
first one moved. Corrections are searches whose paths part by rounding, so the masks they find are judged alike by
what they print, the area that differs from the target and the band between the corners, and each is compared with the
median of all.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litho.benchmark.cases import PROCESS, Case, masks, moved
from litho.model import aerial_images, print_model
from litho.process import expose
from litho.resist import prints
from litho.socs import Kernels

LARGEST_DIFFERENCE = {"image": 2e-6, "gradient": 1e-4, "ilt": 2e-3}
"""What may differ: of an image and a gradient a share of the peak, of ten corrections a share of L2 + PV band.

Single precision leaves 2e-6 in an intensity. The resist of the gradient has a slope of 50 over the intensity, so that
its print, and with it the gradient, may be off by 50 times as much. Of fewer than ten corrections sqrt(10 / clips)
times as much may differ: the last bit of a transform moves where a search ends, by 0.1 to 0.2 % of a single clip.
"""


class DisagreementError(ArithmeticError):
    """Opponents do not find the same."""


@dataclass(frozen=True)
class Agreement:
    """How far one opponent's result is from what it must be.

    Parameters
    ----------
    difference
        share, as in `LARGEST_DIFFERENCE`
    largest
        what is allowed
    """

    difference: float
    largest: float

    @property
    def holds(self) -> bool:
        """Whether the difference is allowed; a NaN is not."""
        return self.difference <= self.largest


def compared(case: Case, reference: NDArray[Any], result: NDArray[Any]) -> Agreement:
    """Return how far images or gradients (clips, ny, nx) are from the reference of the first clip, (1, ny, nx)."""
    if result.shape != (case.clips, *case.grid.shape):
        raise DisagreementError(f"{case.name}: the result must have one array a clip, but got {result.shape}.")
    each = [np.abs(result[i] - moved(reference[0], i)).max() for i in range(case.clips)]
    return Agreement(float(np.max(each)) / float(np.abs(reference).max()), LARGEST_DIFFERENCE[case.kind])


def judged(case: Case, kernels: tuple[Kernels, ...], level: NDArray[np.float32]) -> float:
    """Return L2 + PV band of the masks where a level field (clips, ny, nx) is positive, nm^2, averaged over clips."""
    target = masks(case)
    model = print_model(case.grid, PROCESS, kernels, target)
    total = 0.0
    for wanted, clip in zip(target, level, strict=True):
        images = expose(aerial_images((clip > 0).astype(np.float32), model)[0], PROCESS)
        printed = prints(images, PROCESS.resist)
        wrong = printed[0] != (wanted >= 0.5)
        band = printed[1:].any(axis=0) & ~printed[1:].all(axis=0)
        total += float(wrong.sum() + band.sum()) * case.grid.pixel_area_nm2
    return total / case.clips


def same_quality(case: Case, found_nm2: Sequence[float]) -> list[Agreement]:
    """Return how far what each mask gets wrong is from the median of all opponents."""
    middle = statistics.median(found_nm2)
    largest = LARGEST_DIFFERENCE["ilt"] * math.sqrt(max(1.0, 10 / case.clips))
    return [Agreement(abs(found - middle) / middle, largest) for found in found_nm2]
