"""Writing polygons as OASIS or GDS.

Vertices are rounded to the database unit. Files appear whole or not at all.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from typing import Any

import gdstk
import numpy as np
from gdstk import Library

from litho.cells import Floats, Layer
from litho.io.atomic import atomic_path

CURVE_PROPERTY = "LITHO_CURVE"
_GDS_VERTICES = 8190  # in one polygon, by the format's record length
_GDS_FARTHEST = 2**31 - 1
_OASIS_FARTHEST = 2**53
_EPOCH = datetime.datetime(2000, 1, 1)  # the same layout gives the same bytes


def write_oasis(
    path: str | os.PathLike[str],
    layers: Mapping[Layer, Sequence[Floats]],
    dbu_nm: float = 0.1,
    curves: Mapping[Layer, Sequence[str | None]] | None = None,
    cell: str = "TOP",
) -> None:
    """Write polygons as an OASIS file of one cell.

    Parameters
    ----------
    path
        the file
    layers
        polygons of each (layer, datatype), (n, 2) vertices (x, y) in nm. Files know no holes: join each to its outline
        first, `litho.join_holes`
    dbu_nm
        database unit that vertices are rounded to
    curves
        for each polygon the ASCII text of its control points or None; kept as the property `LITHO_CURVE`
    cell
        name of the cell
    """
    library, polygons = _library(layers, dbu_nm, _OASIS_FARTHEST, cell)
    texts = [text for layer in layers for text in (curves or {}).get(layer, [None] * len(layers[layer]))]
    if len(texts) != len(polygons) or set(curves or {}) - set(layers):
        raise ValueError(f"`curves` must have one entry per polygon ({len(polygons)}), but got {len(texts)}.")
    for polygon, text in zip(polygons, texts, strict=True):
        if text is not None:
            if not text.isascii():
                raise ValueError(f"`curves` must be ASCII, but got {text!r}.")
            polygon.set_property(CURVE_PROPERTY, text)
    with atomic_path(path) as temporary:
        library.write_oas(temporary, validation="crc32")


def write_gds(
    path: str | os.PathLike[str],
    layers: Mapping[Layer, Sequence[Floats]],
    dbu_nm: float = 1.0,
    cell: str = "TOP",
) -> None:
    """Write polygons as a GDS file of one cell; those of more than 8190 vertices are cut into parts.

    Parameters
    ----------
    path
        the file
    layers
        polygons of each (layer, datatype), (n, 2) vertices (x, y) in nm. Files know no holes: join each to its outline
        first, `litho.join_holes`
    dbu_nm
        database unit that vertices are rounded to
    cell
        name of the cell
    """
    library, _ = _library(layers, dbu_nm, _GDS_FARTHEST, cell)
    with atomic_path(path) as temporary:
        library.write_gds(temporary, max_points=_GDS_VERTICES, timestamp=_EPOCH)


def _library(
    layers: Mapping[Layer, Sequence[Floats]], dbu_nm: float, farthest: int, cell: str
) -> tuple[Library, list[gdstk.Polygon]]:
    if not 0 < dbu_nm < np.inf:
        raise ValueError(f"`dbu_nm` must be a positive length, but got {dbu_nm}.")
    unit = float(f"{dbu_nm * 1e-9:.12g}")
    library = Library(unit=unit, precision=unit)
    polygons = [gdstk.Polygon(_rounded(p, dbu_nm, farthest), *layer) for layer in layers for p in layers[layer]]
    library.new_cell(cell).add(*polygons)
    return library, polygons


def _rounded(polygon: Floats, dbu_nm: float, farthest: int) -> Any:
    if polygon.ndim != 2 or polygon.shape[1] != 2 or len(polygon) < 3:
        raise ValueError(f"`layers` must hold polygons (n >= 3, 2), but got the shape {polygon.shape}.")
    points = np.rint(polygon / dbu_nm)
    if not np.abs(points).max() <= farthest:
        raise ValueError(f"`layers` must hold coordinates within +-{farthest * dbu_nm:g} nm, but one is not.")
    return points
