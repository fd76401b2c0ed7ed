"""Kernels in `.npz` files: those of the ICCAD-2013 contest, and our own in the same form.

For each condition NAME a file holds `NAME_kernels` (K, 2 Ry + 1, 2 Rx + 1), complex, frequency (0, 0) in the middle,
and `NAME_weights` (K,). Ours add `period_nm` (y, x), `NAME_defocus_nm`, `NAME_truncation_error` and, centred likewise,
`NAME_background` (2 Ry + 1, 2 Rx + 1) and `NAME_transfer` (4 Ry + 1, 2 Rx + 1), x from frequency 0. A file without
them is taken for the contest's: a field of 2048 nm, conditions `focus` and `defocus`.

The contest's intensities are not relative to the clear field (an open mask gives about 0.95 in focus), and its dose
multiplies the mask's amplitude, so that intensity goes with its square. Weights are kept as they are; whoever scores
by the contest's rules has to use its threshold (0.225) and its doses squared.
"""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litho.backend import to_host
from litho.io.atomic import atomic_path
from litho.io.npz import array_header, array_values, open_array
from litho.socs import Kernels

CONTEST_PERIOD_NM = (2048.0, 2048.0)
CONTEST_DEFOCUS_NM = {"focus": 0.0, "defocus": 25.0}

MAX_BYTES = 2**30
"""An array that claims to be larger is refused before memory is taken for it."""


