"""Where the files that come with the program lie: the only module that knows.

A wheel has them in `litho/_data`, a checkout beside `litho/`; recipes are inside the package in both.
"""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def path(*parts: str) -> Path:
    """Return a file or folder that came with the program, such as `path("masks", "elbows.gds")`."""
    for root in (_HERE / "_data", _HERE, _HERE.parent):
        candidate = root.joinpath(*parts)
        if candidate.exists():
            return candidate
    raise FileNotFoundError(f"no {'/'.join(parts)} in this installation of litho")


def recipe_names() -> tuple[str, ...]:
    """Return the names of the recipes that came with the program, in order."""
    return tuple(sorted(file.stem for file in path("recipes").glob("*.toml")))


def sample_layouts() -> tuple[Path, ...]:
    """Return the sample layouts, in order; none if this installation came without them."""
    try:
        folder = path("masks")
    except FileNotFoundError:
        return ()
    return tuple(sorted(file for file in folder.iterdir() if file.suffix in (".gds", ".oas")))
