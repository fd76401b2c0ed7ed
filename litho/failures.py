"""What goes wrong where a pattern prints by chance: features that are missing, bridged or broken, and how often.

A print fails where it hangs together otherwise than the print without noise. Printed pixels are neighbours across
edges, unprinted ones across corners, too, so that of a feature and its surroundings one always separates the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.csgraph import connected_components
from scipy.stats import binomtest

Bits = NDArray[np.bool_]
Labels = NDArray[np.integer]

ACROSS_EDGES = ndimage.generate_binary_structure(2, 1)
ACROSS_CORNERS = ndimage.generate_binary_structure(2, 2)


@dataclass(frozen=True)
class Failures:
    """How many exposures of a field failed.

    Parameters
    ----------
    trials
        exposures
    failed
        exposures in which anything failed
    missing
        exposures in which some feature does not print at all
    bridged
        exposures in which features of the noise-free print are joined (contacts that merge, lines that touch)
    broken
        exposures in which gaps between features are joined (lines that are cut through)
    confidence
        of the interval
    """

    trials: int
    failed: int
    missing: int
    bridged: int
    broken: int
    confidence: float = 0.95

    @property
    def probability(self) -> float:
        """Share of the exposures that failed."""
        return self.failed / self.trials

    @property
    def interval(self) -> tuple[float, float]:
        """Interval that holds the probability of failure of a field with the stated confidence at least."""
        return clopper_pearson(self.failed, self.trials, self.confidence)


def clopper_pearson(count: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact confidence interval of a probability of which `count` of `trials` independent trials speak.

    References
    ----------
    C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
    Biometrika 26, 404 (1934).
    """
    check_confidence(confidence)
    interval = binomtest(count, trials).proportion_ci(confidence, method="exact")
    return float(interval.low), float(interval.high)


def check_confidence(confidence: float) -> None:
    """Refuse what is no probability between 0 and 1."""
    if not 0 < confidence < 1:
        raise ValueError(f"`confidence` must be between 0 and 1, but got {confidence}.")


@dataclass(frozen=True, eq=False)
class Topology:
    """How a print hangs together that did not fail.

    Parameters
    ----------
    nominal : (ny, nx) bool
        print without noise, in a periodic field
    """

    nominal: Bits

    def __post_init__(self) -> None:
        if self.nominal.all() or not self.nominal.any():
            raise ValueError(
                "`threshold` must lie within the range of the blurred image, but all or nothing would print."
            )

    @cached_property
    def features(self) -> Labels:
        """Number of the feature of each pixel, from 1; 0 where nothing prints, (ny, nx)."""
        labels, count = ndimage.label(self.nominal, ACROSS_EDGES)
        seams = [np.stack([labels[0], labels[-1]]), np.stack([labels[:, 0], labels[:, -1]])]
        first, second = np.concatenate([seam[:, (seam > 0).all(axis=0)] for seam in seams], axis=1) - 1
        graph = sparse.coo_array((np.ones(len(first)), (first, second)), shape=(count, count))
        _, merged = connected_components(graph, directed=False)
        return np.asarray(np.concatenate([[0], merged + 1])[labels])

    def failed(self, printed: Bits) -> Bits:
        """Return what failed in prints (trials, ny, nx): (trials, 3), whether missing, bridged and broken."""
        return np.stack([self._missing(printed), self._joined(printed, True), self._joined(printed, False)], axis=1)

    def _missing(self, printed: Bits) -> Bits:
        pixels = np.flatnonzero(self.features)
        pixels = pixels[np.argsort(self.features.flat[pixels], kind="stable")]
        starts = np.flatnonzero(np.diff(self.features.flat[pixels], prepend=0))
        some = np.logical_or.reduceat(printed.reshape(len(printed), -1)[:, pixels], starts, axis=1)
        return np.asarray(~some.all(axis=1))

    def _joined(self, printed: Bits, value: bool) -> Bits:
        """Return which prints join what is apart in the noise-free one, among the printed or the unprinted pixels."""
        apart, border = self._apart[value], self.borders[value]
        suspect = (printed[:, border] == value).any(axis=1)
        joined = np.zeros(len(printed), dtype=bool)
        for trial in np.flatnonzero(suspect):
            labels, count = ndimage.label(_twice(printed[trial] == value), _structure(value))
            both = (labels > 0) & (apart > 0)
            least, most = np.full(count + 1, apart.max() + 1), np.zeros(count + 1, dtype=apart.dtype)
            np.minimum.at(least, labels[both], apart[both])
            np.maximum.at(most, labels[both], apart[both])
            joined[trial] = (least < most).any()
        return joined

    @cached_property
    def borders(self) -> tuple[Bits, Bits]:
        """Middles of what lies between unprinted, and between printed, parts: (ny, nx) each.

        A path from one part to another leaves the zone of points nearest to the one. Where no pixel on the zones'
        borders is taken, no path is.
        """
        return self._border(0), self._border(1)

    def _border(self, value: int) -> Bits:
        apart, (ny, nx) = self._apart[value], self.nominal.shape
        nearest = ndimage.distance_transform_edt(apart == 0, return_distances=False, return_indices=True)
        zone = apart[tuple(nearest)]
        border = ndimage.maximum_filter(zone, 3) != ndimage.minimum_filter(zone, 3)
        return np.asarray(border.reshape(2, ny, 2, nx).any(axis=(0, 2)))

    @cached_property
    def _apart(self) -> tuple[Labels, Labels]:
        """Numbers of the unprinted, and of the printed, parts in two by two fields: a part may join its own copy."""
        return self._parts(False), self._parts(True)

    def _parts(self, value: bool) -> Labels:
        ny, nx = self.nominal.shape
        # half a field more on each side keeps together what the borders of two by two fields cut
        margin = (ny // 2, ny // 2), (nx // 2, nx // 2)
        labels, _ = ndimage.label(np.pad(_twice(self.nominal == value), margin, mode="wrap"), _structure(value))
        return np.asarray(labels[ny // 2 :, nx // 2 :][: 2 * ny, : 2 * nx])


def _structure(value: bool) -> Bits:
    return np.asarray(ACROSS_EDGES if value else ACROSS_CORNERS)


def _twice(bits: Bits) -> Bits:
    return np.tile(bits, (2, 2))
