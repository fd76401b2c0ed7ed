"""Shapes of an illuminator that are known by formula: parts of rings, discs anywhere, and points.

Coordinates are direction sines over NA. A shape cuts itself into cells, and a point stands at each cell's centre of
mass with the cell's light as its weight. The cells of a ring or a disc are rings around its own centre, cut along
radii, so they end where the shape ends and their light is exact, with soft edges too.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

Values = NDArray[np.float64]

RIM = 1e-12
"""A shape this little beyond the unit circle touches it: rounding of the numbers that it was made from."""

NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(12)
"""Gauss's rule on [-1, 1]: exact for the polynomials of an edge, and to rounding for the sine of an angle."""


@dataclass(frozen=True)
class SourcePoints:
    """A sampled source.

    Parameters
    ----------
    x, y : (S,) real
        direction sines over NA
    weight : (S,) real
        share of the light
    radial, tangential : (S, 2) real
        the two sides (x, y) of each point's cell, a parallelogram around it; zero for a true point
    """

    x: Values
    y: Values
    weight: Values
    radial: Values
    tangential: Values

    def __getitem__(self, chosen: Any) -> SourcePoints:
        parts = (self.x, self.y, self.weight, self.radial, self.tangential)
        return SourcePoints(*(p[chosen] for p in parts))

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Profile:
    """Brightness along one coordinate: 1 from `low` to `high`, 0 beyond, half at both.

    An edge is 3 t^2 - 2 t^3 with t from 0 to 1 over `edge`, half of it on either side; 10 % to 90 % of the
    brightness lie within 0.61 of it. An end at infinity has no edge.
    """

    low: float = -math.inf
    high: float = math.inf
    edge: float = 0.0

    @property
    def knots(self) -> tuple[float, ...]:
        """Ends of the pieces on each of which the profile is one polynomial, from 0 on if it has no lower edge."""
        ends = (self.low, self.high) if math.isfinite(self.low) else (self.high,)
        knots = sorted(end + sign * self.edge / 2 for end in ends for sign in (-1, 1))
        knots = knots if math.isfinite(self.low) else [0.0, *knots]
        return (knots[0], *(b for a, b in itertools.pairwise(knots) if b - a > RIM))

    def __call__(self, x: Values) -> Values:
        """Return the brightness at `x`."""
        return self._step(x - self.low) - self._step(x - self.high)

    def cut(self, spacing: float, fold: int = 1) -> Values:
        """Return ends of cells about `spacing` wide that end at the knots, a multiple of `fold` between the edges."""
        ends = [np.array(self.knots[:1])]
        for low, high in itertools.pairwise(self.knots):
            whole = fold if self((np.array(low) + high) / 2) > 1 - 1e-9 else 1
            count = whole * max(1, math.ceil((high - low) / spacing / whole - 1e-9))
            ends.append(np.linspace(low, high, count + 1)[1:])
        return np.concatenate(ends)

    def at_nodes(self, ends: Values) -> tuple[Values, Values]:
        """Return the nodes of Gauss's rule in each cell, (cells, nodes), and their weights times the brightness."""
        half = np.diff(ends)[:, None] / 2
        x = (ends[:-1] + ends[1:])[:, None] / 2 + half * NODES
        return x, half * NODE_WEIGHTS * self(x)

    def integral(self, x: Values, power: int) -> Values:
        """Return the integral of u^`power` times the brightness over u from 0 to `x`."""
        total = np.zeros_like(x)
        for low, high in itertools.pairwise(self.knots):
            u, t = Polynomial([low, 1.0]), Polynomial([0.0, 1 / (high - low)])
            rise = t * t * (3 - 2 * t)
            quarter = float(self(np.array(low + (high - low) / 4)))
            piece = rise if quarter < 0.5 else 1 - rise if quarter < 1 - 1e-9 else Polynomial([1.0])
            total += (piece * u**power).integ()(np.clip(x, low, high) - low)
        return total

    def _step(self, x: Values) -> Values:
        if self.edge == 0:
            return np.where(x >= 0, 1.0, 0.0)
        t = np.clip(x / self.edge + 0.5, 0.0, 1.0)
        return np.asarray(t * t * (3 - 2 * t))


