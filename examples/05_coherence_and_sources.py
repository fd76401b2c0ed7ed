"""
Coherence and sources
=====================

The last lesson asked how small a grating can be. A layout has more than one pitch, and what is good for dense lines is
not what is good for a lone one. This lesson images the same line at three pitches with sources of all kinds, finds the
one number per pair of orders that a source has, and shows what each source is for, and what it costs.

Run it with ``python examples/05_coherence_and_sources.py [folder]``; it writes one figure there.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Circle

from litho.grid import Grid
from litho.image import aerial_image
from litho.pupil import Optics
from litho.scene import COLORS
from litho.source import Source

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
plt.style.use(Path(__file__).with_name("course.mplstyle"))

# %%
# The pattern and the sources
# ---------------------------
# Open lines 65 nm wide: *dense* (lines and spaces equal), *semi-dense* (a space of two lines) and *isolated* (a space
# of seven). The lens is that of the first lesson. A source is a disc, or a ring, or a pair of discs: each is described
# here by discs on the x axis (centre, radius, and +1 or -1 for a disc that is added or cut out).

WAVELENGTH, NA, INDEX, WIDTH = 193.0, 1.35, 1.44, 65.0
PITCHES = {"dense": 130.0, "semi-dense": 195.0, "isolated": 520.0}
SOURCES = {
    "small disc": (Source.conventional(0.3), [(0, 0.3, 1)]),
    "large disc": (Source.conventional(0.9), [(0, 0.9, 1)]),
    "annular": (Source.annular(0.6, 0.9), [(0, 0.9, 1), (0, 0.6, -1)]),
    "dipole": (Source.dipole(0.55, 0.2), [(0.55, 0.2, 1), (-0.55, 0.2, 1)]),
}


def imaged(source, pitch, along="y"):
    """Return the image of open lines, one of them in the middle of the field."""
    a, b = WIDTH / 2, 5.0
    line = np.array([[-a, -b], [a, -b], [a, b], [-a, b]])
    lens = Optics(wavelength_nm=WAVELENGTH, na=NA, immersion_index=INDEX, source=source)
    if along == "y":
        grid = Grid((2, 128), (5.0, pitch / 128), (-pitch / 2, -5.0))
        return aerial_image([line], lens, grid, method="abbe")
    grid = Grid((128, 2), (pitch / 128, 5.0), (-5.0, -pitch / 2))
    return aerial_image([line[:, ::-1][::-1]], lens, grid, method="abbe")


# %%
# One number per pair of orders
# -----------------------------
# Each source point makes its own fringes, and the fringes of different points add up. Orders m and n, of amplitudes
# a_m and a_n, interfere for those points s from which both pass the pupil, so all that counts of a source is
#
# .. math:: T_{mn} = \textrm{share of the source in the discs of radius 1 around} \; -m d \; \textrm{and} \; -n d,
#
# with d = wavelength / (NA pitch), and the image is Hopkins' sum
#
# .. math:: I(x) = \sum_m \sum_n a_m a_n T_{mn} \cos \frac{2 \pi (m - n) x}{p}, \qquad
#           a_m = \frac{\sin(\pi m w / p)}{\pi m}.
#
# All centres lie on one line, so the overlap of the three discs is found chord by chord.


def transmission_cross_coefficient(discs, m, n, d):
    """Return T_mn of a source made of discs (centre, radius, sign)."""
    angle = (np.arange(2000) + 0.5) * np.pi / 2000
    overlap = area = 0.0
    for center, radius, sign in discs:
        y = radius * np.cos(angle)
        thickness = radius * np.sin(angle) * np.pi / 2000  # of the slice at y
        chord, rim = radius * np.sin(angle), np.sqrt(1 - y**2)
        left = np.maximum(center - chord, -min(m, n) * d - rim)
        right = np.minimum(center + chord, -max(m, n) * d + rim)
        overlap += sign * np.sum(np.maximum(right - left, 0) * thickness)
        area += sign * np.pi * radius**2
    return overlap / area


def formula(discs, pitch, x):
    """Return Hopkins' sum at x."""
    d = WAVELENGTH / NA / pitch
    last = int((1 + max(abs(center) + radius for center, radius, _ in discs)) / d)
    orders = np.arange(-last, last + 1)
    amplitude = WIDTH / pitch * np.sinc(orders * WIDTH / pitch)
    intensity = np.zeros_like(x)
    for m, a in zip(orders, amplitude, strict=True):
        for n, b in zip(orders, amplitude, strict=True):
            share = transmission_cross_coefficient(discs, m, n, d)
            intensity += a * b * share * np.cos(2 * np.pi * (m - n) * x / pitch)
    return intensity


