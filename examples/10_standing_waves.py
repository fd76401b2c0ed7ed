"""
Standing waves
==============

Resist lies on silicon, and silicon is a mirror. The light that comes back meets the light that arrives, and the two
make fringes in depth: layers of much and of little light. This lesson computes them, sees the dose swing with the
thickness of the resist, takes the mirror away with a coating, and develops what is left.

Run it with ``python examples/10_standing_waves.py [folder]``; it writes one figure there.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from litho.bake import Bake, deprotect
from litho.development import MackRate
from litho.exposure import Exposure, generate_acid
from litho.film_curves import best_thickness, bottom_reflectance, standing_wave, swing_curve
from litho.films import Film, Stack, depth_average
from litho.front import arrival_time
from litho.grid import Grid
from litho.image import aerial_image
from litho.pupil import Optics
from litho.resist_profile import resist_profile
from litho.scene import COLORS
from litho.source import Source

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
plt.style.use(Path(__file__).with_name("course.mplstyle"))

# %%
# A film on a mirror
# ------------------
# A refractive index n + i k turns a wave by n and fades it by k. At 193 nm silicon has k = 2.8: it reflects like a
# metal. The *BARC*, a bottom antireflective coating, is a film that absorbs.

WAVELENGTH, AIR, RESIST, BARC, SILICON = 193.0, 1.0, 1.70 + 0.018j, 1.82 + 0.34j, 0.883 + 2.778j
THICKNESS = 200.0
bare = Stack((Film(THICKNESS, RESIST),), SILICON)

# %%
# Let light come straight down. With the reflection :math:`\rho_{12}` of the resist's top, :math:`\rho_{23}` of its
# bottom, and :math:`q = 2 \pi n_2 / \lambda`, the waves that bounce to and fro add up to
#
# .. math:: E(z) = \frac{\tau_{12} \left( e^{i q z} + \rho_{23} \, e^{i q (2D - z)} \right)}
#           {1 + \rho_{12} \, \rho_{23} \, e^{2 i q D}}, \qquad
#           \rho_{jk} = \frac{n_j - n_k}{n_j + n_k}, \qquad \tau_{12} = 1 + \rho_{12}.
#
# Oblique light with its field along the surface obeys the same formula with :math:`\sqrt{n^2 - s^2}` for every n,
# where s is the sine of the angle in air.


def field(z, thickness, sine=0.0, top=AIR, film=RESIST, below=SILICON):
    """Return the electric field at depths of a film for an arriving wave of 1, and what the film reflects."""
    n1, n2, n3 = (np.sqrt(complex(n) ** 2 - sine**2) for n in (top, film, below))
    upper, lower, q = (n1 - n2) / (n1 + n2), (n2 - n3) / (n2 + n3), 2 * np.pi * n2 / WAVELENGTH
    there_and_back = lower * np.exp(2j * q * thickness)
    down_and_up = np.exp(1j * q * z) + lower * np.exp(1j * q * (2 * thickness - z))
    bounces = 1 + upper * there_and_back
    return (1 + upper) * down_and_up / bounces, (upper + there_and_back) / bounces


# %%
# The transfer matrices of ``standing_wave`` say the same. Dark layers are half a wavelength in the resist apart,
# :math:`\lambda / (2 n)` = 56.8 nm; in oblique light, where the wave is longer in depth, more.

STRAIGHT, OBLIQUE = np.array([0.0]), np.array([WAVELENGTH / 300])  # sines; 300 nm is twice the pitch below
z = np.linspace(0, THICKNESS, 401)
waves, periods = {}, {}
for name, sine in (("straight", STRAIGHT), ("oblique", OBLIQUE)):
    waves[name] = standing_wave(bare, WAVELENGTH, AIR, sine, z, "s")[0]
    assert np.abs(waves[name] - np.abs(field(z, THICKNESS, sine[0])[0]) ** 2).max() < 1e-12
    dark = np.flatnonzero((waves[name][1:-1] < waves[name][:-2]) & (waves[name][1:-1] < waves[name][2:])) + 1
    periods[name] = np.diff(z[dark]).mean()
    assert abs(periods[name] - WAVELENGTH / 2 / np.sqrt(RESIST.real**2 - sine[0] ** 2)) < 0.5

# %%
# The swing curve
# ---------------
# The resist is a mirror, too, if a weak one. Between both the light bounces, in step or not, so what the resist gets
# swings with its thickness, again once in :math:`\lambda / (2 n)`. But for the slow fall of the mean of
# :math:`e^{-\alpha z}`, it swings by nearly
#
# .. math:: S = 4 \sqrt{R_{12} R_{23}} \; e^{-\alpha D}, \qquad R = |\rho|^2, \quad \alpha = 4 \pi k / \lambda
#
# from peak to valley, over its mean (Brunner 1991). To fight it one lowers the reflection above or below, or absorbs
# more.

thick = np.arange(140.0, 260.25, 0.5)


def swing(stack):
    """Return energy in the resist against its thickness, and its swing over one period around THICKNESS."""
    energy = swing_curve(stack, WAVELENGTH, AIR, STRAIGHT, thick, "s")[0][0]
    absorbed = 4 * np.pi * RESIST.imag / WAVELENGTH * thick
    one = (energy * absorbed / -np.expm1(-absorbed))[np.abs(thick - THICKNESS) < periods["straight"] / 2]
    return energy, (one.max() - one.min()) / one.mean()


def brunner(r_below):
    """Return the formula's swing for a reflectance below the resist."""
    r_above = abs((AIR - RESIST) / (AIR + RESIST)) ** 2
    return 4 * np.sqrt(r_above * r_below) * np.exp(-4 * np.pi * RESIST.imag / WAVELENGTH * THICKNESS)


