"""Keys of tiles: equal keys, equal work, to the last bit.

A key is the hash of everything that a result depends on: the tile's geometry with its halo, the recipe, the kernels,
the code and, of later passes, the keys of the results that they begin with. Where a tile lies is not among it.

For equal keys to give equal bits, a result must be computed from what the key is made of, and from nothing else: from
`TileGeometry`, whose coordinates count from the corner of the tile's field, not from the layout's polygons.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from litho.backend import to_host
from litho.cells import Floats
from litho.chip.symmetry import Symmetry
from litho.chip.tile_rings import Whole, cornered, sorted_rings, split_where_met
from litho.contour import join_holes
from litho.outlines import outlines
from litho.polygons import Box, merge
from litho.resources import path as resource

PARTS = 1024
"""Coordinates are whole numbers of this part of a database unit: where slanted edges cross, vertices lie between."""

SOURCES = (".py", ".cu", ".cuh", ".hpp")
"""Endings of files whose change may change a result."""

LIBRARIES = ("numpy", "scipy", "scikit-image", "contourpy", "gdstk")
"""Libraries whose version may change the last bits of a result."""


@dataclass(frozen=True, eq=False)
class TileGeometry:
    """What is drawn in a tile's field, in the one way that it can be written down.

    Parameters
    ----------
    rings
        outlines (n, 2), counter-clockwise, and clockwise ones of holes; corners only, each from its smallest one on,
        sorted; in parts of a database unit, from the field's lower left corner
    size
        width and height of the field in the same unit
    dbu_nm
        database unit
    """

    rings: tuple[Whole, ...]
    size: tuple[int, int]
    dbu_nm: float

    @cached_property
    def digest(self) -> str:
        """Hash of all of it."""
        return content_digest((self.dbu_nm, self.size, [len(r) for r in self.rings], self._points))

    @property
    def _points(self) -> Whole:
        return np.concatenate([np.empty((0, 2), np.int64), *self.rings])

    def outlines_nm(self) -> list[Floats]:
        """Return the outlines in nm from the field's lower left corner, clockwise around holes."""
        return [ring.astype(np.float64) * (self.dbu_nm / PARTS) for ring in self.rings]

    def polygons_nm(self) -> list[Floats]:
        """Return polygons in nm from the field's lower left corner; a hole is joined to its outline by a cut."""
        return join_holes(self.outlines_nm())

    def turned(self, symmetry: Symmetry) -> TileGeometry:
        """Return the same after a mirror or a quarter turn of the field."""
        rings = [symmetry.of_polygon(ring, self.size) for ring in self.rings]
        size = self.size[::-1] if symmetry.swap else self.size
        return TileGeometry(sorted_rings(rings), (size[0], size[1]), self.dbu_nm)


def tile_geometry(polygons: Sequence[Floats], field_nm: Box, dbu_nm: float) -> TileGeometry:
    """Return what polygons draw in a field.

    Parameters
    ----------
    polygons
        (n, 2) vertices (x, y) in nm of the layout, in any order; they may overlap and reach beyond the field
    field_nm
        x0, y0, x1, y1, whole database units
    dbu_nm
        database unit of the layout
    """
    field = whole_field(np.asarray(field_nm) / dbu_nm, field_nm, dbu_nm)
    drawn = [np.rint((polygon / dbu_nm - field[:2]) * PARTS).astype(np.int64) for polygon in polygons]
    width, height = (field[2:] - field[:2]).astype(int).tolist()
    return geometry_of(drawn, (width, height), dbu_nm)


def whole_field(box: Floats, field_nm: Box, dbu_nm: float) -> Floats:
    """Return a box in database units, rounded to whole ones, or refuse it as the tile's field in nm that it is."""
    whole = np.rint(box)
    if whole.shape != (4,) or not (np.abs(box - whole).max() < 1e-6 and (whole[:2] < whole[2:]).all()):
        raise ValueError(
            f"`field_nm` must be x0, y0, x1, y1 in whole database units ({dbu_nm:g} nm), but got {field_nm}."
        )
    return whole


