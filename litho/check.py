"""Tests that a derivative is right, for our own pairs and for those that users write.

One inner product everywhere: <a, b> = Re sum(conj(a) b). A linear map A and its adjoint B satisfy <A x, y> = <x, B y>
for any x and y; a gradient agrees with central differences along any direction.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from litho.backend import Array, array_module

Map = Callable[[Array], Array]


def inner(a: Array, b: Array) -> float:
    """Return Re sum(conj(a) b)."""
    xp = array_module(a, b)
    total = xp.sum(xp.conj(a) * b if xp.isdtype(a.dtype, "complex floating") else a * b)
    return float(xp.real(total)) if xp.isdtype(total.dtype, "complex floating") else float(total)


def norm(a: Array) -> float:
    """Return the length of `a` under `inner`."""
    return math.sqrt(max(inner(a, a), 0.0))


def dot_test(forward: Map, adjoint: Map, x: Array, y: Array) -> float:
    """Return |<A x, y> - <x, B y>| over |A x| |y|: rounding, if B is the adjoint of A.

    Parameters
    ----------
    forward, adjoint
        A and B
    x, y
        any arrays of the shapes that A and B take, at random preferably
    """
    image = forward(x)
    scale = norm(image) * norm(y)
    return abs(inner(image, y) - inner(x, adjoint(y))) / scale


def linearity_test(forward: Map, x: Array, y: Array) -> float:
    """Return |A(2 x - 3 y) - 2 A x + 3 A y| over |A x| + |A y|: rounding, if A is linear."""
    a, b = forward(x), forward(y)
    return norm(forward(2 * x - 3 * y) - 2 * a + 3 * b) / (norm(a) + norm(b))


def gradient_test(value: Callable[[Array], float], gradient: Array, x: Array, direction: Array, step: float) -> float:
    """Return the relative difference of a directional derivative and its fourth-order central difference.

    Parameters
    ----------
    value
        function of `x` to a number
    gradient
        what is tested, at `x`
    x, direction
        point and direction
    step
        length of the differences, in units of `direction`
    """
    near = value(x + step * direction) - value(x - step * direction)
    far = value(x + 2 * step * direction) - value(x - 2 * step * direction)
    difference = (8 * near - far) / (12 * step)
    expected = inner(gradient, direction)
    return abs(difference - expected) / max(abs(difference), abs(expected))
