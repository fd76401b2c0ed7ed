"""Program that reads a GDS or OASIS file with gdstk and hands its cells over as plain arrays in an `.npz` file.

    reader_process.py KIND LAYOUT OUTPUT MEMORY_BYTES SECONDS

It runs as a process of its own (`streams.read_stream` starts it), because gdstk breaks off with a segmentation
fault on many damaged files, and because a small file may ask for more memory or time than there is: it may use no
more than it is given. It imports nothing of `litho`, so that it starts quickly.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

import gdstk
import numpy as np

CURVE_TOLERANCE = 0.05  # database units between a round path or circle and the polygon that stands for it
MOST_COPIED = 128  # vertices of all copies of a repeated polygon: a cell and its placement take as much memory


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
    """Return one cell; of a repeated polygon either the copies, if they are few, or a cell without a name."""
    layers: dict[tuple[int, int], list[Any]] = {}
    placements = []
    polygons = list(cell.polygons)
    for path in cell.paths:
        polygons += path.to_polygons()
    for polygon in (p for p in polygons if p.size):
        layer, repetition, points = (polygon.layer, polygon.datatype), polygon.repetition, polygon.points
        if repetition.size * len(points) > MOST_COPIED:
            origins, counts, steps = np.zeros((1, 2)), (1, 1), np.zeros((2, 2))
            if repetition.columns is None:
                origins = copies(repetition)
            else:
                counts, steps = lattice(repetition)
            placements.append((len(cells), np.eye(2), origins, counts, steps))
            cells.append(("", {layer: [points]}, []))
        elif repetition.size:
            layers.setdefault(layer, []).extend(np.rint(points) + place for place in copies(repetition))
        else:
            layers.setdefault(layer, []).append(points)
    return cell.name, layers, placements + placed(cell, numbers)


def placed(cell: Any, numbers: dict[str, int]) -> list[Any]:
    """Return what a cell places; all copies of a cell that are turned and repeated alike are one placement."""
    alike: dict[tuple[Any, ...], list[Any]] = {}
    for reference in cell.references:
        repetition = reference.repetition
        regular = repetition.size > 0 and repetition.columns is not None
        array = (repetition.columns, repetition.rows, repetition.spacing, repetition.v1, repetition.v2)
        turn = (reference.rotation, reference.magnification, reference.x_reflection)
        key = (reference.cell_name, *turn, array if regular else None)
        alike.setdefault(key, []).append(reference)
    placements = []
    for (name, *_, array), references in alike.items():
        if name not in numbers:
            raise SystemExit(f"cell {cell.name!r} places {name!r}, which is missing")
        starts, repetition = np.rint([r.origin for r in references]), references[0].repetition
        counts, steps = (1, 1), np.zeros((2, 2))
        if array is not None:
            counts, steps = lattice(repetition)
        elif any(r.repetition.size for r in references):  # lists of places
            offsets = [copies(r.repetition) if r.repetition.size else np.zeros((1, 2)) for r in references]
            starts = np.concatenate([start + places for start, places in zip(starts, offsets, strict=True)])
        placements.append((numbers[name], matrix(references[0]), starts, counts, steps))
    return placements


def matrix(reference: gdstk.Reference) -> Any:
    """Return rotation, mirror and magnification, free of rounding for multiples of 90 degrees."""
    quarter = reference.rotation / (np.pi / 2)
    if abs(quarter - round(quarter)) < 1e-9:
        cosine, sine = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[round(quarter) % 4]
    else:
        cosine, sine = np.cos(reference.rotation), np.sin(reference.rotation)
    mirror = -1.0 if reference.x_reflection else 1.0
    return reference.magnification * np.array([[cosine, -sine * mirror], [sine, cosine * mirror]])


def copies(repetition: Any) -> Any:
    """Return where each copy of a repeated element lies, (k, 2) whole database units from the first."""
    if repetition.columns is None:
        return np.rint(repetition.get_offsets())
    (columns, rows), steps = lattice(repetition)
    return np.rint(np.array([[i, j] for i in range(columns) for j in range(rows)]) @ steps)


def lattice(repetition: Any) -> tuple[tuple[int, int], Any]:
    """Return columns and rows, and steps (2, 2) that lead to whole database units at the far end."""
    if repetition.spacing is None:
        steps = np.array([repetition.v1, repetition.v2])
    else:
        steps = np.diag(repetition.spacing)
    counts = np.array([repetition.columns, repetition.rows])[:, None]
    return (repetition.columns, repetition.rows), np.rint(steps * counts) / counts


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


def limit(memory_bytes: int, seconds: int) -> None:
    """Let this process use no more memory, no more processor time and write no longer files than these."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    kind, layout, output, memory, seconds = sys.argv[1:]
    limit(int(memory), int(seconds))
    np.savez(output, **arrays(*read(kind, layout)))
