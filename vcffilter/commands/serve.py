"""`pileup-filter serve`: an HTTP API over one model and reads that are named at the start."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from vcffilter.commands import options
from vcffilter.commands.options import option

if TYPE_CHECKING:
    import socket

    from vcffilter.serve.settings import ServeSettings

_SERVER, _LIMITS = "Server", "Limits"
_OF_LIMITS = ("upload_bytes", "alleles", "deadline_seconds", "idle_seconds", "workers", "waiting")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


class _Bytes(click.ParamType):
    """A number of bytes, with K, M or G behind it."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """512M -> 536870912."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"([1-9][0-9]{0,11})([KMG]?)(?:i?B)?", str(value).strip(), re.IGNORECASE)
        if found is None:
            self.fail(f"{value!r} is no size: give bytes, or a number with K, M or G, such as 512M", param, ctx)
        return int(found[1]) * _UNITS[found[2].upper()]


@click.command("serve", cls=options.GroupedCommand, context_settings={"help_option_names": ["-h", "--help"]})
@options.apply(
    [
        option("-b", "--reads", "named", group="Input", multiple=True, required=True, metavar="NAME=FILE",
               help="BAM or CRAM with index, and the name by which requests call it; several of one name belong together."),
        options.reference,
        options.model,
        options.stage,
        options.device,
        option("--host", group=_SERVER, default="127.0.0.1", show_default=True, metavar="ADDRESS",
               help="Where to listen. Other than this machine's own: a token is asked for."),
        option("--port", group=_SERVER, type=click.IntRange(0, 65535), default=8750, show_default=True, metavar="N",
               help="0: any that is free."),
        option("--token-file", group=_SERVER, metavar="FILE",
               help="The bearer token, in its first line. [default: $VCFFILTER_TOKEN; none on this machine's own address]"),
        option("--spool", group=_SERVER, metavar="DIR",
               help="Where uploads are kept while they are worked on, without a name. [default: the system's temporary folder]"),
        option("--drain", "drain_seconds", group=_SERVER, type=click.IntRange(0, 3600), default=60, show_default=True,
               metavar="SECONDS", help="On SIGTERM: the longest that requests in progress are waited for."),
        option("--max-upload", "upload_bytes", group=_LIMITS, type=_Bytes(), default="1G", show_default=True,
               help="Of a VCF or BCF, as sent."),
        option("--max-alleles", "alleles", group=_LIMITS, type=click.IntRange(1), default=20_000, show_default=True,
               metavar="N", help="Of one JSON request."),
        option("--deadline", "deadline_seconds", group=_LIMITS, type=click.FloatRange(0.001), default=600.0,
               show_default=True, metavar="SECONDS", help="From the end of an upload to the beginning of its answer."),
        option("--idle", "idle_seconds", group=_LIMITS, type=click.FloatRange(0.001), default=30.0, show_default=True,
               metavar="SECONDS", help="A client may send or take nothing for so long."),
        option("--workers", group=_LIMITS, type=click.IntRange(1), default=options.usable_cpus, metavar="N",
               help="Requests computed at once. [default: the CPUs of this process]"),
        option("--waiting", group=_LIMITS, type=click.IntRange(0), default=64, show_default=True, metavar="N",
               help="Requests taken beyond these; more are sent away with 429."),
        options.threads,
        options.quiet,
        options.verbose,
    ]
)  # fmt: skip
def serve(named: tuple[str, ...], quiet: bool, verbose: bool, **parsed: Any) -> None:
    """Serve scores over HTTP: annotate uploaded VCFs, score alleles, draw reads. docs/serve.md has the requests.

    One model scores for all requests; reads and reference are named here and nowhere else: a path in a request is never opened.

    \b
    pileup-filter serve -b NA12878=reads.bam -f reference.fa
    curl -X POST -T calls.vcf.gz 'http://127.0.0.1:8750/v1/filter?reads=NA12878' > filtered.vcf
    """
    from vcffilter import web
    from vcffilter.serve.settings import Limits, ServeSettings, named_reads

    options.start_logging(quiet=quiet, verbose=verbose)
    web.need_serve_extra("serve", "prometheus_client")
    limits = Limits(**{name: parsed.pop(name) for name in _OF_LIMITS})
    settings = ServeSettings(
        named_reads(named),
        parsed["reference_path"],
        parsed["model"],
        parsed["device"],
        parsed["n_threads"],
        parsed["spool"],
        limits,
        parsed["stage"],
    )
    token = web.token_in_force(parsed["host"], parsed["token_file"])
    is_new = token is not None and parsed["token_file"] is None and not os.environ.get(web.TOKEN_VARIABLE)
    with web.listen(parsed["host"], parsed["port"]) as listener:
        _serve(settings, listener, token, parsed["drain_seconds"], _silent if quiet else _say, says_token=is_new)


def _serve(
    settings: ServeSettings,
    listener: socket.socket,
    token: str | None,
    drain_seconds: int,
    say: Callable[[str], None],
    *,
    says_token: bool,
) -> None:
    from vcffilter import web
    from vcffilter.serve.application import OPEN_PATHS, Api
    from vcffilter.serve.metrics import Metrics
    from vcffilter.serve.service import Service
    from vcffilter.serve.spool import Spool
    from vcffilter.serve.warming import warm_up

    spool, metrics = Spool(settings.spool), Metrics()
    with closing(Service(settings, metrics.saw_batch)) as service:
        warm_up(service, spool)
        guarded = web.Guard(Api(service, spool, metrics).application, web.Access(token, OPEN_PATHS))
        model_id, names = service.checkpoint.metadata.model_id, ", ".join(settings.reads)
        say(f"serving {names} with {model_id} on {web.address_of(listener)}")
        if says_token:
            say(f"Authorization: Bearer {token}")
        web.run_server(guarded, listener, drain_seconds=drain_seconds)
    say("stopped")


def _say(text: str) -> None:
    click.echo(f"pileup-filter: {text}", err=True)


def _silent(text: str) -> None:
    """With -q."""
