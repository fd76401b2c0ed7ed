"""What the benchmark of speed computes: the same in the textbook's way and in ours, and its counts and tolerances."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litho.benchmark.agreement import DisagreementError, compared, same_quality
from litho.benchmark.cases import (
    GRADIENT_STAGE,
    PITCH_NM,
    PROCESS,
    Case,
    full_cases,
    ilt_settings,
    kernels,
    masks,
    moved,
    quick_cases,
)
from litho.benchmark.counts import (
    Count,
    band_count,
    complex_product,
    gradient_count,
    image_count,
    least_count,
    real_product,
)
from litho.benchmark.full_grid import full_grid_ilt, full_grid_images, full_grid_objective
from litho.benchmark.opponents import Opponent, needed_bytes, takes_part
from litho.model import aerial_images, print_model
from litho.pixel_ilt import ilt, stage_problem
from litho.process import Corner, Process

FULL, OURS = Opponent("full grid", "cpu", 1, "scipy"), Opponent("litho", "cpu", 1, "scipy")


def test_the_full_grid_and_the_lens_band_are_the_same_image_and_the_same_gradient() -> None:
    case = Case("gradient", 512)
    target, given = masks(case).astype(np.float64), kernels(512)
    problem = stage_problem(target, case.grid, PROCESS, given, ilt_settings(None), GRADIENT_STAGE)
    start = problem.start(ilt_settings(None))
    (value, gradient), (ours, ours_bar) = full_grid_objective(problem)(start), problem.objective()(start)
    assert value == pytest.approx(ours, rel=1e-12)
    assert np.abs(gradient - ours_bar).max() < 1e-11 * np.abs(gradient).max()
    model = print_model(case.grid, Process((Corner(),), PROCESS.resist), given[:1], target)
    image = full_grid_images(target, given[0])
    assert np.abs(image - aerial_images(target, model)[0][0]).max() < 1e-12


def test_the_full_grid_searches_as_ours_does() -> None:
    case, settings = Case("ilt", 256), ilt_settings(3)
    target, given = masks(case).astype(np.float64), kernels(256)
    ours = ilt(target, case.grid, PROCESS, given, settings).level
    assert np.abs(full_grid_ilt(target, case.grid, PROCESS, given, settings) - ours).max() < 1e-8


def test_a_batch_holds_the_first_clip_moved_and_corrections_have_clips_of_their_own() -> None:
    images = masks(Case("image", 256, 3))
    assert images.dtype == np.float32 and images.shape == (3, 256, 256)
    assert all(np.array_equal(images[i], moved(images[0], i)) for i in range(3))
    targets = masks(Case("ilt", 512, 3))
    assert len({target.tobytes() for target in targets}) == 3
    assert all(0.2 < target.mean() < 0.7 for target in targets)


def test_the_pattern_repeats_over_a_field_of_any_size() -> None:
    grey = masks(Case("gradient", 4096))[0]  # pixels of 4 nm: copies stand 510 pixels apart along x
    assert PITCH_NM[0] / 4 == 510
    assert np.abs(grey[:, 510:] - grey[:, :-510]).max() < 1e-5
    assert 0.3 < grey.mean() < 0.6


def test_cases_cover_what_is_promised() -> None:
    quick, full = quick_cases(), full_cases()
    assert {case.size_nm for case in full if case.kind == "image"} == {256, 512, 1024, 2048, 4096, 8192}
    assert {"ilt 2048 nm", "ilt 2048 nm x 10", "ilt 8192 nm", "gradient 2048 nm x 64", "image 2048 nm x 16"} <= {
        case.name for case in full
    }
    assert {case.kind for case in quick} == {"image", "gradient", "ilt"} and max(c.size_nm for c in quick) <= 2048
    assert Case("gradient", 2048, 64).area_um2 == pytest.approx(64 * 2.048**2)
    assert takes_part(Case("ilt", 8192), OURS) and not takes_part(Case("ilt", 8192), FULL)
    assert takes_part(Case("ilt", 1024), FULL) and takes_part(Case("gradient", 8192), FULL)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("film", 256), "`kind` must be one of image, gradient, ilt, but got 'film'."),
        (("image", 100), "`size_nm` must be a multiple of 16 nm and at least 256 nm, but got 100."),
        (("image", 256, 0), "`clips` must be at least 1, but got 0."),
    ],
)
def test_cases_that_make_no_sense_are_refused(given: tuple[Any, ...], told: str) -> None:
    with pytest.raises(ValueError) as found:
        Case(*given)
    assert str(found.value) == told


def test_a_difference_is_a_share_of_the_peak_in_any_clip_and_a_nan_is_one() -> None:
    case = Case("image", 256, 2)
    reference = np.zeros((1, 256, 256))
    reference[0, 3, 5] = 2.0
    result = np.stack([moved(reference[0], i) for i in range(2)])
    assert compared(case, reference, result).difference == 0
    result[1, 0, 0] = 6e-6
    found = compared(case, reference, result)
    assert found.difference == pytest.approx(3e-6) and not found.holds
    result[1, 0, 0] = np.nan
    assert not compared(case, reference, result).holds
    with pytest.raises(DisagreementError, match="one array a clip"):
        compared(case, reference, result[:1])


def test_of_ten_corrections_two_per_mille_may_differ_and_of_fewer_as_chance_has_it() -> None:
    ten, one = Case("ilt", 256, 10), Case("ilt", 256)
    assert [a.holds for a in same_quality(ten, [1000.0, 1001.9, 1000.0, 997.9])] == [True, True, True, False]
    assert all(a.holds for a in same_quality(one, [1000.0, 1006.0, 1000.0]))
    assert not all(a.holds for a in same_quality(one, [1000.0, 1007.0, 1000.0]))


def test_operations_of_a_product_are_those_of_its_loops() -> None:
    m, k, n = 3, 4, 5
    multiplied_and_added = sum(2 for _ in range(m) for _ in range(n) for _ in range(k))
    assert real_product(m, k, n) == Count(4 * (12 + 20 + 15), multiplied_and_added)
    assert complex_product(m, k, n).flops == 4 * multiplied_and_added
    arrays = np.zeros((m, k), np.float32), np.zeros((k, n), np.float32), np.zeros((m, n), np.float32)
    assert real_product(m, k, n).moved_bytes == sum(a.nbytes for a in arrays)


def test_a_band_by_products_moves_the_mask_once_and_costs_what_its_two_products_do() -> None:
    shape, radius = (2048, 2048), (27, 27)
    count = band_count(shape, radius, by_matrix=True)
    assert count.flops == 2 * 2048 * 2048 * 56 + 8 * 55 * 2048 * 28
    assert 4 * 2048**2 < count.moved_bytes < 1.3 * 4 * 2048**2
    assert least_count(2048**2) == Count(8 * 2048**2, 0)


def test_fields_cost_one_transform_for_each_kernel_and_a_floor_is_the_larger_of_two_times() -> None:
    one, two = image_count((27, 27), (112, 112), 1), image_count((27, 27), (112, 112), 2)
    per_kernel = two + one * -1.0
    assert image_count((27, 27), (112, 112), 24).flops == pytest.approx((one + per_kernel * 23).flops)
    assert per_kernel.flops > 5 * 112**2 * np.log2(112**2)
    assert Count(100.0, 10.0).floor_s(10.0, 10.0) == 10.0 and Count(10.0, 100.0).floor_s(10.0, 10.0) == 10.0


def test_a_gradient_costs_its_fields_there_and_back_at_each_focus() -> None:
    one, two, three = (gradient_count((512, 512), (27, 27), (112, 112), 24, foci) for foci in (1, 2, 3))
    assert three.flops - two.flops == pytest.approx(two.flops - one.flops)
    fields = 2 * 24 * 5 * 112**2 * np.log2(112**2)  # transforms of one focus, there and back
    assert fields < two.flops - one.flops < 20 * fields
    assert one.moved_bytes > 2 * 24 * 32 * 112**2


def test_a_field_larger_than_memory_needs_what_its_shapes_say() -> None:
    given = kernels(256)
    sizes = [needed_bytes(Case("gradient", 256 * n), FULL, 2, given[0]) for n in (1, 2, 4)]
    assert sizes[1] == 4 * sizes[0] and sizes[2] == 16 * sizes[0]
    fields = 2 * 24 * 2048**2 * 8  # 8 um on 4 nm, kept for the adjoint
    assert needed_bytes(Case("gradient", 8192), FULL, 2, given[0]) > fields
    assert needed_bytes(Case("gradient", 8192), OURS, 2, kernels(256)[0]) < fields
