"""What the README shows is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def test_the_python_example_runs_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = blocks("python")[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 16
    (tmp_path / "masks").symlink_to(ROOT / "masks")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert (tmp_path / "mask.oas").stat().st_size > 1000


def test_the_two_commands_come_first() -> None:
    install_and_run, install_and_test = blocks("sh")[:2]
    assert "litho ilt masks/" in install_and_run and "pytest" in install_and_test
    assert TEXT.index(install_and_test) < TEXT.index("## ")


def test_every_file_the_readme_names_is_there() -> None:
    for name in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (ROOT / name).exists(), name