# %%
# The image of the simulator is the same, for each source and each pitch:

x = np.linspace(-130, 130, 53)
worst = max(
    np.abs(imaged(source, pitch).at(x, np.zeros_like(x)) - formula(discs, pitch, x)).max()
    for source, discs in SOURCES.values()
    for pitch in PITCHES.values()
)
assert worst < 1e-4

# %%
# Two beams
# ---------
# At the dense pitch the first order stands at d = 1.1, outside the pupil, so at most two orders of one point pass. A
# dipole with its poles at -d / 2 and d / 2 makes all points do so: one pole sends orders 0 and 1 through the two ends
# of the pupil, the other orders 0 and -1. Half the light each: :math:`T_{01} = T_{11} = 1/2`, and the contrast is
# that of two beams,
#
# .. math:: C = \frac{2 a_0 a_1}{a_0^2 + a_1^2} = 0.906.


def contrast(values):
    """Return (brightest - darkest) / (brightest + darkest)."""
    return (values.max() - values.min()) / (values.max() + values.min())


d = WAVELENGTH / NA / PITCHES["dense"]
assert 1 < d < 1.2
a0, a1 = 1 / 2, 1 / np.pi
two_beams = 2 * a0 * a1 / (a0**2 + a1**2)
period = np.linspace(0, PITCHES["dense"], 101)
dipole = SOURCES["dipole"][0]
assert np.isclose(transmission_cross_coefficient(SOURCES["dipole"][1], 0, 1, d), 0.5)
assert abs(two_beams - 0.906) < 5e-4
assert abs(contrast(imaged(dipole, PITCHES["dense"]).at(period, np.zeros_like(period))) - two_beams) < 1e-6

# %%
# The price: lines that run the other way see both poles in one place, their first orders miss the pupil, and they do
# not print at all.

turned = imaged(dipole, PITCHES["dense"], along="x").at(np.zeros_like(period), period)
assert contrast(turned) < 1e-12

# %%
# Which source for which pitch
# ----------------------------
# What decides how well an edge prints is its *normalised image log-slope*, NILS = w d(log I)/dx: the width of the line
# changes by about 2 / NILS per cent for one per cent of dose.


def nils(intensity):
    """Return the NILS of a function of x at the right edge of the middle line."""
    low, high = np.log(intensity(WIDTH / 2 + np.array([-0.01, 0.01])))
    return WIDTH * (low - high) / 0.02


def nils_of(source, pitch):
    """Return the NILS of an image."""
    image = imaged(source, pitch)
    return nils(lambda x: image.at(x, np.zeros_like(x)))


found = {name: {kind: nils_of(source, p) for kind, p in PITCHES.items()} for name, (source, _) in SOURCES.items()}
best = {kind: max(SOURCES, key=lambda name: found[name][kind]) for kind in PITCHES}
assert best == {"dense": "dipole", "semi-dense": "small disc", "isolated": "small disc"}

# %%
# Dense lines want oblique light, from where their orders pass in pairs; the others want light along the axis. A disc
# has to give and take: with growing sigma, dense lines gain and the others lose, the isolated one from 0.2 on.

sigmas = np.linspace(0.05, 1.0, 39)
by_sigma = {kind: np.array([nils_of(Source.conventional(s), p) for s in sigmas]) for kind, p in PITCHES.items()}
for kind, pitch in PITCHES.items():
    predicted = [nils(lambda x, s=s, p=pitch: formula([(0, s, 1)], p, x)) for s in sigmas[::6]]
    assert np.allclose(by_sigma[kind][::6], predicted, atol=2e-3)
