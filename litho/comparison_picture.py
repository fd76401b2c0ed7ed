"""What prints before a correction and after it, side by side at the place where it matters most."""

from __future__ import annotations

from dataclasses import replace

from matplotlib.figure import Figure

from litho.pictures import draw_prints
from litho.plot_style import new_figure
from litho.result import ClipResult
from litho.scene import scene_of


def comparison_figure(result: ClipResult, before: ClipResult) -> Figure:
    """Return both prints on the same part of the field: where those before are worst.

    Parameters
    ----------
    result
        of one clip
    before
        of the same clip, see `litho.uncorrected`
    """
    first, last = scene_of(before), scene_of(result)
    figure = new_figure(11.8, 5.9)
    draw_prints(figure.add_subplot(1, 2, 1), before, first, "Before")
    draw_prints(figure.add_subplot(1, 2, 2), result, replace(last, detail_nm=first.detail_nm), "After")
    return figure
