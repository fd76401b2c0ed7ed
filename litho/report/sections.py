"""Sections of a report that only some results have: comparison, mask rules, process window, and verification."""

from __future__ import annotations

from litho.metrology import MeasuredWindow, Verification
from litho.report.before_section import before_section
from litho.report.parts import number, picture, section, table, worst_places
from litho.report.rule_section import rule_section
from litho.result import ClipResult


def measured_sections(result: ClipResult) -> str:
    """Return the sections as HTML; nothing for a result that was not measured."""
    parts = [before_section(result), rule_section(result)]
    if result.window is not None:
        parts.append(_window_section(result.window))
    if result.verification is not None:
        parts.append(_verify_section(result.verification, result))
    return "".join(parts)


def _window_section(window: MeasuredWindow) -> str:
    from litho.window_pictures import cuts_figure, window_figure

    figures = [picture(cuts_figure(window), "Intensity on the cut lines, and Bossung curves")]
    if window.curves:
        figures.append(picture(window_figure(window), "Exposure-defocus window, and exposure latitude"))
    found = window.figures()
    head = ("cut", "tone", "CD nm", "goal nm", "NILS", "contrast", "EL %", "DOF nm", "isofocal dose", "isofocal CD nm")
    rows = [
        (
            cut["name"],
            cut["tone"],
            *(number(cut[key], 3) for key in ("cd_nm", "goal_nm", "nils", "contrast")),
            number(None if cut["exposure_latitude"] is None else 100 * cut["exposure_latitude"], 2),
            number(cut["depth_of_focus_nm"], 1),
            number(cut["isofocal_dose"], 4),
            number(cut["isofocal_cd_nm"], 2),
        )
        for cut in found["cuts"]
    ]
    shapes = [
        f"<li>{shape}: depth of focus {w['depth_of_focus_nm']:.0f} nm at "
        f"{100 * w['at_exposure_latitude']:g} % exposure latitude</li>"
        for shape, w in found["windows"].items()
    ]
    share = 100 * window.settings.tolerance
    note = (
        f"EL: range of doses that keep the CD within {share:g} % of its goal, over the dose to size, at best focus. "
        f"DOF: range of focus that keeps it at dose 1. Windows hold for all cut lines together."
    )
    body = f'{table(head, rows)}<ul>{"".join(shapes)}</ul><p class="note">{note}</p>{"".join(figures)}'
    return section("window", "Process window", body)


def _verify_section(found: Verification, result: ClipResult) -> str:
    from litho.verify_pictures import hotspots_figure, placement_figure

    verdict = "passed" if found.passed else "failed"
    head = ("corner", "sites", "lost", "beyond", "mean nm", "rms nm", "lowest nm", "highest nm")
    rows = [
        (
            label,
            *(str(n) for n in (s.sites, s.lost, s.beyond)),
            *(number(n, 2) for n in (s.mean_nm, s.rms_nm, s.lowest_nm, s.highest_nm)),
        )
        for label, s in zip(found.labels, found.statistics, strict=True)
    ]
    listed = worst_places(found.hotspots)
    note = "Errors are positive where the print is larger than drawn. Limits are those of the recipe's table verify."
    if found.rules_clean is False:
        note += " The mask breaks mask rules, see there."
    figures = [
        picture(hotspots_figure(found, result), "Hot spots on target and print", "picture narrow"),
        picture(placement_figure(found), "Edge placement errors and width of the PV band"),
    ]
    if found.band_area_nm2 is not None:
        note = f"Area of the PV band: {found.band_area_nm2:,.0f} nm². {note}"
    body = f'{table(head, rows)}<p class="note">{note}</p>{listed}{"".join(figures)}'
    return section("verification", "Verification", body, verdict, verdict)
