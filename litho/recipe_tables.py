"""Tables of a recipe that have no dataclass of the numerical core behind them.

Each checks itself as it is read, and its `build` gives what the core takes. Keys carry their unit; the text beside a
key is its documentation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from litho.cells import Floats
from litho.euv import EuvMask, shadowed
from litho.grid import Grid
from litho.mask import Mask
from litho.mask_bias import biased, rounded
from litho.process import Corner, Process
from litho.recipe_base import Length as Length
from litho.recipe_base import Table as Table
from litho.resist import Resist


class FieldTable(Table):
    """The periodic field around a clip: of a given size, or as large as the clip and a halo need.

    Parameters
    ----------
    pixel_nm
        of the scoring grid: mask, prints and metrics
    size_nm
        width and height (x, y) of a field of given size
    offset_nm
        where the layout's (0, 0), or the lower left corner of a window, lies in a field of given size, from its lower
        left corner (x, y); the clip is centred if it is left out
    halo_nm
        distance from the clip to the field's border where the clip sets the size: at least the optical ambit
    """

    pixel_nm: Length = 1.0
    size_nm: tuple[Length, Length] | None = None
    offset_nm: tuple[float, float] | None = None
    halo_nm: Annotated[float, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if (self.size_nm is None) == (self.halo_nm is None):
            raise ValueError("exactly one of `size_nm` and `halo_nm` must be given")
        if self.offset_nm is not None and self.size_nm is None:
            raise ValueError("`offset_nm` must come with `size_nm`")
        if self.size_nm is not None and any(abs(s / self.pixel_nm % 1) > 1e-9 for s in self.size_nm):
            raise ValueError(f"`size_nm` must be whole pixels of {self.pixel_nm:g} nm, but got {list(self.size_nm)}")
        return self


class ShadowTable(Table):
    """The shadow of a mask for extreme ultraviolet light, in `litho simulate` and `litho verify`; see `litho.euv`.

    Parameters
    ----------
    absorber_nm
        height of the absorber, at mask scale; the lens's `reduction` makes it one on the wafer
    chief_ray_deg
        angle of the chief ray to the mask's normal
    azimuth_deg
        direction along the mask, from the x axis, in which the reflected chief ray runs; 90 at the centre of the slit
    """

    absorber_nm: float
    chief_ray_deg: float = 6.0
    azimuth_deg: float = 90.0

    @model_validator(mode="after")
    def _valid(self) -> Self:
        self.build(Mask(), (4.0, 4.0))
        return self

    def build(self, thin: Mask, reduction: tuple[float, float]) -> EuvMask:
        """Return the mask, for a lens of some reduction (y, x)."""
        return EuvMask(self.absorber_nm, self.chief_ray_deg, self.azimuth_deg, reduction, thin)


class MaskTable(Table):
    """The mask: thin, drawn shapes open in an absorber, or of absorber on an open mask.

    Parameters
    ----------
    tone
        "dark field": drawn shapes are open, and print where the resist is exposed (holes and trenches of a positive
        resist); "bright field": drawn shapes are absorber, and print where it is not (lines of a positive resist)
    absorber_intensity
        share of the light that the absorber lets pass: 0 for a binary mask, 0.06 for many phase-shifting ones
    absorber_phase_deg
        phase of that light
    bias_nm
        how far the writer moves every edge of the drawn shapes outwards; negative: inwards. This and the next are for
        masks as they are, in `litho simulate` and `litho verify`: a mask that is corrected is taken to be written as it
        is found
    corner_radius_nm
        of the corners that it writes
    euv
        shadow of the absorber of a reflective mask, for masks as they are too
    free_margin_nm
        how far from the target the mask may have shapes; the whole field if it is left out
    border_nm
        along the field's border, so far into it, a corrected mask has no shapes but those near the target: the field
        repeats, the mask does not
    """

    tone: Literal["dark field", "bright field"] = "dark field"
    absorber_intensity: Annotated[float, Field(ge=0, lt=1)] = 0.0
    absorber_phase_deg: float = 180.0
    bias_nm: float = 0.0
    corner_radius_nm: Annotated[float, Field(ge=0)] = 0.0
    euv: ShadowTable | None = None
    free_margin_nm: Annotated[float, Field(ge=0)] | None = None
    border_nm: Annotated[float, Field(ge=0)] = 24.0

    @property
    def printed_tone(self) -> str:
        """What the image of drawn shapes is, "bright" or "dark"; see `litho.resist.Resist`."""
        return "bright" if self.tone == "dark field" else "dark"

    @property
    def seen_as_drawn(self) -> bool:
        """Whether light meets the shapes that are drawn."""
        return self.bias_nm == 0 and self.corner_radius_nm == 0 and self.euv is None

    def seen(self, polygons: Sequence[Floats], grid: Grid, reduction: tuple[float, float]) -> tuple[Floats, ...]:
        """Return drawn shapes as they are written on the mask of a field, and as light meets them."""
        if self.bias_nm:
            polygons = biased(polygons, self.bias_nm, grid)
        if self.corner_radius_nm:
            polygons = rounded(polygons, self.corner_radius_nm, grid=grid)
        if self.euv is not None:
            polygons = shadowed(polygons, self.euv.build(self.build(), reduction), grid)
        return tuple(polygons)

    def build(self) -> Mask:
        """Return the transmission."""
        return Mask.attenuated(self.absorber_intensity, self.absorber_phase_deg, self.tone)


class KernelTable(Table):
    """Kernels from a file, in the contest's format, in place of `optics`.

    Parameters
    ----------
    count
        use only so many of the strongest kernels; all if it is left out
    """

    count: Annotated[int, Field(ge=1)] | None = None


class ProcessTable(Table):
    """Resist and process corners, the nominal one first.

    Parameters
    ----------
    threshold
        intensity from which on the resist is exposed, relative to the clear field (or in the unit of the kernel file)
    dose_is_amplitude
        the corners' doses multiply the amplitude of the mask, as in the ICCAD-2013 contest: the intensity takes their
        square
    corners
        dose and `defocus_nm` of each; the PV band lies between those after the first
    """

    threshold: Length
    dose_is_amplitude: bool = False
    corners: Annotated[tuple[Corner, ...], Field(min_length=1)]

    def build(self, tone: str = "bright") -> Process:
        """Return the process, its doses in intensity, of a resist in which what is "bright" or "dark" prints."""
        power = 2 if self.dose_is_amplitude else 1
        corners = tuple(Corner(c.dose**power, c.defocus_nm) for c in self.corners)
        return Process(corners, Resist(self.threshold, tone=tone))

    def labels(self) -> tuple[str, ...]:
        """Return a short text for each corner."""
        unit = "amplitude dose" if self.dose_is_amplitude else "dose"
        return tuple(f"{unit} {c.dose:g}, defocus {c.defocus_nm:g} nm" for c in self.corners)


class ProbeTable(Table):
    """What the optimiser pays at the places where edge placement is checked.

    Parameters
    ----------
    cost_nm2
        of a wrong print at one probe, before the weight of `epe`
    """

    cost_nm2: Annotated[float, Field(ge=0)] = 600.0


class OutputTable(Table):
    """What is written.

    Parameters
    ----------
    contour_tolerance_nm
        largest distance of a dense polygon's outline from the contour of the smooth level
    curve_tolerance_nm
        largest distance of a fitted curve from it
    dbu_nm
        database unit of the OASIS file
    shot_pixel_nm
        raster on which shots are counted
    """

    contour_tolerance_nm: Annotated[float, Field(ge=0)] = 0.05
    curve_tolerance_nm: Length = 0.5
    dbu_nm: Length = 0.01
    shot_pixel_nm: Length = 4.0


def whole_multiple(length_nm: float, unit_nm: float) -> int:
    """Return how many `unit_nm` make `length_nm`, or 0 if that is no whole number."""
    ratio = length_nm / unit_nm
    count = round(ratio) if math.isfinite(ratio) else 0
    return count if math.isclose(count * unit_nm, length_nm, rel_tol=1e-9) else 0
