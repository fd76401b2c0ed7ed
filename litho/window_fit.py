"""The largest rectangles and ellipses in exposure-defocus windows: exposure latitude over depth of focus.

    curve = latitude_curve(window, "ellipse")
    curve.depth_of_focus_nm(0.05)              # at 5 % exposure latitude
    curve.largest()                            # the window of the largest area

A rectangle holds every error of dose and focus up to its size; an ellipse those of a joint normal distribution, with
semi-axes of so many standard deviations. Latitude is a share of the window's own central dose.

References
----------
C. A. Mack, "Fundamental Principles of Optical Lithography", Wiley 2007, chapter 8; B. J. Lin, "The exposure-defocus
forest", Jpn. J. Appl. Phys. (1994).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from litho.cells import Floats
from litho.process_window import FINE, ExposureWindow

SHAPES = ("ellipse", "rectangle")
BISECTIONS = 30


@dataclass(frozen=True)
class Window:
    """A range of dose and focus.

    Parameters
    ----------
    shape
        "ellipse" or "rectangle"
    focus_nm, dose
        its centre
    dof_nm
        its width: depth of focus
    latitude
        its height over its central dose: exposure latitude, a share
    """

    shape: str
    focus_nm: float
    dose: float
    dof_nm: float
    latitude: float


@dataclass(frozen=True, eq=False)
class LatitudeCurve:
    """The largest exposure latitude for each depth of focus; made by `latitude_curve`.

    Parameters
    ----------
    shape
        "ellipse" or "rectangle"
    dof_nm, latitude : (n,) real
        width, rising, and height, falling, of the windows: none is exceeded by another in both
    focus_nm, dose : (n,) real
        their centres
    """

    shape: str
    dof_nm: Floats
    latitude: Floats
    focus_nm: Floats
    dose: Floats

    def __len__(self) -> int:
        return len(self.dof_nm)

    def depth_of_focus_nm(self, latitude: float = 0.05) -> float:
        """Return the largest depth of focus that leaves this exposure latitude (a share); 0 if none does."""
        if len(self) == 0 or self.latitude[0] < latitude:
            return 0.0
        last = int(np.flatnonzero(self.latitude >= latitude)[-1])
        if last + 1 == len(self):
            return float(self.dof_nm[last])
        there, beyond = self.latitude[last], self.latitude[last + 1]
        share = (there - latitude) / (there - beyond)
        return float(self.dof_nm[last] + share * (self.dof_nm[last + 1] - self.dof_nm[last]))

    def at(self, dof_nm: float) -> Window | None:
        """Return the window of about this depth of focus: the next one that was computed; None if it is too deep."""
        fits = np.flatnonzero(self.dof_nm >= dof_nm * (1 - 1e-9))
        return self._window(int(fits[0])) if len(fits) else None

    def largest(self) -> Window | None:
        """Return the window of the largest area; None if there is none."""
        return self._window(int(np.argmax(self.latitude * self.dof_nm))) if len(self) else None

    def _window(self, k: int) -> Window:
        numbers = (self.focus_nm[k], self.dose[k], self.dof_nm[k], self.latitude[k])
        return Window(self.shape, *(float(n) for n in numbers))


def latitude_curve(window: ExposureWindow, shape: str = "ellipse") -> LatitudeCurve:
    """Return the largest exposure latitude for each depth of focus, with windows centred wherever they fit best.

    Parameters
    ----------
    window
        doses at every focus. Windows end where the simulated foci end: a curve that does not fall to 0 wants more
    shape
        "ellipse" or "rectangle"
    """
    if shape not in SHAPES:
        raise ValueError(f"`shape` must be 'ellipse' or 'rectangle', but got {shape!r}.")
    fine = window if len(window.foci_nm) == FINE else window.refined()
    step = float(fine.foci_nm[1] - fine.foci_nm[0])
    fit = _rectangles if shape == "rectangle" else _ellipses
    rows = []
    for count in range(1, len(fine.foci_nm) + 1, 2):  # an odd number of foci, so that one is the centre
        low, high = (sliding_window_view(values, count) for values in (fine.low, fine.high))
        whole = np.flatnonzero(np.isfinite(low).all(axis=1))
        if len(whole) == 0:
            break
        dose, latitude = fit(low[whole], high[whole])
        best = int(np.argmax(latitude))
        rows.append(((count - 1) * step, latitude[best], fine.foci_nm[whole[best] + count // 2], dose[best]))
    table = np.array(rows).reshape(-1, 4)
    # a deeper window that is as high stands for the others
    highest_behind = np.append(np.maximum.accumulate(table[::-1, 1])[::-1], 0.0)[1:]
    return LatitudeCurve(shape, *table[table[:, 1] > np.maximum(highest_behind, 0.0)].T)


def _rectangles(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Return central dose and latitude of the highest rectangles in stretches of a window, (n, foci)."""
    bottom, top = low.max(axis=1), high.min(axis=1)
    dose = (bottom + top) / 2
    return dose, (top - bottom) / dose


def _ellipses(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Return central dose and latitude of the highest ellipses in stretches of a window, (n, foci).

    An ellipse of half height b around a dose D fits where D + b s <= high and D - b s >= low for s = sqrt(1 - t^2),
    t from -1 to 1. The room above falls with D and that below rises: they are equal at the best D.
    """
    t = np.linspace(-1, 1, low.shape[1]) if low.shape[1] > 1 else np.zeros(1)
    inner = np.abs(t) < 1
    s = np.sqrt(1 - t[inner] ** 2)
    bottom, top = low.max(axis=1, where=~inner, initial=-np.inf), high.min(axis=1, where=~inner, initial=np.inf)
    bottom, top = np.maximum(bottom, low.min(axis=1)), np.minimum(top, high.max(axis=1))
    fits = bottom <= top  # at both ends, where an ellipse has no height
    for _ in range(BISECTIONS):
        dose = (bottom + top) / 2
        above = ((high[:, inner] - dose[:, None]) / s).min(axis=1)
        below = ((dose[:, None] - low[:, inner]) / s).min(axis=1)
        bottom, top = np.where(above > below, dose, bottom), np.where(above > below, top, dose)
    return dose, np.where(fits, 2 * np.minimum(above, below) / dose, -1.0)
