"""What a mask shop asks of a mask's outlines, and what is said where a mask does not comply."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from litho.cells import Floats

RULES = ("width", "space", "corner", "notch", "assist distance", "opening", "closing", "radius", "area", "hole")
"""Every rule, in the order that violations are listed in."""


@dataclass(frozen=True)
class MaskRules:
    """Smallest lengths and areas of a mask that can be written and inspected. A rule of 0 is not checked.

    Parameters
    ----------
    min_width_nm
        diameter of the smallest disc in the mask that touches two stretches of outline that face each other
    min_space_nm
        the same outside of the mask, between different outlines, and within one that runs around a hole
    min_area_nm2
        area of an island, without the holes in it
    min_hole_nm2
        area of a hole, without the islands in it
    min_corner_nm
        distance of two corners over a space where no edges face each other; None: as `min_space_nm`
    min_notch_nm
        space between parts of one outline around an island; None: as `min_space_nm`
    min_radius_nm
        radius of curvature of outlines, convex and concave
    assist_distance_nm
        space between an assist feature, an island that touches no target, and one that does; None: as any other space
    tolerance_nm
        how much less than the rule a width, space, distance or radius may measure. 1.0 lets a line of 19.0 nm pass the
        rule of 20 nm
    taper_deg
        stretches of outline that enclose less than this angle face each other: a wedge more acute than this is a taper
        and is as wide as it is at its tip, a blunter one is a corner and has no width
    max_residue_nm
        an opening of the mask by a disc of `min_width_nm`, and a closing by one of `min_space_nm`, may nowhere move its
        outline by more than this, at tips and corners neither; None: not checked
    """

    min_width_nm: float = 20.0
    min_space_nm: float = 20.0
    min_area_nm2: float = 1700.0
    min_hole_nm2: float = 1700.0
    min_corner_nm: float | None = None
    min_notch_nm: float | None = None
    min_radius_nm: float = 0.0
    assist_distance_nm: float | None = None
    tolerance_nm: float = 0.0
    taper_deg: float = 60.0
    max_residue_nm: float | None = None

    def __post_init__(self) -> None:
        for name in (f.name for f in fields(self)):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                kind = "an area" if name.endswith("nm2") else "an angle" if name.endswith("deg") else "a length"
                raise ValueError(f"`{name}` must be {kind} of at least 0, but got {value}.")
        if not 0 < self.taper_deg <= 90:
            raise ValueError(f"`taper_deg` must be over 0 and at most 90 degrees, but got {self.taper_deg}.")
        smallest = min((limit for limit in self.lengths_nm().values() if limit > 0), default=math.inf)
        if not self.tolerance_nm < smallest:
            raise ValueError(
                f"`tolerance_nm` must be less than every length that is asked for, the least of which is {smallest}, "
                f"but got {self.tolerance_nm}: nothing could break that rule."
            )
        if self.assist_distance_nm is not None and self.assist_distance_nm < self.min_space_nm:
            raise ValueError(
                f"`assist_distance_nm` must be at least `min_space_nm` ({self.min_space_nm}), which holds for every "
                f"space, but got {self.assist_distance_nm}."
            )

    def lengths_nm(self) -> dict[str, float]:
        """Return the least length that each rule asks for, those of None filled in."""
        space = self.min_space_nm
        return {
            "width": self.min_width_nm,
            "space": space,
            "corner": space if self.min_corner_nm is None else self.min_corner_nm,
            "notch": space if self.min_notch_nm is None else self.min_notch_nm,
            "assist distance": space if self.assist_distance_nm is None else self.assist_distance_nm,
            "radius": self.min_radius_nm,
        }


@dataclass(frozen=True, eq=False)
class RuleViolation:
    """One place where a mask breaks a rule.

    Parameters
    ----------
    rule
        one of `RULES`
    value, limit
        what was measured, and the least that is asked for: nm, or nm^2 for "area" and "hole"; for "opening" and
        "closing" the most that is allowed
    x_nm, y_nm
        place in layout nm: between the two points of the marker, or where the outline bends, or inside the polygon
    marker_nm : (n, 2)
        points (x, y): the two that are too close, or what a disc moves and to where, or the polygon that is too small,
        or three along a sharp bend
    """

    rule: str
    value: float
    limit: float
    x_nm: float
    y_nm: float
    marker_nm: Floats
