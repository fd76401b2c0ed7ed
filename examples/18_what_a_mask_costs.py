"""
What a mask costs
=================

A mask is written shot by shot: a beam is shaped into a rectangle, flashed, and moved on. A curve is no rectangle, so it
takes many, and each takes time. This lesson writes one curved mask in several ways, counts, and looks at what the print
has to say about it.

Run it with ``python examples/18_what_a_mask_costs.py [folder]``; it writes one figure there.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline

from litho.contour import contours, drop_specks, simplify
from litho.fracture import FractureSettings, fracture
from litho.grid import Grid
from litho.layout import read_layout
from litho.model import aerial_images, print_model
from litho.multibeam import dose_map, written
from litho.outlines import united
from litho.pixel_ilt import IltSettings, Stage, ilt
from litho.process import Process
from litho.pupil import Optics
from litho.raster import coverage
from litho.resources import path
from litho.scene import COLORS
from litho.source import Source
from litho.tcc import socs_kernels
from litho.write_time import MultiBeamWriter, ShapedBeamWriter, mask_area_mm2

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
plt.style.use(Path(__file__).with_name("course.mplstyle"))

# %%
# A curved mask
# -------------
# One line of 60 nm, with the assist features that inverse lithography grows around it. Its outlines are polygons with
# vertices close enough for a deviation of 0.2 nm.

optics = Optics(wavelength_nm=193, na=1.35, immersion_index=1.44, source=Source.annular(0.6, 0.9))
process = Process()
drawn = read_layout(path("masks", "isolated_line.gds")).polygons()
grid = Grid.over((1408, 512), 4, origin_nm=(30 - 256, 500 - 704))
target = coverage(drawn, grid)[None]
kernels = tuple(socs_kernels(optics, grid.period_nm, z, max_error=0.05) for z in process.foci_nm)
settings = IltSettings(stages=(Stage(8, 30, 4, 30), Stage(8, 12, 8, 50), Stage(4, 10, 16, 150)))
level = ilt(target, grid, process, kernels, settings).level[0]
mask = [simplify(outline, 0.2) for outline in drop_specks(contours(level, grid), min_area_nm2=1700)]

# %%
# Ways to write it
# ----------------
# *Trapezoids* with horizontal sides are exact: there is one for each step along the outline, and most are slivers.
# *Overlapping* rectangles may differ from the mask by a tolerance, which must be stated. Cut where they overlap, they
# become *disjoint* ones, the fewest that there are for this shape. And a *multibeam* writer has no shots: it scans
# everything with pixels, here of 8 nm with 16 doses, and a beam that blurs by 8 nm makes curves of them.

TOLERANCES = (8.0, 12.0, 16.0)
cut = {tol: fracture(mask, "overlapping", FractureSettings(tolerance_nm=tol, grid_nm=2.0)) for tol in TOLERANCES}
exact = fracture(mask, "trapezoids")
disjoint = fracture(united(cut[8.0].shots), "rectangles", FractureSettings(grid_nm=2.0))
doses = dose_map(mask, grid.resampled(8))
ways = {
    "trapezoids": exact.shots,
    "rectangles, 8 nm": disjoint.shots,
    **{f"overlapping, {tol:g} nm": fractured.shots for tol, fractured in cut.items()},
}
shots = {name: len(found) for name, found in ways.items()}
assert exact.exact and exact.slivers > exact.count / 2
assert shots["trapezoids"] > 5 * shots["overlapping, 8 nm"] and shots["rectangles, 8 nm"] > shots["overlapping, 8 nm"]
assert shots["overlapping, 8 nm"] > shots["overlapping, 12 nm"] > shots["overlapping, 16 nm"]
masks = {name: united(found) for name, found in ways.items()} | {"multibeam": written(doses, blur_nm=8.0)}

# %%
# What the print says
# -------------------
# A lens averages over some tens of nanometres. So the steps of the shots are not seen, as long as they are right on
# average; ``fracture`` moves their edges until they are. The area where the nominal print differs from that of the mask
# itself is the measure: less than 5 % of the line's area, whatever the tolerance, and least for many beams.

fine = grid.resampled(1)
judge = print_model(grid, process, kernels, target, print_grid=fine)


def image_of(polygons):
    """Return the nominal image of a mask."""
    return aerial_images(coverage(polygons, grid)[None], judge)[0][0, 0]


threshold = process.resist.threshold
wanted = image_of(mask)
images = {name: image_of(polygons) for name, polygons in masks.items()}
changed = {name: float(np.sum((image >= threshold) != (wanted >= threshold))) for name, image in images.items()}
line_nm2 = float(np.sum(wanted >= threshold))
assert changed["trapezoids"] == 0
assert max(changed.values()) < 0.05 * line_nm2
assert changed["multibeam"] < 0.5 * changed["overlapping, 8 nm"]

# %%
# How long it takes
# -----------------
# Say that a whole field of 26 x 33 mm is full of this clip. The writers are **invented**: no machine has these numbers.
# The one exposes each shot for 75 ns, in two passes with 100 ns to settle in each; the other scans 1 mm^2 in a second,
# whatever is on it.

shaped = ShapedBeamWriter(
    dose_uc_per_cm2=30, current_density_a_per_cm2=400, settling_s=1e-7, field_mm=1.0, field_overhead_s=0.1, passes=2
)
many = MultiBeamWriter(rate_mm2_per_s=1.0)
assert abs(shaped.exposure_s - 75e-9) < 1e-12
field_nm2 = 26e6 * 33e6
clips, on_mask = field_nm2 / (grid.period_nm[0] * grid.period_nm[1]), mask_area_mm2(field_nm2)
hours = {name: shaped.write_time_s(count * clips, on_mask) / 3600 for name, count in shots.items()}
hours["multibeam"] = many.write_time_s(on_mask) / 3600
assert hours["trapezoids"] > 5 * hours["overlapping, 8 nm"]
assert hours["multibeam"] < hours["overlapping, 8 nm"]

# %%
# The figure
# ----------
# The upper end of the line, written in five ways, and what each costs: hours of the invented writers, and the share of
# the printed line that changes.

REGION = (-226, 286, 690, 1202)  # x0, x1, y0, y1


def outline(axes, polygons, **style):
    """Draw polygons; those that run clockwise are holes."""
    closed = [Outline(np.concatenate([p, p[:1]]), closed=True) for p in polygons]
    axes.add_patch(PathPatch(Outline.make_compound_path(*closed), **{"facecolor": "none", **style}))


def decorate(axes, name, count):
    """Draw mask and print, and the axes."""
    outline(axes, mask, edgecolor=COLORS["ink"], linewidth=1.1)
    outline(axes, contours(images[name], fine, threshold), edgecolor=COLORS["print"], linewidth=1.6)
    axes.set(xlim=REGION[:2], ylim=REGION[2:], aspect="equal", xlabel="x, nm", ylabel="y, nm")
    axes.set_title(f"{name.capitalize()}: {count}")


figure, axes = plt.subplots(2, 3, figsize=(13.6, 9.0))
panels = axes.flat
shown = ("trapezoids", "rectangles, 8 nm", "overlapping, 8 nm", "overlapping, 16 nm")
for panel, name in zip(panels, shown, strict=False):
    for shot in ways[name]:
        outline(panel, [shot], facecolor=COLORS["mask"], alpha=0.22, linewidth=0)
        outline(panel, [shot], edgecolor=COLORS["mask"], linewidth=0.5)
    decorate(panel, name, f"{shots[name]} shots")
x0, y0, x1, y1 = grid.bounds_nm
panels[4].imshow(doses.doses, extent=(x0, x1, y0, y1), cmap="Blues", vmin=0, vmax=1.6)
decorate(panels[4], "multibeam", f"{doses.levels} doses")
panel, places, names = panels[5], np.arange(len(hours)), list(hours)
panel.barh(places, hours.values(), 0.6, color=COLORS["mask"], alpha=0.75)
for place, name in zip(places, names, strict=True):
    text = f" {hours[name]:.1f} h, print changes by {changed[name] / line_nm2:.1%}"
    panel.text(1.05 * hours[name] if hours[name] < 15 else 1.0, place, text, va="center", fontsize=8.5)
panel.set_yticks(places, names)
panel.invert_yaxis()
panel.set(xscale="log", xlim=(0.9, 200), xlabel="hours of an invented writer", title="What it costs")
panel.xaxis.set_major_formatter("{x:g}")
figure.savefig(FOLDER / "18_what_a_mask_costs.png")
for name in names:
    print(f"{name}: {shots.get(name, 0)} shots, {hours[name]:.1f} h, print changed on {changed[name]:,.0f} nm²")

# %%
# Try it: give the writer twice the current. Which of the figures halve, and which do not? (Settling takes as long as
# before.)
