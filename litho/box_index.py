"""Which of many boxes touch a window, found without looking at all of them.

Boxes are sorted into strips and along each strip, sixteen that follow each other get a box around them, sixteen of
those another one, and so on (Leutenegger, Lopez and Edgington 1997, Proc. ICDE, 497): a tree in a few flat arrays.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

BRANCHES = 16
"""Boxes that share one around them; also how many are looked at one by one."""


class BoxIndex:
    """Boxes to be found by what they touch.

    Parameters
    ----------
    boxes
        (m, 4) x0, y0, x1, y1 of each
    """

    def __init__(self, boxes: Floats) -> None:
        self._order = _in_strips(boxes)
        self._levels = [boxes[self._order]]
        while len(self._levels[-1]) > BRANCHES:
            below = self._levels[-1]
            firsts = np.arange(0, len(below), BRANCHES)
            low = np.minimum.reduceat(below[:, :2], firsts)
            high = np.maximum.reduceat(below[:, 2:], firsts)
            self._levels.append(np.hstack([low, high]))

    def __len__(self) -> int:
        return len(self._order)

    @property
    def bounds(self) -> Floats:
        """x0, y0, x1, y1 around all boxes, of which there must be one."""
        top = self._levels[-1]
        return np.concatenate([top[:, :2].min(0), top[:, 2:].max(0)])

    def boxes(self) -> Iterator[tuple[int, Floats]]:
        """Yield number and box (4,) of each."""
        yield from zip(self._order.tolist(), self._levels[0], strict=True)

    def touching(self, window: Floats) -> Numbers:
        """Return the numbers of the boxes that touch `window` (x0, y0, x1, y1), in rising order."""
        found = np.arange(len(self._levels[-1]))
        for depth in range(len(self._levels) - 1, -1, -1):
            boxes = self._levels[depth][found]
            seen = (boxes[:, 0] <= window[2]) & (boxes[:, 1] <= window[3])
            found = found[seen & (boxes[:, 2] >= window[0]) & (boxes[:, 3] >= window[1])]
            if depth:
                found = (found[:, None] * BRANCHES + np.arange(BRANCHES)).ravel()
                found = found[found < len(self._levels[depth - 1])]
        return np.sort(self._order[found])


def _in_strips(boxes: Floats) -> Numbers:
    """Return the order of boxes in upright strips of about as many groups each as there are strips, upwards in each."""
    if len(boxes) <= BRANCHES:
        return np.arange(len(boxes))
    x, y = boxes[:, 0] + boxes[:, 2], boxes[:, 1] + boxes[:, 3]
    in_a_strip = BRANCHES * math.ceil(math.sqrt(len(boxes) / BRANCHES))
    strip = np.empty(len(boxes), dtype=np.int64)
    strip[np.argsort(x, kind="stable")] = np.arange(len(boxes)) // in_a_strip
    return np.asarray(np.lexsort((y, strip)))
