"""Illuminators in files: a text list of points, or a grey PNG image of brightness.

A list has one point a line, `x y intensity`, in direction sines over NA, separated by blanks, tabs, commas or
semicolons; what follows a # is a comment. An image covers [-1, 1]^2 with +x to the right and +y up, its grey values
are proportional to brightness (no gamma), white is the brightest.
"""

from __future__ import annotations

import math
import os
import re
import struct
import zlib
from pathlib import Path

import numpy as np

from litho.io.atomic import atomic_path
from litho.source import Source
from litho.source_maps import MAX_PIXELS
from litho.source_shapes import RIM, Values

LISTS = (".txt", ".csv")

MAX_BYTES = 2**26
"""A larger file is refused before it is read."""

MAX_POINTS = 2**18
"""A longer list is refused."""

WHITE = 2**16 - 1
"""Grey value of the brightest pixel that is written."""

_GREY = 1e-6
"""Colours that differ by no more are grey."""


def read_source(path: str | os.PathLike[str]) -> Source:
    """Read an illuminator.

    Parameters
    ----------
    path
        `.txt` or `.csv` with points, or `.png`

    Returns
    -------
    Source
        true points, as by `Source.points`, or pixels, as by `Source.pixels`

    Raises
    ------
    ValueError
        in one sentence, for a file that is missing, too large, or no list or image of a source
    """
    file = Path(path)
    kind = _kind(file)
    try:
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise ValueError(f"`path` must be a file of at most {MAX_BYTES} bytes, but {file} has {size}.")
        return Source.pixels(_image(file)) if kind == ".png" else _points(file)
    except FileNotFoundError as error:
        raise ValueError(f"`path` must be a file, but {file} does not exist.") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"`path` must be text in UTF-8, but {file} is not.") from error
    except OSError as error:
        raise ValueError(f"`path` must be readable, but {file}: {error.strerror or error}.") from error


def write_source(path: str | os.PathLike[str], source: Source, *, n: int = 255, spacing: float | None = None) -> None:
    """Write an illuminator, whole or not at all; `read_source` reads it.

    Parameters
    ----------
    path
        `.txt` or `.csv`: the points of `source.sample(spacing)`, to the last digit; `.png`: `source.to_map(n)` in
        16 bits, the brightest pixel white
    source
        the illuminator
    n
        pixels on either side of an image
    spacing
        of points

    Raises
    ------
    OSError
        where the file cannot be written
    """
    file = Path(path)
    if _kind(file) == ".png":
        from skimage.io import imsave

        values = source.to_map(n)
        with atomic_path(file) as temporary:
            grey = np.round(values[::-1] * (WHITE / values.max())).astype(np.uint16)
            imsave(temporary, grey, check_contrast=False)
        return
    points = source.sample(spacing)
    separator = "," if file.suffix.lower() == ".csv" else " "
    rows = zip(points.x.tolist(), points.y.tolist(), points.weight.tolist(), strict=True)
    lines = ["# x y intensity, in direction sines over NA", *(separator.join(map(repr, row)) for row in rows)]
    with atomic_path(file) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _kind(file: Path) -> str:
    kind = file.suffix.lower()
    if kind not in (".png", *LISTS):
        raise ValueError(f"`path` must end in .png, {' or '.join(LISTS)}, but got {file}.")
    return kind


def _points(file: Path) -> Source:
    table: list[list[float]] = []
    with file.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, 1):
            words = re.split(r"[\s,;]+", line.partition("#")[0].strip(" \t\r\n,;"))
            if words == [""]:
                continue
            problem = _problem(words)
            if not problem and len(table) == MAX_POINTS:
                problem = f"there are more than {MAX_POINTS} points"
            if problem:
                raise ValueError(f"`path` must have lines `x y intensity`, but {file}, line {number}: {problem}.")
            table.append([float(w) for w in words])
    if not any(light > 0 for _, _, light in table):
        raise ValueError(f"`path` must hold a point that shines, but {file} holds none.")
    x, y, light = np.array(table).T
    return Source.points(np.column_stack([x, y]), light)


def _problem(words: list[str]) -> str:
    """Return what is wrong with a line, or nothing."""
    if len(words) != 3:
        return f"it has {len(words)} entr{'y' if len(words) == 1 else 'ies'} instead of 3"
    numbers = []
    for word in words:
        try:
            numbers.append(float(word))
        except ValueError:
            return f"{word[:40]!r} is not a number"
    x, y, light = numbers
    if not all(map(math.isfinite, numbers)):
        return "not all its numbers are finite"
    if light < 0:
        return f"the intensity is {light:g}"
    radius = math.hypot(x, y)
    return f"the point shines outside the unit disc, at {radius:.6g}" if light > 0 and radius > 1 + RIM else ""


def _image(file: Path) -> Values:
    """Return grey values 0 to 1, row 0 at the bottom."""
    from matplotlib.image import imread

    width, height = _png_size(file)
    if not 0 < width * height <= MAX_PIXELS:
        raise ValueError(f"`path` must be an image of at most {MAX_PIXELS} pixels, but {file} has {width} x {height}.")
    try:
        values = np.asarray(imread(file, format="png"), dtype=float)
    except (SyntaxError, EOFError, struct.error, zlib.error, OSError, ValueError, MemoryError) as error:
        raise ValueError(f"`path` must be an intact PNG image, but {file}: {error}.") from error
    if values.ndim == 3:
        grey, *others = np.moveaxis(values, -1, 0)
        others, opaque = others[:2], others[2] if len(others) == 3 else np.ones(1)
        if any(np.abs(other - grey).max() > _GREY for other in others) or (opaque < 1).any():
            raise ValueError(f"`path` must be a grey image, but {file} has colours or is transparent.")
        values = grey
    if not values.any():
        raise ValueError(f"`path` must hold a pixel that shines, but {file} is black.")
    return values[::-1]


def _png_size(file: Path) -> tuple[int, int]:
    with file.open("rb") as stream:
        head = stream.read(24)
    if len(head) < 24 or head[:8] != b"\x89PNG\r\n\x1a\n" or head[12:16] != b"IHDR":
        raise ValueError(f"`path` must be a PNG image, but {file} is not.")
    width, height = struct.unpack(">II", head[16:])
    return int(width), int(height)
