"""Zernike polynomials of a circular pupil, in the two orders that people use.

Fringe (University of Arizona): Z1 ... Z37, a polynomial's maximum at the rim is 1, coefficients are in waves at the
rim. Noll (1976, J. Opt. Soc. Am. 66, 207): Z1 ... Z37, each polynomial's mean square over the pupil is 1, coefficients
are in waves rms. The same numbers name different shapes: astigmatism is Fringe Z5, and Noll Z6.
"""

from __future__ import annotations

import math

from litho.backend import Array

HIGHEST = 37
"""Largest index of either order."""

# fmt: off
FRINGE = (
    (0, 0), (1, 1), (1, -1), (2, 0), (2, 2), (2, -2), (3, 1), (3, -1), (4, 0),
    (3, 3), (3, -3), (4, 2), (4, -2), (5, 1), (5, -1), (6, 0),
    (4, 4), (4, -4), (5, 3), (5, -3), (6, 2), (6, -2), (7, 1), (7, -1), (8, 0),
    (5, 5), (5, -5), (6, 4), (6, -4), (7, 3), (7, -3), (8, 2), (8, -2), (9, 1), (9, -1), (10, 0),
    (12, 0),
)
# fmt: on
"""Radial and azimuthal order (n, m) of the Fringe Zernikes Z1 ... Z37; m > 0 is a cosine, m < 0 a sine."""


def zernike_term(index: int, order: str = "fringe") -> tuple[int, int, float]:
    """Return what an index names.

    Parameters
    ----------
    index
        1..37
    order
        "fringe" or "noll"

    Returns
    -------
    n, m
        radial and azimuthal order; m > 0 is a cosine, m < 0 a sine
    scale
        what one wave of coefficient is at the rim: 1 for Fringe; sqrt(n + 1), times sqrt(2) if m is not 0, for Noll
    """
    if order not in ("fringe", "noll"):
        raise ValueError(f"`zernike_order` must be 'fringe' or 'noll', but got {order!r}.")
    if index not in range(1, HIGHEST + 1):
        raise ValueError(f"`zernikes` must have {order.capitalize()} indices in 1..{HIGHEST}, but got {index}.")
    if order == "fringe":
        return *FRINGE[index - 1], 1.0
    n, m = noll(index)
    return n, m, math.sqrt((n + 1) * (1 if m == 0 else 2))


def noll(index: int) -> tuple[int, int]:
    """Return (n, m) of a Noll index: rows of equal n by growing |m|, cosines on even indices and sines on odd ones."""
    n = 0
    while (n + 1) * (n + 2) // 2 < index:
        n += 1
    place = index - n * (n + 1) // 2 - 1  # from 0 within the row
    m = 2 * ((place + 1) // 2) if n % 2 == 0 else 2 * (place // 2) + 1
    return n, m if index % 2 == 0 else -m


def polynomial(n: int, m: int, x: Array, y: Array) -> Array:
    """Return a Zernike polynomial of unit maximum at pupil coordinates (...), real."""
    squared, radial = x**2 + y**2, 0 * x
    for k in range((n - abs(m)) // 2 + 1):
        denominator = math.prod(map(math.factorial, (k, (n + abs(m)) // 2 - k, (n - abs(m)) // 2 - k)))
        coefficient = (-1) ** k * math.factorial(n - k) // denominator
        radial = radial + coefficient * squared ** ((n - abs(m)) // 2 - k)
    cosine, sine = x * 0 + 1, y * 0  # of m times the angle, times radius^m: powers of x + i y
    for _ in range(abs(m)):
        cosine, sine = cosine * x - sine * y, cosine * y + sine * x
    return radial * (sine if m < 0 else cosine)


def zernike(index: int, x: Array, y: Array, order: str = "fringe") -> Array:
    """Return the Zernike polynomial of an index in its order's norm, at pupil coordinates (...) real."""
    n, m, scale = zernike_term(index, order)
    return scale * polynomial(n, m, x, y)
