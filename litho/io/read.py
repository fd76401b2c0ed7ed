"""Which format a layout file has, and its cells."""

from __future__ import annotations

import gzip
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from litho.cells import LayoutError, Library
from litho.io.glp import KEYWORDS, read_glp
from litho.io.streams import GDS_MAGIC, OASIS_MAGIC, read_stream

LARGEST_BYTES = 2**32
"""A compressed file may expand to no more."""

FREE_BYTES, LARGEST_RATIO = 2**26, 200
"""Nor, beyond the first of these, to more than that many times its size: layouts are compressed 5- to 50-fold."""


def read_library(path: Path) -> tuple[float, Library]:
    """Return the database unit in nm and the cells of a GDS, OASIS or GLP file, compressed by gzip or not.

    The first bytes decide, not the ending.

    Raises
    ------
    LayoutError
        when the file is missing, empty, damaged, of another kind, or expands too far
    """
    if not path.is_file():
        raise LayoutError(f"`path` must be a layout file, but {path} is {'no file' if path.exists() else 'missing'}.")
    try:
        with _plain(path) as plain:
            return _read(plain, str(path))
    except OSError as error:
        raise LayoutError(f"`path` must be a readable file, but {path}: {error.strerror or error}.") from error


def _read(plain: Path, name: str) -> tuple[float, Library]:
    with plain.open("rb") as stream:
        start = stream.read(256)
    if not start:
        raise LayoutError(f"`path` must be a layout file, but {name} is empty.")
    if start.startswith(GDS_MAGIC):
        return read_stream(plain, "GDS", name)
    if start.startswith(OASIS_MAGIC):
        return read_stream(plain, "OASIS", name)
    if start.split()[:1] and start.split()[0].decode("ascii", "replace") in KEYWORDS:
        return read_glp(plain, name)
    raise LayoutError(f"`path` must be a GDS, OASIS or GLP file, but {name} is none of them.")


@contextmanager
def _plain(path: Path) -> Iterator[Path]:
    """Yield a file without compression: `path` itself or a temporary one."""
    with path.open("rb") as stream:
        compressed = stream.read(2) == b"\x1f\x8b"
    if not compressed:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain"  # not a name that a file chooses
        _expand(path, plain)
        yield plain


def _expand(path: Path, plain: Path) -> None:
    largest = min(LARGEST_BYTES, max(FREE_BYTES, LARGEST_RATIO * path.stat().st_size))
    try:
        with gzip.open(path) as source, plain.open("wb") as target:
            while block := source.read(1 << 20):
                target.write(block)
                if target.tell() > largest:
                    raise LayoutError(f"`path` must expand to at most {largest} bytes, but {path} exceeds that.")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise LayoutError(f"`path` must be an intact gzip file, but {path} is not: {error}.") from error
