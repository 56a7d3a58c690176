"""`pileup-filter doctor`: is the installation sound; and filling the cache of compiled kernels, for images."""

from __future__ import annotations

import json
from typing import Any

import click

from vcffilter.commands import options
from vcffilter.commands.findings_text import findings_as_text


@click.command("doctor", cls=options.GroupedCommand, context_settings={"help_option_names": ["-h", "--help"]})
@options.apply(
    [
        options.option(
            "--compile", "compile_kernels", group="General", is_flag=True,
            help="Compile every kernel that a run needs, into the cache: for images.",
        ),
        options.device,
        options.option("--json", "as_json", group="General", is_flag=True, help="JSON instead of text."),
        options.verbose,
    ]
)  # fmt: skip
def doctor(**parsed: Any) -> int:
    """Versions, htslib and its layout, cache, device, and every model's scores on fixed inputs.

    Exit code 0: sound; 1: something is broken; 3: something is doubtful. Paste its output into bug reports.

    \b
    pileup-filter doctor
    RUN pileup-filter doctor --compile      (in a Dockerfile)
    """
    from vcffilter.inspection.doctor import examine
    from vcffilter.inspection.findings import EXIT_CODES

    options.start_logging(quiet=not parsed["verbose"], verbose=parsed["verbose"])
    findings = examine(compile_kernels=parsed["compile_kernels"], device=parsed["device"])
    if parsed["as_json"]:
        click.echo(json.dumps({"verdict": findings.verdict, "findings": findings.to_json()}, indent=2))
    else:
        end = {"ok": "Sound.", "warning": "Sound, with doubts.", "failure": "Broken."}[findings.verdict]
        click.echo("\n".join([*findings_as_text(findings), "", end]))
    return EXIT_CODES[findings.verdict]
