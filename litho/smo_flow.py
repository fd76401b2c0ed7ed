"""From a job to its source: search, masks made anew for it, and the process window before and after.

found = optimised_source(job, settings)
better = with_source(job, found.source, settings.limits.pixels)      # a job like any other, for litho.flow
window = clip_window(better, clip, mask, settings)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litho.abbe import abbe_image
from litho.backend import Array, resolve_device, threaded_fft, to_device, to_host
from litho.band_image import BandImage
from litho.exact_images import focus_reverses, window_foci
from litho.flow import probe_costs
from litho.image import raster_band
from litho.job import Clip, Job, JobError
from litho.placement_window import placement_window
from litho.process_window import ExposureWindow
from litho.recipe_sources import PixelsSource
from litho.smo import Report, SmoResult, SmoSettings, smo
from litho.source import Source
from litho.source_space import pupil_fill
from litho.source_spacing import source_spacing
from litho.tcc import socs_kernels
from litho.window_fit import latitude_curve

SOURCE_ERROR = 1e-3
"""Largest error of the intensities that windows are told from, from the sampling of the source."""


def check_has_source(job: Job) -> None:
    """Refuse a job whose kernels come from a file.

    Raises
    ------
    JobError
    """
    if job.recipe.optics is None:
        raise JobError(
            "`recipe` must have a table `optics` for source-mask optimisation, but takes its kernels from a file, "
            "where there is no source to change."
        )
    job.clips[0].grid.resampled(job.recipe.smo.stage.pixel_nm)


def optimised_source(job: Job, settings: SmoSettings, device: str = "auto", report: Report | None = None) -> SmoResult:
    """Find one source for all clips of a job, from the one that its recipe has.

    Parameters
    ----------
    job
        see `litho.job.prepare`; its process corners are the window of the objective, its `ilt.weights` the weights
    settings
        see `SmoSettings`
    device
        "cpu", "gpu" or "auto"
    report
        see `litho.smo.Report`
    """
    check_has_source(job)
    assert job.recipe.optics is not None
    optics, device = job.recipe.optics.build(), resolve_device(device)
    target = np.stack([clip.coverage() for clip in job.clips])
    probes: Array | None = None
    if job.recipe.ilt.weights.epe > 0:
        probes = to_device(np.stack([probe_costs(t >= 0.5, job) for t in target]), device)
    with threaded_fft():
        return smo(
            to_device(target, device),
            job.clips[0].grid,
            job.process,
            optics,
            settings,
            job.recipe.ilt,
            mask=job.mask,
            probes=probes,
            start=optics.source,
            report=report,
        )


def with_source(job: Job, source: Source, pixels: int) -> Job:
    """Return the same job with another source, as a map of so many pixels on either side, and its kernels."""
    check_has_source(job)
    assert job.recipe.optics is not None
    values = source.to_map(pixels)
    rows = tuple(tuple(float(v) for v in row) for row in values / values.max())
    table = job.recipe.optics.model_copy(update={"source": PixelsSource(shape="pixels", rows=rows)})
    optics, period = table.build(), job.clips[0].grid.period_nm
    kernels = tuple(socs_kernels(optics, period, focus, table.max_error) for focus in job.process.foci_nm)
    return replace(job, recipe=job.recipe.model_copy(update={"optics": table}), kernels=kernels)


def clip_window(job: Job, clip: Clip, mask: NDArray[Any], settings: SmoSettings) -> ExposureWindow:
    """Return the doses that keep all edges of a clip in their place, focus by focus.

    Parameters
    ----------
    job
        its optics, threshold, and sites of `verify`; foci as `litho simulate` takes them
    clip
        of the job
    mask
        coverage (ny, nx) on its grid
    settings
        its `placement_nm`
    """
    check_has_source(job)
    assert job.recipe.optics is not None
    optics, period = job.recipe.optics.build(), clip.grid.period_nm
    band = raster_band(mask.astype(np.float64), job.mask, clip.grid, optics.band_radius(period))
    foci, images = window_foci(job), dict[float, BandImage]()
    for focus in foci:
        spacing = source_spacing(optics, SOURCE_ERROR, focus)
        if -focus in images and focus_reverses(optics, job.mask, spacing):
            images[focus] = images[-focus]
        else:
            images[focus] = BandImage(to_host(abbe_image(band, optics, period, focus, spacing)), clip.grid)
    sites, resist = job.recipe.verify.sites(clip.polygons, clip.grid), job.process.resist
    shown = [images[focus] for focus in foci]
    return placement_window(
        shown, foci, sites, resist.threshold, settings.placement_nm, tone=resist.tone, name=clip.name
    )


def window_figures(window: ExposureWindow, latitude: float) -> dict[str, Any]:
    """Return the largest ellipse in a window, and its depth of focus at an exposure latitude (a share)."""
    curve = latitude_curve(window, "ellipse")
    largest = curve.largest()
    return {
        "at_exposure_latitude": latitude,
        "depth_of_focus_nm": curve.depth_of_focus_nm(latitude),
        "area_percent_nm": None if largest is None else 100 * largest.latitude * largest.dof_nm,
        "largest": None
        if largest is None
        else {
            "focus_nm": largest.focus_nm,
            "dose": largest.dose,
            "dof_nm": largest.dof_nm,
            "exposure_latitude": largest.latitude,
        },
    }


def smo_figures(
    found: SmoResult, windows: Mapping[str, ExposureWindow], settings: SmoSettings, latitude: float
) -> dict[str, Any]:
    """Return what `metrics.json` says of a source: its fill, the search, and the process window before and after."""
    return {
        "pupil_fill": pupil_fill(found.source, settings.limits.pixels),
        "loss": [{"part": turn.part, "values": [round(v, 1) for v in turn.values]} for turn in found.turns],
        "placement_nm": settings.placement_nm,
        "window": {name: window_figures(window, latitude) for name, window in windows.items()},
    }
