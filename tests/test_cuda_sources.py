"""Every CUDA source runs as C++ on the host and gives what its array twin gives; each compiles without spills."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compile_cuda import FOLDER, problems

from litho import cuda, socs, step_kernels
from litho.fourier import complete, fold, half_band, half_band_adjoint
from litho.optimize import LbfgsSettings, minimize
from litho.parametrize import mask_of_level, mask_of_level_adjoint

pytest_plugins = ["cuda_on_host"]

TOLERANCE = {np.float32: 2e-6, np.float64: 1e-14}
"""Largest difference to the twin, over the twin's largest entry: both round, in different orders."""

real_types = pytest.mark.parametrize("real", [np.float32, np.float64])


def assert_equal_twin(function: Callable[[], Any], on_host: Callable[..., None], real: Any, factor: float = 1) -> None:
    """Assert that a function gives the same arrays on the path of arrays and on that of kernels."""
    expected, (_, found) = _arrays(function()), (on_host(), _arrays(function()))
    assert len(found) == len(expected)
    for f, e in zip(found, expected, strict=True):
        assert f.dtype == e.dtype and f.shape == e.shape
        assert np.max(np.abs(f - e)) <= factor * TOLERANCE[real] * np.max(np.abs(e))
    on_host(False)


def _arrays(result: Any) -> list[np.ndarray]:
    return [np.asarray(a) for a in (result if isinstance(result, tuple) else (result,))]


@real_types
@pytest.mark.parametrize("shape", [(3, 17, 31), (1, 1), (2, 16, 16)])
@pytest.mark.parametrize("with_free", [False, True])
def test_level_to_mask_and_back(
    real: Any, shape: tuple[int, ...], with_free: bool, rng: np.random.Generator, kernels_on_host: Any
) -> None:
    level, bar = (rng.standard_normal(shape).astype(real) for _ in range(2))
    free = rng.random(shape).astype(real) if with_free else None
    assert_equal_twin(lambda: mask_of_level(level, 7, free), kernels_on_host, real)
    _, inside = mask_of_level(level, 7, free)
    assert_equal_twin(lambda: mask_of_level_adjoint(bar, inside, 7, free), kernels_on_host, real)


CLIPS = [(), (1,), (2, 3)]
BANDS = [((3, 4), (14, 20)), ((0, 0), (1, 1)), ((2, 5), (5, 11)), ((7, 1), (63, 35))]
"""radius (Ry, Rx) and a grid (ny, nx) that holds it, down to the smallest"""


def complex_array(rng: np.random.Generator, real: Any, *shape: int) -> np.ndarray:
    pairs = rng.standard_normal((*shape, 2)).astype(real)
    return np.ascontiguousarray(pairs).view(np.complex64 if real == np.float32 else np.complex128)[..., 0]


@real_types
@pytest.mark.parametrize("clips", CLIPS)
@pytest.mark.parametrize("radius, shape", BANDS)
def test_bands_and_grids(
    real: Any,
    clips: tuple[int, ...],
    radius: tuple[int, int],
    shape: tuple[int, int],
    rng: np.random.Generator,
    kernels_on_host: Any,
) -> None:
    (ry, rx), check = radius, kernels_on_host
    samples = rng.standard_normal((*clips, *shape)).astype(real)
    half = complex_array(rng, real, *clips, 2 * ry + 1, rx + 1)
    full = complex_array(rng, real, *clips, 2 * ry + 1, 2 * rx + 1)
    assert_equal_twin(lambda: half_band(samples, radius), check, real)
    assert_equal_twin(lambda: half_band_adjoint(half, shape), check, real)
    assert_equal_twin(lambda: complete(half), check, real)
    assert_equal_twin(lambda: fold(full), check, real)


@real_types
@pytest.mark.parametrize("clips", CLIPS)
@pytest.mark.parametrize("radius", [(3, 4), (1, 6)])
@pytest.mark.parametrize("keep", [0, 2**30])
def test_images_and_their_adjoint(
    real: Any,
    clips: tuple[int, ...],
    radius: tuple[int, int],
    keep: int,
    rng: np.random.Generator,
    kernels_on_host: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socs, "KEEP_FIELDS_BYTES", keep)
    ry, rx = radius
    spectra = complex_array(rng, real, 5, 2 * ry + 1, 2 * rx + 1)
    background = rng.random(spectra.shape[1:]).astype(real)
    transfer = rng.random((4 * ry + 1, 2 * rx + 1)).astype(real)
    kernels = socs.Kernels(spectra, rng.random(5).astype(real), (64.0, 64.0), 0.0, None, background, transfer)
    band = complex_array(rng, real, *clips, 2 * ry + 1, 2 * rx + 1)
    half_bar = complex_array(rng, real, *clips, 4 * ry + 1, 2 * rx + 1)

    def image_and_gradient() -> tuple[Any, Any]:
        half, saved = socs.image_band(band, kernels)
        return half, socs.image_band_adjoint(half_bar, saved, kernels)

    assert_equal_twin(image_and_gradient, kernels_on_host, real, 4)


def rosenbrock(x: Any) -> tuple[Any, Any]:
    """Return a curved valley of each neighbouring pair of variables."""
    a, b = x[..., :-1], x[..., 1:]
    value = ((1 - a) ** 2 + 20 * (b - a * a) ** 2).sum(axis=(-2, -1))
    gradient = np.zeros_like(x)
    gradient[..., :-1] += 2 * (a - 1) - 80 * a * (b - a * a)
    gradient[..., 1:] += 40 * (b - a * a)
    return value, gradient


