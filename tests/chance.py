"""Doses and images for the laws of what prints by chance."""

from __future__ import annotations

from typing import Any

import numpy as np

from litho.shot_noise import ShotNoise

SURE = 0.999
"""Confidence of the intervals that closed forms must lie in: the seeds are fixed, and none is chosen."""


def duv(dose: float = 20.0, blur_nm: float = 5.0, **more: Any) -> ShotNoise:
    return ShotNoise(dose, 193.0, 2.0, 80.0, blur_nm, **more)


def ramps(ny: int, nx: int = 120) -> np.ndarray:
    """One line whose edges lie in the middle of linear slopes, 0.8 per half field, 1 nm a pixel."""
    tent = 1 - np.abs(2 * (np.arange(nx) + 0.5) / nx - 1)
    return np.tile(0.1 + 0.8 * tent, (ny, 1))


def spot(nx: int = 40) -> np.ndarray:
    x = np.arange(nx) + 0.5 - nx / 2
    return 0.02 + np.exp(-(x[:, None] ** 2 + x**2) / (2 * 8.0**2))
