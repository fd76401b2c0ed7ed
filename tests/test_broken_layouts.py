"""Files that are no layouts, broken ones, and ones that ask for too much: each is refused in one sentence."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import tracemalloc

import gdstk
import numpy as np
import pytest
from gdstk import Library
from layout_cells import NM, box, one_cell, random_hierarchy

import litho.io.read
import litho.io.streams
from litho.io import write_gds
from litho.layout import LayoutError, read_layout


@pytest.mark.parametrize(
    "content, reason",
    [
        (None, "is missing"),
        (b"", "is empty"),
        (b"hello, world", "is none of them"),
        (b"\x89PNG\r\n\x1a\n", "is none of them"),
        (b"\x00\x06\x00\x02\x02\x58", "intact GDS file"),
        (b"%SEMI-OASIS\r\n", "truncated"),
        (b"\x1f\x8b\x08", "intact gzip file"),
        (gzip.compress(b"BEGIN\n" * 10_000)[:-5], "intact gzip file"),
        (b"BEGIN\nRECT N M1 0 0 1\n", "line 2: RECT needs"),
        (b"BEGIN\nCELL x PRIME\nENDMSG\n", "holds none"),
    ],
)
def test_a_file_that_is_no_layout_is_refused_in_one_sentence(content, reason, tmp_path):
    path = tmp_path / "layout.gds"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LayoutError, match=reason) as error:
        read_layout(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_folder_is_no_layout(tmp_path):
    with pytest.raises(LayoutError, match="is no file"):
        read_layout(tmp_path)


def test_a_truncated_file_is_refused_wherever_it_ends(save):
    library, _ = random_hierarchy(0, [0.0])
    path = save(library)
    data = path.read_bytes()
    for length in np.linspace(1, len(data) - 1, 12).astype(int):
        path.write_bytes(data[:length])
        with pytest.raises(LayoutError):
            read_layout(path)


def test_every_truncation_of_oasis_is_noticed(tmp_path):
    library, _ = random_hierarchy(0, [0.0])
    path = tmp_path / "layout.oas"
    for options in ({}, {"compression_level": 0}, {"validation": "crc32"}):
        library.write_oas(path, **options)
        data = path.read_bytes()
        assert litho.io.streams._has_end_record(path)
        for length in range(len(data)):
            path.write_bytes(data[:length])
            assert not litho.io.streams._has_end_record(path), f"{length} of {len(data)} bytes, {options}"


def test_changed_bytes_never_end_the_program(save):
    library, _ = random_hierarchy(0, [0.0])
    path = save(library)
    data = path.read_bytes()
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(25):
        changed = bytearray(data)
        for place in rng.integers(len(data), size=4):
            changed[place] = rng.integers(256)
        path.write_bytes(changed)
        try:
            read_layout(path)
        except LayoutError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 0


def test_a_reader_that_breaks_off_is_a_sentence(tmp_path, monkeypatch):
    program = tmp_path / "breaks_off.py"
    program.write_text("import os; os.abort()")
    monkeypatch.setattr(litho.io.streams, "_PROGRAM", program)
    write_gds(tmp_path / "a.gds", {(1, 0): [box(0, 0, 10, 10)]})
    with pytest.raises(LayoutError, match="broke off with signal 6"):
        read_layout(tmp_path / "a.gds")


@pytest.mark.parametrize(
    "deed, reason",
    [
        ("pass", "takes more than the 1 s of processor time that its size allows"),
        ("os.write(2, b'[GDSTK] Record type TEXT (0x0C) is not supported.\\n' * 1000)", "complains without end"),
    ],
)
def test_a_reader_that_never_ends_is_stopped(deed, reason, tmp_path, monkeypatch):
    program = tmp_path / "never_ends.py"
    program.write_text(
        "import os, resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[5]), int(sys.argv[5]) + 1))\n"
        f"while True:\n    {deed}\n"
    )
    monkeypatch.setattr(litho.io.streams, "_PROGRAM", program)
    monkeypatch.setattr(litho.io.streams, "LEAST_SECONDS", 1)
    write_gds(tmp_path / "a.gds", {(1, 0): [box(0, 0, 10, 10)]})
    with pytest.raises(LayoutError, match=reason):
        read_layout(tmp_path / "a.gds")


def test_the_reader_may_use_no_more_than_it_is_given(tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from reader_process import limit\n"
        "limit(2**30, 1)\n"
        "import numpy\n"
        "{}\n"
    )
    folder = os.path.dirname(litho.io.streams.__file__)
    for greed, message in (("bytearray(2**30)", "MemoryError"), ("open('f', 'wb').truncate(2**31)", "too large")):
        command = [sys.executable, "-c", code.format(greed), folder]
        found = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        assert found.returncode and message in found.stderr
    found = subprocess.run([sys.executable, "-c", code.format("while True: pass"), folder], capture_output=True)
    assert found.returncode == -signal.SIGXCPU


def test_coordinates_that_are_no_whole_numbers_any_more_are_refused(tmp_path):
    library = one_cell(box(0, 0, 10, 10))
    library.cells[0].add(gdstk.rectangle((2.0**60, 0), (2.0**60 + 2.0**12, 10), layer=1))
    library.write_oas(tmp_path / "far.oas")
    with pytest.raises(LayoutError, match=r"coordinates within \+-2\^53 database units"):
        read_layout(tmp_path / "far.oas")


def test_a_file_that_needs_too_much_memory_is_refused(tmp_path, monkeypatch):
    angles = np.linspace(0, 2 * np.pi, 400_000, endpoint=False)
    library = one_cell(np.rint(1e6 * np.stack([np.cos(angles), np.sin(angles)], axis=1)))
    library.write_oas(tmp_path / "large.oas")
    assert read_layout(tmp_path / "large.oas").shape_count() == 1
    monkeypatch.setattr(os, "sysconf", lambda name: 2**13)
    with pytest.raises(LayoutError, match="intact OASIS file"):
        read_layout(tmp_path / "large.oas")


def test_a_compressed_file_that_expands_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(litho.io.read, "LARGEST_BYTES", 2**22)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(2**24)))
    with pytest.raises(LayoutError, match="expand to at most 4194304 bytes"):
        read_layout(tmp_path / "bomb.gz")


def test_a_compressed_file_that_expands_a_thousandfold_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(litho.io.read, "FREE_BYTES", 2**20)
    content = gzip.compress(bytes(2**24))
    (tmp_path / "bomb.gz").write_bytes(content)
    with pytest.raises(LayoutError, match=f"expand to at most {max(2**20, 200 * len(content))} bytes"):
        read_layout(tmp_path / "bomb.gz")


def test_a_database_unit_of_zero_is_refused(tmp_path):
    path = tmp_path / "a.gds"
    write_gds(path, {(1, 0): [box(0, 0, 10, 10)]})
    data = path.read_bytes()
    units = data.index(b"\x00\x14\x03\x05") + 4
    path.write_bytes(data[: units + 8] + bytes(8) + data[units + 16 :])
    with pytest.raises(LayoutError, match="must hold finite numbers"):
        read_layout(path)


def test_cells_within_themselves_are_refused(save):
    library = Library(**NM)
    a, b = library.new_cell("A"), library.new_cell("B")
    a.add(gdstk.Reference(b), gdstk.rectangle((0, 0), (1, 1), layer=1))
    b.add(gdstk.Reference(a))
    with pytest.raises(LayoutError, match=r"must not contain themselves, but cell '[AB]' does"):
        read_layout(save(library))


def test_too_deep_nesting_is_refused(save):
    library = Library(**NM)
    cell = library.new_cell("C0")
    cell.add(gdstk.rectangle((0, 0), (1, 1), layer=1))
    for level in range(1, 1500):
        parent = library.new_cell(f"C{level}")
        parent.add(gdstk.Reference(cell))
        cell = parent
    with pytest.raises(LayoutError, match="at most 200 levels deep, but got 1500"):
        read_layout(save(library))


def test_many_cells_over_many_layers_are_counted_in_little_memory(tmp_path):
    """Ten thousand cells, each with 5000 layers below it: 5 * 10^7 pairs, of which none is written down."""
    library = Library(**NM)
    leaf = library.new_cell("LEAF")
    leaf.add(*(gdstk.rectangle((0, 0), (9, 9), layer=n) for n in range(5000)))
    top = library.new_cell("TOP")
    for n in range(10_000):
        cell = library.new_cell(f"C{n}")
        cell.add(gdstk.Reference(leaf, (20 * n, 0)))
        top.add(gdstk.Reference(cell))
    library.write_gds(tmp_path / "a.gds")
    tracemalloc.start()
    layout = read_layout(tmp_path / "a.gds")
    assert len(layout.layers) == 5000 and layout.shape_count("17/0") == 10_000
    assert tracemalloc.get_traced_memory()[1] < 10**8
    tracemalloc.stop()


def test_a_reference_to_a_missing_cell_is_refused(tmp_path):
    library = Library(**NM)
    top = library.new_cell("TOP")
    top.add(gdstk.Reference("NOWHERE"), gdstk.rectangle((0, 0), (1, 1), layer=1))
    library.write_gds(tmp_path / "missing.gds")
    with pytest.raises(LayoutError, match="Missing referenced cell NOWHERE"):
        read_layout(tmp_path / "missing.gds")
