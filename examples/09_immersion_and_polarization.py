"""
Immersion and polarisation
==========================

So far light was a number. It is a vector, across the ray, and where two steep rays meet their vectors need not point
the same way. This lesson fills the gap under the lens with water, sees apertures beyond 1, and finds what the steep
rays cost: the contrast of light of the wrong polarisation.

Run it with ``python examples/09_immersion_and_polarization.py [folder]``; it writes one figure there.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from litho.films import Film, Stack
from litho.grid import Grid
from litho.image import aerial_image
from litho.mask_layers import MaskLayers
from litho.pupil import Optics
from litho.scene import COLORS
from litho.source import Source

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
plt.style.use(Path(__file__).with_name("course.mplstyle"))

# %%
# One sine for all films
# ----------------------
# The numerical aperture is :math:`\mathrm{NA} = n \sin \theta`. At a flat interface n sin(angle) stays what it is
# (Snell), from the last lens down into the resist, and with it the pitch of the fringes that two rays make,
#
# .. math:: p = \frac{\lambda}{2 n \sin \theta} = \frac{\lambda}{2 \mathrm{NA}}.
#
# So water under the lens changes neither the pitch nor the angle in the resist of what a dry lens could print. It bends
# the rays in the gap: those of NA 0.93 from 68 to 40 degrees. And it lets rays through that air would reflect back into
# the lens, those with n sin(angle) > 1. The limit is the index of what is under the lens.

WAVELENGTH, AIR, WATER, RESIST = 193.0, 1.0, 1.44, 1.7


def angle_deg(na, index):
    """Return the angle of a ray in a medium, degrees."""
    return np.degrees(np.arcsin(na / index))


assert [round(angle_deg(0.93, index)) for index in (AIR, WATER, RESIST)] == [68, 40, 33]
half_pitch = {na: WAVELENGTH / (4 * na) for na in (0.93, 1.35)}  # the smallest, k1 = 0.25
assert round(half_pitch[0.93], 1) == 51.9 and round(half_pitch[1.35], 1) == 35.7

# %%
# Two rays
# --------
# An alternating mask lit along the axis sends two orders, equally strong, to either side. *TE* light has its field
# along the lines: both fields point the same way and add up like numbers. *TM* light has it in the plane of the two
# rays, each across its own ray, so the fields make an angle of :math:`2 \theta`, and only its cosine interferes. Light
# that is not polarised is half of each. With c for the contrast, :math:`I(x) = 1 + c \cos(2 \pi x / p)`:
#
# .. math:: c_\mathrm{TE} = 1, \qquad c_\mathrm{TM} = \cos 2 \theta, \qquad
#           c_\mathrm{unpolarised} = \frac{1 + \cos 2 \theta}{2} = \cos^2 \theta.
#
# At 45 degrees TM light makes no fringes at all, and beyond that dark ones where bright ones belong.

KINDS = {"TE": "y", "TM": "x", "unpolarised": "unpolarized"}  # the lines run along y


def contrast(image, pitch):
    """Return c of an image 1 + c cos(2 pi x / pitch)."""
    bright, dark = image.at(np.array([0.0, pitch / 2]), np.zeros(2))
    return (bright - dark) / (bright + dark)


def two_rays(na, index, polarization, wafer=None):
    """Return the contrast of two rays of n sin(angle) = na: in the medium, or in a wafer."""
    pitch = WAVELENGTH / (2 * na)
    openings = [np.array([[a, -5.0], [a + pitch / 2, -5.0], [a + pitch / 2, 5.0], [a, 5.0]]) for a in (0, pitch)]
    mask = MaskLayers.alternating(*([opening - [pitch / 4, 0]] for opening in openings))
    lens = Optics(
        wavelength_nm=WAVELENGTH,
        na=min(1.001 * na, 0.9999 * index),
        immersion_index=index,
        source=Source.point(),
        polarization=polarization,
        wafer=wafer,
    )
    grid = Grid((2, 64), (5.0, 2 * pitch / 64), (-pitch / 2, -5.0))
    depth = None if wafer is None else 30.0
    return contrast(aerial_image(mask, lens, grid, method="abbe", depth_nm=depth), pitch)


def formula(na, index):
    """Return the contrast of each kind of light."""
    tm = np.cos(2 * np.arcsin(na / index))
    return {"TE": 1 + 0 * na, "TM": tm, "unpolarised": (1 + tm) / 2}


APERTURES = {AIR: np.linspace(0.1, 0.98, 9), WATER: np.linspace(0.1, 1.4, 13)}
in_gap = {
    index: {kind: np.array([two_rays(na, index, word) for na in apertures]) for kind, word in KINDS.items()}
    for index, apertures in APERTURES.items()
}
gap_error = max(
    np.abs(in_gap[index][kind] - formula(apertures, index)[kind]).max()
    for index, apertures in APERTURES.items()
    for kind in KINDS
)
assert gap_error < 1e-10

# %%
# In the resist
# -------------
# What counts is the image in the resist. There the rays are flatter, so :math:`c_\mathrm{TM} = 1 - 2 (\mathrm{NA} /
# n_\mathrm{resist})^2`, the same for a dry lens and for an immersed one. Light that is not polarised becomes so a
# little, because the surface passes TM better than TE. Fresnel's amplitudes are the weights:
#
# .. math:: c_\mathrm{unpolarised} = \frac{t_s^2 + t_p^2 \cos 2 \theta}{t_s^2 + t_p^2}, \qquad
#           t_s = \frac{2 n \cos \theta_n}{n \cos \theta_n + n_r \cos \theta_r}, \quad
#           t_p = \frac{2 n \cos \theta_n}{n_r \cos \theta_n + n \cos \theta_r}.
#
# The wafer here is a resist on a substrate of the same index, so that nothing comes back from below.


def resist_formula(na, index):
    """Return the contrast of each kind of light in the resist."""
    above, below = np.sqrt(1 - (na / index) ** 2), np.sqrt(1 - (na / RESIST) ** 2)
    s = (2 * index * above / (index * above + RESIST * below)) ** 2
    p = (2 * index * above / (RESIST * above + index * below)) ** 2
    tm = 1 - 2 * (na / RESIST) ** 2
    return {"TE": 1 + 0 * na, "TM": tm, "unpolarised": (s + p * tm) / (s + p)}


wafer = Stack((Film(100.0, RESIST),), RESIST)
in_resist = {
    index: {kind: np.array([two_rays(na, index, word, wafer) for na in apertures]) for kind, word in KINDS.items()}
    for index, apertures in APERTURES.items()
}
resist_error = max(
    np.abs(in_resist[index][kind] - resist_formula(apertures, index)[kind]).max()
    for index, apertures in APERTURES.items()
    for kind in KINDS
)
assert resist_error < 1e-10

# %%
# A real case
# -----------
# Lines of 40 nm and spaces of 40 nm, a binary mask, NA 1.35 and water, and a dipole whose two points send order 0
# and order 1 to either side at the same angle, as in the lesson on sources. The two are not equally strong, which
# leaves :math:`2 a_0 a_1 / (a_0^2 + a_1^2) = 0.906` of the contrast, times that from above. Here n sin(angle) is 1.21,
# in the resist 45 degrees: TM light is lost, and spoils the image of the other half. This is why scanners of high
# aperture polarise their light along the lines.

PITCH, NA = 80.0, 1.35
beams = WAVELENGTH / (2 * PITCH)
dipole = Source.points([(-beams / NA, 0.0), (beams / NA, 0.0)])
line = np.array([[-20.0, -5.0], [20.0, -5.0], [20.0, 5.0], [-20.0, 5.0]])
grid = Grid((2, 64), (5.0, PITCH / 64), (-PITCH / 2, -5.0))
real = {}
for kind, word in KINDS.items():
    scanner = Optics(
        wavelength_nm=WAVELENGTH, na=NA, immersion_index=WATER, source=dipole, polarization=word, wafer=wafer
    )
    real[kind] = aerial_image([line], scanner, grid, method="abbe", depth_nm=30.0)
a0, a1 = 1 / 2, 1 / np.pi
expected = {kind: 2 * a0 * a1 / (a0**2 + a1**2) * c for kind, c in resist_formula(beams, WATER).items()}
assert all(abs(contrast(real[kind], PITCH) - expected[kind]) < 1e-10 for kind in KINDS)
assert expected["TE"] > 0.9 and abs(expected["TM"]) < 0.01 and expected["unpolarised"] < 0.5

# %%
# The figure
# ----------
# Above: the fields of two rays, TM, at 45 degrees; the angle of a ray in each medium, with NA 0.93 and 1.35 dashed; the
# simulated image of the real case. Below, the contrast: lines from the formulas, dots simulated.

COLOR = dict(zip(KINDS, (COLORS["print"], COLORS["violation"], COLORS["mask"]), strict=True))
figure = plt.figure(figsize=(13.6, 7.8))
panels = figure.subplot_mosaic([list("ssaaii"), list("gggrrr")], height_ratios=(1, 1.2))

axes = panels["s"]
for side in (-1, 1):
    ray, field = np.array([side, -1.0]) / np.sqrt(2), np.array([1.0, side]) / np.sqrt(2)
    middle = -0.8 * ray
    axes.annotate("", (0, 0), -1.6 * ray, arrowprops={"arrowstyle": "-|>", "color": COLORS["ink"], "linewidth": 1.5})
    for foot, arrow in ((middle, 0.5 * field), (np.array([0.5, -0.2]), 0.5 * field)):
        axes.annotate("", foot + arrow, foot, arrowprops={"arrowstyle": "-|>", "color": COLOR["TM"], "linewidth": 2})
    axes.plot(*(-1.25 * ray), "o", markersize=10, color="white", markeredgecolor=COLOR["TE"])
    axes.plot(*(-1.25 * ray), ".", markersize=5, color=COLOR["TE"])
axes.text(0.64, -0.2, "90°", va="center", color=COLORS["muted"])
axes.text(0, -0.78, "TM: the fields are at right angles", ha="center", color=COLOR["TM"])
axes.text(0, -0.98, "TE: both point out of the plane", ha="center", color=COLOR["TE"])
axes.set(xlim=(-1.3, 1.3), ylim=(-1.05, 1.2), aspect="equal", title="Two rays at 45 degrees")
axes.axis("off")

axes = panels["a"]
for index, name, color in ((AIR, "air", "muted"), (WATER, "water", "mask"), (RESIST, "resist", "band")):
    na = np.linspace(0, index, 400)
    axes.plot(na, angle_deg(na, index), color=COLORS[color], label=f"{name}, n = {index:g}")
for na in half_pitch:
    axes.axvline(na, color=COLORS["muted"], linewidth=0.9, linestyle=(0, (4, 3)))
axes.axhline(45, color=COLORS["violation"], linewidth=0.9, linestyle=":")
axes.set(xlim=(0, 1.7), ylim=(0, 90), xlabel="NA = n sin(angle)", ylabel="angle, degrees", title="Angles")
axes.legend(loc="upper left")

x = np.linspace(-PITCH, PITCH, 161)
for kind, image in real.items():
    label = f"{kind}: {contrast(image, PITCH) + 0.0:.2f}"
    panels["i"].plot(x, image.at(x, 0 * x), color=COLOR[kind], label=label)
panels["i"].set(xlabel="x, nm", ylabel="intensity / clear field", title="40 nm lines in the resist", ylim=(0, 0.85))
panels["i"].legend(title="contrast", loc="upper right", ncols=3, columnspacing=1)

for letter, measured, predicted in (("g", in_gap, formula), ("r", in_resist, resist_formula)):
    axes = panels[letter]
    for index, name, style in ((AIR, "dry", (0, (4, 2))), (WATER, "water", "-")):
        fine = np.linspace(0.05, 0.999 * index, 300)
        for kind, values in predicted(fine, index).items():
            axes.plot(fine, values, color=COLOR[kind], linestyle=style, label=f"{kind}, {name}")
            axes.plot(APERTURES[index], measured[index][kind], "o", color=COLOR[kind], markersize=3.5)
    axes.axhline(0, color=COLORS["muted"], linewidth=0.7)
    axes.set(xlim=(0, 1.45), ylim=(-1.05, 1.08), xlabel="NA = n sin(angle) of the two rays", ylabel="contrast")
panels["g"].set_title("Contrast in the gap")
panels["r"].set_title("Contrast in the resist")
panels["r"].legend(loc="lower left", ncols=2)
figure.savefig(FOLDER / "09_immersion_and_polarization.png")
print(f"contrast and formula differ by at most {gap_error:.0e} in the gap and {resist_error:.0e} in the resist")
print("40 nm lines: contrast " + ", ".join(f"{kind} {contrast(real[kind], PITCH):.3f}" for kind in KINDS))

# %%
# Try it: turn the lines by 90 degrees and leave the polarisation as it is. And a layout with lines of both directions:
# what do ``polarization="te"`` and a source of four poles do for it?
#
# More in C. A. Mack, *Fundamental Principles of Optical Lithography* (2007), and A. K.-K. Wong, *Optical Imaging in
# Projection Microlithography* (2005).
