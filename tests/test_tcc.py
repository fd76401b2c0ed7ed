"""Kernels: unit energy, the stated error, the choice of their number, and the short cuts of symmetric systems."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from litho.parity import _half
from litho.pupil import Optics
from litho.shifted_pupils import pupil_coordinates, shifted_pupils
from litho.socs import Kernels
from litho.source import Source
from litho.tcc import socs_kernels

ANNULAR = Source.annular(0.6, 0.9)
FIELD = (900.0, 800.0)


def optics(source: Source = ANNULAR, **more: Any) -> Optics:
    return Optics(193, 1.35, source, immersion_index=1.44, **more)


def tcc(kernels: Kernels) -> np.ndarray:
    flat = kernels.spectra.reshape(len(kernels.weights), -1)
    return (flat.conj().T * kernels.weights) @ flat


def direct_tcc(system: Optics, period: tuple[float, float], defocus_nm: float, spacing: float) -> np.ndarray:
    points = system.source.sample(spacing)
    amplitude, background = shifted_pupils(points, *pupil_coordinates(system, period, np.zeros(1)), system, defocus_nm)
    weight = np.repeat(points.weight, amplitude.shape[1])
    flat = amplitude.reshape(len(weight), -1)
    return (flat.conj().T * weight) @ flat + np.diag(background.ravel())


@pytest.mark.parametrize("zernikes", [{}, {5: 0.05}, {7: 0.05}, {8: 0.05}, {6: 0.05}, {7: 0.02, 8: 0.03}])
@pytest.mark.parametrize("spacing", [0.3, 0.08])
def test_all_kernels_make_up_the_whole_tcc(zernikes: dict[int, float], spacing: float) -> None:
    system, period = optics(zernikes=zernikes), (400.0, 500.0)
    kernels = socs_kernels(system, period, 45.0, max_error=0, spacing=spacing)
    expected = direct_tcc(system, period, 45.0, spacing)
    assert np.abs(tcc(kernels) - expected).max() < 1e-13 * np.trace(expected).real


def test_kernels_have_unit_energy_and_all_but_the_first_are_orthogonal_strongest_first() -> None:
    kernels = socs_kernels(optics(zernikes={9: 0.05}), FIELD, 40.0, count=30)
    flat = kernels.spectra.reshape(30, -1)
    products = flat.conj() @ flat.T
    assert np.allclose(np.diag(products), 1, rtol=0, atol=1e-12)
    assert np.abs(products[1:, 1:] - np.eye(29)).max() < 1e-11
    assert (np.diff(kernels.weights[1:]) <= 1e-9 * kernels.weights[1]).all()
    assert np.abs(flat[1:, 0]).max() < 1e-14  # only the first passes the zeroth order
    assert kernels.spectra.dtype == np.complex128 and kernels.weights.dtype == np.float64


def test_the_stated_error_is_the_dropped_share_of_the_trace() -> None:
    trace = np.trace(direct_tcc(optics(), (500.0, 500.0), 0.0, 0.1)).real
    for count in (1, 5, 20):
        kernels = socs_kernels(optics(), (500.0, 500.0), count=count, spacing=0.1)
        assert len(kernels.weights) == count
        assert kernels.truncation_error == pytest.approx(1 - kernels.weights.sum() / trace, abs=1e-12)
        assert kernels.truncated(1).truncation_error == pytest.approx(1 - kernels.weights[0] / trace, abs=1e-12)


@pytest.mark.parametrize("max_error", [0.3, 0.1, 0.04])
def test_the_number_of_kernels_is_the_smallest_that_keeps_the_stated_error(max_error: float) -> None:
    system = optics(Source.sectors(0.5, 0.9, 50), zernikes={7: 0.03})
    kernels = socs_kernels(system, FIELD, max_error=max_error)
    fewer = socs_kernels(system, FIELD, count=len(kernels.weights) - 1)
    assert (kernels.truncation_error or 0) <= max_error < (fewer.truncation_error or 0)
    assert kernels.period_nm == FIELD and kernels.defocus_nm == 0


def test_a_pair_of_equal_weights_is_not_torn_apart() -> None:
    pair = socs_kernels(optics(), (800.0, 800.0), count=3)
    assert pair.weights[1] == pytest.approx(pair.weights[2], rel=1e-9)
    between = (socs_kernels(optics(), (800.0, 800.0), count=2).truncation_error or 0) + 1e-6
    assert len(socs_kernels(optics(), (800.0, 800.0), max_error=between).weights) == 3


def test_coherent_light_has_one_kernel_the_pupil() -> None:
    kernels = socs_kernels(optics(Source.point(0.2, 0.1), zernikes={9: 0.1}), FIELD, 30.0)
    assert len(kernels.weights) == 1 and kernels.truncation_error == pytest.approx(0, abs=1e-14)


def test_kernels_come_out_the_same_each_time() -> None:
    first, second = (socs_kernels(optics(zernikes={7: 0.1}), FIELD, 20.0) for _ in range(2))
    assert np.array_equal(first.spectra, second.spectra)
    size = np.abs(first.spectra.reshape(len(first.weights), -1))
    largest = first.spectra.reshape(size.shape)[
        np.arange(len(size)), np.argmax(size > 0.999999 * size.max(1)[:, None], 1)
    ]
    assert np.abs(largest.imag).max() < 1e-15 and largest.real.min() > 0


def test_a_source_is_halved_only_if_it_is_its_mirror_image() -> None:
    points = Source.sectors(0.5, 0.9, 30).sample(0.1)
    right = _half(points, -1)
    assert right is not None and 2 * len(right) == len(points) and (right.x > 0).all()
    assert _half(Source.sectors(0.5, 0.9, 30, rotation_deg=10).sample(0.1), -1) is None
    assert _half(Source.points([(0.5, 0), (-0.5, 0)], [1, 2]).sample(), -1) is None
    assert _half(Source.points([(0.5, 0), (-0.5, 0)]).sample(), -2) is None  # they lie on the axis


def test_a_field_too_small_for_any_diffraction_passes_the_zeroth_order_only() -> None:
    kernels = socs_kernels(optics(), (30.0, 40.0))
    assert kernels.spectra.shape == (1, 1, 1) and kernels.clear_intensity == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"max_error": -0.1}, r"`max_error` must be a share in \[0, 1\), but got -0.1"),
        ({"max_error": math.nan}, "`max_error`"),
        ({"count": 0}, r"`count` must be in 1..\d+, but got 0"),
        ({"count": 10**6}, r"`count` must be in 1..\d+, but got 1000000"),
        ({"spacing": -1}, "`spacing` must be a positive number"),
        ({"defocus_nm": math.inf}, "`defocus_nm` must be finite"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        socs_kernels(optics(), (200.0, 200.0), **settings)


def test_kernels_are_the_same_bits_for_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    system, found = optics(polarization="unpolarized", zernikes={5: 0.03}), []
    for threads in (1, 4):
        monkeypatch.setattr("litho.tcc_blocks.threads", lambda threads=threads: threads)
        found.append(socs_kernels(system, FIELD, 40.0, count=20))
    assert (found[0].spectra == found[1].spectra).all() and (found[0].weights == found[1].weights).all()
