"""What a mask is punished for, in nm^2 of wrongly printed area, with the gradient in its prints.

    wrong (nominal - target)^2 + spread (largest - smallest of the other corners)^2 + lobes (print of each corner)^2

summed over the pixels. All takes smooth prints (0..1 per pixel); of sharp ones it is the area that the nominal print
gets wrong (the L2 of the contest), that some corners print and others do not, and of side lobes, weighted. The last
axes are those of the pixels, the others those of clips, which do not see each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from litho.backend import Array, array_module
from litho.process import Process


@dataclass(frozen=True)
class PrintCost:
    """What prints should be, and what it costs where they are not.

    Parameters
    ----------
    process
        corners and resist; the first corner is compared with the target, those after it with each other
    target : (..., ny, nx) real, in 0..1
        coverage of the wanted shapes
    wrong : (..., ny, nx) real, or a number
        nm^2 that a wrong nominal print of a pixel costs: its area, and more at probes
    spread_nm2
        nm^2 that a pixel costs which one of the other corners prints and another does not
    lobes : (..., ny, nx) real, or None
        nm^2 that a print of a pixel costs at each corner, where nothing may print
    """

    process: Process
    target: Array
    wrong: Array | float
    spread_nm2: float
    lobes: Array | None = None

    def __post_init__(self) -> None:
        shape = tuple(self.target.shape)
        for name in ("wrong", "lobes"):
            value = getattr(self, name)
            if not (value is None or isinstance(value, float) or tuple(value.shape) == shape):
                raise ValueError(f"`{name}` must have the target's shape {shape}, but got {tuple(value.shape)}.")

    def part(self, clip: int, rows: slice) -> PrintCost:
        """Return the same of some rows of one clip."""
        target, wrong, lobes = (
            a if a is None or isinstance(a, float) else a[clip, rows, :] for a in (self.target, self.wrong, self.lobes)
        )
        return PrintCost(self.process, target, wrong, self.spread_nm2, lobes)


@dataclass(frozen=True)
class LossWeights:
    """How much each kind of error counts, per nm^2 of it.

    Parameters
    ----------
    fidelity
        nominal print against target
    pv_band
        band between the largest and smallest print of the corners
    epe
        wrong print at the EPE probes
    side_lobes
        print of any corner where nothing may print, see `litho.pixel_ilt.quiet_region`, in stages whose resist is as
        steep as that of the last: softer ones take assist features for side lobes. A smooth print is punished before
        it reaches the threshold, the sooner the greater this is
    """

    fidelity: float = 1.0
    pv_band: float = 1.0
    epe: float = 0.0
    side_lobes: float = 0.0

    def __post_init__(self) -> None:
        values = (self.fidelity, self.pv_band, self.epe, self.side_lobes)
        if not all(math.isfinite(v) and v >= 0 for v in values) or sum(values) == 0:
            raise ValueError(f"the loss weights must be at least 0 and not all 0, but got {values}.")

    def cost(
        self,
        process: Process,
        target: Array,
        pixel_area_nm2: float,
        probes: Array | None = None,
        quiet: Array | None = None,
    ) -> PrintCost:
        """Return what every pixel costs.

        Parameters
        ----------
        process
            corners and resist
        target : (..., ny, nx) real, in 0..1
            coverage of the wanted shapes
        pixel_area_nm2
            area of a pixel
        probes : (..., ny, nx) real, optional
            nm^2 that a wrong print at each pixel costs, beside its area
        quiet : (..., ny, nx) real in 0..1, optional
            share of each pixel where nothing may print
        """
        wrong: Array | float = float(pixel_area_nm2 * self.fidelity)
        if probes is not None and self.epe > 0:
            wrong = wrong + self.epe * probes
        lobes = None if quiet is None else pixel_area_nm2 * self.side_lobes * quiet
        return PrintCost(process, target, wrong, pixel_area_nm2 * self.pv_band, lobes)


def loss_of_prints(printed: Sequence[Array], cost: PrintCost) -> tuple[Array, list[Array]]:
    """Loss of prints.

    Parameters
    ----------
    printed : (..., ny, nx) real, in 0..1, one for each corner
        the nominal one first
    cost
        see `PrintCost`

    Returns
    -------
    value : (...) real
        nm^2
    printed_bar : (..., ny, nx) real, one for each corner
        gradient of the sum of all values
    """
    difference = printed[0] - cost.target
    pull = difference * cost.wrong
    value = _sum(pull * difference)
    pull *= 2.0
    spread, pulls = _spread(printed[1:], cost.spread_nm2)
    value, bars = value + spread, [pull, *pulls]
    if cost.lobes is not None:
        for here, bar in zip(printed, bars, strict=True):
            spill = cost.lobes * here
            value = value + _sum(spill * here)
            bar += 2.0 * spill
    return value, bars


def _spread(printed: Sequence[Array], cost_nm2: float) -> tuple[Array | float, list[Array]]:
    """Return the cost of the squared spread of some corners' prints, and its gradient in each."""
    if not printed:
        return 0.0, []
    if len(printed) == 2:  # the larger is pulled by the difference, the smaller by as much the other way
        pull = (2 * cost_nm2) * (printed[0] - printed[1])
        return _sum(pull * pull) / (4 * cost_nm2 or 1.0), [pull, -pull]
    xp, outer, inner = array_module(printed[0]), printed[0], printed[0]
    for here in printed[1:]:
        outer, inner = xp.maximum(outer, here), xp.minimum(inner, here)
    spread = outer - inner
    pull = (2 * cost_nm2) * spread
    sides = [xp.astype(p == outer, pull.dtype) - xp.astype(p == inner, pull.dtype) for p in printed]
    return cost_nm2 * _sum(spread * spread), [side * pull for side in sides]


def _sum(values: Array) -> Array:
    """Return the sum over pixels."""
    return array_module(values).sum(values, axis=(-2, -1))
