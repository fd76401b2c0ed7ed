"""Tile files and manifests: whole or refused in one sentence, and nothing of theirs is ever run."""

from __future__ import annotations

import hashlib
import io
import json
import os
import resource
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chip_toys import key_of, toy_tasks
from hypothesis import given, settings
from hypothesis import strategies as st

from litho.chip.executors import Outcome
from litho.chip.manifest import FILE, ForeignRun, Manifest
from litho.chip.store import SUM_BYTES, DamagedTile, StoreFull, TileStore

KEY = key_of("a tile")
IDENTITY = {"layout": "ab", "recipe": {"optics": {"na": 1.35}, "method": "pixel"}, "version": "0.1.0"}


@pytest.fixture
def store(tmp_path: Path) -> TileStore:
    return TileStore(tmp_path / "tiles")


def put(store: TileStore, key: str = KEY) -> bytes:
    """Put a tile; return the file's bytes."""
    store.put(key, {"level": np.arange(12, dtype=np.float32).reshape(3, 4)}, {"seconds": 0.1})
    return store.path(key).read_bytes()


def signed(data: bytes) -> bytes:
    """Return the bytes of a file with a checksum that fits: what a forger would do."""
    return data[:-SUM_BYTES] + b"sha256:" + hashlib.sha256(data[:-SUM_BYTES]).hexdigest().encode()


def forged(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """Return a signed tile file of any members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        archive.comment = b"-" * SUM_BYTES
    return signed(buffer.getvalue())


def about(key: str = KEY) -> bytes:
    return json.dumps({"key": key, "info": {}}).encode()


def test_a_tile_comes_back_as_it_was_put(store: TileStore, rng: np.random.Generator) -> None:
    arrays = {
        "level": rng.standard_normal((5, 7)).astype(np.float32),
        "turned": rng.standard_normal((5, 7)).T,
        "fields": rng.standard_normal((2, 3)) + 1j,
        "empty": np.zeros((0, 2)),
        "count": np.array(7),
        "names": np.array(["a", "bc"]),
    }
    info = {"nm": 0.1 + 0.2, "names": ["é", ""], "nested": {"none": None}}
    store.put(KEY, arrays, info)
    found = store.get(KEY)
    assert found.info == info
    assert list(found.arrays) == sorted(arrays)
    for name, array in arrays.items():
        assert found.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(found.arrays[name], array)
    with np.load(store.path(KEY), allow_pickle=False) as plain:
        np.testing.assert_array_equal(plain["level"], arrays["level"])


def test_equal_content_is_equal_bytes(store: TileStore, tmp_path: Path) -> None:
    assert put(store) == put(TileStore(tmp_path / "elsewhere"))


def test_who_reads_while_others_write_sees_whole_files_only(store: TileStore) -> None:
    levels = [np.full((200, 200), float(value)) for value in range(2)]
    store.put(KEY, {"level": levels[0]}, {})

    def write(level: np.ndarray[Any, Any]) -> None:
        for _ in range(40):
            store.put(KEY, {"level": level}, {})

    writers = [threading.Thread(target=write, args=(level,)) for level in levels]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        assert store.is_whole(KEY)
        seen |= set(np.unique(store.get(KEY).arrays["level"]))
        assert len(np.unique(store.get(KEY).arrays["level"])) == 1
    for writer in writers:
        writer.join()
    assert seen <= {0.0, 1.0} and list(store.keys()) == [KEY] and store.sweep() == 0


def test_keys_are_listed_and_leftovers_of_killed_writers_are_not_tiles(store: TileStore) -> None:
    keys = sorted(key_of(i) for i in range(5))
    for key in keys:
        put(store, key)
    leftover = store.path(keys[0]).with_name(f".{keys[0]}-1234abcd.npz")
    leftover.write_bytes(b"half of a")
    assert list(store.keys()) == keys
    assert store.sweep() == 1 and not leftover.exists()
    assert all(store.is_whole(key) for key in keys)
    store.path(keys[0]).unlink()
    assert not store.is_whole(keys[0]) and list(store.keys()) == keys[1:]


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "ABCDEF0123", "ab/cdef01", "a" * 7, "g" * 64, "a" * 129])
def test_a_key_is_no_path(store: TileStore, key: str) -> None:
    for use in (store.path, store.get, store.is_whole):
        with pytest.raises(ValueError, match="`key` must be 8 to 128 hexadecimal digits"):
            use(key)


@pytest.mark.parametrize(("name", "array"), [("../x", np.zeros(1)), ("x", np.array([{}])), ("", np.zeros(1))])
def test_only_plain_arrays_by_plain_names_are_put(store: TileStore, name: str, array: Any) -> None:
    with pytest.raises(ValueError, match="`arrays` must be plain numbers by plain names"):
        store.put(KEY, {name: array}, {})
    assert not store.is_whole(KEY)


def test_a_missing_tile_is_said_to_be_missing(store: TileStore) -> None:
    assert not store.is_whole(KEY)
    with pytest.raises(DamagedTile, match=r"^Tile [0-9a-f]{12} must be whole in .*, but there is no such file\.$"):
        store.get(KEY)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_flipped_bit_is_noticed_wherever_it_is(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    store = TileStore(tmp_path_factory.mktemp("store"))
    whole = bytearray(put(store))
    place = data.draw(st.integers(0, 8 * len(whole) - 1))
    whole[place // 8] ^= 1 << place % 8
    store.path(KEY).write_bytes(whole)
    assert not store.is_whole(KEY)
    with pytest.raises(DamagedTile):
        store.get(KEY)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_file_cut_short_or_run_on_is_noticed(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    store = TileStore(tmp_path_factory.mktemp("store"))
    whole = put(store)
    length = data.draw(st.integers(0, len(whole) - 1))
    for wrong in (whole[:length], whole + whole[:length] + b"x"):
        store.path(KEY).write_bytes(wrong)
        assert not store.is_whole(KEY)
        with pytest.raises(DamagedTile):
            store.get(KEY)


class Bomb:
    """An object that writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_objects_in_a_file_are_never_made_even_if_its_checksum_fits(store: TileStore, tmp_path: Path) -> None:
    import pickle

    put(store)
    boom = tmp_path / "boom"
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.array([Bomb(boom)], dtype=object), version=(1, 0), allow_pickle=True)
    plain = pickle.dumps(Bomb(boom))
    wrongs = [
        plain,
        signed(plain + b"-" * SUM_BYTES),
        forged({"tile.json": about(), "level.npy": buffer.getvalue()}),
        forged({"tile.json": about(), "level.npy": plain}),
        forged({"tile.json": plain}),
    ]
    for wrong in wrongs:
        store.path(KEY).write_bytes(wrong)
        with pytest.raises(DamagedTile):
            store.get(KEY)
        assert not boom.exists()
    pickle.loads(plain)
    assert boom.exists()  # so it would have been seen


