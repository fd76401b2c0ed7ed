"""What a mask is punished for, in nm^2 of wrongly printed area, each with its gradient.

All take smooth prints (0..1 per pixel) and give `(value, gradient)`. Leading axes are clips, and the value has one
entry for each, so that the clips of a batch do not see each other.
"""

from __future__ import annotations

from litho.backend import Array, array_module, zeros


def fidelity(printed: Array, target: Array, pixel_area_nm2: float) -> tuple[Array, Array]:
    """Squared difference between a print and its target.

    Parameters
    ----------
    printed : (..., ny, nx) real, in 0..1
    target : (..., ny, nx) real, in 0..1
        coverage of the wanted shapes
    pixel_area_nm2
        area of a pixel

    Returns
    -------
    value : (...) real
        nm^2; for sharp prints the area that differs (the L2 of the contest)
    printed_bar : (..., ny, nx) real
    """
    difference = printed - target
    return _area(difference * difference, pixel_area_nm2), (2 * pixel_area_nm2) * difference


def pv_band(printed: Array, pixel_area_nm2: float) -> tuple[Array, Array]:
    """Squared width of the process band: the largest print of each pixel less the smallest, over the corners.

    Parameters
    ----------
    printed : (corners, ..., ny, nx) real, in 0..1
    pixel_area_nm2
        area of a pixel

    Returns
    -------
    value : (...) real
        nm^2; for sharp prints the area that some corners print and others do not
    printed_bar : (corners, ..., ny, nx) real
    """
    xp = array_module(printed)
    outer, inner = xp.max(printed, axis=0), xp.min(printed, axis=0)
    spread = outer - inner
    pull = (2 * pixel_area_nm2) * spread
    printed_bar = zeros(printed.shape, printed)
    for corner in range(printed.shape[0]):
        here = printed[corner, ...]
        printed_bar[corner, ...] = (xp.astype(here == outer, pull.dtype) - xp.astype(here == inner, pull.dtype)) * pull
    return _area(spread * spread, pixel_area_nm2), printed_bar


def epe(printed: Array, target: Array, probes: Array) -> tuple[Array, Array]:
    """Squared error of a print at the EPE probes, which stand a tolerance inside and outside the target's edges.

    Parameters
    ----------
    printed : (..., ny, nx) real, in 0..1
    target : (..., ny, nx) real, in 0..1
    probes : (..., ny, nx) real
        nm^2 that a wrong print at each pixel costs; 0 where there is no probe

    Returns
    -------
    value : (...) real
        nm^2
    printed_bar : (..., ny, nx) real
    """
    difference = printed - target
    pull = probes * difference
    return _area(pull * difference, 1.0), 2 * pull


def side_lobes(printed: Array, quiet: Array, pixel_area_nm2: float) -> tuple[Array, Array]:
    """Squared print where nothing may print, summed over the corners.

    Parameters
    ----------
    printed : (corners, ..., ny, nx) real, in 0..1
    quiet : (..., ny, nx) real, in 0..1
        share of each pixel that is far from everything wanted
    pixel_area_nm2
        area of a pixel

    Returns
    -------
    value : (...) real
        nm^2; for sharp prints the area of side lobes, once for each corner that prints it
    printed_bar : (corners, ..., ny, nx) real
    """
    pull = quiet * printed
    return array_module(printed).sum(_area(pull * printed, pixel_area_nm2), axis=0), (2 * pixel_area_nm2) * pull


def _area(squares: Array, pixel_area_nm2: float) -> Array:
    xp = array_module(squares)
    return xp.sum(squares, axis=(-2, -1)) * pixel_area_nm2
