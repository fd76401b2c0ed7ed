"""
Phase-shifting masks
====================

A mask need not only let light through or stop it: glass etched to another depth, or a film that passes a little light,
turns its sign. Where light of both signs meets, there is a place without any. This lesson compares three masks for the
same lines, and finds which pitch each of them resolves, how sharp its edges are, and what focus does to them.

Run it with ``python examples/08_phase_masks.py [folder]``; it writes one figure there.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import sici

from litho.grid import Grid
from litho.image import aerial_image
from litho.mask import Mask
from litho.mask_layers import MaskLayers
from litho.pupil import Optics
from litho.scene import COLORS
from litho.source import Source

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
plt.style.use(Path(__file__).with_name("course.mplstyle"))

# %%
# Three masks
# -----------
# *Binary*: openings in chrome. *Attenuated*: openings in a film that passes 6 % of the light with its sign turned, so
# its amplitude is -t with :math:`t = \sqrt{0.06}`. *Alternating*: openings in chrome, every second of turned sign.

WAVELENGTH, NA, SIGMA = 193.0, 0.85, 0.3
SCALE = WAVELENGTH / NA
t = np.sqrt(0.06)
TYPES = {"binary": Mask(), "attenuated": Mask.attenuated(0.06), "alternating": None}


def strip(start, stop):
    """Return an opening from start to stop, nm, along all of y."""
    return np.array([[start, -5.0], [stop, -5.0], [stop, 5.0], [start, 5.0]])


def imaged(kind, opening, other, period, source, z=0.0):
    """Return the image of an opening (start, stop), and of `other`, with its sign turned, in an alternating mask."""
    lens = Optics(wavelength_nm=WAVELENGTH, na=NA, source=source)
    grid = Grid((2, 64), (5.0, period / 64), (-period / 4, -5.0))
    if kind == "alternating":
        mask = MaskLayers.alternating([strip(*opening)], [strip(*other)])
        return aerial_image(mask, lens, grid, defocus_nm=z, method="abbe")
    return aerial_image([strip(*opening)], lens, grid, defocus_nm=z, mask_type=TYPES[kind], method="abbe")


# %%
# An edge
# -------
# An edge with nothing near it, and light along the axis: the lens cuts the spectrum of a step, so the field is a sine
# integral,
#
# .. math:: E(x) = \frac{E_+ + E_-}{2} + \frac{E_+ - E_-}{\pi} \,
#           \mathrm{Si} \left( \frac{2 \pi \mathrm{NA}}{\lambda} x \right),
#
# between the amplitudes of the two sides: 0 and 1, -t and 1, -1 and 1. The step of the phase edge is twice that of
# chrome, and so is its slope, 4 NA / wavelength. At the edge its intensity is 0, not 1/4: a dark line without chrome.

DARK = {"binary": 0.0, "attenuated": -t, "alternating": -1.0}
AXIS, FAR = Source.point(), 400_000.0  # half the period of the edges


def edge(x, dark):
    """Return the field of an edge at x."""
    return (1 + dark) / 2 + (1 - dark) / np.pi * sici(2 * np.pi * NA / WAVELENGTH * x)[0]


x = np.linspace(-400, 400, 161)
edges = {kind: imaged(kind, (0, FAR), (-FAR, 0), 2 * FAR, AXIS).at(x, 0 * x) for kind in TYPES}
edge_error = max(np.abs(edges[kind] - edge(x, dark) ** 2).max() for kind, dark in DARK.items())
assert edge_error < 1e-3  # there is another edge, 0.4 mm away

# %%
# Lines
# -----
# Equal lines and spaces of pitch p. The orders of the three masks are
#
# .. math:: a_m = \frac{\sin(\pi m / 2)}{\pi m} \, (1 + t), \quad a_0 = \frac{1 - t}{2}
#           \qquad \textrm{and} \qquad
#           a_m = \frac{2 \sin(\pi m / 4)}{\pi m} \; (m \; \textrm{odd}),
#
# with t = 0 for the binary one. The alternating mask repeats itself after 2 p only, so its orders stand at half the
# angle, and the order 0 is gone: what is left to interfere are the orders -1 and 1. As in the lessons before, the image
# is Hopkins' sum over pairs of orders, each with the share of the source from which both of them pass.


def orders(kind, count=9):
    """Return the numbers of the orders and their amplitudes."""
    m = np.arange(-count, count + 1)
    if kind == "alternating":
        return m, m % 2 * np.sinc(m / 4) / 2
    s = -DARK[kind]
    return m, (1 + s) * np.sinc(m / 2) / 2 - s * (m == 0)


def share(sigma, first, last, d):
    """Return the share of a disc of radius sigma from which two orders pass, by chords along x."""
    angle = (np.arange(2000) + 0.5) * np.pi / 2000
    chord, rim = sigma * np.sin(angle), np.sqrt(1 - (sigma * np.cos(angle)) ** 2)
    left, right = np.maximum(-chord, -first * d - rim), np.minimum(chord, -last * d + rim)
    return np.sum(np.maximum(right - left, 0) * chord) / 2000 / sigma**2


def hopkins(kind, pitch, sigma, x):
    """Return the image at x."""
    period = 2 * pitch if kind == "alternating" else pitch
    intensity = np.zeros_like(x)
    numbers, amplitudes = orders(kind)
    lit = [(m, a) for m, a in zip(numbers, amplitudes, strict=True) if a and abs(m) * SCALE / period < 1 + sigma]
    for m, a in lit:
        for n, b in lit:
            both = share(sigma, min(m, n), max(m, n), SCALE / period)
            intensity += a * b * both * np.cos(2 * np.pi * (m - n) * x / period)
    return intensity


def lines(kind, pitch, source, z=0.0):
    """Return the image of equal lines and spaces, with an opening in the middle."""
    a = pitch / 4
    period = 2 * pitch if kind == "alternating" else pitch
    return imaged(kind, (-a, a), (pitch - a, pitch + a), period, source, z)


def contrast(intensity):
    """Return (brightest - darkest) / (brightest + darkest), 0 if all is dark."""
    return np.ptp(intensity) / max(intensity.max() + intensity.min(), 1e-12)


disc = Source.conventional(SIGMA)
pitches = np.linspace(0.4, 1.5, 34) * SCALE
turn = np.linspace(0, 1, 65)
found = {kind: {} for kind in TYPES}
lines_error = 0.0
for kind in TYPES:
    for pitch in pitches:
        image, formula = lines(kind, pitch, disc).at(turn * pitch, 0 * turn), hopkins(kind, pitch, SIGMA, turn * pitch)
        found[kind][pitch] = contrast(image)
        lines_error = max(lines_error, np.abs(image - formula).max())
assert lines_error < 1e-4

# %%
# The orders -1 and 1 of the alternating mask are wavelength / (NA p) apart, and the pupil is 2 wide. So its smallest
# pitch is wavelength / (2 NA), half of what a binary mask resolves with light along the axis. No lens and no source go
# below. A source of some size helps the binary mask, not this one. An attenuated film changes the strength of the
# orders, not their places: it has the limit of the binary one.

limit = {kind: SCALE / (2 if kind == "alternating" else 1 + SIGMA) for kind in TYPES}
for kind in TYPES:
    assert all(value < 1e-9 for pitch, value in found[kind].items() if pitch < limit[kind])
    assert all(value > 1e-3 for pitch, value in found[kind].items() if pitch > 1.05 * limit[kind])
assert found["alternating"][pitches[11]] > 0.99 and pitches[11] < limit["binary"]

# %%
# Edges of lines
# --------------
# Light along the axis, three beams. At the edge of a line, at p / 4, the cosine is zero and the intensity is
# :math:`a_0^2`. So the normalised image log-slope is NILS = :math:`4 \pi a_1 / a_0`, and out of focus, where the beams
# are out of step by :math:`\varphi` (see the lesson on defocus),
#
# .. math:: \mathrm{NILS} = 8 \, \frac{1 + t}{1 - t} \cos \varphi
#           \qquad \textrm{and} \qquad \mathrm{NILS} = \pi \; \textrm{for two beams}.
#
# Two beams at the same angle never get out of step, at any focus. And they lose: three beams in focus are sharper, as
# soon as their pitch gets through the lens. The alternating mask is for small pitches and large ranges of focus.

PITCH = 280.0
focus = np.linspace(-240, 240, 17)


def predicted(kind, z):
    """Return the NILS of a mask at a focus, by the formula."""
    if kind == "alternating":
        return np.pi + 0 * z
    phase = 2 * np.pi * z / WAVELENGTH * (1 - np.sqrt(1 - (WAVELENGTH / PITCH) ** 2))
    return 8 * (1 - DARK[kind]) / (1 + DARK[kind]) * np.cos(phase)


def nils(image):
    """Return the NILS at the edge of the opening, for a width of half the pitch."""
    low, high = np.log(image.at(PITCH / 4 + np.array([-0.01, 0.01]), np.zeros(2)))
    return PITCH / 2 * (low - high) / 0.02


slopes = {kind: np.array([nils(lines(kind, PITCH, AXIS, z)) for z in focus]) for kind in TYPES}
slope_error = max(np.abs(slopes[kind] - predicted(kind, focus)).max() for kind in TYPES)
assert slope_error < 1e-4

# %%
# The figure
# ----------
# Above, the masks: amplitude on the mask (thin), field at the wafer (dashed) and intensity (thick). Below, an edge, the
# contrast of lines against their pitch and NILS through focus; lines from the formulas, dots imaged.

COLOR = dict(zip(TYPES, (COLORS["ink"], COLORS["mask"], COLORS["violation"]), strict=True))
figure, axes = plt.subplots(2, 3, figsize=(13.6, 7.4), height_ratios=(1, 1.35))
x2 = np.linspace(-PITCH / 2, 1.5 * PITCH, 401)
for panel, kind in zip(axes[0], TYPES, strict=True):
    period = 2 * PITCH if kind == "alternating" else PITCH
    m, a = orders(kind)
    passed = np.abs(m) * SCALE / period < 1
    field = a[passed] @ np.cos(2 * np.pi * m[passed, None] * x2 / period)
    amplitude = np.where(np.cos(2 * np.pi * x2 / PITCH) > 0, 1.0, DARK[kind])
    if kind == "alternating":
        amplitude = (amplitude > 0) * np.sign(np.cos(np.pi * x2 / PITCH))
    panel.axhline(0, color=COLORS["grid"], linewidth=0.8)
    panel.plot(x2, amplitude, color=COLORS["muted"], linewidth=1)
    panel.plot(x2, field, "--", color=COLOR[kind], linewidth=1.2)
    panel.plot(x2, lines(kind, PITCH, AXIS).at(x2, 0 * x2), color=COLOR[kind], linewidth=2)
    panel.set(ylim=(-1.2, 1.65), xlabel="x, nm", ylabel="amplitude, intensity", title=f"{kind.capitalize()} mask")

edge_panel, pitch_panel, focus_panel = axes[1]
fine, fine_z = np.linspace(pitches[0], pitches[-1], 120), np.linspace(-240, 240, 161)
for kind, dark in DARK.items():
    edge_panel.plot(x, edge(x, dark) ** 2, color=COLOR[kind], label=kind)
    edge_panel.plot(x[::5], edges[kind][::5], "o", color=COLOR[kind], markersize=3.5)
    curve = [contrast(hopkins(kind, pitch, SIGMA, turn * pitch)) for pitch in fine]
    pitch_panel.plot(fine, curve, color=COLOR[kind], label=kind)
    pitch_panel.plot(found[kind].keys(), found[kind].values(), "o", color=COLOR[kind], markersize=3.5)
    pitch_panel.axvline(limit[kind], color=COLOR[kind], linewidth=0.9, linestyle=(0, (4, 3)))
    focus_panel.plot(fine_z, predicted(kind, fine_z), color=COLOR[kind], label=kind)
    focus_panel.plot(focus, slopes[kind], "o", color=COLOR[kind], markersize=3.5)
edge_panel.set(xlabel="x, nm", ylabel="intensity / clear field", title="One edge, coherent light")
edge_panel.legend(loc="center right")
pitch_panel.set(ylim=(0, 1.05), xlabel="pitch, nm", ylabel="contrast", title=rf"Lines, $\sigma$ = {SIGMA:g}")
pitch_panel.legend(loc="lower right")
focus_panel.set(ylim=(0, 14), xlabel="focus z, nm", ylabel="NILS", title=f"Lines, pitch {PITCH:g} nm, coherent light")
focus_panel.legend(loc="upper right")
figure.savefig(FOLDER / "08_phase_masks.png")
print(f"differences of image and formula: edges {edge_error:.1e}, lines {lines_error:.1e}, NILS {slope_error:.1e}")
print("smallest pitch: " + ", ".join(f"{kind} {limit[kind]:.0f} nm" for kind in TYPES))
print("NILS in focus: " + ", ".join(f"{kind} {slopes[kind][8]:.2f}" for kind in TYPES))

# %%
# Try it: etch the glass too deep, ``MaskLayers.alternating(..., phase_deg=185)``. In focus hardly anything happens; out
# of it, every second line gets wider. Why? (There is some order 0 again, a quarter of a wave out of step.)
#
# More in A. K.-K. Wong, *Resolution Enhancement Techniques in Optical Lithography* (2001), and C. A. Mack,
# *Fundamental Principles of Optical Lithography* (2007).
