"""The steps of our way, each timed by itself and put beside its counted bytes and operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from litho.backend import Array, to_device
from litho.benchmark.cases import Case, masks
from litho.benchmark.counts import Count, band_count, image_adjoint_count, image_count
from litho.benchmark.timing import finished, measure_for
from litho.fourier import BandTransform, band_transform
from litho.mask import Mask, transmission_band
from litho.socs import Kernels, image_band, image_band_adjoint


def timed_steps(case: Case, device: str, kernels: tuple[Kernels, ...], seconds: float = 0.3) -> list[dict[str, Any]]:
    """Time the six steps of an image in focus and its adjoint.

    Parameters
    ----------
    case
        an image; its clips go through each step together
    device
        "cpu" or "gpu"
    kernels
        of the field; the first set is used
    seconds
        about how long each step is repeated

    Returns
    -------
    list
        of each step its `name`, `moved_bytes`, `flops`, and the fields of a `Timing`
    """
    x = to_device(masks(case), device)
    found = []
    for name, function, count in _steps(case, x, kernels[0].like(x)):
        call = finished(function)
        call()
        timing = asdict(measure_for(call, seconds, 3, 200))
        found.append({"name": name, **asdict(count * case.clips), **timing})
    return found


def _steps(case: Case, x: Array, kernels: Kernels) -> list[tuple[str, Callable[[], Array], Count]]:
    shape, radius, twice = case.grid.shape, kernels.radius, kernels.image_radius
    to_band, to_print = band_transform(shape, radius, x), band_transform(shape, twice, x)
    band = transmission_band(to_band(x), Mask())
    half, saved = image_band(band, kernels)
    image = to_print.inverse(half)
    half_mask = to_band(x)
    fields = (radius, kernels.band_shape, len(kernels.weights))
    mask_count = band_count(shape, radius, _by_matrix(to_band))
    print_count = band_count(shape, twice, _by_matrix(to_print))
    return [
        ("mask to band", lambda: to_band(x), mask_count),
        ("fields and intensity", lambda: image_band(band, kernels)[0], image_count(*fields)),
        ("band to image", lambda: to_print.inverse(half), print_count),
        ("image to band", lambda: to_print.inverse_adjoint(image), print_count),
        (
            "intensity and fields, back",
            lambda: image_band_adjoint(half, saved, kernels),
            image_adjoint_count(*fields),
        ),
        ("band to mask", lambda: to_band.adjoint(half_mask), mask_count),
    ]


def _by_matrix(transform: BandTransform) -> bool:
    return transform.products is not None