assert by_sigma["dense"][0] < 1e-6 and by_sigma["dense"][-1] > 2  # below sigma = d - 1 no first order gets in
assert by_sigma["isolated"].max() > 2.8 and by_sigma["isolated"][-1] < 2.2

# %%
# The figure
# ----------
# Above, the sources. The dashed discs hold the points from which order +1 or -1 of the dense lines passes, beside
# order 0. Below, NILS against the size of a disc (lines simulated, circles from Hopkins' sum), and for all sources.

COLOR = {0: COLORS["band"], 1: COLORS["mask"], -1: COLORS["violation"]}
KIND_COLOR = dict(zip(PITCHES, (COLORS["ink"], COLORS["print"], COLORS["mask"]), strict=True))


def draw_source(axes, name):
    """Draw the points of a source, coloured by the order of the dense lines that passes."""
    points = SOURCES[name][0].sample(0.04)
    plus, minus = (np.hypot(points.x + order * d, points.y) < 1 for order in (1, -1))
    colors = [COLOR[order] for order in plus.astype(int) - minus.astype(int)]
    axes.add_patch(Circle((0, 0), 1, facecolor="#eef1f5", edgecolor=COLORS["muted"], linewidth=1))
    axes.scatter(points.x, points.y, s=5, color=colors, linewidths=0)
    for order in (1, -1):
        axes.add_patch(Circle((-order * d, 0), 1, facecolor="none", edgecolor=COLOR[order], linestyle=(0, (4, 3))))
    axes.set(xlim=(-1.7, 1.7), ylim=(-1.15, 1.15), aspect="equal", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    share = (plus | minus) @ points.weight
    axes.set(xlabel="direction sine / NA", title=f"{name.capitalize()}: {share:.0%} makes dense lines")


figure = plt.figure(figsize=(13.6, 7.2))
panels = figure.subplot_mosaic([list("abcd"), list("ssnn")], height_ratios=(1, 1.25))
for letter, name in zip("abcd", SOURCES, strict=True):
    draw_source(panels[letter], name)

for kind, pitch in PITCHES.items():
    panels["s"].plot(sigmas, by_sigma[kind], color=KIND_COLOR[kind], label=f"{kind}, pitch {pitch:g} nm")
    panels["s"].plot(
        sigmas[::6],
        [nils(lambda x, s=s, p=pitch: formula([(0, s, 1)], p, x)) for s in sigmas[::6]],
        "o",
        color=KIND_COLOR[kind],
        markersize=4,
    )
panels["s"].axvline(d - 1, color=COLORS["muted"], linewidth=0.9, linestyle=(0, (4, 3)))
panels["s"].text(d - 0.98, 3.42, "d - 1: dense lines begin", color=COLORS["muted"])
panels["s"].set(xlim=(0, 1), ylim=(0, 3.6), xlabel="radius of the disc, sigma", ylabel="NILS", title="Discs")
panels["s"].legend(loc="lower right")

place = np.arange(len(SOURCES))
for offset, kind in zip((-0.26, 0, 0.26), PITCHES, strict=True):
    values = [found[name][kind] for name in SOURCES]
    bars = panels["n"].bar(place + offset, values, 0.24, color=KIND_COLOR[kind], label=kind)
    panels["n"].bar_label(bars, fmt="%.2f", fontsize=8, padding=2)
panels["n"].set(ylim=(0, 3.6), xticks=place, xticklabels=SOURCES, ylabel="NILS", title="All sources")
figure.savefig(FOLDER / "05_coherence_and_sources.png")
print(f"Hopkins' sum and image differ by at most {worst:.1e}; dipole: contrast {two_beams:.3f} of dense lines")

# %%
# Try it: turn the dipole into a quadrupole on the diagonals (``Source.quadrupole(0.78, 0.2, rotation_deg=45)``). Which
# lines does it print, and what does each of them lose?