# %%
# The best coating
# ----------------
# A coating reflects at its top and, through itself, at the silicon. The two cancel if they are equally strong and half
# a turn apart: a first time when it is about a quarter of a wavelength thick, and once more where the reflection from
# below has been weakened to just that of the top. The formula for it is the one above, with resist for air.

coatings = np.arange(5.0, 120.25, 0.5)


def coated(thickness_nm):
    """Return the resist on a coating on silicon."""
    return Stack((Film(THICKNESS, RESIST), Film(thickness_nm, BARC)), SILICON)


below = {
    name: np.array([bottom_reflectance(coated(d), WAVELENGTH, sine, "s")[0] for d in coatings])
    for name, sine in (("straight", STRAIGHT), ("oblique", OBLIQUE))
}
for name, sine in (("straight", 0.0), ("oblique", OBLIQUE[0])):
    formula = [abs(field(0, d, sine, RESIST, BARC)[1]) ** 2 for d in coatings]
    assert np.abs(below[name] - formula).max() < 1e-12
first, _ = best_thickness(coated(30.0), 1, WAVELENGTH, STRAIGHT, (5, 50))
second, _ = best_thickness(coated(30.0), 1, WAVELENGTH, STRAIGHT, (50, 120))
assert abs(first - coatings[:80][below["straight"][:80].argmin()]) < 0.3  # the formula, tried every 0.5 nm
assert abs(WAVELENGTH / 4 / BARC.real - first) < 0.2 * first
bare_r = abs((RESIST - SILICON) / (RESIST + SILICON)) ** 2
assert abs(second - WAVELENGTH / 2 / BARC.real - first) < 5  # half a wavelength further, nearly

# %%
# With the second, the swing is gone. Brunner's formula holds within a tenth of itself on both.

stacks = {"bare silicon": bare, f"{second:.0f} nm of BARC": coated(second)}
swings = {name: swing(stack) for name, stack in stacks.items()}
for (_, ratio), stack in zip(swings.values(), stacks.values(), strict=True):
    predicted = brunner(bottom_reflectance(stack, WAVELENGTH, STRAIGHT, "s")[0])
    assert abs(ratio - predicted) < 0.1 * predicted

# %%
# The image in the resist
# -----------------------
# Now a mask: lines and spaces of 75 nm. Two source points send order 0 and one first order through the lens at equal
# and opposite angles, with their fields along the lines. Both make the same waves in depth, so the image is those waves
# times the fringes of two beams, of amplitudes 1/2 and :math:`1/\pi`:
#
# .. math:: I(x, z) = |E(z)|^2 \left( \frac14 + \frac1{\pi^2} + \frac1\pi \cos \frac{2 \pi x}{p} \right).

