"""How edge-based correction runs, from fragments to assist features: the table `opc` of a recipe."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from litho.edge_area import AreaSettings
from litho.edge_opc import StepSettings
from litho.fragments import FragmentSettings
from litho.move_limits import MoveRules
from litho.rule_opc import RuleSettings
from litho.rule_set import MaskRules
from litho.srafs import SrafRules

SRAF_METHODS = ("none", "rules", "image")
"""No assist features, bars along edges, or bars where the inverse image says that light helps."""


@dataclass(frozen=True)
class SrafSettings:
    """Assist features.

    Parameters
    ----------
    method
        "none", "rules" (bars along edges) or "image" (where the inverse image says that light helps)
    rounds
        of laying bars and improving the whole, for the method "image"
    distances_nm
        from an edge to its first bar, its second one and so on, for the method "rules"
    least
        share of the largest help below which no bar is laid, for the method "image"
    margin
        share of the threshold that the image of a bar stays below it, at every corner of the process
    rules
        see `litho.srafs.SrafRules`
    """

    method: str = "image"
    rounds: int = 2
    distances_nm: tuple[float, ...] = (80.0, 160.0)
    least: float = 0.1
    margin: float = 0.05
    rules: SrafRules = field(default_factory=SrafRules)

    def __post_init__(self) -> None:
        if self.method not in SRAF_METHODS:
            raise ValueError(f"`method` must be one of {', '.join(SRAF_METHODS)}, but got {self.method!r}.")
        if self.rounds < 1:
            raise ValueError(f"`rounds` must be at least 1, but got {self.rounds}.")
        if not all(math.isfinite(d) and d >= self.rules.main_nm for d in self.distances_nm):
            raise ValueError(
                f"`distances_nm` must be at least `rules.main_nm`, {self.rules.main_nm:g}, "
                f"but got {list(self.distances_nm)}."
            )
        for name in ("least", "margin"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be a share in [0, 1), but got {getattr(self, name)}.")


@dataclass(frozen=True)
class OpcSettings:
    """How edges are corrected.

    Parameters
    ----------
    fragments
        how edges are cut
    rules
        the start: biases, hammerheads, serifs
    limits
        what moves have to keep
    edges
        steps on edge placement errors; `steps = 0` leaves what the rules gave
    area
        last steps, on the whole print
    srafs
        assist features
    """

    fragments: FragmentSettings = field(default_factory=FragmentSettings)
    rules: RuleSettings = field(default_factory=RuleSettings)
    limits: MoveRules = field(default_factory=MoveRules)
    edges: StepSettings = field(default_factory=lambda: StepSettings(steps=5))
    area: AreaSettings = field(default_factory=AreaSettings)
    srafs: SrafSettings = field(default_factory=SrafSettings)

    def bound_by(self, rules: MaskRules) -> OpcSettings:
        """Return settings whose limits are at least as strict as the rules of a mask.

        Corners and notches count as widths and spaces here. Areas of the target's own shapes, and the distance of
        assist features from edges that have moved, are left to the check of the mask.
        """
        least = rules.lengths_nm()
        width = max(self.limits.min_width_nm, least["width"])
        space = max(self.limits.min_space_nm, least["space"], least["corner"], least["notch"])
        bars = self.srafs.rules
        bars = replace(
            bars,
            width_nm=max(bars.width_nm, width),
            space_nm=max(bars.space_nm, space),
            main_nm=max(bars.main_nm, space, least["assist distance"]),
            shortest_nm=max(bars.shortest_nm, width),
            longest_nm=max(bars.longest_nm, bars.shortest_nm, width),
            min_area_nm2=max(bars.min_area_nm2, rules.min_area_nm2),
        )
        distances = tuple(max(distance, bars.main_nm) for distance in self.srafs.distances_nm)
        return replace(
            self,
            limits=replace(self.limits, min_width_nm=width, min_space_nm=space),
            srafs=replace(self.srafs, rules=bars, distances_nm=distances),
        )