def npy(header: str, data: bytes = b"") -> bytes:
    """Return an `.npy` member with any header."""
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


@pytest.mark.parametrize(
    "members",
    [
        {"tile.json": about(key_of("another tile"))},
        {"tile.json": b"[]"},
        {"tile.json": b"[" * 100_000},
        {"level.npy": b""},
        {"tile.json": about(), "level.npy": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,)}")},
        {
            "tile.json": about(),
            "level.npy": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -1)}", b"x" * 8),
        },
        {"tile.json": about(), "level.npy": npy("{'descr': '|O', 'fortran_order': False, 'shape': (0,)}")},
        {"tile.json": about(), "level.npy": npy("__import__('os').abort()")},
        {"tile.json": about(), "level.npy": b"\x93NUMPY\x09\x00"},
    ],
)
def test_a_foreign_file_is_refused_even_if_its_checksum_fits(store: TileStore, members: dict[str, bytes]) -> None:
    put(store)
    store.path(KEY).write_bytes(forged(members))
    assert store.is_whole(KEY)  # as a file; whose it is, is seen when it is read
    with pytest.raises(DamagedTile):
        store.get(KEY)


def test_a_file_that_would_grow_when_read_is_refused(store: TileStore) -> None:
    put(store)
    zeros = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (50000000,)}", bytes(50_000_000))
    small = forged({"tile.json": about(), "level.npy": zeros}, zipfile.ZIP_DEFLATED)
    assert len(small) < 100_000
    store.path(KEY).write_bytes(small)
    with pytest.raises(DamagedTile, match="it is compressed"):
        store.get(KEY)


def test_a_tile_copied_over_another_is_noticed(store: TileStore) -> None:
    put(store)
    other = put(store, key_of("another tile"))
    store.path(KEY).write_bytes(other)
    with pytest.raises(DamagedTile, match="it says that it is tile"):
        store.get(KEY)


