"""Reading GDS and OASIS: gdstk in a process of its own, so that no file can take the program down.

gdstk 1.0.2 ends with a segmentation fault on 4 % (GDS) to 11 % (OASIS) of files with one to five changed bytes,
and reads most truncated OASIS files without a word. Here a damaged file is an error like any other.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from litho.cells import Cell, LayoutError, Library, Placement, Shapes, printable

GDS_MAGIC = b"\x00\x06\x00\x02"
OASIS_MAGIC = b"%SEMI-OASIS\r\n"
FARTHEST = 2.0**53
"""Coordinates beyond it, in database units, are no whole numbers any more."""

LEAST_BYTES, BYTES_PER_BYTE = 3 * 2**29, 256
"""Memory that reading may take: at least, and for every byte of the file."""

LEAST_SECONDS, SECONDS_PER_BYTE = 8, 4e-6
"""Processor time that reading may take: at least, and for every byte of the file; whole ones took 1/70 to 1/3."""

LEAST_WORDS, WORDS_PER_BYTE = 2**20, 16
"""Bytes of complaints: at least, and for every byte of the file; gdstk has some for each unknown record."""

_LONGEST_LINE = 2**12
_PROGRAM = Path(__file__).with_name("reader_process.py")
_HARMLESS = re.compile(r"\[GDSTK\] Record type (\w+ \(0x..\) is not supported|X(NAME|ELEMENT) ignored)\.")


class _EndlessError(Exception):
    """A reader that complains without end."""


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
        when the file is damaged, refers to a missing cell, or needs more memory or time than its size explains
    """
    if kind == "OASIS" and not _has_end_record(path):
        raise LayoutError(f"`path` must be a whole OASIS file, but {name} has no END record: it is truncated.")
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "cells.npz"
        try:
            complaint = _run(path, kind, output)
        except _EndlessError:
            complaint = "its reader complains without end"
        if complaint:
            raise LayoutError(f"`path` must be an intact {kind} file, but {name} is not: {complaint}.")
        with np.load(output, allow_pickle=False) as file:
            arrays = dict(file)
    table = json.loads(arrays["table"].tobytes())
    dbu_nm = float(f"{table['unit_m'] * 1e9:.12g}")  # without the rounding of the file's number format
    if not (0 < dbu_nm < np.inf and all(np.isfinite(a).all() for a in arrays.values())):
        raise LayoutError(f"`path` must hold finite numbers, but {name} has a unit or placement that is not.")
    if any(arrays[n].size and np.abs(arrays[n]).max() > FARTHEST for n in ("points", "origins", "steps")):
        raise LayoutError(f"`path` must hold coordinates within +-2^53 database units, but {name} has one beyond.")
    return dbu_nm, Library(tuple(_cells(table["cells"], arrays)))


def _run(path: Path, kind: str, output: Path) -> str:
    """Read a file in a process of its own; return what is wrong with it, or nothing."""
    size = path.stat().st_size
    half = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    memory = min(half, LEAST_BYTES + BYTES_PER_BYTE * size)
    seconds = LEAST_SECONDS + round(SECONDS_PER_BYTE * size)
    command = [sys.executable, "-P", str(_PROGRAM), kind, str(path), str(output), str(memory), str(seconds)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    nowhere = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stderr is not None
        try:
            lines = _complaints(process.stderr, LEAST_WORDS + WORDS_PER_BYTE * size)
        except BaseException:
            process.kill()
            raise
    return _verdict(process.returncode, lines, seconds)


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


def _complaints(stream: IO[bytes], most: int) -> list[str]:
    """Return the first serious line that the reader has said, and the last of others; it may say `most` bytes."""
    serious, other = "", ""
    while line := stream.readline(_LONGEST_LINE):
        text, most = printable(line.decode(errors="replace").strip(), 300), most - len(line)
        if text.startswith("[GDSTK]") and not _HARMLESS.match(text):
            serious = serious or text
        else:
            other = text or other
        if most < 0:
            raise _EndlessError
    return [text for text in (serious, other) if text]


def _verdict(status: int, lines: list[str], seconds: int) -> str:
    """Return what was wrong with the file, or nothing."""
    serious = [s for s in lines if s.startswith("[GDSTK]") and not _HARMLESS.match(s)]
    if serious:
        return serious[0].removeprefix("[GDSTK] ").rstrip(".")
    if status in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"reading it takes more than the {seconds} s of processor time that its size allows"
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
