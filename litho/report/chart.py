"""The convergence of a mask as an SVG chart."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from litho.pixel_ilt import StageHistory

_WIDTH, _HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 12, 44, 40
_INTERVALS = 5


def convergence_chart(history: Sequence[StageHistory]) -> str:
    """Return the loss after each step on a logarithmic axis, one curve per stage; a sentence if nothing was optimised.

    Parameters
    ----------
    history
        of one clip: values (steps + 1, 1) per stage
    """
    curves = [np.asarray(entry.values, dtype=float)[:, 0] for entry in history]
    if not curves:
        return "<p>This mask was not optimised.</p>"
    ticks = log_ticks(min(c.min() for c in curves), max(c.max() for c in curves))
    low, high = math.log(ticks[0]), math.log(ticks[-1])
    steps = max(1, sum(len(c) - 1 for c in curves))
    strips, lines, first = [], [], 0
    for number, (entry, curve) in enumerate(zip(history, curves, strict=True)):
        last = first + len(curve) - 1
        left, right = _x(first, steps), _x(last, steps)
        share = (np.log(curve) - low) / (high - low)
        points = " ".join(f"{_x(first + k, steps):.1f},{_y(s):.1f}" for k, s in enumerate(share))
        label = (f"{entry.stage.pixel_nm:g} nm", f"resist {entry.stage.resist_steepness:g}")
        strips.append(_stage(number, left, right, label))
        lines.append(f'<polyline class="loss" points="{points}"/>')
        lines.append(f'<circle class="end" cx="{right:.1f}" cy="{_y(share[-1]):.1f}" r="3.5"/>')
        first = last
    summary = f"Loss from {curves[0][0]:,.0f} to {curves[-1][-1]:,.0f} nm² in {steps} steps and {len(curves)} stages"
    frame = f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{summary}">'
    return "".join([frame, *strips, _axes(ticks, steps), *lines, "</svg>"])


def log_ticks(low: float, high: float) -> list[float]:
    """Return round numbers for a logarithmic axis: the first at most `low`, the last at least `high`, a few between."""
    low = max(low, high * 1e-6, 1e-30)
    high = max(high, low * 1.01)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for mantissas in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), tuple(np.arange(10, 100) / 10)):
        every = [float(m) * 10.0**d for d in decades for m in mantissas]
        start = max(k for k, tick in enumerate(every) if tick <= low * (1 + 1e-9))
        stop = min(k for k, tick in enumerate(every) if tick >= high * (1 - 1e-9))
        if stop - start >= _INTERVALS - 1:
            break
    return every[start : stop + 1]


def _x(step: float, steps: int) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * step / steps


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * share


def _stage(number: int, left: float, right: float, label: tuple[str, str]) -> str:
    """Return the strip of a stage and what stands above it."""
    place = f'x="{(left + right) / 2:.1f}" text-anchor="middle"'
    shade = "" if number % 2 else " shaded"
    return (
        f'<rect class="stage{shade}" x="{left:.1f}" y="{_TOP}" width="{right - left:.1f}" '
        f'height="{_HEIGHT - _TOP - _BOTTOM}"/>'
        f'<text {place} y="18">{label[0]}</text><text {place} y="34">{label[1]}</text>'
    )


def _axes(ticks: Sequence[float], steps: int) -> str:
    low, high = math.log(ticks[0]), math.log(ticks[-1])
    parts = []
    for tick in ticks:
        y = _y((math.log(tick) - low) / (high - low))
        parts.append(f'<line class="rule" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_short(tick)}</text>')
    spacing = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 10**9) if steps / s <= 10)
    for step in range(0, steps + 1, spacing):
        parts.append(f'<text x="{_x(step, steps):.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{step}</text>')
    middle = _LEFT + (_WIDTH - _LEFT - _RIGHT) / 2
    parts.append(f'<text x="{middle:.0f}" y="{_HEIGHT - 4}" text-anchor="middle">step</text>')
    height = (_HEIGHT - _BOTTOM + _TOP) / 2
    parts.append(f'<text transform="translate(12 {height:.0f}) rotate(-90)" text-anchor="middle">loss / nm²</text>')
    return "".join(parts)


def _short(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"
