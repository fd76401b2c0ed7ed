r"""
Why fuse
========

Between the image and the gradient stand a dozen simple steps: dose, resist, loss, derivative. Each is a formula for
one pixel. Computed one after the other over whole arrays, they spend their time fetching and putting back what the
step before has just put away. This lesson counts those trips, and saves them.

Run it with ``python examples/23_why_fuse.py [folder]``; it writes one figure there.
"""

import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from litho.scene import COLORS

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
plt.style.use(Path(__file__).with_name("course.mplstyle"))

# %%
# The steps
# ---------
# An intensity I and a target t. Exposed with a dose, printed by a resist with a steep edge, compared with the target:
#
# .. math:: p = \frac{1}{1 + e^{-s (d I - \tau)}}, \qquad L = \sum (p - t)^2, \qquad
#           \frac{\partial L}{\partial I} = 2 (p - t) \, p (1 - p) \, s \, d .

STEEPNESS, THRESHOLD, DOSES = 50.0, 0.3, (1.0, 1.04, 0.96)


def loss_and_gradient(intensity, target):
    """Return the loss of three doses and its gradient, each step over the whole of the arrays given."""
    value, gradient = 0.0, np.zeros_like(intensity)
    for dose in DOSES:
        exposed = dose * intensity
        argument = (0.5 * STEEPNESS) * (exposed - THRESHOLD)
        printed = 0.5 + 0.5 * np.tanh(argument)
        wrong = printed - target
        value += float(np.sum(wrong * wrong, dtype=np.float64))
        gradient += (2 * STEEPNESS * dose) * wrong * printed * (1 - printed)
    return value, gradient


# %%
# Trips to memory
# ---------------
# Count what moves for one dose, in numbers per pixel: each product, sum or function reads its arrays and writes one.

steps = {
    "dose": 2,
    "argument": 4,
    "tanh and print": 6,
    "difference": 3,
    "square and sum": 4,
    "derivative": 2 + 3 + 2 + 3,
    "add to the gradient": 3,
}
apart = sum(steps.values()) * len(DOSES)
together = 3  # intensity and target read, gradient written, once for all doses
assert apart / together > 30

# %%
# Thirty times as many as needed, if everything has to come from memory. What is done with them is cheap beside that:
# some twenty operations a pixel and dose, the hyperbolic tangent aside.
#
# Fusing on a processor
# ---------------------
# A compiled kernel fuses by keeping a pixel in registers through all steps. An interpreter cannot, but it can do the
# next best: take a block of pixels that stays in the cache through all steps, then the next block. The arithmetic is
# the same, pixel by pixel, down to the last bit.


def in_blocks(intensity, target, rows):
    """Return what `loss_and_gradient` does, computed some rows at a time."""
    gradient, value = np.empty_like(intensity), 0.0
    for start in range(0, len(intensity), rows):
        part = slice(start, start + rows)
        some, gradient[part] = loss_and_gradient(intensity[part], target[part])
        value += some
    return value, gradient


chance = np.random.default_rng(8)
size = 2048
intensity = chance.random((size, size), dtype=np.float32)
target = (chance.random((size, size)) < 0.5).astype(np.float32)
whole_value, whole = loss_and_gradient(intensity, target)
block_value, block = in_blocks(intensity, target, 8)
assert np.array_equal(whole, block)
assert np.isclose(whole_value, block_value, rtol=1e-12)

# %%
# Measured
# --------
# From one row at a time to all rows at once. Very small blocks pay for the interpreter's calls; large ones leave the
# cache. Between them lies what fusing is worth here.

rows = [1, 2, 4, 8, 16, 32, 64, 128, 512, size]
seconds = {count: [] for count in rows}
for _ in range(5):
    for count in rows:
        begin = time.perf_counter()
        in_blocks(intensity, target, count)
        seconds[count].append(time.perf_counter() - begin)
shortest = {count: min(record) for count, record in seconds.items()}
best = min(shortest, key=shortest.get)
gain = shortest[size] / shortest[best]

# %%
# How far is that from what a compiled kernel could do? Compare with the least that any program must move, two arrays
# read and one written, and with its dearest arithmetic, three hyperbolic tangents of every pixel.


def shortest_s(function, calls=7):
    """Return the shortest time of some calls, s."""
    record = []
    for _ in range(calls):
        begin = time.perf_counter()
        function()
        record.append(time.perf_counter() - begin)
    return min(record)


def tangents():
    """Take three hyperbolic tangents of every pixel, some rows at a time."""
    for start in range(0, size, best):
        for _ in DOSES:
            np.tanh(intensity[start : start + best])


floor, tangents_s = shortest_s(lambda: np.add(intensity, target, out=whole)), shortest_s(tangents)

# %%
# The figure
# ----------
# Left: the count. Right: time by block size, with the floor.

figure, axes = plt.subplots(1, 2, figsize=(13.6, 5.2))
bottom = 0
shades = ["mask", "print", "band", "violation", "assist", "rule", "target"]
for shade, (name, count) in zip(shades, steps.items(), strict=True):
    axes[0].bar([0], [count * len(DOSES)], bottom=bottom, color=COLORS[shade], label=name, width=0.6)
    bottom += count * len(DOSES)
axes[0].bar([1], [together], color=COLORS["ink"], width=0.6)
axes[0].annotate(f"{together}", (1, together + 1), ha="center")
axes[0].annotate(f"{apart}", (0, apart + 1), ha="center")
axes[0].set_xticks([0, 1], ["step by step", "fused"])
axes[0].set(ylabel="numbers moved per pixel, three doses", title="1  Counted", xlim=(-0.6, 2.3))
axes[0].legend(loc="center right")
axes[1].loglog(rows, [1e3 * shortest[count] for count in rows], "o-", color=COLORS["mask"], label="in blocks")
axes[1].axhline(1e3 * floor, color=COLORS["violation"], linestyle="--", label="two arrays read, one written")
axes[1].axhline(1e3 * tangents_s, color=COLORS["band"], linestyle=":", label="tangents alone")
axes[1].annotate(f"{gain:.1f}x", (best, 1e3 * shortest[best]), textcoords="offset points", xytext=(0, -14), ha="center")
axes[1].set(xlabel="rows of 2048 pixels at a time", ylabel="ms", title="2  Measured on one core: the same bits, sooner")
axes[1].set_xticks(rows, [str(count) for count in rows])
axes[1].set_xticks([], minor=True)
axes[1].set_ylim(0.6e3 * floor, 1.4e3 * max(shortest.values()))
axes[1].legend(loc="center left")
figure.savefig(FOLDER / "23_why_fuse.png")
print(f"{apart} numbers moved per pixel step by step, {together} fused")
print(f"whole arrays {1e3 * shortest[size]:.0f} ms, {best} rows at a time {1e3 * shortest[best]:.0f} ms, {gain:.1f}x")
print(f"floor {1e3 * floor:.1f} ms, tangents {1e3 * tangents_s:.0f} ms")

# %%
# Blocks save the trips to memory, not those to the cache: every step still reads and writes there. A compiled kernel
# saves these as well, and comes down towards the two lines at the bottom; the program's kernels for graphics
# processors do that, where the memory is the limit nearly always. The order of things is the same everywhere: first
# leave out what need not be computed, then what need not be moved.
