"""Fixtures: the array libraries, benchmark data of others, and layout files."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chip_hosts import make_certificates

import litho.backend
from litho.chip.chip_security import Certificates


@dataclass(frozen=True)
class Library:
    """An array library under test; calling it puts host values on its device."""

    name: str
    module: Any
    device: Any

    def __call__(self, values: Any) -> Any:
        """Return `values` as an array of this library."""
        if self.name == "cupy":
            return self.module.asarray(values)
        return self.module.asarray(np.asarray(values), device=self.device)


@pytest.fixture(params=["numpy", "strict", pytest.param("cupy", marks=pytest.mark.gpu)])
def xp(request: pytest.FixtureRequest) -> Library:
    """NumPy; strict arrays on their pretend second device, which refuse what a GPU would refuse; CuPy on a GPU."""
    if request.param == "numpy":
        return Library("numpy", np, "cpu")
    if request.param == "strict":
        strict = pytest.importorskip("array_api_strict")
        return Library("strict", strict, strict.Device("device1"))
    problem = litho.backend.gpu_problem()
    if problem is not None:
        pytest.skip(f"no GPU: {problem}")
    import cupy

    return Library("cupy", cupy, None)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder with benchmark data of others: LITHO_DATA, or `../shared` beside the checkout."""
    default = Path(__file__).resolve().parents[2] / "shared"
    path = Path(os.environ.get("LITHO_DATA", default))
    if not (path / "iccad13" / "optical_kernels.npz").is_file():
        pytest.skip(f"benchmark data not found in {path}: set LITHO_DATA to the folder that holds iccad13/")
    return path


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority with a certificate that it signed, for clusters."""
    return make_certificates(tmp_path_factory.mktemp("certificates") / "own")


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Likewise of somebody else."""
    return make_certificates(tmp_path_factory.mktemp("certificates") / "foreign")


@pytest.fixture
def rng() -> np.random.Generator:
    """Seeded random numbers."""
    return np.random.default_rng(2013)


@pytest.fixture(params=["gds", "oas"])
def save(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Path]:
    """Write a gdstk library in each format; returns its path."""

    def write(library: Any, name: str = "layout") -> Path:
        path = tmp_path / f"{name}.{request.param}"
        library.write_gds(path) if request.param == "gds" else library.write_oas(path)
        return path

    return write
