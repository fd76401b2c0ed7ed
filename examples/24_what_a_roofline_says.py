r"""
What a roofline says
====================

A program can be slow because it computes too much or because it moves too much, and no amount of tuning of the one
helps the other. A *roofline* tells which, and how much there is to gain: it takes two measurements of the machine and
a count of the work. This lesson draws it for the six steps of an image and its gradient.

Run it with ``python examples/24_what_a_roofline_says.py [folder]``; it writes one figure there.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from litho.benchmark.bandwidth import ceilings
from litho.benchmark.cases import Case, kernels
from litho.benchmark.counts import Count, complex_fft, least_count, real_product
from litho.benchmark.steps import timed_steps
from litho.scene import COLORS

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
plt.style.use(Path(__file__).with_name("course.mplstyle"))

# %%
# Two measurements of the machine
# -------------------------------
# How many bytes a second can it copy, read and written; and how many operations a second does it do where it does them
# best, in a product of matrices. Data sheets have such numbers too; what counts is what this machine does today, with
# whatever else is running on it.

machine = ceilings("cpu", threads=1, size_bytes=2**26, order=512)
slope, peak = machine["copy_bytes_per_s"], machine["matmul_flops_per_s"]
ridge = peak / slope

# %%
# A count of the work
# -------------------
# The *intensity* of a piece of work is the number of its operations for each byte that it moves. Work of intensity x
# cannot be faster than
#
# .. math:: \min\left(\text{peak},\; \text{bandwidth} \cdot x\right)
#
# operations a second. Where the two meet is the ridge: to its left bytes decide, to its right operations. Adding two
# arrays has an intensity of 1/12, a product of matrices one that grows with its size, a transform one in between.

adding = Count(12.0, 1.0)
product, transform = real_product(512, 512, 512), complex_fft((112, 112))
assert adding.intensity < transform.intensity < product.intensity
assert np.isclose(real_product(1024, 1024, 1024).intensity, 2 * product.intensity)
assert adding.intensity < ridge < product.intensity

# %%
# Six steps
# ---------
# Mask to band, fields and their intensity, band to image, and the same back, as the gradient needs them. Each is timed
# by itself, and its bytes and operations are counted from the shapes of its arrays.

case = Case("image", 1024)
steps = timed_steps(case, "cpu", kernels(1024), seconds=0.2)
assert [step["name"] for step in steps][:3] == ["mask to band", "fields and intensity", "band to image"]
counts = {step["name"]: Count(step["moved_bytes"], step["flops"]) for step in steps}
seconds = {step["name"]: step["median_s"] for step in steps}
floors = {name: count.floor_s(slope, peak) for name, count in counts.items()}

# %%
# The two transforms between pixels and band are products of matrices. The fields are small transforms, 24 of them, with
# little to compute for each byte.

fields = counts["fields and intensity"]
assert fields.intensity < 2
assert counts["mask to band"].intensity > 5 * fields.intensity

# %%
# What it says
# ------------
# A step far below its roof has something to gain by better code. A step at its roof has not: it must be given less to
# do. And a step *above* the slope has kept its data in the cache, which the count does not know of; the roof of memory
# is no roof for it.

for name, count in counts.items():
    bound = "bytes" if count.intensity < ridge else "operations"
    print(
        f"{name:28s} {count.intensity:5.1f} operations a byte, bound by {bound:10s} "
        f"{1e3 * seconds[name]:6.2f} ms, floor {1e3 * floors[name]:5.2f} ms"
    )

# %%
# The floor of the whole
# ----------------------
# An image cannot be had without reading the mask and writing the image. That takes this long on this machine, and
# everything else is what the method costs:

floor = least_count(1024**2).floor_s(slope, peak)
image_s = sum(seconds[name] for name in ("mask to band", "fields and intensity", "band to image"))
assert least_count(1024**2).moved_bytes < sum(counts[name].moved_bytes for name in list(counts)[:3])
print(f"mask read and image written {1e3 * floor:.2f} ms, image {1e3 * image_s:.2f} ms: {image_s / floor:.1f} times")

# %%
# The figure
# ----------
# Left: the roofline, with the steps as points. Right: the time of each step beside its floor.

figure, axes = plt.subplots(1, 2, figsize=(13.6, 5.4))
reach = np.array([0.05, ridge, 400])
axes[0].loglog(reach, np.minimum(peak, slope * reach), color=COLORS["ink"], label="roof, measured")
markers, colors = "osD^vP", ("mask", "print", "band", "violation", "assist", "rule")
for marker, color, (name, count) in zip(markers, colors, counts.items(), strict=True):
    axes[0].plot(count.intensity, count.flops / seconds[name], marker, color=COLORS[color], markersize=8, label=name)
for count, name in ((adding, "adding"), (product, "product of 512²")):
    roof = min(peak, slope * count.intensity)
    axes[0].annotate(
        name, (count.intensity, roof), xytext=(4, -14), textcoords="offset points", color=COLORS["muted"], fontsize=8
    )
    axes[0].plot(count.intensity, roof, ".", color=COLORS["muted"])
axes[0].axvline(ridge, color=COLORS["muted"], linewidth=0.8, linestyle=":")
axes[0].set(xlabel="operations per byte, counted", ylabel="operations per second, measured")
axes[0].set_title(f"1  Roofline of one core: {slope * 1e-9:.0f} GB/s, {peak * 1e-9:.0f} Gflop/s")
axes[0].legend(loc="lower right")
places = np.arange(len(counts))[::-1]
axes[1].barh(places + 0.2, [1e3 * seconds[n] for n in counts], 0.38, color=COLORS["mask"], label="measured")
axes[1].barh(places - 0.2, [1e3 * floors[n] for n in counts], 0.38, color=COLORS["band"], label="floor")
axes[1].set_yticks(places, list(counts))
axes[1].set(xlabel="ms", title="2  Each step and its floor")
axes[1].legend()
figure.savefig(FOLDER / "24_what_a_roofline_says.png")

# %%
# The same figure for every device of yours comes from ``litho bench speed``. On a graphics processor the ridge lies
# farther to the right: there is more arithmetic for each byte, so more of the steps wait for memory, and fusing them is
# worth more.
