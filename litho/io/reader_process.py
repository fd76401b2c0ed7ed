"""Program that reads a GDS or OASIS file with gdstk and hands its cells over as plain arrays in an `.npz` file.

    reader_process.py KIND LAYOUT OUTPUT MEMORY_BYTES

It runs as a process of its own (`streams.read_stream` starts it), because gdstk breaks off with a segmentation
fault on many damaged files, and because a compressed file may ask for more memory than there is. It imports nothing
of `litho`, so that it starts quickly.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

import gdstk
import numpy as np

CURVE_TOLERANCE = 0.05  # database units between a round path or circle and the polygon that stands for it


def read(kind: str, path: str) -> tuple[float, list[Any]]:
    """Return the database unit in metres, and of each cell: name, polygons by layer, placements."""
    if kind == "GDS":
        unit = gdstk.gds_units(path)[1]
        library = gdstk.read_gds(path, unit=unit, tolerance=CURVE_TOLERANCE)
    else:
        unit = gdstk.oas_precision(path)
        library = gdstk.read_oas(path, unit=unit, tolerance=CURVE_TOLERANCE)
        if gdstk.oas_validate(path)[0] is False:
            raise SystemExit("its checksum does not fit")
    numbers = {cell.name: i for i, cell in enumerate(library.cells)}
    if len(numbers) < len(library.cells):
        raise SystemExit("two of its cells have the same name")
    cells: list[Any] = [None] * len(numbers)
    for i, cell in enumerate(library.cells):
        cells[i] = pack(cell, numbers, cells)
    return unit, cells


def pack(cell: Any, numbers: dict[str, int], cells: list[Any]) -> tuple[Any, ...]:
    """Return one cell; a repeated polygon becomes a cell without a name, added to `cells`, and its placement."""
    layers: dict[tuple[int, int], list[Any]] = {}
    placements = []
    polygons = list(cell.polygons)
    for path in cell.paths:
        polygons += path.to_polygons()
    for polygon in (p for p in polygons if p.size):
        layer = polygon.layer, polygon.datatype
        if polygon.repetition.size:
            placements.append((len(cells), np.eye(2), *lattice((0, 0), polygon.repetition)))
            cells.append(("", {layer: [polygon.points]}, []))
        else:
            layers.setdefault(layer, []).append(polygon.points)
    for reference in cell.references:
        number = numbers[reference.cell_name]
        placements.append((number, matrix(reference), *lattice(reference.origin, reference.repetition)))
    return cell.name, layers, placements


def matrix(reference: gdstk.Reference) -> Any:
    """Return rotation, mirror and magnification, free of rounding for multiples of 90 degrees."""
    quarter = reference.rotation / (np.pi / 2)
    if abs(quarter - round(quarter)) < 1e-9:
        cosine, sine = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[round(quarter) % 4]
    else:
        cosine, sine = np.cos(reference.rotation), np.sin(reference.rotation)
    mirror = -1.0 if reference.x_reflection else 1.0
    return reference.magnification * np.array([[cosine, -sine * mirror], [sine, cosine * mirror]])


def lattice(origin: Any, repetition: Any) -> tuple[Any, tuple[int, int], Any]:
    """Return origins (k, 2), columns and rows, and steps (2, 2) that lead to whole database units at the far end."""
    start = np.rint(np.array([origin], dtype=float))
    if repetition.size == 0:
        return start, (1, 1), np.zeros((2, 2))
    if repetition.columns is None:
        return start + np.rint(repetition.get_offsets()), (1, 1), np.zeros((2, 2))
    if repetition.spacing is None:
        steps = np.array([repetition.v1, repetition.v2])
    else:
        steps = np.diag(repetition.spacing)
    counts = np.array([repetition.columns, repetition.rows])[:, None]
    return start, (repetition.columns, repetition.rows), np.rint(steps * counts) / counts


def arrays(unit: float, cells: list[Any]) -> dict[str, Any]:
    """Return all cells as few arrays, and as JSON how many entries of each belong to which cell.

    `points` (n, 2) in whole database units, at least three a polygon; `sizes` vertices of each polygon; `origins`
    (k, 2); `matrices` and `steps` (p, 2, 2) of each placement.
    """
    polygons = [p if len(p) > 2 else np.vstack([p, p, p])[:3] for _, ls, _ in cells for ps in ls.values() for p in ps]
    placements = [placement for *_, ps in cells for placement in ps]
    table = [
        (
            name,
            [(*layer, len(ps)) for layer, ps in layers.items()],
            [(number, *counts, len(origins)) for number, _, origins, counts, _ in placed],
        )
        for name, layers, placed in cells
    ]
    text = json.dumps({"unit_m": unit, "cells": table})
    return {
        "points": np.rint(np.concatenate([np.empty((0, 2)), *polygons])),
        "sizes": np.array([len(p) for p in polygons], dtype=np.int64),
        "origins": np.concatenate([np.empty((0, 2)), *(p[2] for p in placements)]),
        "matrices": np.array([p[1] for p in placements]).reshape(-1, 2, 2),
        "steps": np.array([p[4] for p in placements]).reshape(-1, 2, 2),
        "table": np.frombuffer(text.encode(), dtype=np.uint8),
    }


if __name__ == "__main__":
    kind, layout, output, memory = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    np.savez(output, **arrays(*read(kind, layout)))
