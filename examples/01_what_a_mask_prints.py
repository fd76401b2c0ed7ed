"""
What a mask prints
==================

A mask is a stencil, but what reaches the wafer is not its shadow. The lens collects only part of the light that the
mask diffracts, and what it does not collect is lost from the image. This first lesson images the same nine lines with
two light sources: one shows nothing, the other shows the lines.

Run it with ``python examples/01_what_a_mask_prints.py [folder]``; it writes one figure there.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Circle

from litho.grid import Grid
from litho.image import aerial_image
from litho.layout import read_layout
from litho.pupil import Optics
from litho.raster import coverage
from litho.resources import path
from litho.scene import COLORS
from litho.source import Source

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
plt.style.use(Path(__file__).with_name("course.mplstyle"))

# %%
# The mask
# --------
# Nine lines, 50 nm wide, one every 100 nm, open in an opaque film. The *coverage* of a pixel is the share of it that
# lies in a line. It is exact for any pixel, so 4 nm is fine here. The field is periodic, therefore it is larger than
# the lines: what happens on one side must not reach the other.

WIDTH, PITCH = 50.0, 100.0
lines = read_layout(path("masks", "dense_lines.gds")).polygons()
grid = Grid.square(2048, 4, origin_nm=(425 - 1024, 500 - 1024))  # the lines are 850 x 1000 nm
mask = coverage(lines, grid)

# %%
# The lens and two sources
# ------------------------
# Light of 193 nm falls on the mask. A grating of pitch p sends it into orders, sin(angle) = m * wavelength / p. The
# lens takes angles up to NA = 1.35 (there is water under it). In units of NA the first order of our lines stands at

optics = {
    "point source": Optics(wavelength_nm=193, na=1.35, immersion_index=1.44, source=Source.point()),
    "annular source": Optics(wavelength_nm=193, na=1.35, immersion_index=1.44, source=Source.annular(0.6, 0.9)),
}
first_order = 193 / 1.35 / PITCH
assert 1 < first_order < 1 + 0.9

# %%
# that is 1.43: outside. With a point source on the axis only the order zero gets through, and one wave alone makes no
# fringes. But if light comes in obliquely, from direction s, its orders leave at s + m * 1.43, and one of the first
# orders gets in. Two waves interfere. The ring of the annular source does so with almost half of its points:

points = {name: lens.source.sample() for name, lens in optics.items()}


def passing_order(at):
    """Return which first order of each source point passes the lens: +1, -1, or 0 for neither."""
    plus, minus = (np.hypot(at.x + order * first_order, at.y) < 1 for order in (1, -1))
    return plus.astype(int) - minus.astype(int)


share = {name: at.weight[passing_order(at) != 0].sum() for name, at in points.items()}
assert share["point source"] == 0 and 0.4 < share["annular source"] < 0.5

# %%
# Two images of each, in focus and with the wafer 80 nm away from it:

DEFOCUS = 80.0
images = {
    name: [aerial_image(mask, lens, grid, defocus_nm=z, max_error=0.02) for z in (0.0, DEFOCUS)]
    for name, lens in optics.items()
}

# %%
# How good is an image?
# ---------------------
# *Contrast* compares the brightest place with the darkest. The *normalised image log-slope* (NILS) is the width of a
# line times the slope of log(intensity) at its edge: ten per cent more dose move the two edges together by about
# 10 % * 2 / NILS of the width. An aerial image is known at every point, not only at pixels: ``image.at`` evaluates it.

CENTRE = np.array([400.0, 450.0])  # edges of the middle line
cut = np.linspace(200, 650, 901)


def contrast(image):
    """Return (brightest - darkest) / (brightest + darkest) over one period in the middle of the lines."""
    x = np.linspace(CENTRE.mean() - PITCH / 2, CENTRE.mean() + PITCH / 2, 201)
    intensity = image.at(x, np.full_like(x, 500.0))
    return (intensity.max() - intensity.min()) / (intensity.max() + intensity.min())


def nils(image):
    """Return width * d(log intensity)/dx at the left edge of the middle line."""
    x = CENTRE[0] + np.array([-0.5, 0.5])
    low, high = np.log(image.at(x, np.full_like(x, 500.0)))
    return WIDTH * (high - low)


sharp, soft = images["annular source"]
blind, _ = images["point source"]
assert contrast(blind) < 0.1 and contrast(sharp) > 0.4  # oblique light resolves what straight light cannot
assert abs(nils(blind)) < 0.2 and nils(sharp) > 1.3
assert 0.6 * contrast(sharp) < contrast(soft) < 0.9 * contrast(sharp)  # defocus costs contrast, but slowly

# %%
# The figure
# ----------
# Left, the source. The dashed discs hold the directions from which the order +1 or -1 passes the lens beside order 0:
# only light from there makes fringes. Middle, the aerial image with the lines dashed. Right, a cut across the lines.

COLOR = {0: COLORS["band"], 1: COLORS["mask"], -1: COLORS["violation"]}


def draw_source(axes, name):
    """Draw the points of the source, coloured by the first order that passes the lens."""
    axes.add_patch(Circle((0, 0), 1, facecolor="#eef1f5", edgecolor=COLORS["muted"], linewidth=1))
    colors = [COLOR[order] for order in passing_order(points[name])]
    axes.scatter(points[name].x, points[name].y, s=30 if len(colors) == 1 else 3, color=colors, linewidths=0)
    for order in (1, -1):
        place = -order * first_order, 0
        axes.add_patch(Circle(place, 1, facecolor="none", edgecolor=COLOR[order], linestyle=(0, (4, 3))))
        axes.text(-order * 1.75, 0, f"order {order:+d}\npasses", color=COLOR[order], ha="center", va="center")
    axes.set(xlim=(-2.5, 2.5), ylim=(-1.2, 1.2), aspect="equal", xticks=[-2, -1, 0, 1, 2], yticks=[-1, 0, 1])
    axes.set(xlabel="direction sine / NA", title=f"{name.capitalize()}: {share[name]:.0%} of it makes fringes")


def draw_image(axes, image):
    """Draw the intensity with the lines over it."""
    x0, y0, x1, y1 = grid.bounds_nm
    picture = axes.imshow(image.intensity, extent=(x0, x1, y0, y1), vmin=0, vmax=0.6, interpolation="bilinear")
    for line in lines:
        axes.plot(*np.concatenate([line, line[:1]]).T, color="white", linewidth=0.7, dashes=(4, 2), alpha=0.8)
    axes.set(xlim=(-120, 970), ylim=(380, 1100), xlabel="x, nm", ylabel="y, nm", title="Aerial image")
    return picture


def draw_cut(axes, name):
    """Draw the intensity along y = 500 nm and write down how good it is."""
    for left in np.arange(200, 650, PITCH):
        axes.axvspan(left, left + WIDTH, color=COLORS["grid"], alpha=0.6, linewidth=0)
    for image, z, style in zip(images[name], (0, DEFOCUS), ("-", (0, (4, 2))), strict=True):
        label = f"defocus {z:g} nm: contrast {contrast(image):.2f}, NILS {round(nils(image), 1) + 0.0:.1f}"
        intensity = image.at(cut, np.full_like(cut, 500.0))
        axes.plot(cut, intensity, color=COLORS["mask"], linestyle=style, label=label)
    axes.set(xlim=(200, 650), ylim=(0, 0.72), xlabel="x, nm", ylabel="intensity / clear field")
    axes.set_title("Cut at y = 500 nm")
    axes.legend(loc="upper left")
    axes.set_box_aspect(0.66)


figure, axes = plt.subplots(2, 3, figsize=(13, 6), width_ratios=(1.1, 1, 1))
for row, name in zip(axes, optics, strict=True):
    draw_source(row[0], name)
    picture = draw_image(row[1], images[name][0])
    draw_cut(row[2], name)
figure.colorbar(picture, ax=axes[:, 1], label="intensity / clear field", shrink=0.7, aspect=35)
figure.savefig(FOLDER / "01_what_a_mask_prints.png")
print(f"contrast: point source {contrast(blind):.2f}, annular source {contrast(sharp):.2f}")

# %%
# Try it: what is the smallest pitch that the annular source can show? (wavelength / NA / (1 + 0.9) = 75 nm.) And which
# source shows upright lines best, at the price of all others? (`Source.dipole`.)
