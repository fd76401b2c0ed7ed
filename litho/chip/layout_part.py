"""The part of a layout in a box, as a layout of its own: its shapes end where the box ends."""

from __future__ import annotations

from typing import Any

from litho.cells import Floats
from litho.chip.keys import TileGeometry, tile_geometry
from litho.chip.windows import LayoutWindows
from litho.job import JobError
from litho.polygons import Box


class LayoutPart(LayoutWindows):
    """What a layer has in a box; takes the place of the whole layer.

    Parameters
    ----------
    whole
        the layer
    box_nm
        x0, y0, x1, y1 that its shapes are cut at

    Raises
    ------
    JobError
        where the box misses the layer's shapes
    """

    def __init__(self, whole: LayoutWindows, box_nm: Box) -> None:
        super().__init__(whole.path, whole.layer, whole.cell, whole.repair, whole.digest)
        self.box_nm = box_nm
        x0, y0, x1, y1 = super().bounds_nm
        if _common(box_nm, (x0, y0, x1, y1)) is None:
            raise JobError(
                f"`window` must meet the layer's shapes, which lie in {x0:g},{y0:g},{x1:g},{y1:g} nm, "
                f"but got {','.join(f'{v:g}' for v in box_nm)}."
            )

    def __reduce__(self) -> tuple[Any, ...]:
        return LayoutPart, (LayoutWindows(self.path, self.layer, self.cell, self.repair, self.digest), self.box_nm)

    @property
    def bounds_nm(self) -> Box:
        """The box, as far as the layer has shapes around it."""
        found = _common(self.box_nm, super().bounds_nm)
        assert found is not None
        return found

    def polygons(self, box_nm: Box) -> list[Floats]:
        """Return what is drawn in a box, merged and cut there."""
        inner = _common(box_nm, self.bounds_nm)
        return [] if inner is None else super().polygons(inner)

    def geometry(self, field_nm: Box) -> TileGeometry:
        """Return what is drawn in a field, from its lower left corner."""
        return tile_geometry(self.polygons(field_nm), field_nm, self.dbu_nm)


def _common(a: Box, b: Box) -> Box | None:
    """Return what two boxes have in common, None if that has no area."""
    x0, y0, x1, y1 = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None