@dataclass(frozen=True)
class Sector:
    """Evenly lit part of a ring around `center`; a whole disc if `inner` is 0 and the opening 360 degrees.

    Parameters
    ----------
    inner, outer
        radii
    direction_deg
        where its middle lies as seen from `center`, counted from +x towards +y
    opening_deg
        full angle
    center
        (x, y)
    edge
        width over which the brightness falls at every border, see `Profile`; straight borders are that wide at the
        mean of the two radii
    brightness
        light per area
    """

    inner: float
    outer: float
    direction_deg: float = 0.0
    opening_deg: float = 360.0
    center: tuple[float, float] = (0.0, 0.0)
    edge: float = 0.0
    brightness: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.inner < self.outer <= 1:
            raise ValueError(
                f"`inner` and `outer` must obey 0 <= inner < outer <= 1, but got {self.inner} and {self.outer}."
            )
        if not 0 < self.opening_deg <= 360:
            raise ValueError(f"`opening_deg` must be in (0, 360], but got {self.opening_deg}.")
        if not math.isfinite(self.direction_deg):
            raise ValueError(f"`direction_deg` must be finite, but got {self.direction_deg}.")
        check_weights("brightness", np.array([self.brightness]))
        if not 0 <= self.edge <= self._widest_edge * (1 + RIM):
            raise ValueError(
                f"`edge` must be in [0, {self._widest_edge:.6g}], so that edges neither meet nor reach the axis of a "
                f"ring, but got {self.edge}."
            )
        if not self.extent <= 1 + RIM:
            raise ValueError(
                f"`center`, `outer` and `edge` must keep a shape in the unit disc, but it reaches {self.extent:.6g}."
            )

    @property
    def light(self) -> float:
        """Brightness times area, in units of NA^2."""
        radius, along = self.radii.at_nodes(np.array(self.radii.knots))
        angle = math.radians(self.opening_deg)  # edges of an angle are even: what they take they give
        return self.brightness * angle * float((radius * along).sum())

    @property
    def area(self) -> float:
        """Area that would give this light at full brightness."""
        return self.light / self.brightness

    @property
    def extent(self) -> float:
        """Largest distance from the axis."""
        return math.hypot(*self.center) + self.outer + self.edge / 2

    @property
    def radii(self) -> Profile:
        """Brightness along a radius."""
        return Profile(self.inner if self.inner > 0 else -math.inf, self.outer, self.edge)

    @property
    def angles(self) -> Profile | None:
        """Brightness over the angle from its middle, in radians; None all around."""
        if self.opening_deg == 360:
            return None
        half = math.radians(self.opening_deg) / 2
        return Profile(-half, half, 2 * self.edge / (self.inner + self.outer))

    def scaled(self, factor: float) -> Sector:
        """Return the shape `factor` times as bright."""
        return replace(self, brightness=self.brightness * factor)

    def cells(self, spacing: float) -> SourcePoints:
        """Return points weighted by the light of their cells, about `spacing` wide."""
        ends = self.radii.cut(spacing)
        radius, along = self.radii.at_nodes(ends)
        area, moment = (radius * along).sum(axis=1), (radius**2 * along).sum(axis=1)
        rings = zip((ends[:-1] + ends[1:]) / 2, _width(radius, along), area, moment / area, strict=True)
        return concatenated([self._ring(*ring, spacing) for ring in rings if ring[2] > 0])

    def _ring(self, middle: float, width: float, area: float, radius: float, spacing: float) -> SourcePoints:
        """Return the cells of one ring, `area` of it per radian and the centre of its mass at `radius`."""
        angle, over = self._angles(spacing / middle)
        share = over.sum(axis=1)
        # the centre of mass of an arc lies within its chord
        x, y = ((over * f(angle)).sum(axis=1) / share for f in (np.cos, np.sin))
        length = np.hypot(x, y)[:, None]
        out = np.stack([x, y], axis=1) / length
        across = np.stack([-out[:, 1], out[:, 0]], axis=1)
        return SourcePoints(
            self.center[0] + radius * x,
            self.center[1] + radius * y,
            self.brightness * area * share,
            width * out,
            radius * length * _width(angle, over)[:, None] * across,
        )

    def _angles(self, step: float) -> tuple[Values, Values]:
        """Return angles and weights at the nodes of cells `step` radians wide, see `Profile.at_nodes`."""
        turn = math.radians(self.direction_deg)
        if self.angles is None:
            count = 4 * max(1, round(math.pi / 2 / step))  # keeps the mirror images of a shape in its points
            angle, weights = Profile().at_nodes(np.linspace(-math.pi, math.pi, count + 1))
        else:
            angle, weights = self.angles.at_nodes(self.angles.cut(step, fold=2))
        return angle + turn, weights

    @property
    def _widest_edge(self) -> float:
        width = 2 * self.outer if self.inner == 0 else min(self.outer - self.inner, 2 * self.inner)
        opening = math.radians(min(self.opening_deg, 360 - self.opening_deg) or 360)
        return min(width, opening * (self.inner + self.outer) / 2)


