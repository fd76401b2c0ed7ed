"""The lessons run, draw their figure, and what they say of physics (their own assertions) holds."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LESSONS = sorted((ROOT / "examples").glob("[0-9]*.py"))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs_and_draws_its_figure(lesson: Path, tmp_path: Path) -> None:
    environment = os.environ | {
        "MPLBACKEND": "Agg",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }
    command = [sys.executable, "-W", "error", str(lesson), str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    picture = (tmp_path / f"{lesson.stem}.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", picture[16:24])
    assert width > 1500 and height > 800


def test_the_course_has_its_first_three_lessons() -> None:
    assert [path.name[:2] for path in LESSONS[:3]] == ["01", "02", "03"]
    for path in LESSONS:
        assert "\nassert " in path.read_text(), f"{path.name} states nothing that can be wrong"
