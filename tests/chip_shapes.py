"""A layout and a recipe for tests of tiles: quick optics on coarse pixels, one corner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from litho.cells import Floats
from litho.chip.keys import TileGeometry, tile_geometry
from litho.polygons import Box, merge

QUICK = """
base = "default"
field = { pixel_nm = 8.0 }
optics = { max_error = 0.1 }
output = { shot_pixel_nm = 8.0, dbu_nm = 0.1, contour_tolerance_nm = 0.1 }
process = { corners = [{ dose = 1.0, defocus_nm = 0.0 }] }
"""
"""Beginning of a recipe; its method follows."""


@dataclass(frozen=True, eq=False)
class Shapes:
    """Polygons that stand for a layout."""

    polygons: Sequence[Floats]

    def geometry(self, field_nm: Box) -> TileGeometry:
        """Return what is drawn in a box."""
        return tile_geometry(merge(self.polygons), field_nm, 1.0)
