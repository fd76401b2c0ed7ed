"""Configuration of the documentation; `python -m sphinx -W --keep-going -b html docs OUTDIR` builds it."""

import shutil
import sys
import tomllib
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT), str(DOCS)]

import generate  # noqa: E402

project = "litho"
release = version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
html_title = f"litho {release}"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
    "mathml",
    "docstrings",
]
exclude_patterns = ["_build", "api-generated/include", "gallery_header.rst"]
default_role = "py:obj"
highlight_language = "none"
python_maximum_signature_line_length = 100

myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 3
myst_update_mathjax = False

autodoc_default_options = {"members": True, "member-order": "bysource", "exclude-members": "model_config"}
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_attr_annotations = False

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["litho.css"]
html_math_renderer = "mathml"
html_show_copyright = False
html_show_sourcelink = False
html_sidebars = {"index": [], "start": [], "cli": []}
html_theme_options = {
    "navigation_with_keys": False,
    "header_links_before_dropdown": 7,
    "show_toc_level": 2,
    "footer_end": [],
}

# The examples are copied, because a gallery needs a header beside its scripts, and scripts may write there.
EXAMPLES = DOCS / "_build" / "examples"
shutil.rmtree(EXAMPLES, ignore_errors=True)
EXAMPLES.mkdir(parents=True)
for file in (*sorted((ROOT / "examples").glob("[0-9]*.py")), ROOT / "examples" / "course.mplstyle"):
    shutil.copy(file, EXAMPLES)
shutil.copy(DOCS / "gallery_header.rst", EXAMPLES / "GALLERY_HEADER.rst")

sphinx_gallery_conf = {
    "examples_dirs": str(EXAMPLES),
    "gallery_dirs": "gallery",
    "filename_pattern": r"/\d\d_",
    "reset_argv": "generate.example_arguments",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "backreferences_dir": None,
    "write_computation_times": False,
}

generate.write_pages(DOCS)
generate.run_blocks([DOCS / "howto" / "python.md", DOCS / "howto" / "verify.md"])
