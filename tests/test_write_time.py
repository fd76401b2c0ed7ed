"""Write times of stated writers."""

from __future__ import annotations

import pytest

from litho.write_time import MultiBeamWriter, ShapedBeamWriter, mask_area_mm2


def test_time_of_shots_is_dose_over_current_and_settling() -> None:
    writer = ShapedBeamWriter(20.0, 400.0, settling_s=2e-7, field_mm=2.0, field_overhead_s=0.5, passes=2, fixed_s=60.0)
    assert writer.exposure_s == pytest.approx(20e-6 / 400.0, rel=1e-15)
    # 9 mm^2 take three fields of 4 mm^2
    assert writer.write_time_s(1e9, 9.0) == pytest.approx(60 + 1e9 * (5e-8 + 2 * 2e-7) + 2 * 3 * 0.5, rel=1e-12)
    assert writer.write_time_s(0, 0.0) == 60.0


def test_time_of_many_beams_is_of_the_area_alone() -> None:
    writer = MultiBeamWriter(rate_mm2_per_s=0.5, passes=3, fixed_s=10.0)
    assert writer.write_time_s(14.0) == 10 + 3 * 14 / 0.5


def test_area_on_the_mask_is_the_square_of_the_reduction() -> None:
    assert mask_area_mm2(1e12) == pytest.approx(16.0) and mask_area_mm2(1e12, 5.0) == pytest.approx(25.0)


@pytest.mark.parametrize(
    "wrong", [{"dose_uc_per_cm2": 0.0}, {"settling_s": -1.0}, {"passes": 0}, {"field_mm": float("nan")}]
)
def test_a_writer_without_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"`{next(iter(wrong))}` must"):
        ShapedBeamWriter(**wrong)  # type: ignore[arg-type]


def test_work_without_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="must be at least 0"):
        ShapedBeamWriter().write_time_s(-1, 1.0)
    with pytest.raises(ValueError, match="`reduction` must"):
        mask_area_mm2(1.0, 0.0)
    with pytest.raises(ValueError, match="`rate_mm2_per_s` must"):
        MultiBeamWriter(0.0)
