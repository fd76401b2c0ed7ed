"""The process window of a whole layout, without cut lines: doses that keep every edge within a distance of its place.

The edge at a site lies within `tolerance_nm` of the target if the point so far inside prints and the point so far
outside does not, as in the edge placement rule of the ICCAD-2013 contest. Dose multiplies intensity, so at one focus
the doses for it are those from T / I(inside) to T / I(outside), and for all sites the largest of the former to the
smallest of the latter. Widths, and the places of shapes, are kept alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from litho.cutline import Intensity, check_tone
from litho.edge_placement import TargetSites, intensity_at
from litho.process_window import ExposureWindow

DARK = 1e-3
"""Share of the threshold below which an intensity counts as this share: no dose of use prints it."""


def placement_window(
    images: Sequence[Intensity],
    foci_nm: Sequence[float],
    sites: TargetSites,
    threshold: float,
    tolerance_nm: float,
    *,
    tone: str = "bright",
    name: str = "all edges",
) -> ExposureWindow:
    """Return the doses that keep the edges at all sites within a tolerance, focus by focus.

    Parameters
    ----------
    images
        one per focus, at dose 1
    foci_nm
        rising
    sites
        see `litho.edge_placement.target_sites`
    threshold
        of the resist, at dose 1
    tolerance_nm
        largest distance of an edge from its place
    tone
        what prints: "bright", where an image is at least the threshold, or "dark", where it is below
    name
        of the window

    Returns
    -------
    ExposureWindow
        for `litho.window_fit.latitude_curve`. Where no dose will do, the smallest is larger than the largest: both are
        kept, so that the end of the window is found between foci, as `ExposureWindow.refined` does
    """
    foci = np.asarray(foci_nm, dtype=np.float64)
    if len(images) != len(foci) or len(foci) < 1:
        raise ValueError(f"`images` must be one per focus ({len(foci)}) and at least one, but got {len(images)}.")
    if not (np.isfinite(foci).all() and (np.diff(foci) > 0).all()):
        raise ValueError(f"`foci_nm` must rise, but got {[float(f) for f in foci]}.")
    for key, value in (("threshold", threshold), ("tolerance_nm", tolerance_nm)):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"`{key}` must be a positive number, but got {value}.")
    if len(sites) == 0:
        raise ValueError("`sites` must hold at least one, but got none.")
    check_tone(tone)
    step = tolerance_nm * (sites.normals if tone == "bright" else -sites.normals)
    inside = np.stack([intensity_at(image, sites.points_nm - step) for image in images])
    outside = np.stack([intensity_at(image, sites.points_nm + step) for image in images])
    low = threshold / np.maximum(inside.min(axis=1), DARK * threshold)
    high = threshold / np.maximum(outside.max(axis=1), DARK * threshold)
    return ExposureWindow(name, foci, low, high)