def test_a_tile_that_cannot_be_written_leaves_the_old_one_and_nothing_else(store: TileStore) -> None:
    before = put(store)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limit[1]))
    try:
        with pytest.raises(StoreFull, match=r"`out` must have room, but .* could not be written: File too large"):
            store.put(KEY, {"level": np.zeros(100_000)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert store.path(KEY).read_bytes() == before
    assert [path.name for path in store.path(KEY).parent.iterdir()] == [f"{KEY}.npz"]


def outcome(number: int, error: str | None = None, tries: int = 1) -> Outcome:
    task = toy_tasks(3)[number]
    return Outcome(task.key, task.name, 1.25, error, tries)


def begun(folder: Path) -> Manifest:
    """Return the manifest of a run with one tile done, one failed and one planned."""
    manifest = Manifest.begin(folder, IDENTITY, resume=False)
    manifest.plan("correct", 3)
    manifest.note("correct", outcome(0))
    manifest.note("correct", outcome(1, "`target` must be printable.", tries=3))
    return manifest


def test_a_manifest_says_what_is_planned_done_and_failed(tmp_path: Path) -> None:
    with begun(tmp_path) as manifest:
        assert manifest.counts() == {"correct": {"planned": 1, "done": 1, "failed": 1}}
        (failure,) = manifest.failures()
        assert (failure.doing, failure.name, failure.tries) == ("correct", "c001_r000 correct", 3)
        assert failure.error == "`target` must be printable."
    with Manifest.begin(tmp_path, IDENTITY, resume=True) as manifest:
        assert manifest.counts() == {"correct": {"planned": 1, "done": 1, "failed": 1}}
        manifest.plan("correct", 3)  # what failed is tried again
        assert manifest.counts() == {"correct": {"planned": 2, "done": 1, "failed": 0}}
        manifest.note("correct", outcome(0, tries=0))
        assert manifest.seconds("correct") == {toy_tasks(3)[0].key: 1.25}  # not forgotten when it is found again
        manifest.finish("correct", {toy_tasks(3)[1].key})  # another run's tasks are forgotten
        assert manifest.seconds("correct") == {}


def test_a_folder_is_not_used_twice_without_being_told(tmp_path: Path) -> None:
    begun(tmp_path).close()
    with pytest.raises(ForeignRun, match=r"`out` must be a new folder, or be continued with --resume"):
        Manifest.begin(tmp_path, IDENTITY, resume=False)


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    with begun(tmp_path), pytest.raises(OSError, match="`out` must be a folder of its own for each run"):
        Manifest.begin(tmp_path, IDENTITY, resume=True)
    Manifest.begin(tmp_path, IDENTITY, resume=True).close()


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"layout": "cd"}, 'layout was "ab" and now is "cd"'),
        ({"version": "0.2.0"}, 'version was "0.1.0" and now is "0.2.0"'),
        ({"recipe": {"optics": {"na": 1.2}, "method": "pixel"}}, r"recipe\.optics\.na was 1\.35 and now is 1\.2"),
        ({"recipe": {"optics": {"na": 1.35}}}, 'recipe.method was "pixel" and now is not there'),
        ({"layer": "1/0"}, 'layer was not there and now is "1/0"'),
    ],
)
def test_another_layout_recipe_or_version_is_not_mixed_in(tmp_path: Path, change: dict[str, Any], where: str) -> None:
    begun(tmp_path).close()
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(ForeignRun, match=f"`out` must hold a run of the same layout, recipe and version.*{where}"):
        Manifest.begin(tmp_path, IDENTITY | change, resume=True)
    assert (tmp_path / FILE).read_bytes() == before
    Manifest.begin(tmp_path, IDENTITY, resume=True).close()


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("1.35", "1.36"),
        lambda text: text.replace('"done"', '"planned"'),
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[]",
        lambda text: "null",
        lambda text: "[" * 100_000,
        lambda text: '{"sha256": "x"}',
        lambda text: "\0\xff",
    ],
)
def test_a_damaged_or_foreign_manifest_is_refused_in_one_sentence(tmp_path: Path, damage: Any) -> None:
    begun(tmp_path).close()
    path = tmp_path / FILE
    path.write_text(damage(path.read_text()), encoding="latin-1")
    with pytest.raises(ForeignRun, match=r"`out` must hold a manifest that is whole, but .*manifest\.json") as told:
        Manifest.begin(tmp_path, IDENTITY, resume=True)
    assert "\n" not in str(told.value)


def test_a_manifest_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    with begun(tmp_path) as manifest:
        manifest.save()
        before = (tmp_path / FILE).read_bytes()
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limit[1]))
        try:
            with pytest.raises(StoreFull, match="File too large"):
                manifest.save()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        assert (tmp_path / FILE).read_bytes() == before


def test_a_folder_that_cannot_be_written_in_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="`out` must be a folder that can be written in"):
        Manifest.begin(tmp_path / "file" / "out", IDENTITY, resume=False)


def test_writing_the_manifest_takes_a_small_share_of_a_long_run(tmp_path: Path) -> None:
    """Ten thousand outcomes at once are noted without writing the file ten thousand times."""
    tasks = toy_tasks(10_000)
    with Manifest.begin(tmp_path, IDENTITY, resume=False) as manifest:
        written = []
        save = manifest.save
        manifest.save = lambda: (written.append(1), save())[1]  # type: ignore[method-assign]
        manifest.plan("correct", len(tasks))
        for task in tasks:
            manifest.note("correct", Outcome(task.key, task.name, 0.1, None, 1))
        assert len(written) < 20


def test_reading_and_writing_tiles_imports_nothing_slow() -> None:
    """Workers start fast."""
    code = (
        "import sys, litho.chip.processes, litho.chip.manifest; "
        "sys.exit(bool({'distributed', 'scipy', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
