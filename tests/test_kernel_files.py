"""Kernel files: the contest's and our own are read exactly, and whatever is wrong is refused in one sentence."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litho import kernel_files
from litho.kernel_files import read_kernels, write_kernels
from litho.pupil import Optics
from litho.socs import Kernels
from litho.source import Source
from litho.tcc import socs_kernels


def valid(rng: np.random.Generator) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    for name in ("focus", "defocus"):
        values = rng.standard_normal((4, 5, 7)) + 1j * rng.standard_normal((4, 5, 7))
        arrays[f"{name}_kernels"] = values.astype(np.complex64)
        arrays[f"{name}_weights"] = np.array([4, 3, 2, 1], dtype=np.float32)
    return arrays


def test_a_contest_file_is_read_with_the_zeroth_order_first(rng: np.random.Generator, tmp_path: Path) -> None:
    arrays = valid(rng)
    np.savez(tmp_path / "k.npz", **arrays)
    kernels = read_kernels(tmp_path / "k.npz")
    assert list(kernels) == ["focus", "defocus"]
    focus = kernels["focus"]
    assert (focus.spectra[:, 0, 0] == arrays["focus_kernels"][:, 2, 3]).all()
    assert (focus.spectra[:, 1, -2] == arrays["focus_kernels"][:, 3, 1]).all()
    assert (focus.weights == arrays["focus_weights"]).all()
    assert focus.spectra.dtype == np.complex64 and focus.radius == (2, 3)
    assert focus.period_nm == (2048.0, 2048.0) and focus.truncation_error is None
    assert (focus.defocus_nm, kernels["defocus"].defocus_nm) == (0.0, 25.0)


@pytest.mark.data
def test_the_kernels_of_the_contest_have_their_known_clear_field(data_dir: Path) -> None:
    kernels = read_kernels(data_dir / "iccad13" / "optical_kernels.npz", (2048, 2048))
    assert kernels["focus"].clear_intensity == pytest.approx(0.9515, abs=5e-5)
    assert kernels["defocus"].clear_intensity == pytest.approx(0.9417, abs=5e-5)
    assert kernels["focus"].spectra.shape == (24, 35, 35)
    assert np.allclose((np.abs(kernels["focus"].spectra) ** 2).sum((1, 2)), 1, atol=1e-5)


def test_our_own_kernels_come_back_as_they_went(tmp_path: Path) -> None:
    optics = Optics(193, 0.9, Source.conventional(0.6), zernikes={7: 0.05}, vibration_nm=8.0, flare=0.02)
    kernels = {f"z{z}": socs_kernels(optics, (900.0, 700.0), z, count=6) for z in (0, 80)}
    write_kernels(tmp_path / "own.npz", kernels)
    back = read_kernels(tmp_path / "own.npz", (900.0, 700.0))
    assert list(back) == ["z0", "z80"]
    for name, k in kernels.items():
        assert (back[name].spectra == k.spectra).all() and (back[name].weights == k.weights).all()
        assert back[name].period_nm == k.period_nm and back[name].defocus_nm == k.defocus_nm
        assert back[name].truncation_error == k.truncation_error
        assert k.background is not None and np.array_equal(back[name].background, k.background)
        assert k.transfer is not None and np.array_equal(back[name].transfer, k.transfer)
    with pytest.raises(ValueError, match=r"`period_nm` must be that of the file's kernels, \(900.0, 700.0\) nm"):
        read_kernels(tmp_path / "own.npz", (700.0, 900.0))


def test_writing_is_whole_or_not_at_all(rng: np.random.Generator, tmp_path: Path, monkeypatch: Any) -> None:
    kernels = {"focus": Kernels(np.ones((1, 3, 3), complex), np.ones(1), (100.0, 100.0))}
    path = tmp_path / "k.npz"
    path.write_bytes(b"before")

    def fail(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(KeyboardInterrupt):
        write_kernels(path, kernels)
    assert path.read_bytes() == b"before" and list(tmp_path.iterdir()) == [path]


def test_kernels_of_several_fields_or_none_are_not_written(tmp_path: Path) -> None:
    one, two = (Kernels(np.ones((1, 3, 3), complex), np.ones(1), (p, p)) for p in (100.0, 200.0))
    for kernels, count in (({"a": one, "b": two}, 2), ({}, 0)):
        with pytest.raises(ValueError, match=f"`kernels` must be of one field, but got those of {count}"):
            write_kernels(tmp_path / "k.npz", kernels)
    assert not list(tmp_path.iterdir())


def changed(**arrays: Any) -> Any:
    def change(values: dict[str, np.ndarray]) -> dict[str, Any]:
        merged = values | arrays
        return {name: array for name, array in merged.items() if array is not None}

    return change


NAN = np.array([1, np.nan, 0.5, 0.2])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda values: {"mask": np.ones(3)}, "the arrays focus_kernels and focus_weights are missing"),
        (changed(focus_weights=None), "the array focus_weights is missing"),
        (changed(defocus_kernels=None), "the array defocus_kernels is missing"),
        (changed(focus_kernels=np.ones((4, 5, 7))), "focus_kernels must be complex, but is float64"),
        (changed(focus_kernels=np.ones((5, 7), complex)), r"must have 3 axes, but has shape \(5, 7\)"),
        (changed(focus_kernels=np.ones((4, 6, 7), complex)), r"\(kernels, odd, odd\), but has \(4, 6, 7\)"),
        (changed(focus_kernels=np.ones((0, 5, 7), complex)), r"but has \(0, 5, 7\)"),
        (changed(focus_kernels=np.full((4, 5, 7), np.inf + 0j)), "focus_kernels holds a value that is not finite"),
        (changed(focus_weights=NAN), "focus_weights holds a value that is not finite"),
        (changed(focus_weights=np.ones(3)), r"one entry per kernel \(4\), but has 3"),
        (changed(focus_weights=np.array([2.0, 1, 0.5, -1])), "focus_weights must not be negative, but holds -1"),
        (changed(focus_weights=np.ones(4, complex)), "focus_weights must be real, but is complex128"),
        (changed(focus_weights=np.array(["a"] * 4)), "focus_weights must be real, but is <U1"),
        (changed(focus_weights=np.array([None] * 4)), "focus_weights must be real, but is object"),  # pickled
        (changed(period_nm=np.array([0.0, 10.0])), "period_nm must be two positive lengths"),
        (changed(period_nm=np.ones(3)), "period_nm must be two positive lengths"),
        (
            lambda values: {f"z{k}": v for k, v in values.items()},
            "the array zfocus_defocus_nm is missing",
        ),
    ],
)
def test_bad_contents_are_refused_in_one_sentence(
    change: Any, words: str, rng: np.random.Generator, tmp_path: Path
) -> None:
    path = tmp_path / "k.npz"
    np.savez(path, **change(valid(rng)))
    with pytest.raises(ValueError, match=words) as error:
        read_kernels(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_what_is_no_npz_file_is_refused_in_one_sentence(rng: np.random.Generator, tmp_path: Path) -> None:
    whole = io.BytesIO()
    np.savez_compressed(whole, **valid(rng))
    cases = {"empty": b"", "text": b"hello", "truncated": whole.getvalue()[:-300]}
    for name, data in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match=r"`path` must be a whole \.npz file, but "):
            read_kernels(tmp_path / name)
    with pytest.raises(ValueError, match=r"`path` must be a file, but .* does not exist"):
        read_kernels(tmp_path / "none.npz")
    with pytest.raises(ValueError, match="`path` must be readable, but "):
        read_kernels(tmp_path)


def test_a_damaged_member_is_refused(rng: np.random.Generator, tmp_path: Path) -> None:
    whole = io.BytesIO()
    np.savez(whole, **valid(rng))
    data = bytearray(whole.getvalue())
    data[data.index(b"\x93NUMPY") + 400] ^= 0xFF
    (tmp_path / "k.npz").write_bytes(bytes(data))
    with pytest.raises(ValueError, match=r"whole \.npz file, but .*CRC"):
        read_kernels(tmp_path / "k.npz")


def header(shape: tuple[int, ...], dtype: str = "<c16") -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"shape": shape, "fortran_order": False, "descr": dtype})
    return stream.getvalue()


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (header((10**6, 999, 999)), r"focus_kernels claims shape \(1000000, 999, 999\), 15,968,016,000,000 bytes"),
        (header((4, 5, 7)) + bytes(100), r"does not have the length that its shape \(4, 5, 7\) needs"),
        (header((4, 5, -7)), "does not have the length"),
        (b"garbage, and more of it", "focus_kernels is no array in .npy format"),
        (b"\x93NUMPY\x09\x00" + bytes(50), "focus_kernels is no array in .npy format"),
    ],
)
def test_a_file_that_claims_more_than_it_holds_is_refused_unread(member: bytes, words: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "k.npz", "w") as archive:
        archive.writestr("focus_kernels.npy", member)
        archive.writestr("focus_weights.npy", header((1,), "<f8") + bytes(8))
    with pytest.raises(ValueError, match=words):
        read_kernels(tmp_path / "k.npz")


def test_a_small_file_that_unpacks_to_too_much_is_refused_unread(tmp_path: Path, monkeypatch: Any) -> None:
    np.savez_compressed(tmp_path / "k.npz", focus_kernels=np.zeros((50, 101, 101), complex), focus_weights=np.ones(50))
    assert (tmp_path / "k.npz").stat().st_size < 20_000
    monkeypatch.setattr(kernel_files, "MAX_BYTES", 2**20)
    monkeypatch.setattr(np.lib.format, "read_array", None)  # nothing may be read
    with pytest.raises(ValueError, match="and at most 1,048,576 are read"):
        read_kernels(tmp_path / "k.npz")
