"""Film stacks that the laws of films are tested on."""

from __future__ import annotations

import numpy as np

from litho.films import Film, Stack

WAVELENGTH = 193.0
WATER = 1.44
IMMERSION = Stack((Film(90.0, 1.55), Film(100.0, 1.70 + 0.02j), Film(35.0, 1.80 + 0.35j)), 0.9 + 2.8j, resist=1)
"""A top coat, a resist and an antireflective coating; indices chosen."""

STACKS = {
    "bare": Stack((), 0.9 + 2.8j),
    "lossless": Stack((Film(120.0, 1.7), Film(77.0, 1.45), Film(31.0, 2.1)), 1.5),
    "immersion": IMMERSION,
    "metal": Stack((Film(50.0, 1.6), Film(20.0, 0.2 + 3.1j), Film(70.0, 1.9 + 0.5j)), 1.56),
    "gap": Stack((Film(40.0, 1.0), Film(60.0, 1.7 + 0.01j), Film(25.0, 1.0)), 1.3),
}
TRANSVERSE = np.concatenate([[0.0], WATER * np.sin(np.radians([3, 20, 41, 60, 75, 88.0])), [1.0, 1.3, 1.4399]])
