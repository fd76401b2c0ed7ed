"""
Curves and mask rules
=====================

An optimiser draws what helps the print, and not what can be made: hairlines, specks, gaps that no process opens. This
lesson takes a mask of inverse lithography, finds every place that breaks the rules of a mask shop, repairs them, and
turns the outlines into smooth curves; and looks at what that costs in print, and in numbers to be stored.

Run it with ``python examples/17_curves_and_mask_rules.py [folder]``; it writes one figure there.
"""

import sys
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline

from litho.contour import contours, drop_specks, simplify
from litho.grid import Grid
from litho.layout import read_layout
from litho.mask_rules import check_mask
from litho.metrics import EpeRule, evaluate
from litho.model import aerial_images, print_model
from litho.pixel_ilt import IltSettings, Stage, ilt, stage_problem
from litho.process import Process, expose
from litho.pupil import Optics
from litho.raster import coverage
from litho.resist import prints
from litho.resources import path
from litho.rule_repair import repair_mask
from litho.rule_set import MaskRules
from litho.scene import COLORS
from litho.source import Source
from litho.spline_ilt import SplineSettings, spline_ilt
from litho.tcc import socs_kernels

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
plt.style.use(Path(__file__).with_name("course.mplstyle"))

# %%
# What is a width?
# ----------------
# A rule says: nothing thinner than 20 nm. Between the parallel edges of a line that is their distance; but a curve has
# no edges to pair. So a disc is laid between two stretches of outline that face each other, and its diameter counts.
# Two circles of radius 50 nm whose middles are 115 nm apart leave a space of 15 nm; each by itself is fine, anywhere.

rules = MaskRules(min_width_nm=20, min_space_nm=20, min_area_nm2=1700, min_hole_nm2=1700)
turn = np.linspace(0, 2 * np.pi, 721)[:-1]
circle = 50 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
(space,) = check_mask([circle, circle + np.array([115, 0])], rules)
assert space.rule == "space"
assert abs(space.value - 15) < 0.01
assert check_mask([circle, circle + np.array([121, 0])], rules) == ()

# %%
# A mask
# ------
# Contacts of 65 nm, dense, sparse and alone, from the sample layouts, corrected on pixels; specks of less than 100 nm^2
# are left out at once, and the rim of the field stays closed. It prints well. Can it be made?

optics = Optics(wavelength_nm=193, na=1.35, immersion_index=1.44, source=Source.annular(0.6, 0.9))
process = Process()
drawn = read_layout(path("masks", "contacts_mixed.gds")).polygons()
grid = Grid.square(1680, 5, origin_nm=(-125, -160))
target = coverage(drawn, grid)[None]
free = np.zeros_like(target)
free[:, 6:-6, 6:-6] = 1.0
kernels = tuple(socs_kernels(optics, grid.period_nm, z, max_error=0.05) for z in process.foci_nm)
settings = IltSettings(stages=(Stage(10, 26, 4, 30), Stage(10, 10, 8, 50), Stage(5, 10, 16, 150)), smoothing_nm=8)
found = ilt(target, grid, process, kernels, settings, free=free)
masks = {"pixels": drop_specks(contours(found.level[0], grid), min_area_nm2=100)}
violations = check_mask(masks["pixels"], rules, targets=drawn)
broken = Counter(violation.rule for violation in violations)
assert broken["width"] > 30 and broken["space"] > 30 and broken["area"] >= 5

# %%
# Repair
# ------
# Necks are widened or cut, gaps are widened or bridged, what a disc of 20 nm cannot reach is taken away, and islands
# that are too small go; all of it only where a rule is broken.

repair = repair_mask(masks["pixels"], rules, targets=drawn)
masks["repaired"] = list(repair.outlines)
assert not repair.violations

# %%
# Curves
# ------
# The repair knows nothing of light. So the outlines become closed cubic splines, each given by a few control points,
# and these are moved as the pixels were: against the gradient of the same loss, with a price on what comes near the
# rules. A price is no promise, so a little more is asked than the rules say, and the curves are checked again. They
# cannot bend more tightly than 10 nm, which is proven, and not only sampled.

room = {"min_radius_nm": 10, "min_width_nm": 22, "min_space_nm": 22, "min_area_nm2": 1800}
splines = SplineSettings(steps=22, pixel_nm=5, resist_steepness=150, **room)
problem = stage_problem(target, grid, process, kernels, settings, Stage(5, 1, 1, splines.resist_steepness))
refined = spline_ilt(repair.outlines, problem, splines)
masks["curves"] = [curve.polygon(0.05) for curve in refined.curves]
assert check_mask(refined.curves, rules, targets=drawn) == ()
assert refined.min_radius_nm >= 10 and not refined.too_tight

# %%
# What it costs
# -------------
# The judge: sharp prints on pixels of 2.5 nm, at the corners of the process. And how many numbers a file has to hold:
# two for each vertex of a polygon that is within 0.1 nm, two for each control point.

fine = grid.resampled(2.5)
judge = print_model(grid, process, kernels, target, print_grid=fine)
wanted = coverage(drawn, fine) >= 0.5
wrong, bands = {}, {}
for name, polygons in masks.items():
    images = expose(aerial_images(coverage(polygons, grid)[None], judge)[0], process)[:, 0]
    sharp = prints(images, process.resist)
    score = evaluate(sharp[0], sharp[1:], wanted, fine, EpeRule(joined_edges=False))
    wrong[name] = score.l2_nm2 + score.pv_band_nm2
    bands[name] = [contours(image, fine, process.resist.threshold) for image in images]
    left = len(violations) if name == "pixels" else 0
    areas = f"L2 {score.l2_nm2:,.0f} nm², band {score.pv_band_nm2:,.0f} nm²"
    print(f"{name}: {areas}, {len(polygons)} outlines, {left} violations")
