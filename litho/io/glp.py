"""The text format of the ICCAD 2013 contest clips.

One shape a line, lower left corner and size, or the vertices in order; other lines carry no geometry:

    EQUIV 1 1000 MICRON +X,+Y
    RECT N M1  x y width height
    PGON N M1  x1 y1 x2 y2 ... xn yn
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from litho.cells import Cell, Floats, Layer, LayoutError, Library, Shapes, printable

LARGEST_BYTES = 2**24
"""A file larger than this is refused; clips have some thousand."""

FARTHEST = 2.0**53
"""As far as coordinates may lie, in database units."""

KEYWORDS = {"BEGIN", "EQUIV", "CNAME", "LEVEL", "CELL", "RECT", "PGON", "ENDMSG"}


def read_glp(path: Path, name: str) -> tuple[float, Library]:
    """Return the database unit in nm and the one cell of a `.glp` file.

    Layer `M1` becomes 1/0: the number is the one that the name ends with, or 0.

    Raises
    ------
    LayoutError
        naming the line that cannot be read
    """
    if path.stat().st_size > LARGEST_BYTES:
        raise LayoutError(f"`path` must be a GLP file of at most {LARGEST_BYTES} bytes, but {name} is larger.")
    dbu_nm, layers, names = 1.0, {}, {}  # type: float, dict[Layer, list[Floats]], dict[Layer, str]
    for number, line in enumerate(path.read_text(encoding="ascii", errors="replace").splitlines(), 1):
        words = line.split()
        try:
            if not words or words[0] not in KEYWORDS:
                _refuse_unless(not words, f"it begins with none of {', '.join(sorted(KEYWORDS))}")
            elif words[0] == "EQUIV":
                dbu_nm = _unit_nm(words)
            elif words[0] in ("RECT", "PGON"):
                layer = _layer_number(words[2])
                _refuse_unless(names.setdefault(layer, words[2]) == words[2], "two layers have one number")
                layers.setdefault(layer, []).append(_SHAPES[words[0]]([float(w) for w in words[3:]]))
        except (ValueError, IndexError) as error:
            raise LayoutError(f"`path` must be an intact GLP file, but {name}, line {number}: {error}.") from error
    return dbu_nm, Library((Cell(Path(name).stem, {layer: _packed(ps) for layer, ps in layers.items()}),))


def _refuse_unless(condition: bool, reason: str) -> None:
    if not condition:
        raise ValueError(reason)


def _unit_nm(words: list[str]) -> float:
    _refuse_unless(words[3] == "MICRON", f"the unit is {printable(words[3])} instead of MICRON")
    length, count = float(words[1]), float(words[2])
    unit_nm = 1000 * length / count if count else np.nan
    _refuse_unless(0 < unit_nm < np.inf, "the unit is not positive")
    return unit_nm


def _layer_number(name: str) -> Layer:
    digits = name[len(name.rstrip("0123456789")) :]
    _refuse_unless(len(digits) < 10, "a layer's number has more than 9 digits")
    return int(digits or 0), 0


def _rectangle(numbers: list[float]) -> Floats:
    _refuse_unless(len(numbers) == 4, f"RECT needs x y width height, but got {len(numbers)} numbers")
    x, y, width, height = numbers
    return _finite([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])


def _polygon(numbers: list[float]) -> Floats:
    _refuse_unless(len(numbers) % 2 == 0, f"PGON needs x y pairs, but got {len(numbers)} numbers")
    _refuse_unless(len(numbers) >= 6, f"PGON needs at least 3 vertices, but got {len(numbers) // 2}")
    return _finite(list(zip(numbers[::2], numbers[1::2], strict=True)))


def _finite(points: list[tuple[float, float]]) -> Floats:
    polygon = np.array(points)
    _refuse_unless(bool(np.isfinite(polygon).all()), "a coordinate is not a finite number")
    _refuse_unless(bool(np.abs(polygon).max() <= FARTHEST), "a coordinate lies beyond +-2^53")
    return polygon


def _packed(polygons: list[Floats]) -> Shapes:
    return Shapes(np.concatenate(polygons), np.cumsum([0, *map(len, polygons)]))


_SHAPES = {"RECT": _rectangle, "PGON": _polygon}
