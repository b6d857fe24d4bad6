"""Sphinx settings. Build with scripts/docs: warnings are errors, and nothing is fetched from anywhere."""

from neurokit import __version__

project = "neurokit (PyTorch)"
author = "The neurokit maintainers"
copyright = "2026, the neurokit maintainers"
release = version = __version__

extensions = [
    "myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.mathjax", "sphinx.ext.napoleon",
    "sphinx_copybutton",
]  # fmt: skip
myst_enable_extensions = ["dollarmath"]
copybutton_prompt_text = "$ "
copybutton_exclude = ".linenos, .gp, .go"
exclude_patterns = ["_build", "_built", "play/node_modules"]
html_theme = "furo"
html_title = "neurokit (PyTorch)"
html_static_path = ["_static"]
html_extra_path = ["_built"]  # what scripts/docs makes of npm's packages: the pages to play with, and MathJax
mathjax_path = "../mathjax/tex-svg.js"  # from _static

autosummary_generate = True
autodoc_typehints = "description"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "inherited-members": False, "show-inheritance": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # attributes as fields: their types are annotated already

nitpicky = True
nitpick_ignore_regex = [
    # neurokit's public names must resolve; those of other packages would need their inventories from the network
    (r"py:.*", r"(?!neurokit\.\w+$).*"),
]
