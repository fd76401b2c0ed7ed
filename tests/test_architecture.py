"""The shape of the code: who may import whom, how long things may be, and what the project may speak of."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "litho"
MODULES = sorted(PACKAGE.rglob("*.py"))

ROWS = (
    {
        *("backend", "grid", "fourier", "resources", "check", "quadrature"),
        *("cuda", "band_kernels", "step_kernels", "cuda_graph", "dft_cost", "matrix_products", "matrix_dft"),
    },
    {
        *("cells", "polygons", "outlines", "mask_bias", "layout", "patterns", "raster", "io"),
        *("box_index", "crossings", "flattened", "patterns_array"),
        *("rule_set", "outline_pieces", "outline_regions", "facing", "disc_residue"),
    },
    {
        *("source", "source_shapes", "source_maps", "source_files", "zernike", "pupil", "pupil_maps", "focus"),
        *("film_waves", "films", "film_curves", "euv_mirror", "vector", "depth_modes"),
        *("mask", "mask_layers", "thick_mask", "euv", "mask_spectrum", "polygon_spectrum", "wave_sums"),
        *(
            "shifted_pupils",
            "source_weights",
            "source_spacing",
            "probes",
            "abbe",
            "parity",
            "tcc",
            "tcc_blocks",
            "socs",
            "image",
            "band_image",
            "image_error",
            "kernel_files",
            "source_space",
            "source_images",
        ),
    },
    {"resist", "process", "diffusion", "exposure", "bake", "development", "variable_threshold"},
    {
        *("losses", "print_loss", "model", "parametrize", "optimize", "pixel_ilt"),
        *("level_set", "signed_distance", "nucleation", "level_set_steps", "level_set_ilt", "smo"),
    },
    {
        *(
            "contour",
            "gpu_geometry",
            "curves",
            "metrics",
            "shots",
            "line_profile",
            "cutline",
            "meef",
            "process_window",
            "window_fit",
        ),
        *("edge_placement", "local_widths", "printability", "hotspots", "front", "resist_profile", "etch"),
        *("shot_noise", "roughness", "failures", "rare_failures", "stochastics", "placement_window"),
    },
    {
        *("outline_radius", "mask_rules", "rule_report", "rule_repair"),
        *("spline_mask", "curve_checks", "curve_penalties", "spline_ilt"),
        *("rectangles", "trapezoids", "curve_shots", "shot_fit", "fracture", "multibeam", "write_time"),
    },
    {
        *("fragments", "edge_moves", "edge_image", "edge_opc", "edge_area", "edge_masks", "move_limits", "srafs"),
        *("rule_opc", "opc_settings"),
    },
)
"""Rows of the module map: a module imports from its own row and the rows before it. What is in none is an edge."""

ARRAY_MODULES = {
    *(
        "fourier",
        "dft_cost",
        "matrix_products",
        "matrix_dft",
        "check",
        "quadrature",
        "pupil",
        "pupil_maps",
        "zernike",
        "focus",
        "vector",
        "film_waves",
        "films",
    ),
    *("film_curves", "euv_mirror", "mask", "polygon_spectrum", "wave_sums", "shifted_pupils", "abbe", "socs", "image"),
    "source_images",
    *ROWS[3],
    *ROWS[4],
}
"""Modules that run on any array library and therefore import none."""


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Full names of what a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def row_of(name: str) -> int:
    return next((i for i, row in enumerate(ROWS) if name in row), len(ROWS))


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_from_its_own_row_and_those_above_only(path: Path) -> None:
    if name_of(path) == "__init__":
        return
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "litho" and len(parts) > 1 and parts[1] != "__version__":
            assert row_of(parts[1]) <= row_of(name_of(path)), f"{path.name} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_array_modules_import_no_array_library_and_cupy_stands_in_the_backend_only(path: Path) -> None:
    roots = {name.split(".")[0] for name in imported(path)}
    if name_of(path) in ARRAY_MODULES:
        assert not roots & {"numpy", "cupy", "scipy"}
    if name_of(path) not in ("backend", "cuda"):
        assert "cupy" not in roots and "cupyx" not in roots


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_stay_short(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            has_docstring = ast.get_docstring(node) is not None
            body = node.body[1:] if has_docstring and len(node.body) > 1 else node.body
            assert (node.end_lineno or 0) - body[0].lineno < 50, f"{node.name} in {path.name}"


def test_data_folders_are_no_packages() -> None:
    assert not list((ROOT / "kernels").rglob("*.py")) and not list((ROOT / "masks").rglob("*.py"))


def test_nothing_is_unpickled_or_evaluated() -> None:
    for path in MODULES:
        assert not re.search(r"\bpickle\b(?!=False)|allow_pickle=True|\beval\(|\bexec\(", path.read_text()), path.name


def test_every_module_says_what_it_is_for() -> None:
    for path in MODULES:
        assert ast.get_docstring(ast.parse(path.read_text())), path
