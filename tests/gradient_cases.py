"""Lenses, masks and comparisons for the tests of gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from litho.check import gradient_test, inner
from litho.films import Film, Stack
from litho.focus import Flare, FocusSpread
from litho.fourier import band_transform, complete
from litho.pupil import Optics
from litho.pupil_maps import JonesPupil, PupilMap
from litho.source import Source

DIFFERENCES = 1e-7
EXACT = 1e-12

PERIOD, DEFOCUS, SPACING = (250.0, 210.0), 40.0, 0.35
ANNULAR = Source.annular(0.5, 0.9)
ABERRATED = {5: 0.03, 7: 0.04, 9: -0.02}
ZERNIKES = (2, 4, 7, 9, 10, 37)
WAFER = Stack((Film(80, 1.7 + 0.02j), Film(40, 1.6 + 0.4j)), 0.87 + 2.76j)
SYSTEMS: dict[str, dict[str, Any]] = {
    "scalar": {},
    "unaberrated": {"zernikes": {}},
    "Noll": {"zernike_order": "noll"},
    "paraxial": {"defocus_model": "paraxial"},
    "te": {"polarization": "te"},
    "unpolarized": {"polarization": "unpolarized"},
    "wafer": {"polarization": "te", "polarization_degree": 0.8, "wafer": WAFER},
    "flare and vibration": {"flare": (Flare(0.05), Flare(0.1, 60.0)), "vibration_nm": (4.0, 7.0)},
    "focus spread": {"focus_spread": FocusSpread.uniform(80.0, 3)},
    "obscuration": {"obscuration": 0.3},
    "maps": {
        "polarization": "tm",
        "pupil_map": PupilMap.of(lambda x, y: (1 - 0.3 * x * x) * np.exp(0.2j * y), 9),
        "jones": JonesPupil.constant([[1, 0.1j], [0.05, 0.9]]),
        "radiometric": True,
    },
}


def optics(source: Source = ANNULAR, **more: Any) -> Optics:
    return Optics(193, 1.35, source, **{"immersion_index": 1.44, "zernikes": ABERRATED, **more})


def complex_(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def random_band(rng: np.random.Generator, system: Optics, period: tuple[float, float] = PERIOD) -> np.ndarray:
    """Band of a mask of random complex transmission."""
    ry, rx = system.band_radius(period)
    band = 0.1 * complex_(rng, 2 * ry + 1, 2 * rx + 1)
    band[0, 0] += 0.5
    return band


def real_band(rng: np.random.Generator, system: Optics, period: tuple[float, float] = PERIOD) -> np.ndarray:
    """Band of a mask of random openings."""
    values = (rng.random((41, 43)) > 0.5).astype(float)
    return complete(band_transform(values.shape, system.band_radius(period), values)(values))


def check(value: Callable[[Any], Any], half_bar: Any, gradient: Any, x: Any, direction: Any, step: float) -> None:
    """Compare a gradient with differences of the figure <half_bar, value(x)>."""
    error = gradient_test(lambda v: inner(half_bar, value(v)), gradient, x, direction, step)
    assert error < DIFFERENCES
