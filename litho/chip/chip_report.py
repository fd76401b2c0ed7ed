"""The report of a chip: one HTML file that opens anywhere, with its map, the seams beside the interior, and failures.

Its head and foot are those of the reports of clips, see `litho.report.page`. Nothing is loaded from elsewhere, and text
that comes from outside is escaped where it is put in.
"""

from __future__ import annotations

import os
from html import escape

from litho.chip.chip_map import map_figure, seam_figure
from litho.chip.chip_result import SET_ASIDE, ChipResult, ChipVerification
from litho.chip.placement_tally import PlacementTally
from litho.chip.progress import duration
from litho.report.page import filled_page, write_page
from litho.report.parts import MOST_ROWS, number, picture, section, table, worst_places
from litho.report.tables import number_rows, recipe_text, tile
from litho.rule_report import rule_limits

BODY = '{{sections}}\n<div class="columns">\n'
"""Of the page; the numbers of its foot stand in columns."""


def write_chip_report(result: ChipResult, path: str | os.PathLike[str]) -> None:
    """Write the report of a chip, whole or not at all.

    Parameters
    ----------
    result
        of a run
    path
        of the HTML file
    """
    write_page(chip_report_html(result), path)


def chip_report_html(result: ChipResult) -> str:
    """Return the report of a chip as HTML."""
    (columns, rows), (width, height) = result.tiles.counts, result.tiles.core_nm
    x0, y0, x1, y1 = result.tiles.layout_box_nm
    parts = {
        "name": escape(result.name),
        "subtitle": f"{(x1 - x0) / 1000:,.4g} x {(y1 - y0) / 1000:,.4g} µm in {columns} x {rows} tiles of "
        f"{width:g} x {height:g} nm, halo {result.tiles.halo_nm:g} nm",
        "title": "litho chip report",
        "tiles": _tiles(result),
        "sections": "".join([_failures(result), _map_section(result), *_verified(result)]),
        "numbers": number_rows(result.figures, result.info),
        "recipe": escape(recipe_text(result.recipe)),
    }
    return filled_page(BODY, parts)


def _tiles(result: ChipResult) -> str:
    """Return the figures that a chip is judged by."""
    found, info = result.verification, result.info
    entries: list[tuple[str, str, str]] = []
    if found is not None:
        everywhere, sites = found.everywhere, max(1, found.everywhere.sites)
        beyond = everywhere.beyond(found.limit_nm)
        entries += [
            ("EPE", _nm(everywhere.quantile_nm(0.9)), "90 % of sites within"),
            ("EPE violations", f"{100 * beyond / sites:.2f} %", f"{beyond:,} of {everywhere.sites:,} sites"),
            ("At seams", _nm(found.seams.quantile_nm(0.99)), f"99 %; interior {_nm(found.interior.quantile_nm(0.99))}"),
            ("Mask rules", "clean" if not found.violations else f"{len(found.violations):,}", _rules_note(found)),
        ]
    if result.contour_step_nm is not None:
        entries.append(("Contour step", f"{result.contour_step_nm:.3g} nm", "largest where tiles meet"))
    failed = int((result.numbers.origin == SET_ASIDE).sum())
    entries.append(("Set aside", f"{failed:,}", f"of {result.numbers.origin.size:,} tiles"))
    if "seconds" in info:
        entries.append(("Time", duration(float(info["seconds"])), f"on {info.get('workers', 1)} workers"))
    return "".join(tile(*entry) for entry in entries)


def _rules_note(found: ChipVerification) -> str:
    return "" if not found.violations else "places that break one"


def _failures(result: ChipResult) -> str:
    """Return the tiles that are missing, with their place; nothing if there are none."""
    if not result.set_aside:
        return ""
    rows = [
        (t.name, number(t.x_nm, 0), number(t.y_nm, 0), t.doing, t.error[:300]) for t in result.set_aside[:MOST_ROWS]
    ]
    count = len(result.set_aside)
    more = f"<p>The first {MOST_ROWS} of {count:,}; metrics.json has all.</p>" if count > MOST_ROWS else ""
    note = (
        "These tiles failed three times each. The mask holds their target as drawn, and is not measured where the pass "
        "verify failed; run again with --resume to try them anew."
    )
    listed = table(("tile", "x nm", "y nm", "pass", "reason"), rows)
    return section("failures", "Tiles set aside", f'<p class="note">{note}</p>{more}{listed}', f"{count:,}", "failed")