@dataclass(frozen=True)
class Dots:
    """True points, each (x, y, light)."""

    dots: tuple[tuple[float, float, float], ...]

    def __post_init__(self) -> None:
        values = np.array(self.dots, dtype=float).reshape(-1, 3)
        check_weights("weights", values[:, 2])
        if not np.isfinite(values).all() or self.extent > 1 + RIM:
            raise ValueError(
                f"`xy` must lie in the unit disc (direction sines over NA), but got a point at {self.extent:.6g}."
            )

    @property
    def light(self) -> float:
        """Sum of the light."""
        return math.fsum(light for _, _, light in self.dots)

    @property
    def area(self) -> float:
        """Area: none."""
        return 0.0

    @property
    def extent(self) -> float:
        """Largest distance from the axis of a point that shines."""
        return max(math.hypot(x, y) for x, y, light in self.dots if not light == 0)

    def scaled(self, factor: float) -> Dots:
        """Return the points `factor` times as bright."""
        return Dots(tuple((x, y, light * factor) for x, y, light in self.dots))

    def cells(self, spacing: float) -> SourcePoints:
        """Return the points as they are, whatever the `spacing`."""
        x, y, light = np.array(self.dots, dtype=float).T
        lit = light > 0
        none = np.zeros((np.count_nonzero(lit), 2))
        return SourcePoints(x[lit], y[lit], light[lit], none, none)


def check_weights(name: str, weights: Values) -> None:
    """Refuse what is negative or not finite, and what holds no light."""
    bad = weights[~(weights >= 0) | np.isinf(weights)]
    if bad.size:
        raise ValueError(f"`{name}` must be finite and not negative, but got {bad.flat[0]}.")
    if not (weights > 0).any():
        raise ValueError(f"`{name}` must hold some light, but all is zero.")


def concatenated(parts: list[SourcePoints]) -> SourcePoints:
    """Return the points of all parts, in order."""
    columns = zip(*((p.x, p.y, p.weight, p.radial, p.tangential) for p in parts), strict=True)
    return SourcePoints(*(np.concatenate(column) for column in columns))


def _width(x: Values, weights: Values) -> Values:
    """Return how wide an evenly lit cell is that is as spread out as each of these, (cells,)."""
    total = weights.sum(axis=1)
    middle = (weights * x).sum(axis=1) / total
    return np.asarray(np.sqrt(12 * (weights * (x - middle[:, None]) ** 2).sum(axis=1) / total))