def read_kernels(path: str | os.PathLike[str], period_nm: tuple[float, float] | None = None) -> dict[str, Kernels]:
    """Read the kernels of every condition in a file.

    Parameters
    ----------
    path
        `.npz` file
    period_nm
        field (y, x) they are needed for; a file for another one is refused

    Returns
    -------
    dict
        condition -> kernels, as host arrays in the file's precision; "focus" and "defocus" in the contest's file

    Raises
    ------
    ValueError
        in one sentence, for a file that is missing, no `.npz`, or does not hold valid kernels
    """
    try:
        with zipfile.ZipFile(path) as archive:
            found = _Archive(os.fspath(path), archive)
            kernels = {name: _condition(found, name) for name in _conditions(found)}
    except FileNotFoundError as error:
        raise ValueError(f"`path` must be a file, but {os.fspath(path)} does not exist.") from error
    except OSError as error:
        raise ValueError(f"`path` must be readable, but {os.fspath(path)}: {error.strerror or error}.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise ValueError(f"`path` must be a whole .npz file, but {os.fspath(path)}: {error}.") from error
    held = next(iter(kernels.values())).period_nm
    if period_nm is not None and any(abs(a - b) > 1e-9 * b for a, b in zip(period_nm, held, strict=True)):
        raise ValueError(f"`period_nm` must be that of the file's kernels, {held} nm, but got {tuple(period_nm)}.")
    return kernels


def write_kernels(path: str | os.PathLike[str], kernels: Mapping[str, Kernels]) -> None:
    """Write kernels, condition -> kernels of one field, whole or not at all; `read_kernels` reads them.

    Raises
    ------
    ValueError
        if there are none, or they belong to several fields
    OSError
        where the file cannot be written
    """
    periods = {k.period_nm for k in kernels.values()}
    if len(periods) != 1:
        raise ValueError(f"`kernels` must be of one field, but got those of {len(periods)}.")
    arrays: dict[str, Any] = {"period_nm": np.array(periods.pop())}
    for name, k in kernels.items():
        arrays[f"{name}_kernels"] = np.fft.fftshift(to_host(k.spectra), axes=(-2, -1))
        arrays[f"{name}_weights"] = to_host(k.weights)
        arrays[f"{name}_defocus_nm"] = np.array(k.defocus_nm)
        if k.truncation_error is not None:
            arrays[f"{name}_truncation_error"] = np.array(k.truncation_error)
        if k.background is not None:
            arrays[f"{name}_background"] = np.fft.fftshift(to_host(k.background))
        if k.transfer is not None:
            arrays[f"{name}_transfer"] = np.fft.fftshift(to_host(k.transfer), axes=0)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


class _Archive:
    """Arrays of an open `.npz` file, each read only after its header was found fit."""

    def __init__(self, path: str, archive: zipfile.ZipFile) -> None:
        self.path = path
        self._archive = archive
        self.names = [n.removesuffix(".npy") for n in archive.namelist() if n.endswith(".npy")]

    def refuse(self, what: str) -> ValueError:
        return ValueError(f"`path` must hold valid kernels, but in {self.path} {what}.")

    def read(self, name: str, rank: int, kinds: str) -> NDArray[Any]:
        """Return an array of finite numbers of `rank` axes and one of the dtype `kinds`."""
        if name not in self.names:
            raise self.refuse(f"the array {name} is missing")
        shape, dtype, start = self._header(name)
        if dtype.kind not in kinds:
            raise self.refuse(f"{name} must be {'complex' if kinds == 'c' else 'real'}, but is {dtype}")
        if len(shape) != rank:
            raise self.refuse(f"{name} must have {rank} axes, but has shape {shape}")
        self._check_size(name, start, shape, dtype.itemsize)
        with open_array(self._archive, name) as member:
            array = array_values(member)
        if not np.isfinite(array).all():
            raise self.refuse(f"{name} holds a value that is not finite")
        return array

    def _header(self, name: str) -> tuple[tuple[int, ...], np.dtype[Any], int]:
        """Return an array's shape, dtype and where its values start."""
        try:
            with open_array(self._archive, name) as member:
                shape, dtype = array_header(member)
                return shape, dtype, member.tell()
        except ValueError as error:
            raise self.refuse(f"{name} is no array in .npy format") from error

    def _check_size(self, name: str, start: int, shape: tuple[int, ...], itemsize: int) -> None:
        size = math.prod(shape) * itemsize
        if size > MAX_BYTES:
            raise self.refuse(f"{name} claims shape {shape}, {size:,} bytes, and at most {MAX_BYTES:,} are read")
        if min(shape, default=0) < 0 or self._archive.getinfo(f"{name}.npy").file_size != start + size:
            raise self.refuse(f"{name} does not have the length that its shape {shape} needs")


def _conditions(found: _Archive) -> list[str]:
    endings = ("_kernels", "_weights")
    names = dict.fromkeys(n.removesuffix(e) for n in found.names for e in endings if n.endswith(e))
    if not names:
        raise found.refuse("the arrays focus_kernels and focus_weights are missing")
    return list(names)


def _condition(found: _Archive, name: str) -> Kernels:
    spectra = found.read(f"{name}_kernels", 3, "c")
    weights = found.read(f"{name}_weights", 1, "f")
    if min(spectra.shape) < 1 or spectra.shape[1] % 2 == 0 or spectra.shape[2] % 2 == 0:
        raise found.refuse(f"{name}_kernels must have shape (kernels, odd, odd), but has {spectra.shape}")
    if len(weights) != len(spectra):
        raise found.refuse(f"{name}_weights must have one entry per kernel ({len(spectra)}), but has {len(weights)}")
    if (weights < 0).any():
        raise found.refuse(f"{name}_weights must not be negative, but holds {weights.min()}")
    period = CONTEST_PERIOD_NM
    if "period_nm" in found.names:
        values = found.read("period_nm", 1, "f")
        if values.shape != (2,) or (values <= 0).any():
            raise found.refuse(f"period_nm must be two positive lengths (y, x), but is {values.tolist()}")
        period = (float(values[0]), float(values[1]))
    return Kernels(
        np.fft.ifftshift(spectra, axes=(-2, -1)),
        weights,
        period,
        _defocus(found, name),
        _number(found, f"{name}_truncation_error"),
        _background(found, f"{name}_background", spectra.shape[1:]),
        _transfer(found, f"{name}_transfer", (2 * spectra.shape[1] - 1, spectra.shape[2])),
    )


def _background(found: _Archive, name: str, shape: tuple[int, ...]) -> NDArray[Any] | None:
    if name not in found.names:
        return None
    background = found.read(name, 2, "f")
    if background.shape != shape or (background < 0).any():
        raise found.refuse(f"{name} must be of shape {shape} and not negative")
    return np.fft.ifftshift(background)


def _transfer(found: _Archive, name: str, shape: tuple[int, ...]) -> NDArray[Any] | None:
    if name not in found.names:
        return None
    transfer = found.read(name, 2, "f")
    if transfer.shape != shape:
        raise found.refuse(f"{name} must have shape {shape}, but has {transfer.shape}")
    return np.fft.ifftshift(transfer, axes=0)


def _defocus(found: _Archive, name: str) -> float:
    value = _number(found, f"{name}_defocus_nm")
    if value is None and name not in CONTEST_DEFOCUS_NM:
        raise found.refuse(f"the array {name}_defocus_nm is missing")
    return CONTEST_DEFOCUS_NM[name] if value is None else value


def _number(found: _Archive, name: str) -> float | None:
    return float(found.read(name, 0, "f")) if name in found.names else None
