"""Tables of a recipe for metrology: cut lines, the process window, and the limits of `litho verify`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from litho.cells import Floats
from litho.cutline import CutLine
from litho.edge_placement import TargetSites, target_sites
from litho.grid import Grid
from litho.hotspots import Limits
from litho.pupil import Optics
from litho.recipe_tables import Length, Table

Share = Annotated[float, Field(ge=0, lt=1)]
Tolerance = Annotated[float, Field(gt=0, lt=1)]

FOCI = 11
"""Foci of a window whose recipe names none."""


class CutTable(Table):
    """A cut line that CD, NILS and process window are measured on.

    Parameters
    ----------
    name
        for tables and plots
    start_nm, end_nm
        its ends (x, y) in layout nm; it has to reach beyond both edges of the feature, at every dose and focus
    tone
        "bright": the feature is exposed; "dark": it lies between two that are, as absorber's does in a bright field
    near_nm
        the feature nearest to this point (x, y) is measured; the middle of the line if it is left out
    cd_nm
        goal of the process window; the CD at dose 1 and best focus if it is left out
    """

    name: str = ""
    start_nm: tuple[float, float]
    end_nm: tuple[float, float]
    tone: Literal["bright", "dark"] = "bright"
    near_nm: tuple[float, float] | None = None
    cd_nm: Length | None = None

    @model_validator(mode="after")
    def _valid(self) -> Self:
        if self.start_nm == self.end_nm:
            raise ValueError(f"`end_nm` must differ from `start_nm`, but both are {list(self.start_nm)}")
        return self

    def build(self, number: int = 1) -> CutLine:
        """Return the line, with a name in any case."""
        return CutLine(self.start_nm, self.end_nm, self.name or f"cut {number}")


class WindowTable(Table):
    """Doses and foci of the process window that `litho simulate` measures on cut lines.

    Parameters
    ----------
    foci_nm
        rising; if left out, those of the kernel file, or eleven within lambda / (2 n (1 - cos theta)) either way
    doses
        of the Bossung curves, rising, in intensity; windows find theirs by themselves
    tolerance
        share of the CD that it may be off by, such as 0.1
    latitude
        exposure latitude (a share) at which the depth of focus is told
    """

    foci_nm: Annotated[tuple[float, ...], Field(min_length=1)] | None = None
    doses: Annotated[tuple[Length, ...], Field(min_length=1)] = (0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15)
    tolerance: Tolerance = 0.1
    latitude: Tolerance = 0.05

    @model_validator(mode="after")
    def _rising(self) -> Self:
        for name in ("foci_nm", "doses"):
            values = getattr(self, name) or ()
            if any(b <= a for a, b in pairwise(values)):
                raise ValueError(f"`{name}` must rise, but got {list(values)}")
        return self

    def foci_for(self, optics: Optics) -> tuple[float, ...]:
        """Return the foci: those of the recipe, or some within the depth of focus of a lens."""
        if self.foci_nm is not None:
            return self.foci_nm
        n = optics.immersion_index
        cosine = math.sqrt(1 - (optics.na / n) ** 2)
        reach = optics.wavelength_nm / (2 * n * (1 - cosine))
        step = max(1, round(2 * reach / (FOCI - 1)))
        return tuple(float(step * (k - FOCI // 2)) for k in range(FOCI))


class VerifyTable(Table):
    """What `litho verify` looks at, and the limits of a pass.

    Parameters
    ----------
    interval_nm, corner_nm
        largest distance of neighbouring sites of an edge, and distance of the outermost from its ends
    epe_nm
        largest edge placement error at the nominal corner, in either direction
    band_nm
        largest width of the process-variation band at a site
    width_share, space_share
        smallest printed width and space at any corner, as shares of the drawn ones
    extremum_margin
        share of the threshold by which side lobes, assist features and dimples have to miss it at any corner
    rms_nm
        largest root mean square of the nominal edge placement errors; not checked if it is left out
    reach_nm
        a printed edge farther than this from its site is lost
    clearance_nm
        distance from the target's edge within which there are no side lobes and dimples
    merge_nm
        of hot spots of a kind nearer to each other than this, the worst is kept
    """

    interval_nm: Length = 20.0
    corner_nm: Length = 40.0
    epe_nm: Length = 10.0
    band_nm: Length = 15.0
    width_share: Share = 0.75
    space_share: Share = 0.75
    extremum_margin: Share = 0.05
    rms_nm: Length | None = None
    reach_nm: Length = 60.0
    clearance_nm: Length = 10.0
    merge_nm: Annotated[float, Field(ge=0)] = 60.0

    def build(self) -> Limits:
        """Return the limits."""
        return Limits(**self.model_dump(exclude={"interval_nm", "corner_nm", "rms_nm"}))

    def sites(self, target: Sequence[Floats], grid: Grid) -> TargetSites:
        """Return where edge placement is measured."""
        return target_sites(target, self.interval_nm, self.corner_nm, grid=grid)
