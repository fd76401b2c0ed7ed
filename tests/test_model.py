"""The chain from mask to prints."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from litho.backend import to_host
from litho.grid import Grid
from litho.model import aerial_images, print_mask, print_model
from litho.process import Corner, Process
from litho.pupil import Optics
from litho.resist import Resist
from litho.source import Source
from litho.tcc import socs_kernels

OPTICS = Optics(193.0, 1.35, immersion_index=1.44, source=Source.annular(0.6, 0.9))
PROCESS = Process((Corner(1.0, 0.0), Corner(1.1, 0.0), Corner(0.9, 60.0)), Resist(0.3, 40.0))
GRID = Grid.square(480, 4)


@pytest.fixture(scope="module")
def kernels() -> tuple[Any, ...]:
    return tuple(socs_kernels(OPTICS, GRID.period_nm, z) for z in PROCESS.foci_nm)


def lines(grid: Grid) -> np.ndarray:
    """Vertical lines, 120 nm wide at a pitch of 240 nm."""
    x = (np.arange(grid.shape[1]) + 0.5) * grid.pixel_nm[1]
    return np.broadcast_to((x % 240 < 120).astype(float), grid.shape).copy()


def test_corners_that_differ_in_dose_share_one_image(kernels: Any) -> None:
    model = print_model(GRID, PROCESS, kernels, np.zeros(1))
    assert len(model.kernels) == 2
    intensity, _ = aerial_images(lines(GRID), model)
    printed, _ = print_mask(lines(GRID), model)
    expected = 1 / (1 + np.exp(-40 * (1.1 * intensity[0] - 0.3)))
    assert np.max(np.abs(printed[1] - expected)) < 1e-12


def test_the_image_is_the_same_on_any_print_grid(kernels: Any, xp: Any) -> None:
    fine = print_model(GRID, PROCESS, kernels, xp(np.zeros(1)))
    coarse = print_model(GRID, PROCESS, kernels, xp(np.zeros(1)), print_grid=GRID.resampled(12))
    on_fine = to_host(aerial_images(xp(lines(GRID)), fine)[0])
    on_coarse = to_host(aerial_images(xp(lines(GRID)), coarse)[0])
    # the centre of a 12 nm pixel is the centre of the middle one of three 4 nm pixels
    assert np.max(np.abs(on_coarse - on_fine[:, 1::3, 1::3])) < 1e-12


def test_a_shifted_mask_prints_shifted(kernels: Any) -> None:
    model = print_model(GRID, PROCESS, kernels, np.zeros(1))
    mask = np.zeros(GRID.shape)
    mask[30:60, 20:50] = 1
    straight, _ = print_mask(mask, model)
    shifted, _ = print_mask(np.roll(mask, (7, -11), (0, 1)), model)
    assert np.max(np.abs(shifted - np.roll(straight, (7, -11), (1, 2)))) < 1e-12


def test_kernels_for_another_field_or_focus_are_refused(kernels: Any) -> None:
    with pytest.raises(ValueError, match=r"`kernels` are for a field of \(480\.0, 480\.0\) nm"):
        print_model(Grid.square(960, 4), PROCESS, kernels, np.zeros(1))
    with pytest.raises(ValueError, match="`kernels` must have one set per focus"):
        print_model(GRID, PROCESS, kernels[:1], np.zeros(1))
    with pytest.raises(ValueError, match="`print_grid` must cover the mask's field"):
        print_model(GRID, PROCESS, kernels, np.zeros(1), print_grid=Grid.square(960, 4))
    with pytest.raises(ValueError, match="`mask_grid` must resolve the lens band"):
        print_model(GRID.resampled(80), PROCESS, kernels, np.zeros(1))
    narrow = replace(kernels[1], spectra=kernels[1].spectra[:, :3, :3])
    with pytest.raises(ValueError, match="`kernels` must share one band"):
        print_model(GRID, PROCESS, (kernels[0], narrow), np.zeros(1))
