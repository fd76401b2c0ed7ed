"""Focus reversal: which images above and below focus are the same, and that only these are shared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from litho.cells import Floats
from litho.exact_images import focus_reverses
from litho.films import Film, Stack
from litho.focus import FocusSpread
from litho.grid import Grid
from litho.image import aerial_image
from litho.mask import Mask
from litho.pupil import Optics
from litho.source import Source

GRID = Grid((30, 32), (20.0, 20.0))
SHAPES: list[Floats] = [
    np.array([(100.0, 80.0), (310.0, 80.0), (310.0, 200.0), (190.0, 200.0), (190.0, 420.0), (100.0, 420.0)]),
    np.array([(400.0, 330.0), (560.0, 290.0), (520.0, 500.0)]),
]
LENS = Optics(193.0, 0.9, Source.quadrupole(0.7, 0.2, 20.0), 1.2)
ANY_SPACING = 0.15
FOCUS_NM = 60.0


def difference(optics: Optics, mask: Mask = Mask()) -> float:
    """Return how far the images above and below focus are apart."""
    above, below = (
        aerial_image(SHAPES, optics, GRID, defocus_nm=z, mask_type=mask, method="abbe", spacing=ANY_SPACING).intensity
        for z in (FOCUS_NM, -FOCUS_NM)
    )
    return float(np.abs(above - below).max())


@pytest.mark.parametrize(
    ("changes", "mask"),
    [
        ({}, Mask()),
        ({}, Mask.attenuated(tone="bright field")),
        ({"source": Source.annular(0.5, 0.8), "radiometric": True, "obscuration": 0.3}, Mask()),
        ({"source": Source.points([(0.3, 0.4), (-0.3, -0.4)]), "defocus_model": "paraxial"}, Mask()),
        ({"polarization": "unpolarized", "focus_spread": FocusSpread.gaussian(30.0)}, Mask()),
        ({"polarization": "te", "polarization_degree": 0.8, "flare": 0.05, "vibration_nm": (3.0, 6.0)}, Mask()),
    ],
)
def test_focus_reversal_of_an_even_lens_without_aberrations(changes: dict[str, Any], mask: Mask) -> None:
    optics = replace(LENS, **changes)
    assert focus_reverses(optics, mask, ANY_SPACING)
    assert difference(optics, mask) < 1e-13


@pytest.mark.parametrize(
    ("changes", "mask"),
    [
        ({"zernikes": {9: 0.05}}, Mask()),
        ({}, Mask.attenuated(0.2, 90.0)),
        ({"source": Source.points([(0.3, 0.4), (-0.3, -0.3)])}, Mask()),
        ({"source": Source.points([(0.3, 0.4), (-0.3, -0.4)], [1.0, 1.1])}, Mask()),
        ({"focus_spread": FocusSpread((-20.0, 40.0), (1.0, 1.0))}, Mask()),
        ({"polarization": "x", "wafer": Stack((Film(100.0, 1.7 + 0.02j),), 0.88 + 2.78j)}, Mask()),
    ],
)
def test_what_breaks_focus_reversal_is_told(changes: dict[str, Any], mask: Mask) -> None:
    optics = replace(LENS, **changes)
    assert not focus_reverses(optics, mask, ANY_SPACING)
    assert difference(optics, mask) > 1e-4