numbers = {name: 2 * sum(len(simplify(outline, 0.1)) for outline in polygons) for name, polygons in masks.items()}
stored = 2 * refined.control_points
print(f"numbers: {numbers} as polygons, {stored} as curves")
shapes = {name: len(nominal) for name, (nominal, *_) in bands.items()}
assert shapes["repaired"] > len(drawn)
assert shapes["pixels"] == shapes["curves"] == len(drawn)
assert wrong["repaired"] < 1.1 * wrong["pixels"]
assert wrong["curves"] < min(wrong["repaired"], 1.03 * wrong["pixels"])
assert stored < numbers["curves"] / 7

# %%
# A mask without any violation prints nearly as well, but the repair, which knows nothing of light, made assist features
# so thick that specks print where nothing should. The curves are moved with the light in view: the specks are gone,
# area and band are those of the pixels again within 3 %, and the same shape takes less than a seventh of the numbers.
#
# The figure
# ----------
# Above: the mask with every violation, a disc for each width or space and a cross for each area too small; a detail of
# it, and the same after the repair. Below: the curves with their control points, what they print with the band between
# the corners, and what is left and stored.

DETAIL = (330, 830, 90, 590)  # x0, x1, y0, y1
MARKS = {"width": COLORS["violation"], "space": COLORS["band"], "corner": COLORS["band"], "notch": COLORS["band"]}


def outline(axes, polygons, **style):
    """Draw polygons; those that run clockwise are holes."""
    closed = [Outline(np.concatenate([p, p[:1]]), closed=True) for p in polygons]
    axes.add_patch(PathPatch(Outline.make_compound_path(*closed), **{"facecolor": "none", **style}))


def show(axes, polygons, title, region):
    """Draw a mask and the wanted shapes."""
    outline(axes, polygons, facecolor=COLORS["mask"], alpha=0.25, linewidth=0)
    outline(axes, polygons, edgecolor=COLORS["mask"], linewidth=0.9)
    outline(axes, drawn, edgecolor=COLORS["ink"], linewidth=0.8, linestyle=(0, (4, 2)))
    axes.set(xlim=region[:2], ylim=region[2:], aspect="equal", xlabel="x, nm", ylabel="y, nm", title=title)


def show_violations(axes, size):
    """Mark violations."""
    for rule, color in MARKS.items():
        at = np.array([(v.x_nm, v.y_nm) for v in violations if v.rule == rule]).reshape(-1, 2)
        axes.plot(*at.T, "o", color=color, markersize=size, markeredgecolor="white", markeredgewidth=0.4)
    at = np.array([(v.x_nm, v.y_nm) for v in violations if v.rule in ("area", "hole")]).reshape(-1, 2)
    axes.plot(*at.T, "x", color=COLORS["ink"], markersize=size + 2, markeredgewidth=1.4)


figure, axes = plt.subplots(2, 3, figsize=(13.6, 9.2))
x0, y0, x1, y1 = grid.bounds_nm
show(axes[0, 0], masks["pixels"], f"1  From pixels: {len(violations)} violations", (x0, x1, y0, y1))
show_violations(axes[0, 0], 3)
show(axes[0, 1], masks["pixels"], "2  A detail of it", DETAIL)
show_violations(axes[0, 1], 6)
for rule, color, mark in (("width", MARKS["width"], "o"), ("space", MARKS["space"], "o"), ("area", COLORS["ink"], "x")):
    axes[0, 1].plot([], [], mark, color=color, label=rule)
axes[0, 1].legend(loc="upper left", frameon=True, framealpha=0.9, edgecolor="none")
show(axes[0, 2], masks["repaired"], "3  Repaired: none", DETAIL)
show(axes[1, 0], masks["curves"], f"4  Curves: {refined.control_points:,} control points, none", DETAIL)
axes[1, 0].plot(*np.concatenate([c.control_points for c in refined.curves]).T, ".", color=COLORS["ink"], markersize=2.5)
show(axes[1, 1], masks["curves"], "5  Their print", DETAIL)
nominal, most, least = bands["curves"]
outline(axes[1, 1], [*most, *(ring[::-1] for ring in least)], facecolor=COLORS["band"], alpha=0.75, linewidth=0)
outline(axes[1, 1], nominal, edgecolor=COLORS["print"], linewidth=1.3)
places = np.arange(3)
axes[1, 2].bar(places - 0.2, wrong.values(), 0.36, color=COLORS["print"], label="L2 + band, nm²")
axes[1, 2].bar(places + 0.2, numbers.values(), 0.36, color=COLORS["grid"], label="numbers, as polygons within 0.1 nm")
axes[1, 2].bar(2.2, stored, 0.36, color=COLORS["mask"], label="numbers, as control points")
for place, value in [
    *zip(places - 0.2, wrong.values(), strict=True),
    *zip(places + 0.2, numbers.values(), strict=True),
]:
    axes[1, 2].text(place, value + 400, f"{value:,.0f}", ha="center", fontsize=8)
axes[1, 2].text(2.2, stored + 400, f"{stored:,}", ha="center", fontsize=8, color=COLORS["ink"])
axes[1, 2].set_xticks(places, masks)
axes[1, 2].set(ylim=(0, 1.35 * max(wrong.values())), title="6  What is left, what is stored")
axes[1, 2].yaxis.set_major_formatter("{x:,.0f}")
axes[1, 2].legend(loc="upper left")
figure.savefig(FOLDER / "17_curves_and_mask_rules.png")

# %%
# Try it: ask for more, ``MaskRules(min_width_nm=30, min_space_nm=30)``, and for as much of the splines. From where on
# does it hurt?
