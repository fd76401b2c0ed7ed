"""Masks for extreme ultraviolet light: a mirror under an absorber whose walls throw shadows.

Light meets the mask at the angle of the chief ray and leaves it at the same angle on the other side. A point of the
mirror counts as lit when neither the ray that arrives there nor the one that leaves meets the absorber. Along the ray
the absorber of height h covers the mirror up to h tan(angle) behind its edge on the way in, and as far before it on
the way out: seen from the mirror, the absorber is what is drawn, swept from -s to +s with the shadow

    s = h tan(angle) (cos azimuth / Rx, sin azimuth / Ry)        at wafer scale, R the reduction.

Edges across the plane of incidence move by h tan(angle) / R each, so that a line of absorber grows by twice that and
its place stays; edges along it do not move. The chief ray's azimuth turns along a ring field's slit, and the shadow
with it (Levinson, Principles of Lithography, SPIE Press, the chapter on lithography with extreme ultraviolet light;
Erdmann, Optical and EUV Lithography: A Modeling Perspective, SPIE Press 2021).

Range: this is geometry. It leaves out diffraction at the walls, light through the thin edge of the absorber, other
directions than the chief ray's, and that the mirror reflects in its depth. It gives the sign and the dependence on
height, angle and azimuth, and an estimate of the size; it gives no phase, so neither the shift of best focus nor that
of a pattern through focus, which the walls of a real absorber cause.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from litho.cells import Floats
from litho.films import Film, Stack, reflection
from litho.grid import Grid
from litho.mask import Mask
from litho.outlines import tiled
from litho.polygons import RESOLUTION, merge, subtract


@dataclass(frozen=True)
class EuvMask:
    """A reflective mask.

    Parameters
    ----------
    absorber_nm
        height of the absorber, at mask scale
    chief_ray_deg
        angle of the chief ray to the mask's normal
    azimuth_deg
        direction along the mask, from the x axis, in which the reflected chief ray runs; 90 at the centre of the slit
    reduction
        of the lens, along y and along x
    thin
        amplitude reflections: `clear` of the mirror and `dark` of the absorber, relative to the mirror, and whether
        drawn shapes are open or absorber
    """

    absorber_nm: float
    chief_ray_deg: float = 6.0
    azimuth_deg: float = 90.0
    reduction: tuple[float, float] = (4.0, 4.0)
    thin: Mask = field(default_factory=Mask)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.absorber_nm) and self.absorber_nm >= 0):
            raise ValueError(f"`absorber_nm` must be a height of 0 or more, but got {self.absorber_nm}.")
        if not 0 <= self.chief_ray_deg < 90:
            raise ValueError(f"`chief_ray_deg` must be an angle of 0 to below 90, but got {self.chief_ray_deg}.")
        if not math.isfinite(self.azimuth_deg):
            raise ValueError(f"`azimuth_deg` must be finite, but got {self.azimuth_deg}.")
        if np.shape(self.reduction) != (2,) or not all(math.isfinite(r) and r > 0 for r in self.reduction):
            raise ValueError(f"`reduction` must be two positive numbers (y, x), but got {self.reduction}.")

    @property
    def direction(self) -> tuple[float, float]:
        """Direction sines (x, y) of the reflected chief ray along the mask."""
        sine, azimuth = math.sin(math.radians(self.chief_ray_deg)), math.radians(self.azimuth_deg)
        return sine * math.cos(azimuth), sine * math.sin(azimuth)

    @property
    def shadow_nm(self) -> tuple[float, float]:
        """Shadow (x, y) at wafer scale: how far edges along y, and edges along x, move (the sign does not matter)."""
        x, y = self.placement_shift_nm(self.absorber_nm)
        return -x, -y

    def placement_shift_nm(self, height_nm: float) -> tuple[float, float]:
        """Return how far (x, y) on the wafer the image moves when the mask stands `height_nm` higher, at mask scale.

        The mask is not lit telecentrically: where it is not flat, or not in place, its image shifts sideways, against
        the direction in which the reflected chief ray runs.
        """
        cosine = math.cos(math.radians(self.chief_ray_deg))
        x, y = (-height_nm * sine / cosine / r for sine, r in zip(self.direction, self.reduction[::-1], strict=True))
        return x, y


def slit_azimuth_deg(x_mm: float, ring_radius_mm: float) -> float:
    """Return the azimuth of the plane of incidence in a ring-shaped slit, from the x axis.

    Parameters
    ----------
    x_mm
        place along the slit, 0 its centre, at the scale of the radius
    ring_radius_mm
        distance of the slit from the lens's axis, which lies at negative y; chief rays run away from it
    """
    if not (math.isfinite(ring_radius_mm) and abs(x_mm) < ring_radius_mm):
        raise ValueError(f"`x_mm` must lie within the ring of radius {ring_radius_mm}, but got {x_mm}.")
    return 90.0 - math.degrees(math.asin(x_mm / ring_radius_mm))


def shadowed(polygons: Sequence[Floats], mask: EuvMask, grid: Grid) -> list[Floats]:
    """Return drawn shapes as the light sees them: absorber grown by its shadow, openings shrunk.

    Parameters
    ----------
    polygons
        drawn shapes, each (n, 2) vertices (x, y) in nm at wafer scale; the field repeats
    mask
        absorber and light; its tone says which of both is drawn
    grid
        the field

    Returns
    -------
    polygons
        cut at the field's border, vertices rounded as by `litho.polygons.merge`
    """
    shadow = np.array(mask.shadow_nm)
    shadow[np.abs(shadow) < RESOLUTION] = 0.0  # the cosine of 90 degrees
    region = tiled(polygons, grid, 2 * float(np.abs(shadow).max()) + 1)
    if not shadow.any():
        return merge(region, grid.bounds_nm)
    if mask.thin.tone == "bright field":
        return merge(swept(region, shadow), grid.bounds_nm)
    x0, y0, x1, y1 = grid.bounds_nm
    field_outline = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    around = field_outline + 2 * np.abs(shadow).max() * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    return subtract([field_outline], swept(subtract([around], region), shadow))


def swept(polygons: Sequence[Floats], shadow: Floats) -> list[Floats]:
    """Return the area that polygons cover when they move from -`shadow` to +`shadow`, both (x, y) in nm."""
    parts = list(polygons)  # what their outlines sweep is all that comes to them
    for polygon in polygons:
        following = np.roll(polygon, -1, axis=0)
        side = following - polygon
        across = side[:, 0] * shadow[1] != side[:, 1] * shadow[0]
        for a, b in zip(polygon[across], following[across], strict=True):
            parts.append(np.array([a - shadow, b - shadow, b + shadow, a + shadow]))
    return merge(parts)


def absorber_reflection(
    absorber: Sequence[Film], mirror: Stack, wavelength_nm: float, chief_ray_deg: float = 6.0, polarization: str = "s"
) -> complex:
    """Return the amplitude that mirror and absorber reflect, relative to the bare mirror: `dark` of a `Mask`.

    Parameters
    ----------
    absorber
        its films, from the top down
    mirror
        the stack below, see `litho.euv_mirror`
    wavelength_nm
        in vacuum
    chief_ray_deg
        angle to the normal
    polarization
        "s" or "p"
    """
    transverse = np.array([math.sin(math.radians(chief_ray_deg))])
    vacuum = [Film(film.thickness_nm, 1.0) for film in absorber]  # so that both start at the top of the absorber
    dark, clear = (
        complex(
            reflection(Stack((*films, *mirror.films), mirror.substrate), wavelength_nm, 1.0, transverse, polarization)[
                0
            ]
        )
        for films in (absorber, vacuum)
    )
    return dark / clear


def mirror_amplitude(
    x: Floats,
    y: Floats,
    mask: EuvMask,
    mirror: Stack,
    wavelength_nm: float,
    na: float,
    polarization: str = "s",
) -> npt.NDArray[np.complex128]:
    """What the mirror reflects into each direction of the pupil, relative to the chief ray's.

    It may be used as a map of the pupil when light is taken to be diffracted on its way in and then reflected. In
    truth it is diffracted on its way out as well, so the map is right for shapes that are large on the mask only.

    Parameters
    ----------
    x, y : (...) real
        pupil coordinates, direction sines on the wafer's side over `na`
    mask
        chief ray and reduction
    mirror
        the stack, see `litho.euv_mirror`
    wavelength_nm, na
        in vacuum; of the lens on the wafer's side
    polarization
        "s" or "p", on the mask

    Returns
    -------
    amplitude : (...) complex
        1 at the centre of the pupil
    """
    along = (sine + na / r * c for sine, r, c in zip(mask.direction, mask.reduction[::-1], (x, y), strict=True))
    transverse = np.hypot(*along)
    chief = np.array([math.hypot(*mask.direction)])
    amplitude = reflection(mirror, wavelength_nm, 1.0, transverse, polarization)
    return np.asarray(amplitude / reflection(mirror, wavelength_nm, 1.0, chief, polarization)[0])
