"""One array of an `.npz` file, read only after its header was found fit: such a file may expand a thousandfold."""

from __future__ import annotations

import os
import tokenize
import warnings
import zipfile
import zlib
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

_NO_ARRAY = (ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)


def read_npz_array(
    path: str | os.PathLike[str], name: str, shape: tuple[int, ...], kinds: str = "buif"
) -> NDArray[Any]:
    """Return an array of an archive.

    Parameters
    ----------
    path
        of the archive
    name
        of the array
    shape
        that it must have
    kinds
        one of which its dtype must be; those of NumPy

    Raises
    ------
    ValueError
        in one sentence, when there is no such array, or one of another shape or kind
    OSError
        when the file cannot be read
    """
    try:
        with zipfile.ZipFile(path) as archive:
            with open_array(archive, name) as member:
                found, dtype = array_header(member)
            if found == shape and dtype.kind in kinds:
                with open_array(archive, name) as member:
                    return array_values(member)
    except _NO_ARRAY as error:
        raise ValueError(f"`{name}` must be an .npz file with an array `{name}`, but {path} is not.") from error
    raise ValueError(f"`{name}` must be numbers of the field's shape {shape}, but {path} has {found} of {dtype}.")


def open_array(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    """Return an array of an archive to be read.

    Raises
    ------
    KeyError
        when it is not there
    zipfile.BadZipFile
        when it is compressed in a way that NumPy does not write; of others, some take gigabytes to begin with
    """
    member = archive.getinfo(f"{name}.npy")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise zipfile.BadZipFile(f"{name} is compressed by method {member.compress_type}, which NumPy does not write")
    return archive.open(member)


def array_header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and dtype of an array in .npy format, and leave `stream` where its values begin.

    Raises
    ------
    ValueError
        when it is in another format
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of headers by Python 2, which are read all the same
        try:
            version = npy.read_magic(stream)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = read(stream)
        except (tokenize.TokenError, SyntaxError) as error:
            raise ValueError(f"an array's header must be a literal, but: {error}") from error
    return shape, dtype


def array_values(stream: IO[bytes]) -> NDArray[Any]:
    """Return an array in .npy format, header and values; whoever calls this has found the header fit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return np.asarray(npy.read_array(stream, allow_pickle=False))
