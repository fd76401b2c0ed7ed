"""Which library holds the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litho import backend


def test_arrays_keep_their_library_and_device(xp: Any) -> None:
    x = xp(np.arange(3.0))
    assert backend.array_module(x) is xp.module
    made = (backend.like([1, 2], x), backend.positions(4, x), backend.zeros((2,), x))
    assert all(backend.array_module(a) is xp.module for a in made)
    if xp.name == "strict":
        assert all(a.device == xp.device for a in made)
    assert np.array_equal(backend.to_host(x), np.arange(3.0))


def test_mixing_libraries_is_an_error() -> None:
    strict = pytest.importorskip("array_api_strict")
    with pytest.raises(TypeError, match="`arrays` must come from one library"):
        backend.array_module(np.zeros(1), strict.zeros(1))
    with pytest.raises(TypeError, match="but got \\['builtins'\\]"):
        backend.array_module([1.0])


def test_memory_is_counted_in_bytes(xp: Any) -> None:
    for name, size in (("float32", 4), ("float64", 8), ("complex64", 8), ("complex128", 16)):
        assert backend.nbytes(xp(np.zeros((2, 3), name))) == 6 * size


def test_an_absent_gpu_is_named_and_auto_falls_back_to_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "gpu_problem", lambda: "there is no driver")
    assert backend.resolve_device("auto") == "cpu"
    with pytest.raises(ValueError, match="but got 'gpu': there is no driver"):
        backend.resolve_device("gpu")
    with pytest.raises(ValueError, match="`device` must be 'auto', 'cpu' or 'gpu', but got 'tpu'"):
        backend.resolve_device("tpu")
