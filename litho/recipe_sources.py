"""The light sources of a recipe: `shape` names a constructor of `litho.source.Source`, the other keys are its numbers.

Lengths are direction sines over NA ("sigma").
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from litho.recipe_base import Table
from litho.source import Source
from litho.source_files import read_source


class Shape(Table):
    """A light source."""

    shape: str

    @model_validator(mode="after")
    def _valid(self) -> Self:
        self.build()
        return self

    def build(self) -> Source:
        """Return the illuminator."""
        constructor: Callable[..., Source] = getattr(Source, self.shape)
        return constructor(**self.model_dump(exclude={"shape"}))


class Poles(Shape):
    """A light source whose borders may be soft: the brightness falls over the width `edge`, half of it beyond."""

    edge: float = 0.0

    def build(self) -> Source:
        """Return the illuminator."""
        constructor: Callable[..., Source] = getattr(Source, self.shape)
        source = constructor(**self.model_dump(exclude={"shape", "edge"}))
        return source if self.edge == 0 else source.softened(self.edge)


class PointSource(Shape):
    """One point: coherent light."""

    shape: Literal["point"]
    x: float = 0.0
    y: float = 0.0


class PointsSource(Shape):
    """Points at `xy`, of equal light or of `weights`."""

    shape: Literal["points"]
    xy: tuple[tuple[float, float], ...]
    weights: tuple[float, ...] | None = None


class ConventionalSource(Poles):
    """A disc of radius `sigma`."""

    shape: Literal["conventional"]
    sigma: float


class AnnularSource(Poles):
    """A ring between the radii `inner` and `outer`."""

    shape: Literal["annular"]
    inner: float
    outer: float


class DipoleSource(Poles):
    """Two discs of `radius` at the distance `center`, on the `axis` "x" or "y" or turned away from it."""

    shape: Literal["dipole"]
    center: float
    radius: float
    axis: Literal["x", "y"] = "x"
    rotation_deg: float = 0.0


class QuadrupoleSource(Poles):
    """Four discs of `radius` at the distance `center`, on the axes unless turned."""

    shape: Literal["quadrupole"]
    center: float
    radius: float
    rotation_deg: float = 0.0


class HexapoleSource(Poles):
    """Six discs of `radius` at the distance `center`, the first on +x unless turned."""

    shape: Literal["hexapole"]
    center: float
    radius: float
    rotation_deg: float = 0.0


class SectorsSource(Poles):
    """Equal sectors of a ring, `poles` of them, each `opening_deg` wide, the first on +x unless turned."""

    shape: Literal["sectors"]
    inner: float
    outer: float
    opening_deg: float
    poles: int = 2
    rotation_deg: float = 0.0


class QuasarSource(Poles):
    """Four sectors of a ring, on the diagonals unless turned otherwise."""

    shape: Literal["quasar"]
    inner: float
    outer: float
    opening_deg: float
    rotation_deg: float = 45.0


class CquadSource(Poles):
    """Four sectors of a ring, on the axes."""

    shape: Literal["cquad"]
    inner: float
    outer: float
    opening_deg: float


class PixelsSource(Shape):
    """Pixels of brightness `rows` over [-1, 1]^2, the first row at y = -1."""

    shape: Literal["pixels"]
    rows: tuple[tuple[float, ...], ...]

    def build(self) -> Source:
        """Return the illuminator."""
        lengths = sorted({len(row) for row in self.rows})
        if len(lengths) != 1:
            raise ValueError(f"`rows` must be one or more, of one length, but got the lengths {lengths}")
        return Source.pixels(np.array(self.rows))


class FileSource(Shape):
    """What the file `path` holds: points (`.txt`, `.csv`) or a grey image (`.png`), see `litho.source_files`."""

    shape: Literal["file"]
    path: str

    def build(self) -> Source:
        """Return the illuminator."""
        return read_source(self.path)


SingleTable = Annotated[
    PointSource
    | PointsSource
    | ConventionalSource
    | AnnularSource
    | DipoleSource
    | QuadrupoleSource
    | HexapoleSource
    | SectorsSource
    | QuasarSource
    | CquadSource
    | PixelsSource
    | FileSource,
    Field(discriminator="shape"),
]


class SumSource(Shape):
    """All of `parts`, each with a `shape` of its own, equally bright or as bright as `brightness` says."""

    shape: Literal["sum"]
    parts: Annotated[tuple[SingleTable, ...], Field(min_length=1)]
    brightness: tuple[float, ...] | None = None

    def build(self) -> Source:
        """Return the illuminator."""
        factors = (1.0,) * len(self.parts) if self.brightness is None else self.brightness
        if len(factors) != len(self.parts):
            raise ValueError(f"`brightness` must have one entry per part ({len(self.parts)}), but got {len(factors)}")
        if not all(factor > 0 for factor in factors):
            raise ValueError(f"`brightness` must be positive, but got {min(factors)}")
        return reduce(add, (factor * part.build() for factor, part in zip(factors, self.parts, strict=True)))


SourceTable = Annotated[SingleTable | SumSource, Field(discriminator="shape")]
