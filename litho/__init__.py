"""Open computational lithography: aerial images and inverse lithography, exact in the lens band.

Data flow: io -> layout -> raster -> mask -> fourier -> socs -> resist -> losses, back through each `_adjoint` to
parametrize, then optimize, and at the end contour -> curves -> io. A newcomer reads `pixel_ilt`, `model`, `socs`, in
that order. A module imports from its own row and those above it only.

foundation
    `backend` which library holds the data; `grid` positions; `fourier` one convention, pixels <-> lens band;
    `quadrature` Gauss sums; `check` dot and gradient tests; `resources` where data lies
geometry
    `layout` polygons of a file; `polygons` merging; `outlines` regions and holes; `mask_bias` moved edges, round
    corners; `io` GDS, OASIS, GLP; `raster` exact coverage; `patterns` samples; `rule_set` what a mask shop asks for,
    measured on `outline_pieces` and `outline_regions` by `facing` stretches and the `disc_residue`
optics
    `source` with its `source_shapes`, `source_maps` and `source_files`; `pupil` the lens, with `zernike` and
    `pupil_maps`; `focus` blur and flare; `vector` polarisation
films
    `film_waves` plane waves in layers; `films` fields, energy and depth means; `film_curves` standing waves, swing
    curves, coatings; `depth_modes` means over depth at the cost of a few depths; `euv_mirror` the Mo/Si mirror
mask
    `mask` coverage to transmission; `mask_layers` phase masks; `thick_mask` edge strips; `euv` shadows;
    `mask_spectrum` the exact spectrum of each, `polygon_spectrum` of polygons with its derivative in every vertex
image
    `shifted_pupils` what the lens passes for each source point; `source_weights` their light, `source_spacing` how
    many; `abbe` slow and obvious reference, with gradients; `tcc` coherent kernels, from `tcc_blocks` by `parity`;
    `socs` fast image; `image` an image known everywhere; `image_error` what it may be wrong by, at `probes`;
    `kernel_files` kernels in files
process
    `resist` threshold; `variable_threshold`; `process` corners of dose and focus; `exposure` Dill; `diffusion`;
    `bake` reaction and diffusion; `development` rates
inverse
    `losses` what is punished; `model` the chain and its reverse, `band_print` from the lens band on; `parametrize`
    variables to mask; `optimize` batched L-BFGS; `pixel_ilt` coarse to fine; `level_set_ilt` moves edges, with
    `level_set`, `signed_distance`, `level_set_steps` and `nucleation`
verify
    `metrics` L2, PV band, EPE; `contour` sub-pixel outlines; `curves` closed splines; `shots` rectangle counts;
    `cutline` CD and NILS on a `line_profile`; `band_image` what they measure; `edge_placement`; `local_widths`;
    `meef`; `process_window` and `window_fit`; `printability` side lobes; `hotspots`; `front`, `resist_profile` and
    `etch` after exposure; `shot_noise` photons, `roughness`, `failures`, `rare_failures`, and `stochastics` of them
rules
    `mask_rules` checks, with `outline_radius` and `rule_report`, and `rule_repair` mends; `spline_ilt` refines curves,
    with `spline_mask`, `curve_penalties` and `curve_checks`
edges
    `config`, `recipe_tables`, `recipe_sources`, `recipe_optics` and `recipe_verify` recipes; `job` what is read;
    `flow` from a job to each `result`; `exact_images` and `metrology` of a clip, with masks of `given_masks`;
    `outputs` and `markers` files; `pictures`, `window_pictures`, `verify_pictures` in one `plot_style`; `report`;
    `cli` and `bench` commands
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
    "Gradients": "abbe",
    "Grid": "grid",
    "IltResult": "pixel_ilt",
    "IltSettings": "pixel_ilt",
    "JonesPupil": "pupil_maps",
    "Kernels": "socs",
    "Layout": "layout",
    "LevelSetSettings": "level_set_ilt",
    "LevelSetStage": "level_set_ilt",
    "LossWeights": "pixel_ilt",
    "MackRate": "development",
    "Mask": "mask",
    "MaskLayer": "mask_layers",
    "MaskLayers": "mask_layers",
    "MaskRules": "rule_set",
    "Optics": "pupil",
    "Process": "process",
    "PupilMap": "pupil_maps",
    "Repair": "rule_repair",
    "Resist": "resist",
    "ResistProfile": "resist_profile",
    "RuleViolation": "rule_set",
    "Seeding": "nucleation",
    "ShotNoise": "shot_noise",
    "Source": "source",
    "SplineResult": "spline_ilt",
    "SplineSettings": "spline_ilt",
    "Stack": "films",
    "Stage": "pixel_ilt",
    "ThickMask": "thick_mask",
    "VariableThreshold": "variable_threshold",
    "abbe_image": "abbe",
    "abbe_image_adjoint": "abbe",
    "aerial_image": "image",
    "arrival_time": "front",
    "biased": "mask_bias",
    "bleach": "exposure",
    "check_mask": "mask_rules",
    "contact_statistics": "stochastics",
    "contours": "contour",
    "coverage": "raster",
    "deprotect": "bake",
    "develop_variable": "variable_threshold",
    "etched": "etch",
    "evaluate": "metrics",
    "exposure_window": "process_window",
    "gaussian_diffusion": "diffusion",
    "generate_acid": "exposure",
    "ilt": "pixel_ilt",
    "isofocal_dose": "process_window",
    "join_holes": "contour",
    "latitude_curve": "window_fit",
    "line_statistics": "stochastics",
    "measure": "cutline",
    "multilayer": "euv_mirror",
    "rare_failure": "rare_failures",
    "read_kernels": "kernel_files",
    "read_layout": "layout",
    "read_source": "source_files",
    "remaining_height": "resist_profile",
    "repair_mask": "rule_repair",
    "rounded": "mask_bias",
    "socs_kernels": "tcc",
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
    "Optics",
    "Process",
    "PupilMap",
    "Repair",
    "Resist",
    "ResistProfile",
    "RuleViolation",
    "Seeding",
    "ShotNoise",
    "Source",
    "SplineResult",
    "SplineSettings",
    "Stack",
    "Stage",
    "ThickMask",
    "VariableThreshold",
    "__version__",
    "abbe_image",
    "abbe_image_adjoint",
    "aerial_image",
    "arrival_time",
    "biased",
    "bleach",
    "check_mask",
    "contact_statistics",
    "contours",
    "coverage",
    "deprotect",
    "develop_variable",
    "etched",
    "evaluate",
    "exposure_window",
    "gaussian_diffusion",
    "generate_acid",
    "ilt",
    "isofocal_dose",
    "join_holes",
    "latitude_curve",
    "line_statistics",
    "measure",
    "multilayer",
    "rare_failure",
    "read_kernels",
    "read_layout",
    "read_source",
    "remaining_height",
    "repair_mask",
    "rounded",
    "socs_kernels",
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
    from litho.edge_placement import target_sites
    from litho.etch import EtchBias, etched
    from litho.euv import EuvMask
    from litho.euv_mirror import multilayer
    from litho.exposure import Exposure, bleach, generate_acid
    from litho.film_curves import standing_wave, swing_curve
    from litho.films import Film, Stack
    from litho.focus import Flare, FocusSpread
    from litho.front import arrival_time
    from litho.grid import Grid
    from litho.image import AerialImage, aerial_image
    from litho.info import __version__
    from litho.io import write_oasis
    from litho.kernel_files import read_kernels
    from litho.layout import Layout, read_layout
    from litho.level_set_ilt import LevelSetSettings, LevelSetStage
    from litho.mask import Mask
    from litho.mask_bias import biased, rounded
    from litho.mask_layers import MaskLayer, MaskLayers
    from litho.mask_rules import check_mask
    from litho.metrics import evaluate
    from litho.nucleation import Seeding
    from litho.pixel_ilt import IltResult, IltSettings, LossWeights, Stage, ilt
    from litho.process import Corner, Process
    from litho.process_window import exposure_window, isofocal_dose, through_focus
    from litho.pupil import Optics
    from litho.pupil_maps import JonesPupil, PupilMap
    from litho.rare_failures import rare_failure
    from litho.raster import coverage
    from litho.resist import Resist
    from litho.resist_profile import ResistProfile, remaining_height
    from litho.rule_repair import Repair, repair_mask
    from litho.rule_set import MaskRules, RuleViolation
    from litho.shot_noise import ShotNoise
    from litho.socs import Kernels
    from litho.source import Source
    from litho.source_files import read_source, write_source
    from litho.spline_ilt import SplineResult, SplineSettings
    from litho.stochastics import contact_statistics, line_statistics
    from litho.tcc import socs_kernels
    from litho.thick_mask import BoundaryLayer, EdgeStrip, ThickMask
    from litho.variable_threshold import VariableThreshold, develop_variable
    from litho.window_fit import latitude_curve


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that the command line starts at once."""
    if name not in _HOME:
        raise AttributeError(f"module 'litho' has no attribute {name!r}")
    value = getattr(import_module(f"litho.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
