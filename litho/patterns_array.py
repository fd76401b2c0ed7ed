"""A memory array of our own, as a file with hierarchy: a bit, a block of four mirrored bits, an array of blocks."""

from __future__ import annotations

import os

import gdstk
import numpy as np
from gdstk import Library

from litho.cells import Floats
from litho.io.atomic import atomic_path
from litho.patterns import drawn, moved

BITS = (320, 320)
"""Columns and rows."""

BIT_NM = (480.0, 480.0)
"""Width and height of a bit."""

MEMORY_ARRAY = "memory_array.oas"
"""The file of `masks/`."""

_DBU_M = 1e-9
_LAYER = 1
_BIT = [
    "........",
    "########",
    "...#....",
    "..##..##",
    "..#.....",
    "#.####..",
    "....#...",
    "##..##.#",
]


def bit() -> list[Floats]:
    """Return the first metal of one bit, which its mirror images on all sides continue; nm."""
    return drawn(_BIT, (BIT_NM[0] / len(_BIT[0]), BIT_NM[1] / len(_BIT)))


def block() -> list[Floats]:
    """Return a bit and its mirror images to the right, above and across, not merged; nm."""
    width, height = BIT_NM
    lower = [*bit(), *moved([p * np.array([-1.0, 1.0]) for p in bit()], 2 * width, 0)]
    return [*lower, *moved([p * np.array([1.0, -1.0]) for p in lower], 0, 2 * height)]


def memory_array(bits: tuple[int, int] = BITS) -> Library:
    """Return an array of bits as cells: BIT, BLOCK of four and ARRAY of blocks."""
    width, height = BIT_NM
    library = Library(unit=_DBU_M, precision=_DBU_M)
    one, four, array = (library.new_cell(name) for name in ("BIT", "BLOCK", "ARRAY"))
    one.add(*(gdstk.Polygon(p.tolist(), layer=_LAYER) for p in bit()))
    four.add(
        gdstk.Reference(one),
        gdstk.Reference(one, (2 * width, 0), rotation=np.pi, x_reflection=True),
        gdstk.Reference(one, (0, 2 * height), x_reflection=True),
        gdstk.Reference(one, (2 * width, 2 * height), rotation=np.pi),
    )
    pitch = (2 * width, 2 * height)
    array.add(gdstk.Reference(four, columns=bits[0] // 2, rows=bits[1] // 2, spacing=pitch))
    return library


def write_memory_array(path: str | os.PathLike[str], bits: tuple[int, int] = BITS) -> None:
    """Write the array as an OASIS file on layer 1/0, whole or not at all.

    Parameters
    ----------
    path
        the file
    bits
        columns and rows, even
    """
    if min(bits) < 2 or bits[0] % 2 or bits[1] % 2:
        raise ValueError(f"`bits` must be even counts of at least 2, but got {bits}.")
    with atomic_path(path) as temporary:
        memory_array(bits).write_oas(temporary, validation="crc32")
