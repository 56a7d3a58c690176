"""The command `pileup-filter`: subcommands found by name, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import difflib
import importlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

import click

from vcffilter.commands.leaving import QuickEnd
from vcffilter.commands.signals import SignalWatch
from vcffilter.errors import VcffilterError
from vcffilter.version import __version__

_PROGRAM = "pileup-filter"
_EXIT_USAGE, _EXIT_DATA, _EXIT_INTERRUPTED, _EXIT_PIPE, _EXIT_TERMINATED = 2, 1, 130, 141, 143

#: By signal, as `signal.getsignal` gives them.
_Handlers = dict[int, Callable[[int, FrameType | None], Any] | int | None]

#: Letters of a message; the hint comes last, and no message of ours comes near.
_LONGEST_MESSAGE = 1500


@dataclass(frozen=True)
class _Subcommand:
    """module: under vcffilter.commands. attribute: the click command in it. summary: the line in --help."""

    module: str
    attribute: str
    summary: str


#: A subcommand is a file in this folder and an entry here; the file is imported only when it is asked for.
_SUBCOMMANDS = {
    "filter": _Subcommand("filter", "filter_command", "Score the ALTs of a VCF by their reads; write FILTER and INFO."),
    "check": _Subcommand("check", "check_command", "Do calls, reads, FASTA and model fit each other? In seconds, before a run."),
    "label": _Subcommand("label", "label", "TP / FP / OUT for every ALT, by comparing haplotypes with a truth set."),
    "examples": _Subcommand("examples", "examples", "Labelled calls and their reads to a file to train on."),
    "train": _Subcommand("train", "train", "Train or fine-tune a network on labelled examples."),
    "evaluate": _Subcommand("evaluate", "evaluate", "Recall, precision, F1 before and after filtering; the scores' worth."),
    "report": _Subcommand("report", "report", "One HTML page about a filtered call set: what fails, why, and what to look at."),
    "review": _Subcommand("review", "review", "Judge calls on a local page; verdicts become labels for train and calibrate."),
    "show": _Subcommand("show", "show", "Draw the reads behind chosen calls: in the terminal, as SVG or PNG."),
    "explain": _Subcommand("explain", "explain", "What makes the log-odds of chosen calls, in parts that add up."),
    "serve": _Subcommand("serve", "serve", "An HTTP API: annotate uploaded calls, score alleles, draw reads."),
    "calibrate": _Subcommand("calibrate", "calibrate", "Fit probabilities and thresholds to labelled calls; show what cuts do."),
    "compare": _Subcommand("compare", "compare", "Several models on the same data and folds, with tests and costs."),
    "simulate": _Subcommand("simulate", "simulate", "Make a sample with known variants: reads, truth, and calls true and false."),
    "testcase": _Subcommand("testcase", "testcase", "One call and its reads as a small, anonymous archive for a bug report."),
    "models": _Subcommand("models", "models", "Models that ship, their cuts and what these cost; the card of one."),
    "doctor": _Subcommand("doctor", "doctor", "Is the installation sound? Fills the cache of compiled kernels for images."),
    "demo": _Subcommand("demo", "demo", "Simulate a small sample, filter it, compare with the planted truth."),
}


class _LazyGroup(click.Group):
    """Knows its subcommands by name; imports the one that runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = _SUBCOMMANDS.get(cmd_name)
        if entry is None:
            return None
        module = importlib.import_module(f"vcffilter.commands.{entry.module}")
        command: click.Command = getattr(module, entry.attribute)
        command.short_help = entry.summary
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        near = difflib.get_close_matches(args[0], _SUBCOMMANDS, n=1) if args else []
        if near and args[0] not in _SUBCOMMANDS:
            raise click.UsageError(f"no command is named '{args[0]}'. Did you mean '{near[0]}'?", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in _SUBCOMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name=_PROGRAM)
def main() -> None:
    """Post-filter for the VCF of any variant caller: looks at the reads behind every ALT and writes FILTER and INFO."""
    try:
        os.getcwd()
    except FileNotFoundError as error:  # libraries below torch end the process then
        raise VcffilterError("the working folder is gone", hint="Change to one that is there: cd") from error


