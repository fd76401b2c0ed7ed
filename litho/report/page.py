"""Pages of reports: templates of this program with their places filled, written whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from html import escape

from litho.info import program_version
from litho.io.atomic import atomic_path
from litho.resources import path as resource
from litho.scene import COLORS

HEAD, FOOT = "head.html", "foot.html"
"""What all pages begin and end with, beside this file."""


def filled_page(template: str, parts: Mapping[str, str], script: str = "") -> str:
    """Return the page of a template, with head and foot.

    Parameters
    ----------
    template
        HTML of the body
    parts
        what to put where it says {{place}}, escaped; also `name`, `title`, `subtitle`, `tiles`, `numbers` and `recipe`,
        which every page has
    script
        that the page runs, if any
    """
    shared = {
        "version": escape(program_version()),
        "style": filled(resource_text("report", "style.css"), COLORS),
        "scripts": "'unsafe-inline'" if script else "'none'",
        "script": f"<script>\n{script}</script>\n" if script else "",
    }
    head, foot = (resource_text("report", name) for name in (HEAD, FOOT))
    return filled(head + template + foot, {**parts, **shared})


def write_page(text: str, path: str | os.PathLike[str]) -> None:
    """Write a page, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def resource_text(*parts: str) -> str:
    """Return the text of a file that came with the program."""
    return resource(*parts).read_text(encoding="utf-8")


def filled(template: str, parts: Mapping[str, str]) -> str:
    """Put `parts` where a template says {{name}}; once, so that what is put in is never taken for a place."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)
