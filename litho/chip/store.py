"""Finished tiles as files: written whole or not at all, with a checksum, and read without running anything of theirs.

A tile file is an ordinary uncompressed `.npz` (`numpy.load` reads it) whose zip comment is the SHA-256 of all bytes
before it. The member `tile.json` holds its key, so that a file copied over another one is noticed.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import math
import os
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from litho.io.atomic import atomic_path

ABOUT = "tile.json"
"""Member of a tile file that holds its key and what is known of it."""

SUM_BYTES = 71
"""Length of the comment: "sha256:" and 64 hexadecimal digits."""

_SUM = re.compile(rb"sha256:[0-9a-f]{64}")
_KEY = re.compile(r"[0-9a-f]{8,128}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_CHUNK_BYTES = 1 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DamagedTile(ValueError):
    """A tile file that is not there, not whole, or not what it says."""


class StoreFull(OSError):
    """There is no room for another file."""


@dataclass(frozen=True)
class TileFile:
    """What a tile file holds.

    Parameters
    ----------
    arrays
        by name
    info
        plain numbers, strings, lists and tables
    """

    arrays: Mapping[str, NDArray[Any]]
    info: Mapping[str, Any]


@dataclass(frozen=True)
class TileStore:
    """A folder of tile files, each found by its key.

    Any number of processes may write and read at once, on any host that sees the folder: a file is complete from the
    moment it has its name, and equal keys mean equal content.

    Parameters
    ----------
    folder
        made when the first tile is put into it
    """

    folder: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))

    def path(self, key: str) -> Path:
        """Return where a tile lies, or would lie; `key` is 8 to 128 hexadecimal digits in lower case."""
        if not _KEY.fullmatch(key):
            raise ValueError(f"`key` must be 8 to 128 hexadecimal digits in lower case, but got {key!r}.")
        return self.folder / key[:2] / f"{key}.npz"

    def put(self, key: str, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        """Write a tile, to a temporary name first; a file that is there is replaced.

        Parameters
        ----------
        key
            of the tile
        arrays
            of plain numbers or strings, by name
        info
            plain numbers, strings, lists and tables, as JSON has them

        Raises
        ------
        StoreFull
            where the disk, the quota or the allowed file size is used up; nothing is left behind
        """
        path, parts = self.path(key), _members(key, arrays, info)
        with told_if_full(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(path) as temporary, open(temporary, "r+b") as file:
                _write(file, parts)
                file.flush()
                os.fsync(file.fileno())

    def get(self, key: str) -> TileFile:
        """Return a tile.

        Raises
        ------
        DamagedTile
            in one sentence, where the file is missing, cut short, changed by as much as a bit, or foreign
        """
        try:
            data = self.path(key).read_bytes()
        except FileNotFoundError:
            self._damaged(key, "there is no such file")
        if not _SUM.fullmatch(data[-SUM_BYTES:]):
            self._damaged(key, "it is cut short or foreign")
        if _sum(data[:-SUM_BYTES]) != data[-SUM_BYTES:]:
            self._damaged(key, "its checksum does not fit")
        try:
            return _read(key, data)
        except (ValueError, LookupError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
            self._damaged(key, str(error))

    def is_whole(self, key: str) -> bool:
        """Return whether a tile is there and its checksum fits; reads the whole file."""
        try:
            with open(self.path(key), "rb") as file:
                left, digest = os.fstat(file.fileno()).st_size - SUM_BYTES, hashlib.sha256()
                while left > 0 and (chunk := file.read(min(left, _CHUNK_BYTES))):
                    digest.update(chunk)
                    left -= len(chunk)
                return left == 0 and file.read() == b"sha256:" + digest.hexdigest().encode()
        except FileNotFoundError:
            return False

    def keys(self) -> Iterator[str]:
        """Yield the keys of all files, whole or not, in order."""
        for path in sorted(self.folder.glob("[0-9a-f][0-9a-f]/*.npz")):
            if _KEY.fullmatch(path.stem):
                yield path.stem

    def sweep(self) -> int:
        """Remove what writers that were killed left behind; return the number of files.

        Call it while no one writes: a writer whose temporary file is removed has to start again.
        """
        leftovers = list(self.folder.glob("[0-9a-f][0-9a-f]/.*.npz"))
        for path in leftovers:
            path.unlink(missing_ok=True)
        return len(leftovers)

    def _damaged(self, key: str, why: str) -> NoReturn:
        raise DamagedTile(f"Tile {key[:12]} must be whole in {self.folder}, but {why}.") from None


@contextmanager
def told_if_full(path: Path) -> Iterator[None]:
    """Turn errors of a used-up disk, quota or file size into `StoreFull`, one sentence."""
    try:
        yield
    except OSError as error:
        cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
        if cause.errno not in _FULL:
            raise
        raise StoreFull(
            f"`out` must have room, but {path} could not be written: {os.strerror(cause.errno)}; "
            "what is finished is kept."
        ) from error


def _members(key: str, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the members of a tile file, the same bytes for the same content."""
    about = json.dumps({"key": key, "info": dict(info)}, sort_keys=True, allow_nan=False)
    members = {ABOUT: about.encode()}
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        if not _NAME.fullmatch(name) or array.dtype.hasobject:
            raise ValueError(f"`arrays` must be plain numbers by plain names, but got {array.dtype} for {name!r}.")
        buffer = io.BytesIO()
        npy.write_array(buffer, np.require(array, requirements="C"), version=(1, 0))
        members[f"{name}.npy"] = buffer.getvalue()
    return members


def _write(file: Any, members: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)  # dated 1980: the bytes do not tell when
        archive.comment = b"-" * SUM_BYTES
    file.seek(0)
    digest, left = hashlib.sha256(), os.fstat(file.fileno()).st_size - SUM_BYTES
    while left:
        chunk = file.read(min(left, _CHUNK_BYTES))
        digest.update(chunk)
        left -= len(chunk)
    file.write(b"sha256:" + digest.hexdigest().encode())


def _sum(data: bytes) -> bytes:
    return b"sha256:" + hashlib.sha256(data).hexdigest().encode()


def _read(key: str, data: bytes) -> TileFile:
    """Read what `_write` wrote; a checksum can be forged, so nothing is trusted to be small or plain."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise ValueError("it is compressed")
        if sum(member.file_size for member in archive.infolist()) > len(data):
            raise ValueError("it holds more than its bytes")
        members = {name: archive.read(name) for name in archive.namelist()}
    about = json.loads(members.pop(ABOUT))
    if about["key"] != key:
        raise ValueError(f"it says that it is tile {about['key'][:12]}")
    return TileFile({name.removesuffix(".npy"): _array(part) for name, part in members.items()}, about["info"])


def _array(data: bytes) -> NDArray[Any]:
    """Return the array of an `.npy` member: plain numbers only, and exactly as many as the bytes hold."""
    file = io.BytesIO(data)
    if npy.read_magic(file) != (1, 0):
        raise ValueError("an array is of another version")
    shape, fortran, dtype = npy.read_array_header_1_0(file)
    if dtype.hasobject:
        raise ValueError("an array holds objects")
    if fortran or math.prod(shape) * dtype.itemsize != len(data) - file.tell():
        raise ValueError("an array is not as long as it says")
    return np.frombuffer(data, dtype, offset=file.tell()).reshape(shape).copy()
