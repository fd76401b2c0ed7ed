"""Open computational lithography: aerial images and inverse lithography, exact in the lens band.

Data flow: io -> layout -> raster -> mask -> fourier -> socs -> resist -> losses, back through each `_adjoint` to
parametrize, then optimize, and at the end contour -> curves -> io. A newcomer reads `pixel_ilt`, `model`, `socs`, in
that order. A module imports from its own row and those above it only.

foundation
    `backend` which library holds the data; `grid` positions; `fourier` one convention, pixels <-> lens band;
    `quadrature` Gauss sums; `check` dot and gradient tests; `resources` where data lies; `cuda` compiles and launches
    what lies in `kernels/`, `band_kernels` and `step_kernels` some of it, `cuda_graph` whole steps; `matrix_dft` a
    pruned transform as `matrix_products`, where `dft_cost` says so
geometry
    `layout` polygons of a file, `flattened` where they are looked at, by a `box_index`; `polygons` merging, `crossings`
    how many; `outlines` regions and holes; `mask_bias` moved edges, round corners; `io` GDS, OASIS, GLP; `raster` exact
    coverage; `patterns` and `patterns_array` samples; `rule_set` what a mask shop asks for, measured on
    `outline_pieces` and `outline_regions` by `facing` stretches and the `disc_residue`
optics
    `source` with its `source_shapes`, `source_maps` and `source_files`; `pupil` the lens, with `zernike` and
    `pupil_maps`; `focus` blur and flare; `vector` polarisation
films
    `film_waves` plane waves in layers; `films` fields, energy and depth means; `film_curves` standing waves, swing
    curves, coatings; `depth_modes` means over depth at the cost of a few depths; `euv_mirror` the Mo/Si mirror
mask
    `mask` coverage to transmission; `mask_layers` phase masks; `thick_mask` edge strips; `euv` shadows; `mask_spectrum`
    the exact spectrum of each, `polygon_spectrum` of polygons with its derivative in every vertex
image
    `shifted_pupils` what the lens passes for each source point; `source_weights` their light, `source_spacing` how
    many; `abbe` slow and obvious reference, with gradients; `tcc` coherent kernels, from `tcc_blocks` by `parity`;
    `socs` fast image; `image` an image known everywhere; `image_error` what it may be wrong by, at `probes`;
    `kernel_files` kernels in files; `source_space` sources that can be made, `source_images` what each part images
process
    `resist` threshold; `variable_threshold`; `process` corners of dose and focus; `exposure` Dill; `diffusion`; `bake`
    reaction and diffusion; `development` rates
inverse
    `losses` what is punished; `model` the chain and its reverse, `print_loss` its end in one pass; `parametrize`
    variables to mask; `optimize` batched L-BFGS; `pixel_ilt` coarse to fine; `level_set_ilt` moves edges, with
    `level_set`, `signed_distance`, `level_set_steps` and `nucleation`; `smo` source and mask together
verify
    `metrics` L2, PV band, EPE; `contour` sub-pixel outlines, `gpu_geometry` what of it runs on a GPU; `curves` closed
    splines; `shots` rectangle counts; `cutline` CD and NILS on a `line_profile`; `band_image` what they measure;
    `edge_placement`; `local_widths`; `meef`; `process_window`, `placement_window` and `window_fit`; `printability` side
    lobes; `hotspots`; `front`, `resist_profile` and `etch` after exposure; `shot_noise` photons, `roughness`,
    `failures`, `rare_failures`, and `stochastics` of them
rules
    `mask_rules` checks, with `outline_radius` and `rule_report`, and `rule_repair` mends; `spline_ilt` refines curves,
    with `spline_mask`, `curve_penalties` and `curve_checks`; `fracture` into `rectangles`, `trapezoids` or overlapping
    `curve_shots` that `shot_fit` moves; `multibeam` doses; `write_time`
opc
    `fragments` of a target's edges; `edge_moves` to outlines; `edge_image` what they image, and its MEEF matrix;
    `edge_opc` steps at sites, `edge_area` on the whole print; `rule_opc` biases and serifs; `move_limits` mask rules;
    `srafs`; `edge_masks` all of it, by `opc_settings`
edges
    `config`, `recipe_tables`, `recipe_sources`, `recipe_optics` and `recipe_verify` recipes; `job` what is read; `flow`
    from a job to each `result`, as many at once as `clip_memory` says; `device_failures` what to say if it runs out, or
    a GPU fails; `exact_images` and `metrology` of a clip, with masks of `given_masks`; `outputs` and
    `markers` files; `pictures`, `window_pictures`, `verify_pictures` in one `plot_style`; `report`; `spline_flow`,
    `opc_flow` and `smo_flow` by other methods; `cli`, `bench`, `opc_command`, `smo_command`, `fracture_command` and
    `chip_command` commands; `benchmark` speed and energy, of all ways to compute
chips
    `chip` whole layouts: tiles, what joins them, who computes them, and how nothing is lost
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOME = {
    "AerialImage": "image",
    "Bake": "bake",
    "BoundaryLayer": "thick_mask",
    "Corner": "process",
    "CutLine": "cutline",
    "EdgeStrip": "thick_mask",
    "EnhancedMackRate": "development",
    "EtchBias": "etch",
    "EuvMask": "euv",
    "Exposure": "exposure",
    "Film": "films",
    "Flare": "focus",
    "FocusSpread": "focus",
    "FractureSettings": "fracture",
    "FragmentSettings": "fragments",
    "Gradients": "abbe",
    "Grid": "grid",
    "IltResult": "pixel_ilt",
    "IltSettings": "pixel_ilt",
    "JonesPupil": "pupil_maps",
    "Kernels": "socs",
    "Layout": "layout",
    "LevelSetSettings": "level_set_ilt",
    "LevelSetStage": "level_set_ilt",
    "LossWeights": "losses",
    "MackRate": "development",
    "Mask": "mask",
    "MaskLayer": "mask_layers",
    "MaskLayers": "mask_layers",
    "MaskRules": "rule_set",
    "MultiBeamWriter": "write_time",
    "OpcSettings": "opc_settings",
    "Optics": "pupil",
    "Process": "process",
    "PupilMap": "pupil_maps",
    "Repair": "rule_repair",
    "Resist": "resist",
    "ResistProfile": "resist_profile",
    "RuleViolation": "rule_set",
    "Seeding": "nucleation",
    "ShapedBeamWriter": "write_time",
    "ShotNoise": "shot_noise",
    "SmoResult": "smo",
    "SmoSettings": "smo",
    "Source": "source",
    "SourceLimits": "source_space",
    "SplineResult": "spline_ilt",
    "SplineSettings": "spline_ilt",
    "SrafSettings": "opc_settings",
    "Stack": "films",
    "Stage": "pixel_ilt",
    "StepSettings": "edge_opc",
    "ThickMask": "thick_mask",
    "VariableThreshold": "variable_threshold",
    "abbe_image": "abbe",
    "abbe_image_adjoint": "abbe",
    "aerial_image": "image",
    "arrival_time": "front",
    "bias_table": "rule_opc",
    "biased": "mask_bias",
    "bleach": "exposure",
    "check_mask": "mask_rules",
    "contact_statistics": "stochastics",
    "contours": "contour",
    "correct_fragments": "edge_opc",
    "corrected_mask": "edge_masks",
    "coverage": "raster",
    "deprotect": "bake",
    "develop_variable": "variable_threshold",
    "dose_map": "multibeam",
    "etched": "etch",
    "evaluate": "metrics",
    "exposure_window": "process_window",
    "fragmented": "fragments",
    "gaussian_diffusion": "diffusion",
    "generate_acid": "exposure",
    "guided_bars": "srafs",
    "ilt": "pixel_ilt",
    "isofocal_dose": "process_window",
    "join_holes": "contour",
    "latitude_curve": "window_fit",
    "line_statistics": "stochastics",
    "measure": "cutline",
    "minimum_rectangles": "rectangles",
    "moved_outlines": "edge_moves",
    "multilayer": "euv_mirror",
    "pupil_fill": "source_space",
    "rare_failure": "rare_failures",
    "read_kernels": "kernel_files",
    "read_layout": "layout",
    "read_source": "source_files",
    "remaining_height": "resist_profile",
    "repair_mask": "rule_repair",
    "rounded": "mask_bias",
    "rule_bars": "srafs",
    "socs_kernels": "tcc",
    "sources_within": "source_space",
    "standing_wave": "film_curves",
    "swing_curve": "film_curves",
    "target_sites": "edge_placement",
    "through_focus": "process_window",
    "write_oasis": "io",
    "write_source": "source_files",
    "__version__": "info",
}
"""Public names and the modules they come from."""

__all__ = [
    "AerialImage",
    "Bake",
    "BoundaryLayer",
    "Corner",
    "CutLine",
    "EdgeStrip",
    "EnhancedMackRate",
    "EtchBias",
    "EuvMask",
    "Exposure",
    "Film",
    "Flare",
    "FocusSpread",
    "FractureSettings",
    "FragmentSettings",
    "Gradients",
    "Grid",
    "IltResult",
    "IltSettings",
    "JonesPupil",
    "Kernels",
    "Layout",
    "LevelSetSettings",
    "LevelSetStage",
    "LossWeights",
    "MackRate",
    "Mask",
    "MaskLayer",
    "MaskLayers",
    "MaskRules",
    "MultiBeamWriter",
    "OpcSettings",
    "Optics",
    "Process",
    "PupilMap",
    "Repair",
    "Resist",
    "ResistProfile",
    "RuleViolation",
    "Seeding",
    "ShapedBeamWriter",
    "ShotNoise",
    "SmoResult",
    "SmoSettings",
    "Source",
    "SourceLimits",
    "SplineResult",
    "SplineSettings",
    "SrafSettings",
    "Stack",
    "Stage",
    "StepSettings",
    "ThickMask",
    "VariableThreshold",
    "__version__",
    "abbe_image",
    "abbe_image_adjoint",
    "aerial_image",
    "arrival_time",
    "bias_table",
    "biased",
    "bleach",
    "check_mask",
    "contact_statistics",
    "contours",
    "correct_fragments",
    "corrected_mask",
    "coverage",
    "deprotect",
    "develop_variable",
    "dose_map",
    "etched",
    "evaluate",
    "exposure_window",
    "fragmented",
    "gaussian_diffusion",
    "generate_acid",
    "guided_bars",
    "ilt",
    "isofocal_dose",
    "join_holes",
    "latitude_curve",
    "line_statistics",
    "measure",
    "minimum_rectangles",
    "moved_outlines",
    "multilayer",
    "pupil_fill",
    "rare_failure",
    "read_kernels",
    "read_layout",
    "read_source",
    "remaining_height",
    "repair_mask",
    "rounded",
    "rule_bars",
    "socs_kernels",
    "sources_within",
    "standing_wave",
    "swing_curve",
    "target_sites",
    "through_focus",
    "write_oasis",
    "write_source",
]

if TYPE_CHECKING:
    from litho.abbe import Gradients, abbe_image, abbe_image_adjoint
    from litho.bake import Bake, deprotect
    from litho.contour import contours, join_holes
    from litho.cutline import CutLine, measure
    from litho.development import EnhancedMackRate, MackRate
    from litho.diffusion import gaussian_diffusion
    from litho.edge_masks import corrected_mask
    from litho.edge_moves import moved_outlines
    from litho.edge_opc import StepSettings, correct_fragments
    from litho.edge_placement import target_sites
    from litho.etch import EtchBias, etched
    from litho.euv import EuvMask
    from litho.euv_mirror import multilayer
    from litho.exposure import Exposure, bleach, generate_acid
    from litho.film_curves import standing_wave, swing_curve
    from litho.films import Film, Stack
    from litho.focus import Flare, FocusSpread
    from litho.fracture import FractureSettings
    from litho.fragments import FragmentSettings, fragmented
    from litho.front import arrival_time
    from litho.grid import Grid
    from litho.image import AerialImage, aerial_image
    from litho.info import __version__
    from litho.io import write_oasis
    from litho.kernel_files import read_kernels
    from litho.layout import Layout, read_layout
    from litho.level_set_ilt import LevelSetSettings, LevelSetStage
    from litho.losses import LossWeights
    from litho.mask import Mask
    from litho.mask_bias import biased, rounded
    from litho.mask_layers import MaskLayer, MaskLayers
    from litho.mask_rules import check_mask
    from litho.metrics import evaluate
    from litho.multibeam import dose_map
    from litho.nucleation import Seeding
    from litho.opc_settings import OpcSettings, SrafSettings
    from litho.pixel_ilt import IltResult, IltSettings, Stage, ilt
    from litho.process import Corner, Process
    from litho.process_window import exposure_window, isofocal_dose, through_focus
    from litho.pupil import Optics
    from litho.pupil_maps import JonesPupil, PupilMap
    from litho.rare_failures import rare_failure
    from litho.raster import coverage
    from litho.rectangles import minimum_rectangles
    from litho.resist import Resist
    from litho.resist_profile import ResistProfile, remaining_height
    from litho.rule_opc import bias_table
    from litho.rule_repair import Repair, repair_mask
    from litho.rule_set import MaskRules, RuleViolation
    from litho.shot_noise import ShotNoise
    from litho.smo import SmoResult, SmoSettings
    from litho.socs import Kernels
    from litho.source import Source
    from litho.source_files import read_source, write_source
    from litho.source_space import SourceLimits, pupil_fill, sources_within
    from litho.spline_ilt import SplineResult, SplineSettings
    from litho.srafs import guided_bars, rule_bars
    from litho.stochastics import contact_statistics, line_statistics
    from litho.tcc import socs_kernels
    from litho.thick_mask import BoundaryLayer, EdgeStrip, ThickMask
    from litho.variable_threshold import VariableThreshold, develop_variable
    from litho.window_fit import latitude_curve
    from litho.write_time import MultiBeamWriter, ShapedBeamWriter


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that the command line starts at once."""
    if name not in _HOME:
        raise AttributeError(f"module 'litho' has no attribute {name!r}")
    value = getattr(import_module(f"litho.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
