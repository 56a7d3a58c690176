"""Writes and executes docs/example.ipynb, the Python API on a small simulated sample; keeps what it showed.

python docs/make_notebook.py            writes it anew
python docs/make_notebook.py --check    executes it, and fails where its words differ from those that are kept

Needs the extras [docs], [report] and [frame]. Pictures are compared by their number: their bytes belong to matplotlib's version.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

NOTEBOOK = Path(__file__).with_name("example.ipynb")
_TIMEOUT_SECONDS = 300

#: Text cells and code cells by turns.
CELLS = (
    "# Scoring calls from Python\n\n"
    "Made and executed by `docs/make_notebook.py`. [python.md](python.md) has the same in short, and the table of methods.\n\n"
    "First a small sample whose truth is known: 20 kb, 30x, with three times the usual artefacts, and a careless caller's VCF.\n"
    "It is made hard on purpose; [accuracy.md](accuracy.md) says what to expect of real reads.",
    "%matplotlib inline\nfrom pathlib import Path\n\nimport pandas as pd\n\nfrom vcffilter import Filter\n"
    "from vcffilter.simulation.sample import simulate_sample\nfrom vcffilter.simulation.settings import preset, with_options\n\n"
    'settings = with_options(preset("novaseq"), seed=11, length=20_000, variant_rate=1 / 200, artefact_scale=3.0)\n'
    'files = simulate_sample(Path("sample"), settings).files',
    "The calls as a frame, with what the simulation knows of them: `TP` was planted, `FP` is an artefact.",
    'columns = ["contig", "pos", "ref", "alt", "label"]\n'
    'calls = pd.read_csv(files.labels, sep="\\t", comment="#", names=columns, usecols=range(5))\n'
    'calls = calls[calls.label.isin(["TP", "FP"])].reset_index(drop=True)\ncalls.label.value_counts()',
    "One model with the reads that it looks at. `score_frame` puts the scores beside the calls.",
    "model = Filter(files.reads, files.reference)\nscored = model.score_frame(calls)\n"
    'scored[["pos", "ref", "alt", "label", "probability", "n_reads", "alt_reads", "passes", "reasons"]].head(8)',
    "What the model's own cut does to them:",
    'pd.crosstab(scored.label, scored.passes.map({True: "passes", False: "fails"}))',
    "Why do the false ones fail?",
    'scored[(scored.label == "FP") & ~scored.passes].reasons.str.split(",").explode().value_counts().head(8)',
    "The failed one that came nearest to passing, in numbers that add up ...",
    'doubtful = scored[(scored.label == "FP") & ~scored.passes].sort_values("log_odds").iloc[-1]\n'
    "allele = (doubtful.contig, int(doubtful.pos), doubtful.ref, doubtful.alt)\nprint(model.explain_text(allele))",
    "... and as a picture: the reads that the score was made of, and beside them what each family of facts adds.",
    "model.figure(allele, explained=True)",
    "A whole file, as `pileup-filter filter` writes it:",
    'summary = model.filter_file(files.calls, "filtered.vcf.gz", write_index="tbi")\n'
    'print(summary.counts.n_records, "records,", summary.counts.n_failed, "failed")\nmodel.close()',
)


def made() -> Any:
    """The notebook, not executed."""
    book = new_notebook(metadata={"language_info": {"name": "python"}})
    for index, text in enumerate(CELLS):
        cell = new_code_cell(text) if index % 2 else new_markdown_cell(text)
        cell["id"] = f"cell-{index}"
        book.cells.append(cell)
    return book


def execute(book: Any) -> None:
    """Run it in a folder of its own, by this Python; what is of the moment is taken out."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["JUPYTER_PLATFORM_DIRS"] = "1"
        NotebookClient(book, timeout=_TIMEOUT_SECONDS, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    book.metadata = {"language_info": {"name": "python"}}
    for cell in book.cells:
        cell.metadata = {}
        # Notes on stderr, such as that kernels are being compiled, are of the moment.
        cell["outputs"] = (
            [one for one in cell.get("outputs", []) if one.get("name") != "stderr"] if cell.cell_type == "code" else []
        )
        if cell.cell_type != "code":
            del cell["outputs"]


def shown(book: Any) -> list[list[str]]:
    """The words of every cell's outputs; for a picture, that there is one."""
    found = []
    for cell in book.cells:
        outputs = cell.get("outputs", [])
        words = [one.get("text") or one.get("data", {}).get("text/plain", "") for one in outputs]
        found.append(
            ["a picture" if "image/png" in one.get("data", {}) else text for one, text in zip(outputs, words, strict=True)]
        )
    return found


def main() -> int:
    """Write or check."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--check", action="store_true")
    book = made()
    execute(book)
    if not options.parse_args().check:
        nbformat.write(book, NOTEBOOK)
        return 0
    kept = nbformat.read(NOTEBOOK, as_version=4)
    same_code = [cell.source for cell in kept.cells] == [cell.source for cell in book.cells]
    if same_code and shown(kept) == shown(book):
        return 0
    for before, now in zip(shown(kept), shown(book), strict=False):
        if before != now:
            print(f"kept:\n{before}\nnow:\n{now}", file=sys.stderr)
    print("docs/example.ipynb is out of date: python docs/make_notebook.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
