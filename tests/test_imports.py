"""Imports run one way: commands -> pipeline -> the middle floor -> kernels and models. Read from the source: nothing hides."""

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from vcffilter.commands.main import main

ROOT = Path(__file__).parents[1]
MIDDLE = {"variants", "reads", "encoding", "scoring", "annotation"}
#: What stands beside the stream: labels, training and the like. The stream never needs it.
BESIDE = {
    "inspection", "truth", "labelling", "training", "evaluation", "experiments", "simulation", "pictures", "report",
    "explanation",
    "calibration/upper",
}  # fmt: skip
#: What scoring needs of calibration is numpy alone and lies below it; what fits a checkpoint to labelled reads stands beside the
#: stream, as does what a run's thresholds are chosen by.
UPPER = {f"calibration.{name}": "calibration/upper" for name in ("recalibration", "thresholds", "cuts_without_truth")}
#: What answers over HTTP.
SERVERS = {"review", "serve"}
#: Small modules at the bottom.
PLAIN = {"errors", "files", "file_kind", "index_file", "progress"}
#: For each floor the parts of vcffilter that it may import; itself always.
ALLOWED = {
    "kernels": set(),
    "models": {"errors", "files"},
    "calibration": {"errors", "models"},
    **{name: {*PLAIN, "version", "kernels", "models", "calibration"} | MIDDLE for name in MIDDLE},
    "pipeline": {*PLAIN, "version", "kernels", "models", "calibration"} | MIDDLE,
    **{name: {*PLAIN, "version", "kernels", "models", "calibration", "pipeline"} | MIDDLE | BESIDE for name in BESIDE},
    # Labels, training and reports stand on truth, not the other way round.
    "truth": {"errors", "index_file", "variants", "reads"},
    # What the command line and the Python API share; the API draws, too.
    "filter_job": {*PLAIN, "version", "kernels", "models", "calibration", "pipeline"} | MIDDLE | BESIDE,
    "api": {*PLAIN, "version", "kernels", "models", "calibration", "pipeline", "filter_job"} | MIDDLE | BESIDE,
    # Pages and API for people and programs: what they share is who may ask, in web.
    **{
        name: {*PLAIN, "version", "kernels", "models", "calibration", "pipeline", "filter_job", "web"} | MIDDLE | BESIDE
        for name in SERVERS
    },
    # The API answers with what `Filter` gives.
    "serve": {*PLAIN, "version", "kernels", "models", "calibration", "pipeline", "filter_job", "web", "api"} | MIDDLE | BESIDE,
    "web": {"errors"},
    "commands": {*PLAIN, *SERVERS, "web", "version", "kernels", "models", "calibration", "pipeline", "filter_job"}
    | MIDDLE
    | BESIDE,
    "errors": set(),
    "progress": set(),
    "files": {"errors"},
    "file_kind": {"errors"},
    "index_file": {"errors"},
    "version": set(),
    "__init__": {"version", "api"},
    "__main__": {"commands"},
}
#: Libraries that only some floors may know.
FOREIGN = {
    "click": {"commands"},
    "fastapi": SERVERS,
    "uvicorn": {"web"},
    "cyvcf2": MIDDLE | BESIDE | {"pipeline", "commands"},
    "pysam": MIDDLE | BESIDE | {"pipeline", "commands"},
    "torch": {"models", "scoring", "training", "experiments", "explanation", "pipeline", "commands"},
    "numba": {"kernels", "models", "encoding", "scoring", "variants", "simulation", "annotation", "training"},
}

#: What --help must not wait for.
HEAVY = {"torch", "numba", "numpy", "pysam", "cyvcf2", "matplotlib", "h5py", "sklearn", "lightgbm", "fastapi", "uvicorn"}


def sources() -> Iterator[tuple[str, Path]]:
    """(part of vcffilter, file) of every module."""
    for path in sorted((ROOT / "vcffilter").rglob("*.py")):
        inside = path.relative_to(ROOT / "vcffilter").with_suffix("")
        yield UPPER.get(".".join(inside.parts), inside.parts[0]), path
    for part in ("kernels", "models"):
        for path in sorted((ROOT / part).rglob("*.py")):
            yield part, path


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """(line, full module name) of every import, those inside functions included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            # `from vcffilter import kernels` names a part, too.
            names = [f"vcffilter.{alias.name}" for alias in node.names] if node.module == "vcffilter" else [node.module or ""]
            yield from ((node.lineno, name) for name in names)


def violations() -> Iterator[str]:
    for part, path in sources():
        for line, name in imported(path):
            root, _, rest = name.partition(".")
            inner = next((floor for module, floor in UPPER.items() if rest.startswith(module)), rest.partition(".")[0])
            wrong_floor = root == "vcffilter" and inner not in ALLOWED[part] | {part, "", "__version__"}
            wrong_library = root in FOREIGN and part not in FOREIGN[root] and not name.startswith("pysam.lib")
            # In the repository they stand at the top, installed they do not.
            wrong_name = root in ("kernels", "models")
            if wrong_floor or wrong_library or wrong_name:
                yield f"{path.relative_to(ROOT)}:{line}: {part} imports {name}"


def test_imports_run_one_way():
    assert list(violations()) == []


def test_no_two_files_of_tests_have_one_name():
    """pytest imports them by their name alone: the second one of a name ends the run."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []


def test_every_part_has_a_floor():
    assert {part for part, _ in sources()} <= set(ALLOWED)


def test_a_wrong_import_is_seen(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "def f():\n    from vcffilter.commands import main\n    import torch.nn\n    from vcffilter import pipeline\n"
    )
    assert list(imported(wrong)) == [(2, "vcffilter.commands"), (3, "torch.nn"), (4, "vcffilter.pipeline")]


@pytest.mark.parametrize(
    "arguments", [[], *([name] for name in main.list_commands(None))], ids=lambda names: " ".join(names) or "program"
)
def test_help_imports_nothing_heavy(arguments):
    code = (
        "import sys\n"
        "from vcffilter.commands.main import run\n"
        f"code = run({[*arguments, '--help']!r})\n"
        f"heavy = {HEAVY} & set(sys.modules)\n"
        "sys.exit(f'imported: {sorted(heavy)}' if heavy else code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout
