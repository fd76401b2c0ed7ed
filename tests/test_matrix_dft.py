"""The pruned transform as two products: its definition, its adjoints, fewer bits, and when it is the cheaper way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from litho import fourier
from litho.backend import to_host
from litho.check import dot_test
from litho.dft_cost import CPU_COSTS, DftCosts
from litho.matrix_dft import wave_products
from litho.matrix_products import ARITHMETIC, product, rounded

pytest_plugins = ["cuda_on_host"]

SHAPES = [((16, 12), (3, 4)), ((7, 9), (3, 4)), ((21, 22), (0, 3)), ((24, 10), (5, 0)), ((40, 33), (6, 2))]


def by_definition(samples: Any, radius: tuple[int, int]) -> Any:
    """Sum over all pixels of sample times exp(-2 pi i k.r / period), over their number."""
    (ny, nx), (ry, rx) = samples.shape, radius
    ky = np.concatenate([np.arange(ry + 1), np.arange(-ry, 0)])
    y = np.exp(-2j * np.pi * ky[:, None] * (np.arange(ny) + 0.5) / ny)
    x = np.exp(-2j * np.pi * np.arange(rx + 1) * (np.arange(nx)[:, None] + 0.5) / nx)
    return y @ samples @ x / (ny * nx)


@pytest.mark.parametrize(("shape", "radius"), SHAPES)
def test_the_products_are_the_transform_by_its_definition(
    shape: tuple[int, int], radius: tuple[int, int], rng: np.random.Generator, xp: Any
) -> None:
    samples = rng.standard_normal((2, *shape))
    transform = wave_products(shape, radius, xp(samples))
    assert transform.shape == shape and transform.radius == radius
    half = to_host(transform(xp(samples)))
    assert np.max(np.abs(half - [by_definition(s, radius) for s in samples])) < 1e-15
    back = to_host(wave_products(shape, radius, xp(samples))(transform.inverse(xp(half))))
    assert np.max(np.abs(back - half)) < 1e-15


@pytest.mark.parametrize(("shape", "radius"), SHAPES)
def test_both_ways_and_their_adjoints_satisfy_the_dot_test(
    shape: tuple[int, int], radius: tuple[int, int], rng: np.random.Generator, xp: Any
) -> None:
    samples = xp(rng.standard_normal(shape))
    size = 2 * radius[0] + 1, radius[1] + 1
    half = xp(rng.standard_normal(size) + 1j * rng.standard_normal(size))
    transform = wave_products(shape, radius, samples)
    assert dot_test(transform, transform.adjoint, samples, half) < 1e-13
    assert dot_test(transform.inverse, transform.inverse_adjoint, half, samples) < 1e-13


def bits_masked(x: Any, bits: int) -> Any:
    """Round half up on the bit pattern: what falls off is cut from the 24 significant bits."""
    pattern, cut = x.view(np.uint32).astype(np.uint64), 24 - bits
    return ((pattern + (1 << (cut - 1))) >> cut << cut).astype(np.uint32).view(np.float32)


@pytest.mark.parametrize("bits", [8, 11])
def test_rounding_keeps_the_nearest_number_of_so_many_bits(bits: int, rng: np.random.Generator, xp: Any) -> None:
    x = (rng.standard_normal(4000) * 10.0 ** rng.uniform(-8, 8, 4000)).astype(np.float32)
    x = np.concatenate([x, np.float32([0, 1, -1, 1 - 2**-24, 255, 256, 257.5])])
    found = to_host(rounded(xp(x), bits))
    assert found.dtype == np.float32
    tie = np.abs(x - bits_masked(x, bits)) == np.spacing(np.abs(found)) * 2.0 ** (23 - bits)
    assert np.array_equal(found[~tie], bits_masked(x, bits)[~tie]) and np.count_nonzero(tie) < 10
    assert np.all(np.abs(found - x) <= 2.0**-bits * np.abs(x))


@pytest.mark.parametrize("arithmetic", [a for a in ARITHMETIC if a != "full"])
def test_products_of_split_factors_keep_their_error_bound(arithmetic: str, rng: np.random.Generator, xp: Any) -> None:
    a, b = (rng.standard_normal(s).astype(np.float32) for s in ((40, 300), (300, 30)))
    bits, parts = ARITHMETIC[arithmetic]
    size = np.abs(a).astype(np.float64) @ np.abs(b)
    error = np.abs(to_host(product(xp(a), xp(b), arithmetic)) - a.astype(np.float64) @ b) / size
    unit = 2.0**-bits  # of a rounded factor; two parts leave that of the small parts, and their product
    assert error.max() < (2 * unit + unit**2 if parts == 1 else 3.01 * unit**2) + 300 * 2.0**-24
    if parts == 1:
        assert error.max() > unit / 300  # it is rounded indeed


FACTORS = [
    ((1, 1), (1, 1)),
    ((70, 37), (37, 66)),  # more than a block both ways, and no whole number of terms
    ((3, 600), (600, 5)),  # sums dealt out to several blocks
    ((2, 3, 65, 20), (20, 9)),
    ((9, 300), (2, 300, 66)),
]


def odd(x: Any) -> Any:
    """The same numbers with their last bit set: none is half way between two of fewer bits."""
    return (x.view(np.uint32) | np.uint32(1)).view(np.float32)


@pytest.mark.parametrize("arithmetic", ["full", "tf32", "tf32x3"])
@pytest.mark.parametrize(("a_shape", "b_shape"), FACTORS)
def test_the_kernels_product_is_that_of_array_code(
    a_shape: Any, b_shape: Any, arithmetic: str, rng: np.random.Generator, kernels_on_host: Callable[..., None]
) -> None:
    a, b = (odd(rng.standard_normal(s).astype(np.float32)) for s in (a_shape, b_shape))
    expected, size = product(a, b, arithmetic), np.abs(a) @ np.abs(b)
    kernels_on_host()
    found = product(a, b, arithmetic)
    assert found.shape == expected.shape and found.dtype == np.float32
    assert np.all(np.abs(found - expected) <= 2.0**-21 * size)  # single precision, in another order
    assert np.array_equal(found[..., :2], product(a, np.ascontiguousarray(b[..., :2]), arithmetic))
    if len(a_shape) > 2:  # one of a batch is what it is alone
        assert np.array_equal(found[1, 2], product(a[1, 2], b, arithmetic))


def test_the_kernels_product_in_double_precision_is_exact(
    rng: np.random.Generator, kernels_on_host: Callable[..., None]
) -> None:
    a, b = rng.standard_normal((70, 530)), rng.standard_normal((530, 7))
    kernels_on_host()
    assert np.abs(product(a, b) - a @ b).max() < 1e-13


@pytest.mark.parametrize(("shape", "radius"), SHAPES)
def test_the_kernels_transform_is_that_of_its_definition(
    shape: tuple[int, int], radius: tuple[int, int], rng: np.random.Generator, kernels_on_host: Callable[..., None]
) -> None:
    samples = rng.standard_normal((2, *shape))
    kernels_on_host()
    transform = wave_products(shape, radius, samples)
    half = transform(samples)
    assert np.max(np.abs(half - [by_definition(s, radius) for s in samples])) < 1e-15
    assert dot_test(transform, transform.adjoint, samples, half * (1 + 2j)) < 1e-13
    assert dot_test(transform.inverse, transform.inverse_adjoint, half * (1 + 2j), samples) < 1e-13
    assert np.max(np.abs(transform(transform.inverse(half)) - half)) < 1e-15


def cut_sum(terms: Any, at_once: int, most: int) -> Any:
    """Sums as tensor cores make them: cut to 24 bits after each `at_once` terms, begun anew after `most` of them."""
    total = np.zeros(len(terms), np.float32)
    for first in range(0, terms.shape[1], most):
        part = np.zeros(len(terms))
        for k in range(first, first + most, at_once):
            part = part + terms[:, k : k + at_once].sum(axis=1)
            part = (part.view(np.int64) & ~np.int64((1 << 29) - 1)).view(np.float64)
        total = total + part.astype(np.float32)
    return total


def test_sums_that_are_cut_drift_unless_they_are_short(rng: np.random.Generator) -> None:
    terms = rng.random((200, 2048))
    long, short = (np.mean(cut_sum(terms, 8, most) / terms.sum(axis=1) - 1) for most in (2048, 32))
    assert -2e-5 < long < -4e-6  # a quarter of a unit of 2^-23 for each of 256 steps, on average
    assert abs(short) < 2e-7


@pytest.mark.parametrize("arithmetic", list(ARITHMETIC))
def test_a_transform_with_fewer_bits_is_that_much_off(arithmetic: str, rng: np.random.Generator) -> None:
    samples = rng.random((256, 240)).astype(np.float32)
    half = wave_products(samples.shape, (20, 18), samples, arithmetic)(samples)
    error = np.abs(half - by_definition(samples.astype(np.float64), (20, 18))).max()
    bound = {"full": 2.5e-7, "tf32": 2e-5, "tf32x3": 2.5e-7, "bfloat16": 2e-4, "bfloat16x3": 1e-6}[arithmetic]
    assert error < bound
    if arithmetic in ("tf32", "bfloat16"):
        assert error > bound / 20


def test_unknown_arithmetic_and_double_precision_with_fewer_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="`arithmetic` must be one of"):
        wave_products((8, 8), (2, 2), np.zeros(1, np.float32), "half")
    with pytest.raises(ValueError, match="`x` must be in single precision for products in tf32"):
        wave_products((8, 8), (2, 2), np.zeros(1), "tf32")


def method_of(transform: fourier.BandTransform) -> str:
    return "fft" if transform.products is None else "matrix"


@pytest.mark.parametrize(
    ("shape", "radius", "method"),
    [
        ((2048, 2048), 27, "matrix"),
        ((2048, 2048), 57, "matrix"),
        ((2048, 2048), 200, "fft"),
        ((1024, 1024), 27, "matrix"),
        ((1024, 1024), 114, "fft"),
        ((512, 512), 27, "matrix"),
        ((512, 512), 90, "fft"),
        ((1021, 1021), 114, "matrix"),  # a prime length: its FFT is several times as long
        ((40, 40), 30, "matrix"),  # an FFT cannot tell the frequencies apart
    ],
)
def test_the_way_is_chosen_as_it_was_measured_on_a_cpu(shape: tuple[int, int], radius: int, method: str) -> None:
    like = np.zeros(1, np.float32)
    assert method_of(fourier.band_transform(shape, (radius, radius), like)) == method


def test_a_wider_band_never_turns_the_choice_to_products() -> None:
    for shape in ((128, 128), (512, 512), (1000, 2048), (4096, 4096)):
        costs = [CPU_COSTS.products_s(shape, (r, r)) for r in range(1, 60)]
        assert costs == sorted(costs) and costs[0] < CPU_COSTS.fft_s(shape) < 20 * costs[-1]
        assert CPU_COSTS.fft_s(shape, 8) > CPU_COSTS.fft_s(shape)


def test_a_measured_choice_is_made_once_and_is_the_faster_one(monkeypatch: pytest.MonkeyPatch) -> None:
    times = {"matrix": 2.0, "fft": 1.0}
    asked: list[str] = []

    def seconds(transform: fourier.BandTransform, samples: Any) -> float:
        asked.append(method_of(transform))
        assert samples.shape == (24, 20) and samples.dtype == np.float32
        return times[asked[-1]]

    monkeypatch.setattr(fourier, "_seconds", seconds)
    monkeypatch.setattr(fourier, "_FASTER", {})
    like = np.zeros(1, np.complex64)
    assert method_of(fourier.band_transform((24, 20), (3, 3), like, "measured")) == "fft"
    times["fft"] = 3.0
    assert method_of(fourier.band_transform((24, 20), (3, 3), like, "measured")) == "fft"
    assert asked == ["matrix", "fft"]
    assert method_of(fourier.band_transform((24, 20), (3, 4), like, "measured")) == "matrix"


@pytest.mark.parametrize("method", ["matrix", "fft"])
def test_a_transform_that_is_timed_takes_a_time(method: str) -> None:
    samples = np.zeros((64, 64), np.float32)
    assert 0 < fourier._seconds(fourier.band_transform((64, 64), (2, 2), samples, method), samples) < 60


def test_speeds_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="`bytes_per_s` must be positive"):
        DftCosts(1.0, 1.0, 0.0, 0.0)
