#!/usr/bin/env python3
"""Makes the branch `pileup-filter` in a clone of nf-core/sarek: module, subworkflow in POST_VARIANTCALLING, options, parameters.

Run: python nextflow/sarek/make_branch.py SAREK        (docs/sarek.md)

Edits are made beside lines that sarek has; where one is not found, nothing is changed and the message names it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
_POST = "subworkflows/local/post_variantcalling/main.nf"
_INCLUDE = "include { VCF_PILEUP_FILTER                                        } from '../vcf_pileup_filter'\n"
#: What follows `main:` in POST_VARIANTCALLING. The channels keep their names for all that comes later.
_STEP = """
    //
    // PILEUP FILTER
    //
    germline_vcfs = called_germline_vcfs
    germline_tbis = called_germline_tbis
    pileup_filtered = tools && tools.split(',').contains('pileup_filter')
    if (pileup_filtered) {
        VCF_PILEUP_FILTER(cram_germline, called_germline_vcfs, called_germline_tbis, fasta, fai, params.joint_germline)

        germline_vcfs = VCF_PILEUP_FILTER.out.vcfs
        germline_tbis = VCF_PILEUP_FILTER.out.tbis
    }

"""
_PARAMETERS = {
    "pileup_filter_args": "Options of `pileup-filter filter`, such as `--preset strict --reasons`.",
    "pileup_filter_model": "Model of your own, a .safetensors file, instead of one that ships.",
}


class NotThere(Exception):
    """A line that the edit is made beside."""


def replaced(text: str, pattern: str, replacement: str, path: str) -> str:
    """The text with the first match of a pattern replaced; multi-line patterns match at line starts."""
    changed, n = re.subn(pattern, lambda match: match.expand(replacement), text, count=1, flags=re.MULTILINE)
    if n == 0:
        raise NotThere(f"{path}: no line like {pattern!r}. Is this nf-core/sarek 3.10 or newer?")
    return changed


def post_variantcalling(text: str) -> str:
    """POST_VARIANTCALLING with the filter first."""
    text = replaced(text, r"^(include \{ VCF_VARLOCIRAPTOR)", _INCLUDE.replace("\\", r"\\") + r"\1", _POST)
    for name in ("germline_vcfs", "germline_tbis"):
        text = replaced(text, rf"^    {name}$", f"    called_{name}", _POST)
    return replaced(text, r"^    tbis( *)= (Channel|channel)\.empty\(\)\n", r"\g<0>" + _STEP.replace("\\", r"\\"), _POST)


def nextflow_config(text: str) -> str:
    """nextflow.config or what includes the modules' options: one more."""
    line = r"^(\s*)includeConfig (['\"])(.*?)conf/modules/post_variant_calling\.config\2\n"
    return replaced(text, line, r"\g<0>\1includeConfig \2\3conf/modules/pileup_filter.config\2\n", "nextflow.config")


def schema(text: str) -> str:
    """nextflow_schema.json: the tool's name and two parameters."""
    path = "nextflow_schema.json"
    text = replaced(text, r"\|varlociraptor\b", "|pileup_filter|varlociraptor", path)
    # \\1: as far in as the neighbour.
    entry = '\\1"{}": {{\n\\1    "type": "string",\n\\1    "fa_icon": "fas fa-filter",\n\\1    "description": "{}"\n\\1}},\n'
    entries = "".join(entry.format(name, about) for name, about in _PARAMETERS.items())
    return replaced(text, r'^(\s*)"varlociraptor_chunk_size": \{', entries + r"\g<0>", path)


def edits(sarek: Path) -> dict[Path, str]:
    """New texts of sarek's files. Raises NotThere."""
    made = {}
    for name, edit in ((_POST, post_variantcalling), ("nextflow.config", nextflow_config), ("nextflow_schema.json", schema)):
        path = sarek / name
        if not path.is_file():
            raise NotThere(f"{path}: no such file. Is this a clone of nf-core/sarek?")
        made[path] = edit(path.read_text())
    return made


def apply(sarek: Path) -> None:
    """Edit sarek's files and add ours. Raises NotThere before anything is changed."""
    made = edits(sarek)
    for path, text in made.items():
        path.write_text(text)
    shutil.copytree(HERE.parent / "modules/pileup_filter", sarek / "modules/nf-core/pileup/filter", dirs_exist_ok=True)
    for name in ("subworkflows/local/vcf_pileup_filter", "conf/modules"):
        shutil.copytree(HERE / name, sarek / name, dirs_exist_ok=True)


def main() -> int:
    """Make the branch and commit it."""
    if len(sys.argv) != 2:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    sarek = Path(sys.argv[1])
    git = ["git", "-C", str(sarek)]
    try:
        edits(sarek)
        subprocess.run([*git, "switch", "--create", "pileup-filter"], check=True)
        apply(sarek)
        subprocess.run([*git, "add", "--all"], check=True)
        message = "pileup_filter: germline calls filtered by their reads"
        subprocess.run([*git, "commit", "--quiet", "--message", message], check=True)
    except NotThere as error:
        sys.stderr.write(f"make_branch.py: {error}\n")
        return 1
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"make_branch.py: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
