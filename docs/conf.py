"""Sphinx: how the site is built. `python -m sphinx -W --keep-going -b html docs build/site`, without a network."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sphinx.util import logging

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

os.environ.setdefault("TZ", "UTC")

import generated  # noqa: E402

import optllm_pymoo  # noqa: E402

project = "optllm-pymoo"
author = "The optllm-pymoo contributors"
copyright = author
version = release = optllm_pymoo.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["examples/*", "gallery/*/README*"]

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist"]

default_role = "py:obj"
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"
autodoc_member_order = "groupwise"
autodoc_inherit_docstrings = False
toc_object_entries_show_parents = "hide"
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

sphinx_gallery_conf = {
    "examples_dirs": ["examples"],
    "gallery_dirs": ["gallery"],
    "filename_pattern": r"\.py$",
    "abort_on_example_error": True,
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "remove_config_comments": True,
    "plot_gallery": True,
    "min_reported_time": 1,
    "backreferences_dir": None,
    "image_scrapers": ("matplotlib",),
}

copybutton_prompt_text = "$ "

html_theme = "pydata_sphinx_theme"
html_title = "optllm-pymoo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "optllm-pymoo"},
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_prev_next": True,
    "navigation_with_keys": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars = {"cite": [], "changes": [], "similar": []}


def setup(app):  # noqa: ANN001, ANN201, D103
    generated.write_all(HERE)
    for name in generated.without_example():
        logging.getLogger(__name__).warning("optllm_pymoo.%s has no example, here or on a page that runs", name)
    app.connect("autodoc-skip-member", generated.skip_foreign)
    app.connect("autodoc-process-docstring", generated.add_where_used)
    app.connect("autodoc-process-docstring", generated.escape, priority=600)
    app.connect("missing-reference", generated.resolve_by_last_name)
