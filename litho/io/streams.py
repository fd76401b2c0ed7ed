"""Reading GDS and OASIS: gdstk in a process of its own, so that no file can take the program down.

gdstk 1.0.2 ends with a segmentation fault on 4 % (GDS) to 11 % (OASIS) of files with one to five changed bytes,
and reads most truncated OASIS files without a word. Here a damaged file is an error like any other.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from litho.cells import Cell, LayoutError, Library, Placement, Shapes

GDS_MAGIC = b"\x00\x06\x00\x02"
OASIS_MAGIC = b"%SEMI-OASIS\r\n"
_PROGRAM = Path(__file__).with_name("reader_process.py")
_HARMLESS = re.compile(r"\[GDSTK\] Record type (\w+ \(0x..\) is not supported|X(NAME|ELEMENT) ignored)\.")


def read_stream(path: Path, kind: str, name: str) -> tuple[float, Library]:
    """Return the database unit in nm and the cells of a GDS or OASIS file.

    Parameters
    ----------
    path
        an uncompressed file
    kind
        "GDS" or "OASIS"
    name
        of the file, for messages

    Raises
    ------
    LayoutError
        when the file is damaged, refers to a missing cell, or needs more than half of the machine's memory
    """
    if kind == "OASIS" and not _has_end_record(path):
        raise LayoutError(f"`path` must be a whole OASIS file, but {name} has no END record: it is truncated.")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "cells.npz"
        command = [sys.executable, "-P", str(_PROGRAM), kind, str(path), str(output), str(memory)]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        process = subprocess.run(command, capture_output=True, env=environment)
        complaint = _complaint(process.returncode, process.stderr.decode(errors="replace").splitlines())
        if complaint:
            raise LayoutError(f"`path` must be an intact {kind} file, but {name} is not: {complaint}.")
        with np.load(output, allow_pickle=False) as file:
            arrays = dict(file)
    table = json.loads(arrays["table"].tobytes())
    dbu_nm = float(f"{table['unit_m'] * 1e9:.12g}")  # without the rounding of the file's number format
    if not (0 < dbu_nm < np.inf and all(np.isfinite(a).all() for a in arrays.values())):
        raise LayoutError(f"`path` must hold finite numbers, but {name} has a unit or placement that is not.")
    return dbu_nm, Library(tuple(_cells(table["cells"], arrays)))


def _has_end_record(path: Path) -> bool:
    """Say whether the last 256 bytes are an END record: 12 table offsets or none, padding, validation."""
    with path.open("rb") as file:
        file.seek(-min(256, path.stat().st_size), os.SEEK_END)
        end = file.read()
    if len(end) < 256 or end[0] != 2:
        return False
    for offsets in (0, 12):
        position = 1
        for _ in range(offsets):
            position = _unsigned(end, position)[1]
        padding, position = _unsigned(end, position)
        rest = end[position + padding :]
        if (len(rest) == 1 and rest[0] == 0) or (len(rest) == 5 and rest[0] in (1, 2)):
            return True
    return False


def _unsigned(data: bytes, position: int) -> tuple[int, int]:
    """Return an unsigned integer of OASIS and the position behind it."""
    value = shift = 0
    while position < len(data):
        byte = data[position]
        value, shift, position = value | (byte & 127) << shift, shift + 7, position + 1
        if byte < 128:
            break
    return value, position


def _complaint(status: int, lines: list[str]) -> str:
    """Return what was wrong with the file, or nothing."""
    serious = [s for s in lines if s.startswith("[GDSTK]") and not _HARMLESS.match(s)]
    if serious:
        return serious[0].removeprefix("[GDSTK] ").rstrip(".")
    if status < 0:
        return f"its reader broke off with signal {-status} (damaged, or too large for the memory)"
    return (lines or ["its reader broke off without a word"])[-1] if status else ""


def _cells(table: list[Any], arrays: dict[str, Any]) -> Iterator[Cell]:
    """Yield the cells that `reader_process.arrays` has laid out."""
    starts = np.concatenate([[0], np.cumsum(arrays["sizes"])])
    polygon = placement = origin = 0
    for name, layers, placed in table:
        shapes = {}
        for layer, datatype, count in layers:
            cut = starts[polygon : polygon + count + 1]
            shapes[layer, datatype] = Shapes(arrays["points"][cut[0] : cut[-1]], cut - cut[0])
            polygon += count
        placements = []
        for number, columns, rows, count in placed:
            matrix, steps = arrays["matrices"][placement], arrays["steps"][placement]
            origins = arrays["origins"][origin : origin + count]
            placements.append(Placement(number, matrix, origins, (columns, rows), steps))
            placement, origin = placement + 1, origin + count
        yield Cell(name, shapes, tuple(placements))
