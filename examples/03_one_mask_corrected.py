"""
One mask corrected, step by step
================================

The last lesson drew on the mask what it wanted on the wafer, and got something else. Inverse lithography asks the other
way round: which mask prints this? It starts from a guess, measures how wrong its print is, asks of *every* pixel in
which direction to change, and repeats. This lesson takes one such step apart, then lets an optimiser take the others.

Run it with ``python examples/03_one_mask_corrected.py [folder]``; it writes one figure there.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline

from litho.contour import contours, drop_specks
from litho.grid import Grid
from litho.layout import read_layout
from litho.metrics import EpeRule, evaluate
from litho.model import aerial_images, print_mask, print_mask_adjoint, print_model
from litho.parametrize import mask_of_level, mask_of_level_adjoint
from litho.pixel_ilt import IltSettings, Stage, ilt, stage_problem
from litho.process import Process, expose
from litho.pupil import Optics
from litho.raster import coverage
from litho.resist import prints
from litho.resources import path
from litho.scene import COLORS
from litho.source import Source
from litho.tcc import socs_kernels

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
plt.style.use(Path(__file__).with_name("course.mplstyle"))

# %%
# What is wanted, and under which conditions
# ------------------------------------------
# Lines cut in two above a bar, from the sample layouts. They shall print at nominal dose and focus, and change little
# when the dose is 4 % higher, or 4 % lower and the wafer 40 nm out of focus: these are the corners of the process.
# Arrays carry the clips of a batch as their first axis; here it is one.

optics = Optics(wavelength_nm=193, na=1.35, immersion_index=1.44, source=Source.annular(0.6, 0.9))
process = Process()
drawn = read_layout(path("masks", "line_ends.oas")).polygons()
grid = Grid.square(2048, 4, origin_nm=(417 - 1024, 500 - 1024))
target = coverage(drawn, grid)[None, ...]
kernels = tuple(socs_kernels(optics, grid.period_nm, z, max_error=0.05) for z in process.foci_nm)

# %%
# Level and mask
# --------------
# The variables are a *level* for each pixel, made smooth by a Gaussian. The mask is open where the level is positive,
# so its edge is the curve where the level is zero: smooth, and free to lie between pixels. While we optimise, the step
# from closed to open is a little soft, otherwise nothing would have a derivative. A stage is given by its pixels, its
# steps, and how steep mask and resist are.

stages = Stage(8, 25, 4, 30), Stage(8, 15, 8, 50), Stage(4, 25, 16, 100)
settings = IltSettings(stages=stages, start_inside=1.0, start_outside=-1.0)
problem = stage_problem(target, grid, process, kernels, settings, settings.stages[0])
variables = problem.start(settings)
level = problem.smoothing(variables)
mask, inside = mask_of_level(level, problem.mask_steepness)

# %%
# Print and loss
# --------------
# The model images the mask and exposes the resist at every corner. The *loss* is the area, in nm^2, that the nominal
# print gets wrong, plus the area on which the corners disagree.

printed, saved = print_mask(mask, problem.model)
loss, printed_bar = problem.loss(printed)

# %%
# The gradient
# ------------
# How does the loss change if one pixel of the level changes? Asking pixel by pixel would take 65,536 simulations. The
# *adjoint* asks for all at once: it walks the chain backwards, from the loss to the print, to the light, to the fields,
# to the mask, to the level. It costs about as much as one simulation.

mask_bar = print_mask_adjoint(printed_bar, saved, problem.model)
level_bar = mask_of_level_adjoint(mask_bar, inside, problem.mask_steepness)
gradient = problem.smoothing.adjoint(level_bar)

# %%
# Is it right? Take a small step against it, and see whether the loss falls by as much as the gradient says.

objective = problem.objective()
step = 1e-4 / np.abs(gradient).max()
higher, lower = (objective(variables + sign * step * gradient)[0][0] for sign in (1, -1))
assert np.isclose((higher - lower) / (2 * step), np.sum(gradient**2), rtol=1e-6)

# %%
# All the steps
# -------------
# ``ilt`` does the same in three stages, from coarse pixels and soft edges to finer and sharper ones. Its optimiser,
# L-BFGS, learns from each step how the gradient changes, and so takes far fewer steps than walking straight downhill.
# Within a stage the loss never rises; between stages it jumps, because sharper edges count errors that soft ones blur.

result = ilt(target, grid, process, kernels, settings)
for stage in result.history:
    assert np.all(np.diff(stage.values[:, 0]) <= 0)
outlines = drop_specks(contours(result.level[0], grid), min_area_nm2=500)
corrected = coverage(outlines, grid)

# %%
# Before and after
# ----------------
# The judge is not the optimiser's soft model but sharp prints on pixels of 1 nm, of the mask as it would be written.

fine = grid.resampled(1)
judge = print_model(grid, process, kernels, target, print_grid=fine)
wanted = coverage(drawn, fine) >= 0.5


def judged(mask):
    """Return intensities at every corner (corners, ny, nx), and the figures of merit."""
    exposed = expose(aerial_images(mask, judge)[0], process)
    sharp = prints(exposed, process.resist)
    return exposed, evaluate(sharp[0], sharp[1:], wanted, fine, EpeRule(joined_edges=False))


(uncorrected, *_), before = judged(target[0])
images, after = judged(corrected)
assert after.l2_nm2 < 0.25 * before.l2_nm2
assert after.pv_band_nm2 < before.pv_band_nm2
assert after.epe_violations < 0.1 * before.epe_violations
nominal, most, least = (contours(image, fine, process.resist.threshold) for image in images)
assert len(nominal) == len(most) == len(least) == len(drawn)  # each shape prints once, and nothing else does

# %%
# The figure
# ----------
# Above, the first step: the level with the mask's edge, what it prints, and the gradient (blue: open here, red: close
# here). Below, the loss, the mask that was found, and a detail of what it prints, with the band between the corners.

REGION = (-263, 1097, -180, 1180)  # x0, x1, y0, y1
DETAIL = (-30, 220, 430, 680)


def outline(axes, polygons, **style):
    """Draw polygons; those that run clockwise are holes."""
    closed = [Outline(np.concatenate([p, p[:1]]), closed=True) for p in polygons]
    axes.add_patch(PathPatch(Outline.make_compound_path(*closed), **{"facecolor": "none", **style}))


def show_drawn(axes, title, region=REGION):
    """Draw the wanted shapes dashed, and the axes."""
    outline(axes, drawn, edgecolor=COLORS["ink"], linewidth=0.8, linestyle=(0, (4, 2)))
    axes.set(xlim=region[:2], ylim=region[2:], aspect="equal", xlabel="x, nm", ylabel="y, nm", title=title)


def show_field(axes, values, **style):
    """Draw values on the coarse grid."""
    x0, y0, x1, y1 = grid.bounds_nm
    picture = axes.imshow(values, extent=(x0, x1, y0, y1), interpolation="bilinear", **style)
    figure.colorbar(picture, cax=axes.inset_axes((1.02, 0, 0.03, 1)))


figure, axes = plt.subplots(2, 3, figsize=(13.2, 8.6))
coarse = problem.model.mask_grid
show_field(axes[0, 0], level[0], cmap="PuOr_r", vmin=-1, vmax=1)
outline(axes[0, 0], contours(level[0], coarse), edgecolor=COLORS["mask"], linewidth=1.2)
show_drawn(axes[0, 0], "1  Level, and the mask's edge")
show_field(axes[0, 1], printed[0, 0], cmap="Greens", vmin=0, vmax=1)
show_drawn(axes[0, 1], f"2  Its print: loss {loss[0]:,.0f} nm²")
limit = np.quantile(np.abs(gradient), 0.998)
show_field(axes[0, 2], gradient[0], cmap="RdBu_r", vmin=-limit, vmax=limit)
show_drawn(axes[0, 2], "3  Gradient, nm² per level")

steps = 0
for number, stage in enumerate(result.history):
    count = np.arange(steps, steps + len(stage.values))
    steps = count[-1]
    axes[1, 0].plot(count, stage.values[:, 0], color=COLORS["mask"])
    axes[1, 0].axvspan(count[0], count[-1], color=COLORS["grid"], alpha=(0.25, 0.6)[number % 2], linewidth=0)
    label = f"{stage.stage.pixel_nm:g} nm,\nsteepness {stage.stage.mask_steepness:g}"
    axes[1, 0].text(count.mean(), loss[0] * 1.05, label, ha="center", va="bottom", fontsize=8.5, color=COLORS["muted"])
axes[1, 0].set(yscale="log", xlim=(0, steps), ylim=(None, loss[0] * 1.7), xlabel="step", ylabel="loss, nm²")
axes[1, 0].set_title("4  Loss after each step")
axes[1, 0].set_box_aspect(1)

outline(axes[1, 1], outlines, facecolor=COLORS["mask"], alpha=0.3, linewidth=0)
outline(axes[1, 1], outlines, edgecolor=COLORS["mask"], linewidth=1)
show_drawn(axes[1, 1], "5  The mask after all steps")

outline(axes[1, 2], [*most, *(ring[::-1] for ring in least)], facecolor=COLORS["band"], alpha=0.75, linewidth=0)
outline(axes[1, 2], contours(uncorrected, fine, process.resist.threshold), edgecolor=COLORS["violation"], linewidth=1)
outline(axes[1, 2], nominal, edgecolor=COLORS["print"], linewidth=1.5)
title = f"6  Its print: {after.l2_nm2:,.0f} nm² wrong\n    uncorrected (red): {before.l2_nm2:,.0f} nm²"
show_drawn(axes[1, 2], title, DETAIL)
figure.savefig(FOLDER / "03_one_mask_corrected.png")
for name, found in (("before", before), ("after", after)):
    print(f"{name}: {found.as_dict()}")

# %%
# The bands around the pattern do not print. They are *assist features*: they give the outer lines the neighbours that
# they lack. Nobody drew them; the gradient did.
