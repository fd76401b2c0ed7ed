r"""
How to measure energy
=====================

"A ninth of the power" is easily said. To find out, one reads a counter before and after. This lesson shows what can go
wrong between the two readings, with a counter that behaves like the real ones but whose truth is known; and what can
honestly be said where there is no counter at all.

Run it with ``python examples/25_how_to_measure_energy.py [folder]``; it writes one figure there.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from litho.benchmark.energy import LEAST_WINDOW_S, Energy, energy_ratio, measured, modelled
from litho.benchmark.rapl import CounterError, Domain, rapl_counter
from litho.scene import COLORS

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
plt.style.use(Path(__file__).with_name("course.mplstyle"))

# %%
# Is there a counter here?
# ------------------------
# Processors count the energy of a whole socket, and Linux shows it in files, for root only on current systems. A
# virtual machine has none, as a rule. A program that gives a number anyway has made it up.

try:
    print(f"this machine counts {rapl_counter().scope}")
except CounterError as why:
    print(f"no counter: {why}")

# %%
# A counter that is known
# -----------------------
# Ours stands for a graphics board: 80 W when it waits, 420 W when it computes. As real ones do, it shows a new value
# only every 50 ms, and between two updates the old one.

IDLE_W, BUSY_W, REFRESH_S = 80.0, 420.0, 0.05


class Board:
    """A simulated board: joules since its start, as they are and as its counter shows them."""

    method, scope, longest_window_s = "simulated", "board", float("inf")

    def __init__(self, offset_s):
        self.now_s, self.true_j, self.shown_j = offset_s, 0.0, 0.0

    def passes(self, seconds, watts):
        """Let time pass at a power."""
        end = self.now_s + seconds
        last_refresh = np.floor(end / REFRESH_S) * REFRESH_S
        if last_refresh > self.now_s:
            self.shown_j = self.true_j + watts * (last_refresh - self.now_s)
        self.true_j += watts * seconds
        self.now_s = end

    def read(self):
        """Return what the counter shows."""
        return self.shown_j

    def joules(self, before, after):
        """Return the difference of two readings."""
        return after - before


# %%
# How long to look
# ----------------
# The first and the last reading may each be up to one refresh old. So the energy is off by up to a refresh at full
# power, 21 J here, whether one looks for a tenth of a second or for a minute. What shrinks is its share:
#
# .. math:: \frac{|\delta E|}{E} \le \frac{t_\mathrm{refresh}}{t_\mathrm{window}} .

chance = np.random.default_rng(11)
windows_s = np.exp(chance.uniform(np.log(0.03), np.log(30), 2000))
errors = np.zeros(len(windows_s))
for trial, window_s in enumerate(windows_s):
    board = Board(chance.uniform(0, REFRESH_S))
    board.passes(0.2, BUSY_W)
    before, true = board.read(), board.true_j
    board.passes(window_s, BUSY_W)
    errors[trial] = (board.read() - before) / (board.true_j - true) - 1
assert np.all(np.abs(errors) <= REFRESH_S / windows_s + 1e-9)
assert np.abs(errors).max() > 0.5 and np.abs(errors[windows_s >= LEAST_WINDOW_S]).max() <= 0.01

# %%
# Five seconds keep it within one per cent: that is the least window that the program accepts. A computation of a
# millisecond is repeated some thousand times, and the window's energy divided by the calls.

board = Board(0.0)


def repeat(seconds):
    """Compute for at least so long; each call takes 2 ms."""
    calls = round(seconds / 2e-3) + 1
    board.passes(calls * 2e-3, BUSY_W)
    return calls, calls * 2e-3


one_call = measured(board, repeat, idle_w=IDLE_W)
assert np.isclose(one_call.low_j, BUSY_W * 2e-3, rtol=0.01)
print(f"one call: {1e3 * one_call.low_j:.0f} mJ ({one_call.label}; {one_call.note})")

# %%
# Idle
# ----
# The machine would have used 80 W doing nothing. Whether that belongs to the computation depends on the question: an
# electricity bill contains it, a comparison of algorithms need not. So both are said, the raw value first.

assert np.isclose(one_call.net_j, (BUSY_W - IDLE_W) * 2e-3, rtol=0.01)
print(f"above idle: {1e3 * one_call.net_j:.0f} mJ")

# %%
# A counter that starts again
# ---------------------------
# A processor's counter ends somewhere, at 262 kJ in this case, and returns to zero: at 350 W after twelve minutes. The
# difference of two readings is then negative, and whoever does not look has gained energy.

package = Domain("package-0", Path("energy_uj"), range_uj=262_143_328_850)
before, after = 262_143_000_000, 671_150
assert after < before
assert package.used_uj(before, after) == 1_000_000

# %%
# No counter
# ----------
# Then only a model is left: a power that the processor does not exceed for long, its *thermal design power*, times the
# time. It is an upper end. The lower end is what it takes at least, a tenth here, which is an assumption. The answer
# is an interval, it names its source, and it is called *modelled* wherever it is shown.

host = modelled(seconds=0.5, tdp_w=350.0, source="the data sheet of the processor", idle_share=0.1)
assert (host.low_j, host.high_j) == (17.5, 175.0)
print(f"host: {host.low_j:.0f} to {host.high_j:.0f} J ({host.label}; {host.note})")

# %%
# How much less energy does the board need for the same work, if it takes it 5 ms? An interval again, and neither end
# may be quoted without the labels.

gpu = Energy(BUSY_W * 5e-3, BUSY_W * 5e-3, "board", "simulated", "measured", "")
ratio = energy_ratio(host, gpu)
assert np.isclose(ratio["high"] / ratio["low"], 10)
print(f"host / board: {ratio['low']:.0f} to {ratio['high']:.0f} (host {ratio['cpu']}; board {ratio['gpu']})")

# %%
# And is it the same scope? A board without its host computes nothing, a socket without its memory neither. Compare
# board plus host with host, or say that you did not.

# %%
# The figure
# ----------
# Left: what is shown and what is true, for a short burst of work. Middle: the error of a window. Right: one number that
# was measured and one interval that was modelled.

figure, axes = plt.subplots(1, 3, figsize=(13.6, 5.2))
board, trace = Board(0.013), []
for step in range(700):
    watts = BUSY_W if 200 <= step < 500 else IDLE_W
    trace.append((board.now_s, board.true_j, board.read()))
    board.passes(1e-3, watts)
time_s, true_j, shown_j = np.array(trace).T
axes[0].plot(1e3 * time_s, true_j, color=COLORS["print"], label="true")
axes[0].step(1e3 * time_s, shown_j, where="post", color=COLORS["violation"], label="shown")
axes[0].axvspan(213, 513, color=COLORS["grid"], zorder=0)
axes[0].set(xlabel="ms", ylabel="J since the start", title="1  A counter and the truth: 0.3 s of work")
axes[0].legend()
axes[1].plot(windows_s, 100 * np.abs(errors), ".", color=COLORS["mask"], markersize=2.5, alpha=0.6, label="error")
line = np.array([windows_s.min(), windows_s.max()])
axes[1].plot(line, 100 * REFRESH_S / line, color=COLORS["ink"], label="refresh / window")
axes[1].axvline(LEAST_WINDOW_S, color=COLORS["violation"], linestyle="--", label="the least window taken")
axes[1].set(xscale="log", yscale="log", ylim=(3e-4, 300), xlabel="window, s", ylabel="error of the energy, %")
axes[1].set_title("2  How long to look")
axes[1].legend(loc="lower left")
axes[2].plot([host.low_j, host.high_j], [1, 1], linewidth=9, color=COLORS["mask"], alpha=0.6, solid_capstyle="butt")
axes[2].plot(gpu.low_j, 0, "o", color=COLORS["violation"], markersize=8)
axes[2].annotate(host.label, (17.5, 1.12), fontsize=8.5)
axes[2].annotate(gpu.label, (gpu.low_j, 0.1), fontsize=8.5, ha="left")
axes[2].set(xscale="log", xlim=(1, 1000), ylim=(-0.6, 1.8), xlabel="J for the same work", title="3  What may be said")
axes[2].set_yticks([0, 1], ["board", "host"])
figure.savefig(FOLDER / "25_how_to_measure_energy.png")

# %%
# ``litho bench speed`` measures this way, and says of every value what it counts, how, and how well it is known.