def geometry_of(drawn: Sequence[Whole], size_dbu: tuple[int, int], dbu_nm: float) -> TileGeometry:
    """Return what polygons (n, 2), in parts of a database unit from a field's corner, draw in the field."""
    width, height = size_dbu
    in_dbu = [ring / PARTS for ring in sorted_rings(drawn)]
    # merged before they are cut, and again: shapes that abut along part of an edge take two passes to become one
    merged = merge(merge(in_dbu), (0, 0, width, height)) if in_dbu else []
    rings = [np.rint(ring * PARTS).astype(np.int64) for ring in outlines(split_where_met(merged))]
    return TileGeometry(sorted_rings(cornered(rings)), (width * PARTS, height * PARTS), dbu_nm)


def tile_key(
    geometry: TileGeometry,
    recipe: Mapping[str, Any],
    optics: str,
    code: str,
    pass_name: str,
    inputs: Sequence[str] | Mapping[str, str] = (),
) -> str:
    """Return the key of a tile's result.

    Parameters
    ----------
    geometry
        of the tile with its halo
    recipe
        everything that was chosen, as JSON can write it
    optics
        `content_digest` of the kernels
    code
        `code_version`
    pass_name
        what is done
    inputs
        keys of the results that this one begins with, in order, or by name
    """
    about = {
        "recipe": recipe,
        "optics": optics,
        "code": code,
        "pass": pass_name,
        "inputs": dict(inputs) if isinstance(inputs, Mapping) else list(inputs),
        "geometry": geometry.digest,
    }
    text = json.dumps(about, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def content_digest(value: Any) -> str:
    """Return the hash of numbers, texts, arrays of any library, and of sequences, mappings and dataclasses of them."""
    found = hashlib.sha256()
    _feed(found, value)
    return found.hexdigest()


@cache
def code_version() -> str:
    """Return the hash of this package's sources and of the versions of the libraries it computes with.

    The sources, not the package's version: in a checkout they change without it, and a result of other code must
    never pass for one of this. That an edited comment makes all tiles new costs time, never a wrong mask.
    """
    folders = (Path(__file__).resolve().parents[1], resource("kernels"))
    return content_digest([sources_digest(folders), [(name, version(name)) for name in LIBRARIES]])


def sources_digest(folders: Sequence[Path]) -> str:
    """Return the hash of the names and contents of all sources in folders and below."""
    found = []
    for folder in folders:
        files = sorted(p for p in folder.rglob("*") if p.suffix in SOURCES and p.is_file())
        found += [(p.relative_to(folder).as_posix(), p.read_bytes()) for p in files]
    return content_digest(found)


def _feed(found: Any, value: Any) -> None:
    """Add a value to a hash, with its kind and length, so that no two values read alike."""
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        data = value if isinstance(value, bytes) else repr(value).encode()
        found.update(f"{type(value).__name__} {len(data)}:".encode() + data)
    elif is_dataclass(value) and not isinstance(value, type):
        _feed(found, type(value).__name__)
        _feed(found, {f.name: getattr(value, f.name) for f in fields(value)})
    elif isinstance(value, Mapping):
        found.update(f"mapping {len(value)}:".encode())
        for key in sorted(value, key=repr):
            _feed(found, key)
            _feed(found, value[key])
    elif isinstance(value, list | tuple):
        found.update(f"sequence {len(value)}:".encode())
        for item in value:
            _feed(found, item)
    elif hasattr(value, "dtype") and hasattr(value, "shape"):
        array = np.ascontiguousarray(to_host(value))
        found.update(f"array {array.dtype.str} {array.shape}:".encode() + array.tobytes())
    else:
        raise TypeError(f"`value` must be made of numbers, texts and arrays, but got a {type(value).__name__}.")
