"""
Source and mask together
========================

A mask can only use the light that it is given. So far the light came first: a ring, a dipole, and then the mask that
makes the best of it. Here both are free. The lesson derives what light two patterns call for, lets an optimiser find
it, and then asks for one source that serves two patterns at once, against the best ring there is.

Run it with ``python examples/19_source_and_mask_together.py [folder]``; it writes one figure there.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Circle
from matplotlib.ticker import PercentFormatter

from litho.edge_placement import TargetSites
from litho.grid import Grid
from litho.image import aerial_image
from litho.mask import Mask
from litho.pixel_ilt import IltSettings, Stage, ilt
from litho.placement_window import placement_window
from litho.process import Corner, Process
from litho.process_window import overlap
from litho.pupil import Optics
from litho.resist import Resist
from litho.scene import COLORS
from litho.smo import SmoSettings, smo
from litho.source import Source
from litho.source_space import SourceLimits, pupil_fill
from litho.tcc import socs_kernels
from litho.window_fit import latitude_curve

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
plt.style.use(Path(__file__).with_name("course.mplstyle"))
WAVELENGTH, NA, INDEX, THRESHOLD, PIXEL = 193.0, 1.35, 1.44, 0.3, 2.5


def lens(source):
    """Return the lens with a source."""
    return Optics(wavelength_nm=WAVELENGTH, na=NA, source=source, immersion_index=INDEX)


# %%
# What is asked for
# -----------------
# A *process window*: at doses 5 % too low and too high, in focus and 100 nm out of it, the print should stay the same.
# These are the corners of a :class:`Process`, and the loss is what it was for masks: wrong area at the first corner,
# and the band between the others.
#
# The source is a map of pixels in the unit disc. No illuminator makes any map: this one has 31 x 31 pixels within 0.95,
# is its own mirror image in x and in y, blurs what it is told to show, and must fill a tenth of the pupil, or the light
# would burn a hole into the lens. All of this holds by construction, whatever the optimiser tries.

DOSES, DEFOCUS = (0.95, 1.05), 100.0
CORNERS = (Corner(), *(Corner(dose, focus) for focus in (0.0, DEFOCUS) for dose in DOSES))
PROCESS = Process(CORNERS, Resist(THRESHOLD))
STAGES = Stage(PIXEL, 20, 4, 25), Stage(PIXEL, 15, 8, 50), Stage(PIXEL, 20, 20, 80)
MASKS = IltSettings(smoothing_nm=5.0, stages=STAGES)


def optimised(target, grid, fill, rounds=6):
    """Return the source for one pattern, or for several."""
    limits = SourceLimits(31, 0.0, 0.95, "xy", min_fill=fill, blur=0.03)
    settings = SmoSettings(limits, Stage(PIXEL, 15, 8, 50), rounds=rounds, mask_steps=8, tolerance=0.0)
    return smo(target, grid, PROCESS, lens(Source.conventional(0.9)), settings, MASKS)


def light_near(found, places, radius):
    """Return the share of the light within a distance of places in the pupil."""
    points = found.source.sample(2 / 31)
    distance = np.min([np.hypot(points.x - x, points.y - y) for x, y in places], axis=0)
    return points.weight[distance < radius].sum()


# %%
# Dense lines
# -----------
# Open lines along y, every p = 120 nm, send orders at :math:`k \lambda / (p \, \mathrm{NA})`, seen from the light's own
# direction :math:`s_x`. Two orders make an image, and it survives defocus if both meet the wafer equally steeply:
#
# .. math:: |s_x| = \left| s_x - \frac{\lambda}{p \, \mathrm{NA}} \right|
#           \quad \Rightarrow \quad |s_x| = \frac{\lambda}{2 p \, \mathrm{NA}} = 0.596.
#
# It does not matter where along y. So the best light lies on two strips.

PITCH = 120.0
half_order = WAVELENGTH / (2 * PITCH * NA)
row = np.arange(PITCH / PIXEL) < PITCH / PIXEL / 2
dense = optimised(np.tile(row * 1.0, (4, 1))[None], Grid((4, len(row)), (PIXEL, PIXEL)), fill=0.05)
points = dense.source.sample(2 / 31)
on_strips = points.weight[np.abs(np.abs(points.x) - half_order) < 0.1].sum()
assert on_strips > 0.9

# %%
# Contacts
# --------
# Holes of 65 nm every 130 nm in both directions: now orders leave along x and along y, and four of them, (0, 0),
# (1, 0), (0, 1) and (1, 1), are the corners of a square in the pupil. All four are equally steep if the square is in
# the middle: light from :math:`(\pm 0.550, \pm 0.550)`, a quadrupole on the diagonals. The rest of the light that is
# found stands on the axis, from where order 0 alone passes: it is even at any focus, and brings the holes to size.

HOLES = 130.0
place = (np.arange(HOLES / PIXEL) + 0.5) * PIXEL
hole = (np.abs(place - HOLES / 2) < 32.5) * 1.0
contacts = optimised((hole * hole[:, None])[None], Grid((len(hole), len(hole)), (PIXEL, PIXEL)), fill=0.05)
corner = WAVELENGTH / (2 * HOLES * NA)
corners = [(x, y) for x in (-corner, corner) for y in (-corner, corner)]
in_corners = light_near(contacts, corners, 0.2)
assert in_corners > 0.8

# %%
# One source for two patterns
# ---------------------------
# A chip has dense lines and lone ones. Both go into the optimiser as a batch, each with a mask of its own, and the
# source is shared. What it finds is compared with rings: every ring of a grid of radii gets new masks, made in the same
# way, and the best one counts. What is compared is the window of both patterns: doses that keep every edge within 4 nm
# of its place, focus by focus.

FIELD, WIDTH, TOLERANCE = 480.0, 60.0, 4.0
FOCI = np.linspace(-200, 200, 9)
GRID = Grid((4, round(FIELD / PIXEL)), (PIXEL, PIXEL))
CENTRES = {"dense": [60.0, 180.0, 300.0, 420.0], "isolated": [240.0]}
x = (np.arange(GRID.shape[1]) + 0.5) * PIXEL
targets = np.stack([np.tile(sum((np.abs(x - c) < WIDTH / 2) * 1.0 for c in at), (4, 1)) for at in CENTRES.values()])


def sites_of(centres):
    """Return a site on each edge of the lines."""
    edges = [(c + side * WIDTH / 2, 5.0) for c in centres for side in (-1, 1)]
    return TargetSites(np.array(edges), np.array([(side, 0.0) for _ in centres for side in (-1, 1)], float))


def windows_of(source):
    """Return the process window of each pattern, with masks made for a source, and of both together."""
    optics = lens(source)
    kernels = tuple(socs_kernels(optics, GRID.period_nm, focus, spacing=0.05) for focus in PROCESS.foci_nm)
    level = ilt(targets, GRID, PROCESS, kernels, MASKS).level
    masks = 1 / (1 + np.exp(-20 * level))
    images = {abs(z): aerial_image(masks, optics, GRID, defocus_nm=z, mask_type=Mask(), spacing=0.05) for z in FOCI}
    found = {}
    for number, (name, centres) in enumerate(CENTRES.items()):
        shown = [lambda x, y, z=z, k=number: images[abs(z)].at(x, y)[k] for z in FOCI]
        found[name] = placement_window(shown, FOCI, sites_of(centres), THRESHOLD, TOLERANCE, name=name)
    return {**found, "both": overlap(list(found.values()))}


def area_of(windows):
    """Return exposure latitude times depth of focus of the largest ellipse in both windows, in % nm."""
    best = latitude_curve(windows["both"]).largest()
    return 0.0 if best is None else 100 * best.latitude * best.dof_nm


rings = [(inner, outer) for outer in (0.5, 0.65, 0.8, 0.95) for inner in (0.2, 0.4, 0.6, 0.8) if inner < outer]
ring_windows = {radii: windows_of(Source.annular(*radii)) for radii in rings}
best_ring = max(rings, key=lambda radii: area_of(ring_windows[radii]))
shared = optimised(targets, GRID, fill=0.1)
ours, theirs = windows_of(shared.source), ring_windows[best_ring]
assert area_of(ours) > 1.1 * area_of(theirs)
assert pupil_fill(shared.source, 31) > 0.0999

# %%
# The figure
# ----------
# Above, the three sources; the white lines and circles are where the formulas want the light. Below, the windows of
# both patterns under the best ring and under the shared source, and what exposure latitude they leave.


def draw_source(axes, source, title):
    """Draw the brightness of a source."""
    axes.imshow(source.to_map(31), origin="lower", extent=(-1, 1, -1, 1), cmap="magma")
    axes.add_patch(Circle((0, 0), 1, facecolor="none", edgecolor="white", linewidth=1))
    axes.set(title=title, xlabel="direction sine / NA", xticks=[-1, 0, 1], yticks=[-1, 0, 1])


figure, axes = plt.subplots(2, 3, figsize=(13.6, 8.6))
draw_source(axes[0, 0], dense.source, f"Dense lines: {on_strips:.0%} on the strips")
for sign in (-1, 1):
    axes[0, 0].axvline(sign * half_order, color="white", linewidth=0.9, linestyle=(0, (4, 3)))
draw_source(axes[0, 1], contacts.source, f"Contacts: {in_corners:.0%} in the circles")
for at in corners:
    axes[0, 1].add_patch(Circle(at, 0.2, facecolor="none", edgecolor="white", linestyle=(0, (4, 3))))
draw_source(axes[0, 2], shared.source, "Dense and isolated lines")

for panel, found, title in (
    (axes[1, 0], theirs, f"Best ring, {best_ring[0]:g} to {best_ring[1]:g}"),
    (axes[1, 1], ours, "Shared source"),
):
    for name, color in (("dense", COLORS["mask"]), ("isolated", COLORS["print"])):
        fine = found[name].refined()
        panel.fill_between(fine.foci_nm, fine.low, fine.high, color=color, alpha=0.2, linewidth=0, label=name)
        panel.plot(fine.foci_nm, fine.low, color=color)
        panel.plot(fine.foci_nm, fine.high, color=color)
    panel.set(title=f"{title}: {area_of(found):.0f} % nm", xlabel="defocus, nm", ylabel="relative dose")
    panel.set(xlim=(FOCI[0], FOCI[-1]), ylim=(0.8, 1.25))
    panel.legend(loc="lower center", ncols=2)
for found, color, label in ((theirs, COLORS["target"], "best ring"), (ours, COLORS["mask"], "shared source")):
    curve = latitude_curve(found["both"])
    depth, height = np.append(0, curve.dof_nm), np.append(curve.latitude[:1], curve.latitude)
    axes[1, 2].plot(depth, height, color=color, label=f"{label}: {curve.depth_of_focus_nm(0.05):.0f} nm at 5 %")
axes[1, 2].set(title="Both patterns", xlabel="depth of focus, nm", ylabel="exposure latitude")
axes[1, 2].set(xlim=(0, None), ylim=(0, None))
axes[1, 2].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
axes[1, 2].legend(loc="lower left")
figure.savefig(FOLDER / "19_source_and_mask_together.png")
print(
    f"dense lines: {on_strips:.1%} of the light on the strips; contacts: {in_corners:.1%} in the corners; "
    f"both patterns: {area_of(theirs):.0f} % nm with the ring {best_ring}, {area_of(ours):.0f} % nm with the source"
)

# %%
# Try it: ask for more fill (``fill=0.3``). How much of the window goes, and which light is added first?
