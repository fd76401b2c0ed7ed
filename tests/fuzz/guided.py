"""The same as `readers.py` for one kind that Python reads, led by which lines a file reaches; it needs atheris.

    pip install atheris
    nice -n 19 python tests/fuzz/guided.py glp -max_total_time=600 -max_len=4096 FOLDER

Kinds are those that are read in this process: glp, toml, txt, png, npz, mask. What stands behind the kind are options
of libFuzzer; FOLDER, if given, keeps the files that reached something new. A file that breaks a reader is written to
`crash-*`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parent))

with atheris.instrument_imports(
    include=["litho", "zipfile", "tomllib", "numpy.lib.format"], enable_loader_override=False
):
    import readers

from seeds import seeds


def main(arguments: list[str]) -> None:
    """Fuzz one kind until told to stop."""
    kind, *options = arguments[1:]
    folder = Path(tempfile.mkdtemp())
    path = folder / readers.READERS[kind][2]

    def one(data: bytes) -> None:
        path.write_bytes(data)
        readers.outcome(kind, path)

    start = folder / "seeds"
    start.mkdir()
    for number, data in enumerate(seeds(kind)):
        (start / str(number)).write_bytes(data)
    atheris.Setup([arguments[0], *options, str(start)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