PITCH, NA, LAYERS, PIXELS = 150.0, 0.85, 80, 64
LAYER, PIXEL = THICKNESS / LAYERS, PITCH / PIXELS
pole = OBLIQUE[0] / NA
source = Source.points([(pole, 0), (-pole, 0)])
space = np.array([[-PITCH / 4, 0], [PITCH / 4, 0], [PITCH / 4, 5], [-PITCH / 4, 5]])
grid = Grid((1, PIXELS), (5.0, PIXEL), (-PITCH / 2, 0.0))
x, depths = (np.arange(PIXELS) + 0.5) * PIXEL - PITCH / 2, (np.arange(LAYERS) + 0.5) * LAYER
fringes = 1 / 4 + 1 / np.pi**2 + np.cos(2 * np.pi * x / PITCH) / np.pi


def image_in(stack):
    """Return the intensity (layers, 1, pixels) in the resist, relative to the light that arrives on an open mask."""
    lens = Optics(wavelength_nm=WAVELENGTH, na=NA, source=source, polarization="y", wafer=stack)
    images = [aerial_image([space], lens, grid, method="abbe", depth_nm=d) for d in depths]
    mean = depth_average(stack, WAVELENGTH, AIR, OBLIQUE, "s")[0]  # images are relative to an open mask's mean in depth
    return mean * np.stack([image.at(x, np.zeros_like(x)) for image in images])[:, None, :]


best, _ = best_thickness(coated(80.0), 1, WAVELENGTH, OBLIQUE, (50, 120))  # for these angles, not for straight light
bare_image, coated_image = image_in(bare), image_in(coated(best))
predicted = np.abs(field(depths, THICKNESS, OBLIQUE[0])[0]) ** 2
error = np.abs(bare_image[:, 0] - predicted[:, None] * fringes).max()
assert error < 1e-7

# %%
# The profile
# -----------
# Light makes acid. In the bake the acid frees the resin, and it wanders: a ripple of the period P is weaker by
#
# .. math:: e^{-2 \pi^2 \sigma^2 / P^2}
#
# after a diffusion length :math:`\sigma`. What is freed dissolves, and the developer eats its way down from the top.

LENGTH, DEVELOPMENT = 20.0, 40.0  # nm, s
developer = MackRate(max_nm_per_s=100.0, min_nm_per_s=0.1, threshold=0.5, order=8)


def processed(image, dose_mj_per_cm2, sigma):
    """Return acid and inhibitor after the bake, and when the developer arrives; each (layers, 1, pixels)."""
    acid, _ = generate_acid(image, Exposure(dose_mj_per_cm2, c_cm2_per_mj=0.05))
    inhibitor, baked = deprotect(acid, Bake(60.0, deprotection_per_s=0.05, acid_diffusion_nm=sigma), grid, LAYER)
    return baked.acid, inhibitor, arrival_time(developer(inhibitor), (5.0, PIXEL), LAYER)


cases = {
    "On silicon, no diffusion": processed(bare_image, 11.0, 0.0),
    f"On silicon, acid diffuses {LENGTH:g} nm": processed(bare_image, 11.0, LENGTH),
    f"On {best:.0f} nm of BARC, acid diffuses {LENGTH:g} nm": processed(coated_image, 15.0, LENGTH),
}
stopped, scalloped, smooth = cases.values()

# %%
# Does the ripple of the acid in the middle of the space fall as the formula says? Compare its wave of period P.

