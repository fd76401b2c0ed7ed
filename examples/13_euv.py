"""
Extreme ultraviolet light
=========================

At 13.5 nm nothing is transparent. Lens and mask are mirrors, the light has to come at an angle, and one photon carries
as much energy as fourteen of 193 nm, so there are few of them. This lesson has one part for each: how a mirror
reflects, what the angle does to lines that run across and along, and how rough an edge is that few photons draw.

Run it with ``python examples/13_euv.py [folder]``; it writes one figure there.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from litho.cutline import CutLine, measure
from litho.euv import EuvMask, slit_azimuth_deg
from litho.euv_mirror import MOLYBDENUM, SILICON, multilayer
from litho.film_curves import reflectance_spectrum
from litho.films import reflectance
from litho.grid import Grid
from litho.image import aerial_image
from litho.mask import Mask
from litho.pupil import Optics
from litho.scene import COLORS
from litho.shot_noise import Exposures, ShotNoise, photons_per_nm2
from litho.source import Source
from litho.stochastics import line_statistics

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
plt.style.use(Path(__file__).with_name("course.mplstyle"))
WAVELENGTH, NA, CHIEF_RAY = 13.5, 0.33, 6.0  # nm, -, degrees


def sine(degrees):
    """Return the sines of angles, as an array."""
    return np.sin(np.radians(np.atleast_1d(degrees)))


# %%
# A mirror of many
# ----------------
# At normal incidence a surface of molybdenum reflects 1.6 thousandths. But forty pairs of molybdenum and silicon
# reflect in step if each film is a quarter of a wavelength thick. If they did not absorb, N pairs on a substrate would
# reflect
#
# .. math:: R = \left( \frac{1 - Y}{1 + Y} \right)^2, \qquad
#           Y = n_\mathrm{sub} \left( \frac{n_\mathrm{Si}}{n_\mathrm{Mo}} \right)^{2 N}.

PAIRS = np.array([1, 2, 5, 10, 15, 20, 30, 40, 50, 60])
si, mo = SILICON.real, MOLYBDENUM.real
quarters = WAVELENGTH / 4 / si, WAVELENGTH / 4 / mo
normal = np.zeros(1)
period, share = sum(quarters), quarters[1] / sum(quarters)
clear = [multilayer(n, period, share, None, si, mo, 1.0) for n in PAIRS.tolist()]
lossless = np.array([reflectance(stack, WAVELENGTH, 1.0, normal, "s")[0] for stack in clear])
y = (si / mo) ** (2 * PAIRS)
mirror_error = np.abs(lossless - ((1 - y) / (1 + y)) ** 2).max()
assert mirror_error < 1e-12

# %%
# They do absorb, and below some 40 pairs no light is left to be reflected. The mirror ends at 74 % (a real one, whose
# layers are rough and mix, some per cent lower), and ten of them in a row pass a twentieth.

real = np.array([reflectance(multilayer(n), WAVELENGTH, 1.0, sine(CHIEF_RAY), "s")[0] for n in PAIRS.tolist()])
assert real[PAIRS == 60][0] - real[PAIRS == 40][0] < 0.01
assert 0.04 < real[PAIRS == 40][0] ** 10 < 0.06

# %%
# The pairs are in step where Bragg's law holds. With the mean index of a pair, :math:`\bar n`, and its period d
#
# .. math:: \lambda = 2 d \sqrt{\bar n^2 - \sin^2 \theta}.
#
# There lies the middle of the band that a mirror reflects: the more oblique the light, the shorter its wavelength.

DEGREES, PERIOD, SHARE = (0.0, 6.0, 12.0, 18.0), 6.94, 0.4
mirror = multilayer(40, PERIOD, SHARE)
wavelengths = np.linspace(12.2, 14.4, 441)
spectra = {t: reflectance_spectrum(mirror, wavelengths, 1.0, sine(t), "s")[0] for t in DEGREES}
mean_index = SHARE * mo + (1 - SHARE) * si
bragg = {t: 2 * PERIOD * np.sqrt(mean_index**2 - sine(t)[0] ** 2) for t in DEGREES}
for t, spectrum in spectra.items():
    reflected = wavelengths[spectrum > spectrum.max() / 2]
    assert abs((reflected[0] + reflected[-1]) / 2 - bragg[t]) < 0.003 * bragg[t]

# %%
# At one wavelength this means few angles: up to some 11 degrees. The mask is lit at 6 degrees, so that the light that
# leaves it is not in the way of what arrives, and a lens of NA 0.33 that makes everything four times smaller takes
# 4.7 degrees on either side of that. It just fits.

angles = np.linspace(0, 20, 201)
by_angle = {kind: reflectance(mirror, WAVELENGTH, 1.0, sine(angles), kind) for kind in "sp"}
cone = np.degrees(np.arcsin(NA / 4))
assert all(values[angles <= CHIEF_RAY + cone].min() > 0.75 * values.max() for values in by_angle.values())

# %%
# Shadows
# -------
# The absorber stands on the mirror like a wall of the height h. Light at the angle :math:`\theta` is stopped by it on
# the way in and on the way out, so lines that run across the plane of incidence look wider than they are drawn. Seen
# at the wafer, where everything is R = 4 times smaller, each edge moves by
#
# .. math:: s = \frac{h \tan \theta}{R} .
#
# In the middle of the slit the light comes along y: horizontal lines grow by 2 s, vertical ones do not. But the slit
# is an arc, and along it the plane of incidence turns by an angle :math:`\varphi`: there horizontal lines grow by
# :math:`2 s \cos \varphi`, vertical ones by :math:`2 s \sin |\varphi|`.

ABSORBER, PITCH, LINE, RING_MM = 60.0, 44.0, 22.0, 37.0
places_mm = np.linspace(-13, 13, 9)
shadow = ABSORBER * np.tan(np.radians(CHIEF_RAY)) / 4
turn = np.arcsin(places_mm / RING_MM)

# %%
# How much of it prints? In straight coherent light the lines are made by three beams (see the lesson on process
# windows), of amplitudes :math:`a_0 = 1 - w/p` and :math:`a_1 = \sin(\pi w/p) / \pi`, and at the threshold T a line
# that is w wide on the mask comes out as
#
# .. math:: w_\mathrm{printed} = \frac{p}{\pi} \arccos \frac{a_0 - \sqrt{T}}{2 a_1}.

THRESHOLD = 0.25
lens = Optics(wavelength_nm=WAVELENGTH, na=NA, source=Source.point())


def width_of(mask_width):
    """Return the printed width of a line from the formula."""
    a0, a1 = 1 - mask_width / PITCH, np.sin(np.pi * mask_width / PITCH) / np.pi
    return PITCH / np.pi * np.arccos((a0 - np.sqrt(THRESHOLD)) / (2 * a1))


def printed(place_mm, vertical):
    """Return the printed width of a line at a place along the slit."""
    azimuth = slit_azimuth_deg(place_mm, RING_MM)
    mask = EuvMask(ABSORBER, CHIEF_RAY, azimuth, thin=Mask.binary("bright field"))
    a, b, across = LINE / 2, 4.0, PITCH / 2
    if vertical:
        line, grid = np.array([[-a, -b], [a, -b], [a, b], [-a, b]]), Grid((2, 64), (b, PITCH / 64), (-across, -b))
        cut = CutLine((-across, 0), (across, 0))
    else:
        line, grid = np.array([[-b, -a], [b, -a], [b, a], [-b, a]]), Grid((64, 2), (PITCH / 64, b), (-b, -across))
        cut = CutLine((0, -across), (0, across))
    image = aerial_image([line], lens, grid, mask_type=mask, method="abbe")
    return measure(image, cut, THRESHOLD, tone="dark").cd_nm


horizontal = np.array([printed(x, vertical=False) for x in places_mm.tolist()])
vertical = np.array([printed(x, vertical=True) for x in places_mm.tolist()])
width_error = np.abs(horizontal - width_of(LINE + 2 * shadow * np.cos(turn))).max()
width_error = max(width_error, np.abs(vertical - width_of(LINE + 2 * shadow * np.sin(np.abs(turn)))).max())
assert width_error < 1e-5  # nm
bias = horizontal - vertical
assert bias[len(bias) // 2] == bias.max()  # the largest difference of horizontal and vertical lines is in the middle

# %%
# A mask maker draws the lines thinner by what they will grow. (The model is geometry: it leaves out what diffraction
# at the walls does to the phase.)
#
# Few photons
# -----------
# A dose of D brings :math:`D \lambda / (h c)` photons to an area, at 30 mJ/cm² twenty to a square nanometre, of which a
# resist of 40 nm absorbs less than four. Counts scatter by their square root, and the acids that are made spread over a
# blur b. So the latent image scatters by
#
# .. math:: \sigma = \sqrt{ \frac{I}{4 \pi \, b^2 N} }, \qquad
#           \mathrm{LER} = 3 \sigma \left/ \left| \frac{dI}{dx} \right| \right.
#
# for N absorbed photons per area of the clear field. The image is that of two beams from two source points,
# :math:`1/4 + 1/\pi^2 + \cos(2 \pi x / p) / \pi`, whose fringes the blur weakens by :math:`e^{-2 (\pi b / p)^2}`.

assert abs(photons_per_nm2(30, WAVELENGTH) - 20.4) < 0.05
assert abs(photons_per_nm2(30, WAVELENGTH) / photons_per_nm2(30, 193) - 13.5 / 193) < 1e-12
BLUR, DOSES, LENGTH_NM, LINES = 4.0, np.array([10.0, 20.0, 40.0, 80.0]), 400, 2
noises = [ShotNoise(d, WAVELENGTH, absorption_per_um=5.0, thickness_nm=40.0, blur_nm=BLUR) for d in DOSES.tolist()]
pole = WAVELENGTH / (2 * PITCH * NA)
dipole = Optics(wavelength_nm=WAVELENGTH, na=NA, source=Source.points([(-pole, 0), (pole, 0)]))
space = np.array([[-LINE / 2, 0], [LINE / 2, 0], [LINE / 2, 1], [-LINE / 2, 1]])
row = aerial_image([space], dipole, Grid((1, int(PITCH)), (1.0, 1.0), (-PITCH / 2, 0.0)), method="abbe").intensity
x = np.arange(int(PITCH)) + 0.5 - PITCH / 2
edge = 1 / 4 + 1 / np.pi**2
assert np.abs(row[0] - edge - np.cos(2 * np.pi * x / PITCH) / np.pi).max() < 1e-12
field = np.tile(row, (LENGTH_NM, LINES))
slope = 2 / PITCH * np.exp(-2 * (np.pi * BLUR / PITCH) ** 2)
predicted = np.array([3 * noise.sigma(edge) / slope for noise in noises])
found = [line_statistics(field, noise, edge, trials=50, seed=13, pixel_nm=1.0) for noise in noises]
roughness = np.array([statistics.ler_nm for statistics in found])
assert np.allclose(roughness, predicted, rtol=0.05)  # few trials, and the formula is for little noise

# %%
# Half the roughness costs four times the dose. With 14 times as many photons, light of 193 nm has an easier life.
#
# The figure
# ----------
# Above, the mirror. Below, the printed widths along the slit, what two doses print (one exposure each), and the
# roughness: lines from the formulas, dots simulated.

figure, axes = plt.subplots(2, 3, figsize=(13.6, 8.4))
palette = (COLORS["ink"], COLORS["mask"], COLORS["print"], COLORS["violation"])
for (t, spectrum), color in zip(spectra.items(), palette, strict=True):
    axes[0, 0].plot(wavelengths, spectrum, color=color, label=f"{t:g}°")
    axes[0, 0].axvline(bragg[t], ymax=0.82, color=color, linewidth=0.9, linestyle=(0, (4, 3)))
axes[0, 0].set(xlim=(12.2, 14.4), ylim=(0, 0.95), xlabel="wavelength, nm", ylabel="reflectance")
axes[0, 0].set_title("40 pairs; dashed: Bragg's law")
axes[0, 0].legend(title="angle", ncols=4, loc="upper center")
axes[0, 1].axvspan(CHIEF_RAY - cone, CHIEF_RAY + cone, color=COLORS["grid"], alpha=0.6, linewidth=0)
for kind, color in (("s", COLORS["mask"]), ("p", COLORS["print"])):
    axes[0, 1].plot(angles, by_angle[kind], color=color, label=f"{kind} polarised")
axes[0, 1].set(xlim=(0, 20), ylim=(0, 0.95), xlabel="angle, degrees", ylabel="reflectance")
axes[0, 1].set_title("At 13.5 nm; grey: what the lens takes")
axes[0, 1].legend(loc="upper right")
pairs = np.linspace(1, 60, 200)
y_line = (si / mo) ** (2 * pairs)
axes[0, 2].plot(pairs, ((1 - y_line) / (1 + y_line)) ** 2, color=COLORS["mask"], label="without absorption: formula")
axes[0, 2].plot(PAIRS, lossless, "o", color=COLORS["mask"], markersize=4)
axes[0, 2].plot(PAIRS, real, "o-", color=COLORS["violation"], markersize=4, label="as it is, with a cap of ruthenium")
axes[0, 2].set(xlim=(0, 60), ylim=(0, 1.2), xlabel="pairs", ylabel="reflectance", title="How many pairs are enough")
axes[0, 2].legend(loc="upper left")

fine = np.linspace(-13, 13, 201)
for name, values, part, color in (
    ("horizontal lines", horizontal, np.cos, COLORS["mask"]),
    ("vertical lines", vertical, lambda t: np.sin(np.abs(t)), COLORS["print"]),
):
    axes[1, 0].plot(fine, width_of(LINE + 2 * shadow * part(np.arcsin(fine / RING_MM))), color=color, label=name)
    axes[1, 0].plot(places_mm, values, "o", color=color, markersize=4)
axes[1, 0].set(xlim=(-13.5, 13.5), ylim=(21.8, 24.4), xlabel="place along the slit, mm", ylabel="printed width, nm")
axes[1, 0].set_title(f"Lines drawn {LINE:g} nm wide")
axes[1, 0].legend(loc="upper left", ncols=2)
for k, left in ((0, 0.0), (3, LINES * PITCH + 12)):
    latent = Exposures(field[:150], (1.0, 1.0), noises[k], 1).latent(0)
    place = np.arange(latent.shape[1]) + 0.5 + left, np.arange(150) + 0.5
    axes[1, 1].contourf(*place, latent, [edge, 10.0], colors=[COLORS["print"]])
axes[1, 1].set(
    aspect="equal", xlabel="x, nm", ylabel="y, nm", title=f"One print at {DOSES[0]:g}, one at {DOSES[3]:g} mJ/cm²"
)
dose = np.geomspace(8, 100, 50)
axes[1, 2].loglog(
    dose, predicted[0] * np.sqrt(DOSES[0] / dose), color=COLORS["mask"], label=r"$3 \sigma$ / slope of the image"
)
low, high = np.array([statistics.ler.interval for statistics in found]).T
axes[1, 2].errorbar(DOSES, roughness, [roughness - low, high - roughness], fmt="o", color=COLORS["violation"])
axes[1, 2].plot([], [], "o", color=COLORS["violation"], label="50 exposures, with 95 % confidence")
axes[1, 2].set(xlabel="dose, mJ/cm²", ylabel="line-edge roughness (3 sigma), nm", title="Line-edge roughness")
axes[1, 2].set(xticks=(10, 20, 40, 80), xticklabels=("10", "20", "40", "80"), yticks=(1, 2, 3))
axes[1, 2].set(yticklabels=("1", "2", "3"), ylim=(0.8, 4.2))
axes[1, 2].minorticks_off()
axes[1, 2].legend(loc="upper right")
figure.savefig(FOLDER / "13_euv.png")
print(f"lossless mirror: formula and simulation differ by at most {mirror_error:.0e}; with absorption {real[7]:.3f}")
print(
    f"shadow {shadow:.3f} nm an edge; horizontal lines print {bias.max():.2f} nm wider; widths to {width_error:.0e} nm"
)
for d, a, b in zip(DOSES, roughness, predicted, strict=True):
    print(f"{d:g} mJ/cm²: {photons_per_nm2(d, WAVELENGTH):.1f} photons/nm², LER {a:.2f} nm, formula {b:.2f} nm")

# %%
# Try it: which blur makes the smoothest edge? A small one leaves the photons' scatter, a large one the image no slope.
# The formula above has its least at :math:`b = p / (2 \pi)`. And what does a resist that absorbs four times as much do?
