"""Tables of a recipe for the lens, its light, and the films on the wafer."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from litho.films import Film, Stack
from litho.focus import FocusSpread
from litho.pupil import Optics
from litho.recipe_base import Length, Table
from litho.recipe_sources import SourceTable
from litho.tcc import MAX_ERROR

Share = Annotated[float, Field(ge=0, le=1)]


class FilmTable(Table):
    """One film.

    Parameters
    ----------
    thickness_nm
        its thickness
    n, k
        refractive index and absorption: the index is n + i k
    """

    thickness_nm: Length
    n: Length
    k: Annotated[float, Field(ge=0)] = 0.0

    def build(self) -> Film:
        """Return the film."""
        return Film(self.thickness_nm, complex(self.n, self.k))


class WaferTable(Table):
    """Films on the wafer; the image is the mean over the depth of the resist.

    Parameters
    ----------
    films
        from the top down, each with `thickness_nm`, `n` and `k`
    resist
        which of them is the resist, the first is 0
    substrate_n, substrate_k
        index of what is below the films
    """

    films: Annotated[tuple[FilmTable, ...], Field(min_length=1)]
    resist: Annotated[int, Field(ge=0)] = 0
    substrate_n: Length
    substrate_k: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _valid(self) -> Self:
        self.build()
        return self

    def build(self) -> Stack:
        """Return the stack."""
        return Stack(tuple(f.build() for f in self.films), complex(self.substrate_n, self.substrate_k), self.resist)


class OpticsTable(Table):
    """Lens and illuminator of our own kernels.

    Parameters
    ----------
    wavelength_nm, na, immersion_index, obscuration, zernike_order, defocus_model, polarization_degree, radiometric
        see `litho.pupil.Optics`
    source
        its `shape` and that shape's numbers, in direction sines over NA
    zernikes_waves
        index to coefficient, in the norm of `zernike_order`
    polarization
        of the light; left out: scalar imaging
    reduction
        mask size over wafer size, or a list (y, x)
    focus_blur_nm
        standard deviation of the focus within one exposure, of laser bandwidth and stage
    vibration_nm
        standard deviation of the stage's position during the exposure
    flare
        share of the light that is scattered evenly over the field
    wafer
        films; they need a `polarization`
    max_error
        share of the transmission cross-coefficients that may be dropped; sets the number of kernels
    """

    wavelength_nm: float
    na: float
    immersion_index: float = 1.0
    source: SourceTable
    zernikes_waves: dict[int, float] = Field(default={})
    zernike_order: Literal["fringe", "noll"] = "fringe"
    polarization: Literal["x", "y", "te", "tm", "unpolarized"] | None = None
    polarization_degree: Share = 1.0
    obscuration: Annotated[float, Field(ge=0, lt=1)] = 0.0
    defocus_model: Literal["exact", "paraxial"] = "exact"
    radiometric: bool = False
    reduction: float | tuple[float, float] = 4.0
    focus_blur_nm: Annotated[float, Field(ge=0)] = 0.0
    vibration_nm: Annotated[float, Field(ge=0)] = 0.0
    flare: Share = 0.0
    wafer: WaferTable | None = None
    max_error: Annotated[float, Field(gt=0, lt=1)] = MAX_ERROR

    @model_validator(mode="after")
    def _valid(self) -> Self:
        self.build()
        return self

    def build(self) -> Optics:
        """Return the optics."""
        return Optics(
            self.wavelength_nm,
            self.na,
            self.source.build(),
            self.immersion_index,
            self.zernikes_waves,
            self.polarization,
            self.obscuration,
            self.zernike_order,
            self.defocus_model,
            self.polarization_degree,
            radiometric=self.radiometric,
            reduction=self.reduction,
            focus_spread=FocusSpread.gaussian(self.focus_blur_nm) if self.focus_blur_nm else None,
            vibration_nm=self.vibration_nm,
            flare=self.flare,
            wafer=self.wafer.build() if self.wafer is not None else None,
        )