inner = np.abs(depths - THICKNESS / 2) < periods["oblique"]
wave = np.exp(2j * np.pi * depths[inner] / periods["oblique"])
ripples = [abs(acid[inner, 0, PIXELS // 2] @ wave) for acid, _, _ in (stopped, scalloped)]
damped = np.exp(-2 * (np.pi * LENGTH / periods["oblique"]) ** 2)
assert abs(ripples[1] / ripples[0] - damped) < 0.02

# %%
# Without diffusion the developer cannot pass the first dark layer. With it, it gets through and leaves scalloped walls.
# On the coating they are smooth; they lean because the light fades on its way down.


def widths(arrival):
    """Return the width of the line of resist at depths below its rounded top."""
    profile = resist_profile(arrival[:, 0], DEVELOPMENT, PIXEL, LAYER, PITCH - PIXEL)
    return (profile.right_nm - profile.left_nm)[depths > 20]


open_depth = depths[stopped[2][:, 0, PIXELS // 2] < DEVELOPMENT].max()
assert open_depth < 30
assert np.ptp(widths(scalloped[2])) > 30
below_top = depths[depths > 20]
lean = np.polyfit(below_top, widths(smooth[2]), 1)
waviness = np.abs(widths(smooth[2]) - np.polyval(lean, below_top)).max()
assert waviness < 3

# %%
# The figure
# ----------
# Above, the standing wave (dots from the formula), the swing curve and the reflection of the coating. Below, what is
# still protected after the bake, with the resist that the developer leaves hatched.

figure, axes = plt.subplots(2, 3, figsize=(13.6, 8.2))
for (name, wave), color in zip(waves.items(), (COLORS["mask"], COLORS["print"]), strict=True):
    axes[0, 0].plot(z, wave, color=color, label=f"{name} light: every {periods[name]:.1f} nm")
    sine = {"straight": 0.0, "oblique": OBLIQUE[0]}[name]
    axes[0, 0].plot(z[::8], np.abs(field(z[::8], THICKNESS, sine)[0]) ** 2, "o", color=color, markersize=3)
axes[0, 0].set(xlim=(0, THICKNESS), ylim=(0, 2.1), xlabel="depth in the resist, nm", ylabel="|E|² / |E arriving|²")
for (name, (energy, ratio)), color in zip(swings.items(), (COLORS["violation"], COLORS["mask"]), strict=True):
    axes[0, 1].plot(thick, energy, color=color, label=f"{name}: swing {ratio:.1%}")
axes[0, 1].set(xlim=(140, 260), ylim=(0, 1.4), xlabel="thickness of the resist, nm", ylabel="mean |E|² in the resist")
for (name, values), color in zip(below.items(), (COLORS["mask"], COLORS["print"]), strict=True):
    axes[0, 2].semilogy(coatings, values, color=color, label=f"{name} light")
axes[0, 2].semilogy([0], [bare_r], "s", color=COLORS["violation"], label=f"no coating: {bare_r:.0%}", clip_on=False)
axes[0, 2].set(
    xlim=(0, 120), ylim=(1e-4, 4), xlabel="thickness of the coating, nm", ylabel="reflectance into the resist"
)
for panel, title in zip(axes[0], ("Standing waves on silicon", "Swing curves", "Bottom coating"), strict=True):
    panel.set_title(title)
    panel.legend(loc="upper right")

for panel, (title, (_, inhibitor, arrival)) in zip(axes[1], cases.items(), strict=True):
    extent = (-PITCH / 2, PITCH / 2, THICKNESS, 0)
    picture = panel.imshow(inhibitor[:, 0], extent=extent, origin="upper", vmin=0, vmax=1, cmap="magma", aspect="auto")
    there = np.where(arrival[:, 0] > DEVELOPMENT, 1.0, 0.0)
    panel.contourf(x, depths, there, [0.5, 1.5], colors="none", hatches=["///"])
    panel.contour(x, depths, arrival[:, 0], [DEVELOPMENT], colors="white", linewidths=1.6)
    panel.set(xlabel="x, nm", ylabel="depth, nm", title=title, xlim=(-PITCH / 2, PITCH / 2), ylim=(THICKNESS, 0))
figure.colorbar(picture, ax=axes[1], label="share still protected", aspect=25, pad=0.01)
figure.savefig(FOLDER / "10_standing_waves.png")
print(
    f"periods {periods['straight']:.1f} and {periods['oblique']:.1f} nm; image and formula differ by {error:.0e}; best "
    f"coatings {first:.1f} and {second:.1f} nm; ripple left {ripples[1] / ripples[0]:.3f}, formula {damped:.3f}; walls "
    f"wavy by {np.ptp(widths(scalloped[2])):.0f} nm on silicon, by {waviness:.1f} nm on the coating"
)
for name, (_, ratio) in swings.items():
    predicted = brunner(bottom_reflectance(stacks[name], WAVELENGTH, STRAIGHT, "s")[0])
    print(f"swing on {name}: {ratio:.2%}, formula {predicted:.2%}")

# %%
# Try it: put the coating that is best for straight light under the last picture. And what does a top coating do to the
# swing and to the standing wave, which lowers the reflection above instead (33 nm of index 1.45 over the resist)?
