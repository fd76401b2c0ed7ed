"""Layouts that tests write: a box, a cell, a hierarchy of many."""

from __future__ import annotations

import gdstk
import numpy as np
from gdstk import Library

NM = {"unit": 1e-9, "precision": 1e-9}


def box(x0, y0, x1, y1):
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], dtype=float)


def one_cell(*polygons, layer=1):
    library = Library(**NM)
    library.new_cell("TOP").add(*(gdstk.Polygon(p, layer) for p in polygons))
    return library


def random_hierarchy(seed, angles):
    """Three levels of cells with rotated, mirrored, magnified, arrayed references and repeated polygons."""
    rng = np.random.default_rng(seed)
    library = Library(**NM)
    leaf, middle, top = (library.new_cell(name) for name in ("LEAF", "MIDDLE", "TOP"))
    leaf.add(gdstk.rectangle((3, 5), (40, 22), layer=1), gdstk.rectangle((30, 10), (60, 80), layer=1))
    leaf.add(gdstk.rectangle((0, 0), (10, 10), layer=2))
    repeated = gdstk.Polygon([(0, 0), (25, 0), (25, 9), (9, 9), (9, 30), (0, 30)], 1)
    repeated.repetition = gdstk.Repetition(columns=3, rows=2, spacing=(70, 55))
    scattered = gdstk.rectangle((0, 0), (12, 13), layer=1)
    scattered.repetition = gdstk.Repetition(offsets=[(100, 17), (31, 250), (77, 77)])
    middle.add(repeated, scattered)
    for cell, child in ((middle, leaf), (middle, leaf), (top, middle), (top, middle), (top, leaf)):
        array = {"columns": 3, "rows": 4, "spacing": tuple(rng.integers(60, 300, 2).tolist())}
        cell.add(
            gdstk.Reference(
                child,
                tuple(rng.integers(-900, 900, 2).tolist()),
                rotation=float(rng.choice(angles)),
                magnification=float(rng.choice([1, 2])),
                x_reflection=bool(rng.integers(2)),
                **(array if rng.integers(2) else {}),
            )
        )
    return library, top
