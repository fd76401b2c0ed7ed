"""Optics and images that make no sense: one sentence each, which names the argument, the rule and what came."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from lines import dry

from litho.focus import Flare, FocusSpread
from litho.grid import Grid
from litho.image import aerial_image
from litho.mask import Mask
from litho.pupil import Optics
from litho.pupil_maps import JonesPupil, PupilMap
from litho.source import Source
from litho.thick_mask import BoundaryLayer, EdgeStrip, ThickMask

POINT = Source.point()
THICK = ThickMask(BoundaryLayer(EdgeStrip(5.0), EdgeStrip(3.0)))
SQUARE = [np.array([[0.0, 0], [100, 0], [100, 100], [0, 100]])]
GRID = Grid((40, 40), (10.0, 10.0))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"na": 1.0}, r"`na` must be below `immersion_index` \(1.0\), but got 1.0"),
        ({"immersion_index": 0.9, "na": 0.5}, "`immersion_index` must be at least 1, but got 0.9"),
        ({"wavelength_nm": -193}, "`wavelength_nm` must be a positive number, but got -193"),
        ({"obscuration": 1.0}, r"`obscuration` must be in \[0, 1\), but got 1.0"),
        ({"obscuration": -0.1}, r"`obscuration` must be in \[0, 1\), but got -0.1"),
        ({"obscuration": math.nan}, r"`obscuration` must be in \[0, 1\), but got nan"),
        ({"zernike_order": "born", "zernikes": {5: 0.1}}, "`zernike_order` must be 'fringe' or 'noll', but got 'born'"),
        ({"zernike_order": "noll", "zernikes": {38: 0.1}}, r"Noll indices in 1..37, but got 38"),
        ({"defocus_model": "thin"}, "`defocus_model` must be 'exact' or 'paraxial', but got 'thin'"),
        ({"zernike_order": "born"}, "`zernike_order` must be 'fringe' or 'noll', but got 'born'"),
        ({"polarization": 3}, "`polarization` must be a word or two pupil maps .*, but got 3"),
        ({"polarization_degree": 0.5}, "`polarization_degree` must come with a `polarization`"),
        ({"reduction": 0.0}, "`reduction` must be positive, but got"),
        ({"polarization": "z"}, r"`polarization` must be None or one of .*, but got 'z'"),
        ({"polarization": ("x", "y")}, "`polarization` must be a word or two pupil maps"),
        ({"polarization": "x", "polarization_degree": 1.1}, "`polarization_degree` must be in 0..1, but got 1.1"),
        ({"jones": JonesPupil.constant([[1, 0], [0, 1]])}, "`jones` must come with a `polarization`"),
        ({"radiometric": True, "reduction": 0.5}, "`reduction` must be above the aperture 0.9"),
        ({"reduction": (4.0, 4.0, 4.0)}, "`reduction` must be a number or a pair"),
        ({"vibration_nm": -1.0}, "`vibration_nm` must be a number of 0 or more, but got -1.0"),
        ({"vibration_nm": (1.0, math.inf)}, "`vibration_nm` must be a number of 0 or more, but got inf"),
        ({"flare": 1.2}, "`share` must be in 0..1, but got 1.2"),
        ({"flare": (Flare(0.6), Flare(0.5, 10.0))}, "`flare` must be at most the whole light, but sums to 1.1"),
    ],
)
def test_lenses_that_make_no_sense_are_refused_in_one_sentence(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        Optics(**({"wavelength_nm": 193, "na": 0.9, "source": POINT} | values))
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: FocusSpread((0.0, 1.0), (1.0,)), r"`shares` must have one entry per offset \(2\), but got 1"),
        (lambda: FocusSpread((0.0,), (0.0,)), "`shares` must be positive"),
        (lambda: FocusSpread((math.nan,), (1.0,)), "`offsets_nm` must be finite"),
        (lambda: FocusSpread.gaussian(0.0), "`sigma_nm` must be a positive length, but got 0.0"),
        (lambda: FocusSpread.uniform(-5.0), "`range_nm` must be a positive length, but got -5.0"),
        (lambda: FocusSpread.uniform(5.0, 0), "`count` must be at least 1, but got 0"),
        (lambda: FocusSpread.bandwidth(-0.3, 250.0), "`fwhm_pm` must be a positive length, but got -0.3"),
        (lambda: FocusSpread.bandwidth(0.3, math.nan), "`focus_nm_per_pm` must be finite"),
        (lambda: Flare(0.1, 0.0), "`reach_nm` must be positive, but got 0.0"),
        (lambda: PupilMap(()), "`rows` must be a map"),
        (lambda: PupilMap(((1.0, 2.0), (1.0,))), "`rows` must be a map"),
        (lambda: PupilMap.samples([[math.inf]]), "`rows` must be finite"),
        (lambda: PupilMap.of(lambda x, y: 1.0, 0), "`count` must be at least 1, but got 0"),
        (lambda: JonesPupil.constant([[1, 0]]), "`matrix` must be two rows of two numbers"),
    ],
)
def test_parts_that_make_no_sense_are_refused_in_one_sentence(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("values", "lens", "words"),
    [
        ({"method": "hopkins"}, {}, "`method` must be 'socs' or 'abbe', but got 'hopkins'"),
        ({"defocus_nm": math.nan}, {}, "`defocus_nm` must be finite, but got nan"),
        ({"defocus_model": "thin"}, {}, "`defocus_model` must be 'exact' or 'paraxial', but got 'thin'"),
        ({"depth_nm": 5.0}, {"polarization": "x"}, "`depth_nm` must come with films"),
        ({"mask": np.zeros((30, 40))}, {}, r"`mask` must end in the grid's shape \(40, 40\), but got \(30, 40\)"),
        ({"mask": np.zeros((4, 4)), "grid": Grid((4, 4), (200.0, 200.0))}, {}, "`grid` must resolve the lens band"),
        ({"mask": np.zeros((40, 40)) + 0j, "mask_type": Mask.attenuated()}, {}, "`mask` must be the coverage, real"),
        ({"mask_type": THICK}, {"polarization": "x"}, "`method` must be 'abbe' for a thick mask"),
        ({"mask_type": THICK, "method": "abbe"}, {}, "`polarization` must be given for a thick mask"),
        (
            {"mask": np.zeros((40, 40)), "mask_type": THICK},
            {"polarization": "x"},
            "`mask` must be polygons for a Thick",
        ),
        ({"spacing": 0.0}, {}, "`spacing` must be a positive number, but got 0.0"),
        ({"max_error": 1.0}, {}, r"`max_error` must be a share in \[0, 1\), but got 1.0"),
        ({}, {"obscuration": 0.1}, "`source` must send some light through the lens"),
        ({}, {"polarization": "x", "jones": JonesPupil.constant([[0, 0], [0, 1]])}, "`source` must send some light"),
        ({}, {"polarization": (PupilMap.constant(0), PupilMap.constant(0))}, "`polarization` must have a field"),
    ],
)
def test_images_that_make_no_sense_are_refused_in_one_sentence(
    values: dict[str, Any], lens: dict[str, Any], words: str
) -> None:
    given: dict[str, Any] = {"mask": SQUARE, "grid": GRID} | values
    with pytest.raises(ValueError, match=words) as caught:
        aerial_image(given.pop("mask"), dry(POINT, **lens), given.pop("grid"), **given)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
