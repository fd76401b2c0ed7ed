"""Windows of a layout file of any size: what a tile needs to see, and nothing else.

    source = LayoutWindows("chip.oas", "1/0")
    source.bounds_nm, source.shape_count          # of 10^8 shapes or more, none of which is expanded
    source.polygons((0, 0, 4000, 4000))           # as drawn there, merged
    source.geometry(tile.field_nm)                # the same for a tile and its key

Sent to another process, it is the name of the file and what it held: each process opens it once.
"""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from litho.cells import Floats, Layer, LayoutError
from litho.chip.keys import PARTS, TileGeometry, content_digest, geometry_of, whole_field
from litho.chip.tile_rings import Whole
from litho.crossings import check_crossings
from litho.layout import Layout, parse_layer, read_layout
from litho.polygons import Box, simple_outlines

KEPT_OPEN = 4
"""Files that a process keeps in memory."""

MOST_SHAPES = 1_000_000
"""In one window: tiles show some thousand; files may be made to show any number."""

KEPT_GEOMETRIES = 1000
"""Of tiles that look different, so that one which comes again need not be merged again."""

_NO_POINTS = np.empty((0, 2))


class LayoutWindows:
    """One layer of one cell of a layout file.

    Parameters
    ----------
    path
        GDS, OASIS or GLP, compressed by gzip or not
    layer
        such as "1/0" or (1, 0); may be left out where the file has one layer only
    cell
        the cell to look at; may be left out where only one is not part of another
    repair
        fill polygons that cross themselves and leave out those without area, see `litho.layout`
    digest
        SHA-256 of the file that is meant; another one is refused

    Raises
    ------
    LayoutError
        in one sentence, when the file cannot be used, or is not the one that was meant
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        layer: str | Layer | None = None,
        cell: str | None = None,
        repair: bool = False,
        digest: str | None = None,
    ) -> None:
        self.path = Path(path).resolve()
        self.cell, self.repair = cell, repair
        self.digest = _digest(self.path) if digest is None else digest
        self.layer = self._chosen(layer)
        self._found: dict[str, TileGeometry] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return LayoutWindows, (str(self.path), self.layer, self.cell, self.repair, self.digest)

    @property
    def layout(self) -> Layout:
        """The file, read once in each process."""
        return _opened(self.path, self.cell, self.repair, self.digest)

    @property
    def dbu_nm(self) -> float:
        """Database unit in nm."""
        return self.layout.dbu_nm

    @property
    def shape_count(self) -> int:
        """Number of shapes, copies included, before they are merged."""
        return self.layout.shape_count(self.layer)

    @property
    def bounds_nm(self) -> Box:
        """x0, y0, x1, y1 of all shapes."""
        return self.layout.bounds_nm(self.layer)

    def polygons(self, box_nm: Box) -> list[Floats]:
        """Return what is drawn in x0, y0, x1, y1 (nm of the layout), merged and cut there, as `Layout.window` does."""
        return self.layout.window(box_nm, self.layer)

    def geometry(self, field_nm: Box) -> TileGeometry:
        """Return what is drawn in a tile's field, which lies on whole database units: the same wherever it lies."""
        layout = self.layout
        field = whole_field(layout.to_dbu(np.asarray(field_nm, dtype=float)), field_nm, layout.dbu_nm)
        shapes = list(layout.shapes(self.layer, field))
        points = np.rint((np.concatenate([_NO_POINTS, *shapes]) - field[:2]) * PARTS).astype(np.int64)
        stops = np.cumsum([len(shape) for shape in shapes], dtype=np.int64)
        width, height = (field[2:] - field[:2]).astype(int).tolist()
        key = content_digest((width, height, stops, points))
        if key not in self._found:  # merging takes most of the time, and tiles repeat
            if len(self._found) >= KEPT_GEOMETRIES:
                self._found.clear()
            drawn = np.split(points, stops[:-1]) if shapes else []
            self._found[key] = geometry_of(self._simple(drawn, field), (width, height), layout.dbu_nm)
        return self._found[key]

    def _simple(self, drawn: list[Whole], field: Floats) -> list[Whole]:
        """Return the same area as outlines that do not cross themselves."""
        shapes = [p / PARTS for p in drawn]
        try:
            check_crossings(shapes, self.dbu_nm)
            simple = simple_outlines(shapes, self.dbu_nm, self.repair)
        except LayoutError:
            self.layout.drawn(self.layer, field)  # it names the place in the layout, not in the tile
            raise
        return [np.rint(p * PARTS).astype(np.int64) for p in simple]

    def _chosen(self, layer: str | Layer | None) -> Layer:
        if layer is None and len(self.layout.layers) == 1:
            return self.layout.layers[0]
        self.layout.bounds_nm(layer)  # it answers with the layers that there are
        assert layer is not None
        return parse_layer(layer) if isinstance(layer, str) else (layer[0], layer[1])


@lru_cache(maxsize=KEPT_OPEN)
def _opened(path: Path, cell: str | None, repair: bool, digest: str) -> Layout:
    found = _digest(path)
    if found != digest:
        raise LayoutError(f"`path` must be the file that was planned for, but {path} has changed since.")
    return read_layout(path, cell=cell, repair=repair, max_shapes=MOST_SHAPES)


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    if not path.is_file():
        raise LayoutError(f"`path` must be a layout file, but {path} is {'no file' if path.exists() else 'missing'}.")
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise LayoutError(f"`path` must be a readable file, but {path}: {error.strerror or error}.") from error