def _map_section(result: ChipResult) -> str:
    shown = picture(map_figure(result), "Edge placement error, process-variation band and run time of every tile")
    return section("map", "Chip map", shown)


def _verified(result: ChipResult) -> list[str]:
    found = result.verification
    return [] if found is None else [_seam_section(result, found), _rule_section(found), _spot_section(found)]


def _seam_section(result: ChipResult, found: ChipVerification) -> str:
    """Return the spread of edge placement errors along seams beside that of the interior."""
    head = ("place", "sites", "lost", "beyond", "mean nm", "rms nm", "50 % nm", "90 % nm", "99 % nm", "largest nm")
    rows = [
        _tally_row("interior", found.interior, found.limit_nm),
        _tally_row("along seams", found.seams, found.limit_nm),
        _tally_row("everywhere", found.everywhere, found.limit_nm),
    ]
    note = (
        f"Nominal corner. Beyond: off by more than {found.limit_nm:g} nm, or lost. Percentages: of the measured sites, "
        "how many are within that length. "
    )
    if found.elsewhere:
        told = [tally.quantile_nm(0.99) or 0.0 for tally in found.elsewhere]
        note += (
            f"{len(told)} sets of lines that run where no seam is have 99 % of their sites within {min(told):.2f} to "
            f"{max(told):.2f} nm: what chance does. "
        )
    if result.contour_step_nm is not None:
        note += f"Largest step of a mask outline where two tiles meet: {result.contour_step_nm:.3g} nm."
    shown = picture(seam_figure(found.interior, found.seams, found.limit_nm), "Edge placement at seams and inside")
    return section("seams", "Seams and interior", f'{table(head, rows)}<p class="note">{note}</p>{shown}')


def _tally_row(name: str, tally: PlacementTally, limit_nm: float) -> tuple[str, ...]:
    counts = tally.sites, tally.lost, tally.beyond(limit_nm)
    lengths = tally.mean_nm, tally.rms_nm, *(tally.quantile_nm(share) for share in (0.5, 0.9, 0.99))
    largest = number(tally.largest_nm if tally.measured else None, 2)
    return name, *(f"{n:,}" for n in counts), *(number(value, 2) for value in lengths), largest


def _rule_section(found: ChipVerification) -> str:
    """Return which rules were checked on the mask, and the first places that break one."""
    counts = {rule: sum(v.rule == rule for v in found.violations) for rule in rule_limits(found.rules)}
    limits = rule_limits(found.rules).items()
    rows = [(rule, f"{limit:,.4g}", f"{counts[rule]:,}") for rule, limit in limits]
    broken = [rule for rule, count in counts.items() if count]
    body = table(("rule", "limit nm or nm²", "places"), rows, broken, "wide snug")
    if found.violations:
        places = [
            (v.rule, number(v.x_nm, 1), number(v.y_nm, 1), f"{v.value:,.4g}") for v in found.violations[:MOST_ROWS]
        ]
        count = len(found.violations)
        body += f"<p>The first {MOST_ROWS} of {count:,}; rules.csv has all.</p>" if count > MOST_ROWS else ""
        body += table(("rule", "x nm", "y nm", "value"), places, style="wide snug")
    verdict = ("clean", "") if not found.violations else ("broken", "failed")
    return section("rules", "Mask rules", body, *verdict)


def _spot_section(found: ChipVerification) -> str:
    """Return the worst hot spots."""
    counts = found.hotspot_counts()
    listed = ", ".join(f"{kind} {count:,}" for kind, count in counts.items()) or "none"
    body = f'<p class="note">{escape(listed)}. Limits are those of the recipe\'s table verify.</p>'
    style = "failed" if found.hotspots else ""
    return section("hotspots", "Hot spots", body + worst_places(found.hotspots), f"{len(found.hotspots):,}", style)


def _nm(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f} nm"
