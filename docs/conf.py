"""Settings of the documentation site: the Markdown files of this folder, as they also read on a forge's pages."""

project = "vcffilter"
author = "the vcffilter authors"
copyright = "2026, the vcffilter authors"  # noqa: A001, the name that Sphinx looks for
extensions = ["myst_parser"]
myst_heading_anchors = 4
# A link to a file of the repository (../models/weights/...) is no page of the site.
suppress_warnings: list[str] = []
html_theme = "furo"
html_title = "vcffilter"
exclude_patterns = ["_build"]
