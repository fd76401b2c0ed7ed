"""What a run over a chip leaves behind: the data that its files, map and report are made of.

Nothing here grows with the number of shapes: sites are counted, numbers stand per tile, and places are listed only
where a limit is broken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litho.cells import Floats
from litho.chip.placement_tally import PlacementTally
from litho.chip.tiles import TilePlan
from litho.hotspots import KINDS, HotSpot
from litho.rule_set import MaskRules, RuleViolation

COMPUTED, REUSED, SET_ASIDE, EMPTY = 0, 1, 2, 3
"""How a tile came by its mask: computed; taken over from an equal tile or an earlier run; drawn as its target, because
it failed; or empty, for no target is in reach."""


@dataclass(frozen=True, eq=False)
class TileNumbers:
    """Numbers of every tile, arrays (rows, columns); NaN where nothing is known.

    Parameters
    ----------
    epe_rms_nm, epe_largest_nm
        of the edge placement errors at the nominal corner
    band_nm
        mean width of the process-variation band
    seconds
        that all passes took for the tile; of an equal tile where it was not computed
    origin
        `COMPUTED`, `REUSED`, `SET_ASIDE` or `EMPTY`
    """

    epe_rms_nm: Floats
    epe_largest_nm: Floats
    band_nm: Floats
    seconds: Floats
    origin: NDArray[np.uint8]

    def __post_init__(self) -> None:
        shapes = {getattr(self, name).shape for name in ("epe_rms_nm", "epe_largest_nm", "band_nm", "seconds")}
        if shapes != {self.origin.shape}:
            raise ValueError(f"`origin` must have the shape of all numbers, {shapes}, but got {self.origin.shape}.")


@dataclass(frozen=True)
class SetAside:
    """A tile that failed so often that it was left out: the mask holds its target as drawn, in whole or in part.

    Parameters
    ----------
    name
        of the tile
    x_nm, y_nm
        middle of its core
    doing
        the pass that failed
    error
        what was wrong, in one line
    """

    name: str
    x_nm: float
    y_nm: float
    doing: str
    error: str


@dataclass(frozen=True, eq=False)
class ChipVerification:
    """What a mask's print measures over a chip.

    Parameters
    ----------
    interior, seams
        edge placement errors away from seams, and within reach of them
    limit_nm
        beyond which an error is a violation
    hotspots
        broken limits, the worst first
    violations
        places where the mask breaks a rule
    rules
        that were checked
    elsewhere
        errors as near to lines that run through the interior as seams are to theirs, one set of lines each: what seams
        differ by from these is theirs, and not of the shapes that they happen to cross
    """

    interior: PlacementTally
    seams: PlacementTally
    limit_nm: float
    hotspots: tuple[HotSpot, ...]
    violations: tuple[RuleViolation, ...]
    rules: MaskRules
    elsewhere: tuple[PlacementTally, ...] = ()

    @property
    def everywhere(self) -> PlacementTally:
        """Interior and seams together."""
        return self.interior + self.seams

    @property
    def passed(self) -> bool:
        """Whether no limit and no rule is broken."""
        return not self.hotspots and not self.violations

    def hotspot_counts(self) -> dict[str, int]:
        """Return how many hot spots of each kind there are."""
        return {kind: n for kind in KINDS if (n := sum(s.kind == kind for s in self.hotspots))}


@dataclass(frozen=True, eq=False)
class ChipResult:
    """A corrected or a verified chip.

    Parameters
    ----------
    name
        of the layout file without its ending
    tiles
        where tiles lie
    numbers
        of every tile
    verification
        of the mask as it was written; None if that was not asked for
    set_aside
        tiles that are missing
    contour_step_nm
        largest step of a mask outline where two tiles meet, see `litho.chip.seam_steps`; None if there are no seams
    figures
        counts of shapes, tiles and files, as `metrics.json` has them
    recipe
        the resolved recipe, as TOML has it
    info
        device, versions, seconds and the like
    """

    name: str
    tiles: TilePlan
    numbers: TileNumbers
    verification: ChipVerification | None
    set_aside: tuple[SetAside, ...] = ()
    contour_step_nm: float | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)
