"""Compiled ahead is all that a run asks for: otherwise images would compile again what was compiled into them."""

from __future__ import annotations

import subprocess
import sys

from vcffilter.simulation.sample import SampleReport

_SCRIPT = """
import sys
from vcffilter.commands.main import run
from vcffilter.kernels.jit import Kernel
from vcffilter.pipeline.compiling import compile_kernels

def signatures():
    modules = [module for name, module in list(sys.modules.items()) if name.startswith("vcffilter.")]
    kernels = [value for module in modules for value in vars(module).values() if isinstance(value, Kernel)]
    return {kernel.__qualname__: set(kernel.signatures) for kernel in kernels}

compile_kernels()
ahead = signatures()
calls, reads, reference = sys.argv[1:]
assert run(["filter", calls, "-b", reads, "-f", reference, "-o", "/dev/null", "-q", "--reasons"]) == 0
assert run(["filter", calls, "-b", reads, "-f", reference, "-o", "/dev/null", "-q", "-Ou"]) == 0
asked = signatures()
print({name: found - ahead.get(name, set()) for name, found in asked.items() if found - ahead.get(name, set())})
print(sum(map(len, ahead.values())), len(asked["encode_alleles"]))
"""


def test_a_run_compiles_nothing_more(simulated: SampleReport) -> None:
    files = simulated.files
    arguments = [str(path) for path in (files.calls, files.reads, files.reference)]
    done = subprocess.run([sys.executable, "-c", _SCRIPT, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    more, numbers = done.stdout.splitlines()
    n_ahead, n_encoders = map(int, numbers.split())
    assert more == "{}"
    assert n_ahead > 15
    # With tensors and without: what is loaded before the workers begin is what they ask for.
    assert n_encoders == 2
