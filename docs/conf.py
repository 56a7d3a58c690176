"""Settings of the documentation site: the Markdown files of this folder, as they also read on a forge's pages."""

project = "vcffilter"
author = "the vcffilter authors"
copyright = "2026, the vcffilter authors"  # noqa: A001, the name that Sphinx looks for
extensions = ["myst_parser"]
myst_heading_anchors = 4
# Tables that scripts write between markers bring their own headings.
suppress_warnings = ["myst.header"]
html_theme = "furo"
html_title = "vcffilter"
exclude_patterns = ["_build"]
