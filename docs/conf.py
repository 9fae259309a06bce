"""Settings of the site: `sphinx-build -W docs site`."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "generators"))

import site_pages  # noqa: E402

import echocare_core  # noqa: E402

# Before Sphinx looks which pages and folders there are.
site_pages.write_pages()
site_pages.write_demo()

project = "EchoCare, open"
version = release = echocare_core.__version__
copyright = "the EchoCare open project; Apache-2.0. For research, not a medical device"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["generated/*.md", "generated/site/**", "example_bundle/**"]
default_role = "literal"
highlight_language = "none"

myst_heading_anchors = 4
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_execution_timeout = 600  # seconds a cell

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "furo"
html_title = "EchoCare, open"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_extra_path = ["generated/site"]
html_copy_source = False
html_show_sourcelink = False
