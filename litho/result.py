"""What a job leaves behind for one clip: the data that files, pictures and reports are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from litho.cells import Floats
from litho.curves import Curve
from litho.grid import Grid
from litho.pixel_ilt import StageHistory

if TYPE_CHECKING:
    from litho.metrology import MeasuredWindow, Verification
    from litho.rule_set import RuleViolation


@dataclass(frozen=True, eq=False)
class ClipResult:
    """A mask, what it prints, and how it was found.

    Parameters
    ----------
    name
        of the clip: the layout file's without its ending
    grid
        scoring grid; every array below stands on it
    target_polygons
        wanted shapes, each (n, 2) vertices (x, y) in layout nm, without overlap
    mask_polygons
        outlines of the mask at sub-pixel accuracy, likewise: counter-clockwise around islands, clockwise around holes
    curves
        one per entry of `mask_polygons`: the curve fitted to it, or None where there is none
    target : (ny, nx) float32, in 0..1
        coverage of the wanted shapes
    mask : (ny, nx) uint8, 0 or 1
    intensity : (ny, nx) float32
        aerial image at nominal focus and dose
    prints : (corners, ny, nx) bool
        what each process corner prints, the nominal one first
    corner_labels
        one short text per corner, such as "dose 1.04, defocus 0 nm"
    threshold
        intensity from which on the resist prints
    print_polygons
        one entry per corner: outlines of what it prints at sub-pixel accuracy, as `mask_polygons`
    metrics
        what `metrics.json` says of the mask: L2, PVB, EPE, sites, shots, ...
    history
        loss of this clip, one entry per stage with values (steps + 1, 1); empty for a mask that was not optimised
    recipe
        the resolved recipe, as TOML has it
    info
        device, versions, seconds and the like, as `metrics.json` has them
    window
        process window on the cut lines, if there are any
    verification
        edge placement and hot spots, if they were asked for
    violations
        where the mask breaks a rule; None if that is not known
    uncorrected
        what the target prints where it is the mask itself, if that was asked for: only its arrays, outlines of prints
        and scores are its own
    """

    name: str
    grid: Grid
    target_polygons: tuple[Floats, ...]
    mask_polygons: tuple[Floats, ...]
    curves: tuple[Curve | None, ...]
    target: NDArray[np.float32]
    mask: NDArray[np.uint8]
    intensity: NDArray[np.float32]
    prints: NDArray[np.bool_]
    corner_labels: tuple[str, ...]
    threshold: float
    print_polygons: tuple[tuple[Floats, ...], ...]
    metrics: Mapping[str, Any]
    history: tuple[StageHistory, ...] = ()
    recipe: Mapping[str, Any] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)
    window: MeasuredWindow | None = None
    verification: Verification | None = None
    violations: tuple[RuleViolation, ...] | None = None
    uncorrected: ClipResult | None = None

    @property
    def pv_band(self) -> NDArray[np.bool_]:
        """Pixels that some but not all of the corners print, (ny, nx); the nominal one counts only if it is alone."""
        others = self.prints[1:] if len(self.prints) > 1 else self.prints
        band: NDArray[np.bool_] = np.any(others, axis=0) & ~np.all(others, axis=0)
        return band
