"""Is this installation sound: versions, htslib, cache, device, scores of the models on fixed inputs. Knows no files of users."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import pwd
import stat
import sys
import time
from pathlib import Path

import numpy as np

from vcffilter.errors import VcffilterError
from vcffilter.inspection.findings import Findings
from vcffilter.version import __version__

_PACKAGES = ("numpy", "numba", "llvmlite", "pysam", "cyvcf2", "torch", "safetensors", "click")
#: Optional package -> what it is for.
_OPTIONAL = {
    "h5py": "training examples",
    "lightgbm": "growing trees",
    "scikit-learn": "growing trees",
    "pyyaml": "train and compare",
    "tensorboard": "watching a training",
    "timm": "image backbones",
    "matplotlib": "plots of reports",
    "jinja2": "report pages",
    "pillow": "PNG pictures",
}
#: Logits are rounded to five digits in the file; devices differ in the last bits.
MOST_DIFFERENCE = 1e-3
_CACHE_HINT = "Set NUMBA_CACHE_DIR to a folder of yours"


def examine(*, compile_kernels: bool = False, device: str = "auto") -> Findings:
    """Look at the installation. compile_kernels: fill the cache of compiled kernels first, as images do."""
    findings = Findings()
    _versions(findings)
    _htslib(findings)
    _cache(findings)
    if compile_kernels:
        _compile(findings)
    _device(findings, device)
    _models(findings)
    return findings


def _versions(findings: Findings) -> None:
    python = f"Python {platform.python_version()} ({sys.executable})"
    findings.ok("program", f"vcffilter {__version__}, {python}, {platform.system()} {platform.machine()}")
    found = {name: _version(name) for name in _PACKAGES}
    findings.ok("packages", ", ".join(f"{name} {version}" for name, version in found.items() if version))
    for name in [name for name, version in found.items() if version is None]:
        findings.fail("packages", f"{name} is not installed", f"pip install {name}")
    absent = [f"{name} ({use})" for name, use in _OPTIONAL.items() if _version(name) is None]
    findings.ok("optional", f"not installed: {', '.join(absent)}" if absent else "all there")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _htslib(findings: Findings) -> None:
    from vcffilter.kernels.htslib_library import installed_libraries
    from vcffilter.reads.alignment_file import load_reading_library
    from vcffilter.variants.htslib import check_layout

    with findings.errors_as_failures("htslib"):
        there = "; ".join(str(library) for library in installed_libraries())
        chosen = load_reading_library()
        bam, cram = chosen.bam.origin, chosen.cram.origin
        why = "it has libdeflate, which inflates twice as fast" if bam.has_libdeflate else "none has libdeflate"
        findings.ok("htslib", f"BAM by {bam.package} ({why}), CRAM and calls by {cram.package}; there are: {there}")
        check_layout()
        findings.ok("bridge", "records of reads and calls are laid out as the program reads them")


def _cache(findings: Findings) -> None:
    from vcffilter.kernels import jit

    folder = jit.cache_folder()
    if folder is None:
        findings.warn("cache", "compiled kernels can be kept nowhere: every run compiles them", _CACHE_HINT)
        return
    facts = os.stat(folder)
    n_files = len(list(Path(folder).rglob("*.nbc")))
    text = f"{folder} (owner {_user(facts.st_uid)}, mode {stat.S_IMODE(facts.st_mode):04o}): {n_files} compiled kernels"
    if facts.st_mode & stat.S_IWOTH or facts.st_uid not in (os.getuid(), 0):
        findings.fail("cache", f"{text}; others can write there, and what they write is run", _CACHE_HINT)
    else:
        findings.ok("cache", text)


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _compile(findings: Findings) -> None:
    from vcffilter.pipeline.compiling import compile_kernels

    started = time.monotonic()
    with findings.errors_as_failures("compile"):
        compile_kernels()
        findings.ok("compile", f"every kernel that a run needs is compiled ({time.monotonic() - started:.1f} s)")


def _device(findings: Findings, device: str) -> None:
    from vcffilter.scoring.network import choose_device, device_name

    with findings.errors_as_failures("device"):
        chosen = choose_device(device)
        name = device_name(chosen) or ("no usable GPU" if device == "auto" else "as asked")
        findings.ok("device", f"networks run on {chosen.type} ({name}); {len(os.sched_getaffinity(0))} CPUs")


def _models(findings: Findings) -> None:
    from vcffilter.models.checkpoint import available_weights

    for name in available_weights():
        try:
            _model(findings, name)
        except VcffilterError as error:
            findings.fail("model", f"{name}: {error}", "Install vcffilter again")


def _model(findings: Findings, name: str) -> None:
    from vcffilter.models.checkpoint import load_checkpoint
    from vcffilter.models.golden_scores import golden_path, read_golden
    from vcffilter.scoring.two_stages import open_network

    checkpoint = load_checkpoint(name)
    path = golden_path(checkpoint.path)
    if not path.is_file():
        findings.warn(
            "model", f"{name} has no fixed scores to be tested by", "python recipes/germline/golden_scores.py makes them"
        )
        return
    golden = read_golden(path)
    scorer = open_network(checkpoint, "cpu")
    logits = scorer.logits(golden.features, golden.reads(checkpoint.metadata.encoder))
    difference = float(np.abs(logits - golden.logits).max())
    if difference > MOST_DIFFERENCE:
        findings.fail(
            "model",
            f"{name} scores fixed inputs otherwise than when it was released: by {difference:.3g} in log-odds",
            "Report it with the output of pileup-filter doctor; versions of torch or numba are the first to suspect",
        )
    else:
        first = scorer.first_stage(golden.features)
        staged = "" if first is None else f"; {int(first.doubtful.sum())} of them by its second stage"
        within = f"within {difference:.1g}{staged}"
        findings.ok("model", f"{name}: {len(logits)} fixed inputs score as when it was released ({within})")