class _Terminated(BaseException):
    """SIGTERM came: unwind, so that half-written files are removed."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (default: sys.argv) and return the exit code.

    0 done; 1 data or input/output; 2 usage; 130 interrupted; 141 the reader of the output ended; 143 terminated.
    """
    code, earlier = _run_held(arguments)
    for number, handler in earlier.items():
        if handler is not None:  # None: not of Python's making, and never held
            signal.signal(number, handler)
    return code


def program() -> int:
    """`run` as the only business of a process, which then ends quickly; a signal that comes now is too late."""
    end = QuickEnd()
    end.code, _ = _run_held(None)
    return end.code


def _run_held(arguments: Sequence[str] | None) -> tuple[int, _Handlers]:
    """(exit code, handlers to be put back). A signal that comes once all is written or undone changes nothing any more."""
    _keep_standard_descriptors()
    numbers = (signal.SIGINT, signal.SIGTERM)
    earlier: _Handlers = {number: signal.getsignal(number) for number in numbers}
    if signal.signal(signal.SIGTERM, _raise_terminated) is None:
        earlier[signal.SIGTERM] = signal.SIG_DFL
    watch = SignalWatch(numbers)
    try:
        code = _run(arguments)
        _hold(numbers)
    except KeyboardInterrupt:  # between two steps of the end
        code = _EXIT_INTERRUPTED
    except _Terminated:
        code = _EXIT_TERMINATED
    finally:
        _hold(numbers)
        logging.shutdown()
    if code in (_EXIT_INTERRUPTED, _EXIT_TERMINATED):
        return code, {}  # the process ends, whatever its workers do
    watch.stop()
    return code, earlier


def _hold(numbers: Sequence[int]) -> None:
    for number in numbers:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            signal.signal(number, _too_late)


def _too_late(number: int, frame: object) -> None:
    pass


def _run(arguments: Sequence[str] | None) -> int:
    try:
        result = main.main(args=None if arguments is None else list(arguments), prog_name=_PROGRAM, standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except VcffilterError as error:
        if error.exit_code != _EXIT_PIPE:
            _say(str(error))
        return error.exit_code
    except click.ClickException as error:
        return _usage(error)
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted")
        return _EXIT_INTERRUPTED
    except _Terminated:
        _say("terminated")
        return _EXIT_TERMINATED
    except BrokenPipeError:
        _silence_stdout()
        return _EXIT_PIPE
    except MemoryError:
        _say("memory is short: the system gave no more. Allow more (ulimit -v, the scheduler's request), or fewer --threads")
        return _EXIT_DATA
    except ImportError as error:  # as a library that is there, but of which no more fits into memory
        _say(f"a library cannot be loaded: {error}. Is memory short (ulimit -v)? Else look with: pileup-filter doctor")
        return _EXIT_DATA
    except OSError as error:  # what no floor below gave a better message
        _say(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return _EXIT_DATA
    return result if isinstance(result, int) else 0


def _keep_standard_descriptors() -> None:
    """Take the numbers of standard streams that are closed, so that no file gets them.

    What stands in for stdin cannot be read, and what stands in for stdout cannot be written: neither passes for the real one.
    """
    for number, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # gets the lowest number that is free


def _usage(error: click.ClickException) -> int:
    context = getattr(error, "ctx", None)
    _say(error.format_message())
    if context is not None:
        click.echo(f"Try '{context.command_path} --help'.", err=True)
    return _EXIT_USAGE


def _say(message: str) -> None:
    """One message. What a file put into it may be long, and may hold letters that a terminal takes for commands."""
    shown = message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]} ..."
    shown = "".join(letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in shown)
    click.echo(f"{_PROGRAM}: error: {shown}", err=True)


def _silence_stdout() -> None:
    """Let Python's own flush at exit go nowhere instead of failing again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _raise_terminated(number: int, frame: FrameType | None) -> None:
    raise _Terminated
