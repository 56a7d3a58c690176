"""The type checker's settings reach every folder that is installed, under the name that it is installed as."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WRONG = 'def number() -> int:\n    return "text"\n'


def check(tree: Path, files: dict[str, str]) -> str:
    """What mypy says of a small tree with this project's settings."""
    for name in ("vcffilter", "kernels", "models"):
        (tree / name).mkdir()
        (tree / name / "__init__.py").touch()
    for name, text in files.items():
        (tree / name).write_text(text)
    shutil.copy(ROOT / "pyproject.toml", tree)
    shutil.copytree(ROOT / ".ci", tree / ".ci", symlinks=True)
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(tree / "cache")]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert (done.returncode == 0) == done.stdout.startswith("Success"), done.stdout
    return done.stdout


@pytest.mark.parametrize("folder", ["vcffilter", "kernels", "models"])
def test_a_planted_error_is_found(tmp_path, folder):
    assert f"{folder}/planted.py:2: error: Incompatible return value" in check(tmp_path, {f"{folder}/planted.py": WRONG})


def test_what_kernels_and_models_offer_is_known_to_those_who_use_it(tmp_path):
    use = "from vcffilter.kernels.sound import number\nfrom vcffilter.models import absent\ntext: str = number()\n"
    said = check(tmp_path, {"kernels/sound.py": "def number() -> int:\n    return 1\n", "vcffilter/use.py": use})
    assert 'vcffilter/use.py:2: error: Module "vcffilter.models" has no attribute "absent"' in said
    assert 'vcffilter/use.py:3: error: Incompatible types in assignment (expression has type "int"' in said
    assert said.count("error:") == 2
