"""How Sphinx builds these pages: ``python -m sphinx -W --keep-going docs build/docs``."""

from importlib.util import find_spec
from pathlib import Path

import fusion3d_gui

project = "Fusion3D"
author = "The Fusion3D team"
copyright = "The Fusion3D team, Apache-2.0"
version = release = fusion3d_gui.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
]
myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 3

html_theme = "alabaster"
html_theme_options = {"description": "Research use only", "page_width": "1100px"}
html_show_sourcelink = False

autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
autodoc_default_options = {"members": True, "undoc-members": False}
napoleon_google_docstring = False
napoleon_use_rtype = False
# Several classes have an attribute "voxels" or "folder": a name in a "Parameters" section then has several targets.
suppress_warnings = ["ref.python"]

# autosummary never deletes the page of a module that has been moved, which would then fail the build.
for page in (Path(__file__).parent / "reference" / "generated").glob("fusion3d_gui*.rst"):
    try:
        moved = find_spec(page.stem) is None
    except ModuleNotFoundError:  # its package has gone too
        moved = True
    if moved:
        page.unlink()
