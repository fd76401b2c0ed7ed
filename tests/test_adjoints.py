"""Every forward step with its adjoint: linearity, dot test, central differences, inputs unchanged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from litho import diffusion, fourier, parametrize, socs
from litho.backend import to_host
from litho.check import dot_test, gradient_test, inner, linearity_test
from litho.grid import Grid
from litho.losses import LossWeights
from litho.mask import Mask, transmission_band, transmission_band_adjoint
from litho.model import aerial_images, aerial_images_adjoint, print_mask, print_mask_adjoint, print_model
from litho.pixel_ilt import IltSettings, Stage, stage_problem
from litho.process import Corner, Process, expose, expose_adjoint
from litho.resist import Resist, develop, develop_adjoint
from litho.socs import Kernels

PERIOD_NM = (320.0, 384.0)
RADIUS = (3, 4)
MASK = Mask(clear=0.9, dark=-0.2 + 0.1j, tone="bright field")
PROCESS = Process((Corner(1.0, 0.0), Corner(1.05, 0.0), Corner(0.95, 40.0)), Resist(0.3, 12.0))
DIFFERENCE_TOLERANCE = 1e-6
DOT_TOLERANCE = 1e-12

rng = np.random.default_rng(5)


def real(*shape: int) -> Any:
    return rng.standard_normal(shape)


def complex_(*shape: int) -> Any:
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def kernels(xp: Any, defocus_nm: float = 0.0) -> Kernels:
    """Random kernels: the laws of the adjoint hold for any."""
    local = np.random.default_rng(int(defocus_nm) + 1)
    shape = (3, 2 * RADIUS[0] + 1, 2 * RADIUS[1] + 1)
    spectra = local.standard_normal(shape) + 1j * local.standard_normal(shape)
    background, transfer = local.random(shape[1:]), local.random((2 * shape[1] - 1, shape[2]))
    weights = np.array([1.0, 0.6, 0.2])
    return Kernels(xp(spectra / 8), xp(weights), PERIOD_NM, defocus_nm, None, xp(background), xp(transfer))


def model(xp: Any) -> Any:
    foci = tuple(kernels(xp, z) for z in PROCESS.foci_nm)
    mask, printed = Grid((40, 48), (8.0, 8.0)), Grid((20, 32), (16.0, 12.0))
    return print_model(mask, PROCESS, foci, xp(np.zeros(1)), mask=MASK, print_grid=printed)


@dataclass(frozen=True)
class Linear:
    """A linear pair with the shapes it works on."""

    make: Callable[[Any], tuple[Callable[[Any], Any], Callable[[Any], Any]]]
    x: Callable[[], Any]
    y: Callable[[], Any]


def band(shape: tuple[int, int], method: str) -> Callable[[Any], Any]:
    return lambda xp: fourier.band_transform(shape, RADIUS, xp(np.zeros(1)), method)


def pair_of(make: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, Any]]:
    return lambda xp: (make(xp), make(xp).adjoint)


def inverse_of(make: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, Any]]:
    return lambda xp: (make(xp).inverse, make(xp).inverse_adjoint)


LINEAR = {
    "band transform by matrices": Linear(
        pair_of(band((21, 22), "matrix")), lambda: real(2, 21, 22), lambda: complex_(2, 7, 5)
    ),
    "band transform by fft": Linear(pair_of(band((21, 22), "fft")), lambda: real(2, 21, 22), lambda: complex_(2, 7, 5)),
    "inverse band transform by matrices": Linear(
        inverse_of(band((21, 22), "matrix")), lambda: complex_(7, 5), lambda: real(21, 22)
    ),
    "inverse band transform by fft": Linear(
        inverse_of(band((21, 22), "fft")), lambda: complex_(7, 5), lambda: real(21, 22)
    ),
    "half band": Linear(
        lambda xp: (lambda s: fourier.half_band(s, RADIUS), lambda h: fourier.half_band_adjoint(h, (12, 15))),
        lambda: real(2, 12, 15),
        lambda: complex_(2, 7, 5),
    ),
    "complete and fold": Linear(
        lambda xp: (fourier.complete, fourier.fold), lambda: complex_(2, 7, 5), lambda: complex_(2, 7, 9)
    ),
    "embed and crop": Linear(
        lambda xp: (lambda b: fourier.embed(b, (12, 15)), lambda s: fourier.crop(s, RADIUS)),
        lambda: complex_(2, 7, 9),
        lambda: complex_(2, 12, 15),
    ),
    "expose": Linear(
        lambda xp: (lambda i: expose(i, PROCESS), lambda e: expose_adjoint(e, PROCESS)),
        lambda: real(2, 4, 5),
        lambda: real(3, 4, 5),
    ),
    "gaussian smoothing": Linear(
        pair_of(lambda xp: diffusion.gaussian_diffusion(Grid((12, 15), (4.0, 5.0)), 6.0, xp(np.zeros(1)))),
        lambda: real(2, 12, 15),
        lambda: real(2, 12, 15),
    ),
}


@pytest.mark.parametrize("name", LINEAR)
def test_a_linear_step_and_its_adjoint_satisfy_the_dot_test(name: str, xp: Any) -> None:
    case = LINEAR[name]
    forward, adjoint = case.make(xp)
    x, y = xp(case.x()), xp(case.y())
    before = to_host(x).copy(), to_host(y).copy()
    assert linearity_test(forward, x, xp(case.x())) < DOT_TOLERANCE
    assert dot_test(forward, adjoint, x, y) < DOT_TOLERANCE
    assert np.array_equal(to_host(x), before[0]) and np.array_equal(to_host(y), before[1])


@dataclass(frozen=True)
class Smooth:
    """A non-linear step (forward gives output and saved; adjoint gives the gradient) with its input."""

    forward: Callable[[Any, Any], tuple[Any, Any]]
    adjoint: Callable[[Any, Any, Any], Any]
    x: Callable[[], Any]
    step: float = 1e-3


RESIST = Resist(0.3, 12.0)
SMOOTH = {
    "develop": Smooth(
        lambda xp, i: develop(i, RESIST), lambda xp, b, s: develop_adjoint(b, s, RESIST), lambda: real(3, 4) / 4 + 0.3
    ),
    "mask of level": Smooth(
        lambda xp, v: parametrize.mask_of_level(v, 5.0),
        lambda xp, b, s: parametrize.mask_of_level_adjoint(b, s, 5.0),
        lambda: real(2, 6, 7) / 4,
    ),
    "mask of level in a free region": Smooth(
        lambda xp, v: parametrize.mask_of_level(v, 5.0, xp(np.tri(6, 7))),
        lambda xp, b, s: parametrize.mask_of_level_adjoint(b, s, 5.0, xp(np.tri(6, 7))),
        lambda: real(2, 6, 7) / 4,
    ),
    "image band": Smooth(
        lambda xp, m: socs.image_band(m, kernels(xp)),
        lambda xp, b, s: socs.image_band_adjoint(b, s, kernels(xp)),
        lambda: complex_(2, 7, 9),
    ),
    "image band with fields computed again": Smooth(
        lambda xp, m: (
            socs.image_band(m, kernels(xp))[0],
            replace(socs.image_band(m, kernels(xp))[1], fields=None),
        ),
        lambda xp, b, s: socs.image_band_adjoint(b, s, kernels(xp)),
        lambda: complex_(2, 7, 9),
    ),
    "transmission band": Smooth(
        lambda xp, h: (transmission_band(h, MASK), None),
        lambda xp, b, s: transmission_band_adjoint(b, MASK),
        lambda: complex_(2, 7, 5),
    ),
    "aerial images": Smooth(
        lambda xp, m: aerial_images(m, model(xp)),
        lambda xp, b, s: aerial_images_adjoint(b, s, model(xp)),
        lambda: rng.random((2, 40, 48)),
    ),
    "printed mask": Smooth(
        lambda xp, m: print_mask(m, model(xp)),
        lambda xp, b, s: print_mask_adjoint(b, s, model(xp)),
        lambda: rng.random((2, 40, 48)),
    ),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_the_adjoint_of_a_step_is_its_derivative(name: str, xp: Any) -> None:
    case = SMOOTH[name]
    x, direction = xp(case.x()), xp(case.x())
    before = to_host(x).copy()
    out, saved = case.forward(xp, x)
    weight = xp(to_host(out) * 0 + (complex_ if "complex" in str(out.dtype) else real)(*out.shape))
    gradient = case.adjoint(xp, weight, saved)

    def value(x: Any) -> float:
        return inner(weight, case.forward(xp, x)[0])

    assert gradient_test(value, gradient, x, direction, case.step) < DIFFERENCE_TOLERANCE
    assert np.array_equal(to_host(x), before)


def test_the_gradient_of_the_whole_ilt_loss_is_its_derivative(xp: Any) -> None:
    grid = Grid((40, 48), (8.0, 8.0))
    target = (rng.random((2, 40, 48)) > 0.6).astype(float)
    settings = IltSettings(weights=LossWeights(1.0, 0.7, 0.5), smoothing_nm=12.0)
    foci = tuple(kernels(xp, z) for z in PROCESS.foci_nm)
    problem = stage_problem(
        xp(target), grid, PROCESS, foci, settings, Stage(16, 5, 4, 9), probes=xp(target), free=xp(np.ones((2, 40, 48)))
    )
    objective = problem.objective()
    x, direction = xp(real(2, 20, 24) / 2), xp(real(2, 20, 24))
    _, gradient = objective(x)
    difference = gradient_test(lambda x: float(to_host(objective(x)[0]).sum()), gradient, x, direction, step=1e-4)
    assert difference < DIFFERENCE_TOLERANCE