@pytest.mark.parametrize("history", [1, 2, 5])
@pytest.mark.parametrize("tolerance", [0.0, 0.05])
@pytest.mark.parametrize("shape", [(3, 1, 2), (2, 19, 37)])
def test_steps_of_the_optimiser(
    history: int,
    tolerance: float,
    shape: tuple[int, ...],
    rng: np.random.Generator,
    kernels_on_host: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(step_kernels, "VARIABLES_OF_A_THREAD", 1)
    settings = LbfgsSettings(history=history, first_step=3.0, largest_step=3.0, tolerance=tolerance)
    start = rng.standard_normal(shape)
    x, values, _ = minimize(rosenbrock, start, 12, settings)
    assert shape[-1] > 2 or np.any(np.diff(np.stack(values), axis=0) == 0), "no trial failed: the case is too easy"
    kernels_on_host()
    found, found_values, _ = minimize(rosenbrock, start, 12, settings)
    assert len(found_values) == len(values)
    assert np.allclose(np.stack(found_values), np.stack(values), rtol=1e-9)
    assert np.max(np.abs(found - x)) < 1e-7


def test_steps_leave_a_clip_alone_that_has_no_finite_value(kernels_on_host: Any) -> None:
    def objective(x: Any) -> tuple[Any, Any]:
        value = np.where(x > 1.5, np.nan, (x - 1.4) ** 2)
        return value.sum(axis=(-2, -1)), 2 * (x - 1.4)

    settings = LbfgsSettings(first_step=1.4999, largest_step=10.0, tolerance=0.0)
    start = np.array([[[0.0]], [[2.0]]])
    x, values, _ = minimize(objective, start, 40, settings)
    kernels_on_host()
    found, found_values, _ = minimize(objective, start, 40, settings)
    assert found[0, 0, 0] == pytest.approx(1.4, abs=1e-6) and found[1, 0, 0] == 2.0 == x[1, 0, 0]
    assert np.allclose(np.stack(found_values), np.stack(values), equal_nan=True)


def test_steps_stop_when_asked(rng: np.random.Generator, kernels_on_host: Any) -> None:
    kernels_on_host()
    start = rng.standard_normal((2, 3, 5))
    x, values, asked = minimize(rosenbrock, start, 50, LbfgsSettings(), lambda step, value: step == 3)
    assert asked and len(values) == 4 and np.array_equal(rosenbrock(x)[0], values[-1])


def test_a_launch_refuses_what_a_kernel_would_misread(kernels_on_host: Any) -> None:
    x = np.zeros((4, 6))
    kernels = cuda.program("level", x)

    def launch(*arguments: Any) -> None:
        kernels.launch("level_to_mask", (24,), *arguments)

    with pytest.raises(TypeError, match="the 6 that level_to_mask takes, but got 2"):
        launch(x, 1)
    with pytest.raises(TypeError, match=r"an array for real\*, but got one of float32"):
        launch(x.astype(np.float32), None, None, x, 1.0, 24)
    with pytest.raises(ValueError, match="arrays without gaps"):
        launch(x.T, None, None, x, 1.0, 24)
    for wrong in (x, 24.0):
        with pytest.raises(TypeError, match="a number for int, but got"):
            launch(x, None, None, x, 1.0, wrong)
    with pytest.raises(ValueError, match="at most 65535 blocks along y and z, but got"):
        kernels.launch("level_to_mask", (1, 70000), x, None, None, x, 1.0, 24)


def test_without_a_gpu_kernels_are_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "gpu_problem", lambda: "there is no driver")
    cuda._cupy.cache_clear()
    with pytest.raises(RuntimeError, match=r"CUDA kernels need a GPU: there is no driver\."):
        cuda.program("level", np.zeros(1))


def test_types_of_parameters_are_read_from_the_source() -> None:
    text = 'extern "C" __global__ void fill(const real* __restrict__ x,  // (n)\n    complex_number* z, int n) {'
    assert cuda.declared_parameters(text) == {"fill": ("real*", "complex_number*", "int")}


@pytest.mark.parametrize("source", sorted(FOLDER.glob("*.cu")), ids=lambda s: s.name)
def test_a_source_compiles_for_the_newest_and_the_oldest_architecture_without_spills(source: Path) -> None:
    pytest.importorskip("cuda.bindings.nvrtc", reason="cuda-bindings and nvidia-cuda-nvrtc are not installed")
    assert [p for arch in (75, 120) for p in problems(source, arch, "float")] == []


def test_a_spill_is_a_problem(tmp_path: Path) -> None:
    pytest.importorskip("cuda.bindings.nvrtc", reason="cuda-bindings and nvidia-cuda-nvrtc are not installed")
    source = tmp_path / "spilling.cu"
    steps = "".join(f"v[{i}] = x[{i} * n + threadIdx.x];\n" for i in range(96))
    back = "".join(f"x[{i} * n + threadIdx.x] = v[{95 - i}] * v[{i}];\n" for i in range(96))
    begin = 'extern "C" __global__ void __launch_bounds__(1024) spilling(float* x, int n) {\nfloat v[96];\n'
    source.write_text(f"{begin}{steps}__syncthreads();\n{back}}}\n")
    assert any("bytes spill stores" in problem for problem in problems(source, 90, "float"))
