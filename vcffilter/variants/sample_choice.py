"""Which samples -s and -S ask for, as bcftools spells it: names, a file of names, and ^ for all but these. Knows no records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vcffilter.errors import UnknownSampleError, UsageError, VariantFileError


@dataclass(frozen=True)
class SampleChoice:
    """names: as asked for. excluded: they are those to leave out."""

    names: tuple[str, ...]
    excluded: bool = False

    def among(self, present: Sequence[str], path: str) -> tuple[str, ...]:
        """The samples chosen of a file that has these; of a file of sites those asked for, which then choose among the reads.

        Raises UnknownSampleError where it lacks one of the names, VariantFileError where none is left, and UsageError for ^ where
        there are no samples.
        """
        if not present:
            if self.excluded:
                raise UsageError("-s ^... leaves samples out, and the calls have none", hint="Name those whose reads to take")
            return self.names
        absent = [name for name in self.names if name not in present]
        if absent:
            raise UnknownSampleError(
                f"no sample is named {', '.join(absent)}",
                path=path,
                hint=f"It has: {', '.join(present[:10])}{', ...' if len(present) > 10 else ''}",
            )
        if not self.excluded:
            return self.names
        kept = tuple(name for name in present if name not in self.names)
        if not kept:
            raise VariantFileError("-s ^... leaves no sample", path=path, hint="Name fewer of them")
        return kept


def sample_choice(text: str | None, path: str | None) -> SampleChoice | None:
    """What -s (comma-separated) or -S (a file, one name a line) asks for; None where neither does. Raises UsageError,
    VariantFileError.
    """
    if text is not None and path is not None:
        raise UsageError("-s and -S both choose the samples", hint="Leave one out")
    if text is not None:
        names = tuple(dict.fromkeys(name for name in text.removeprefix("^").split(",") if name))
        return SampleChoice(names, text.startswith("^")) if names else None
    return None if path is None else SampleChoice(_names_of_file(path.removeprefix("^")), path.startswith("^"))


def _names_of_file(path: str) -> tuple[str, ...]:
    try:
        with open(path, encoding="utf-8") as stream:
            names = tuple(dict.fromkeys(line.strip() for line in stream if line.strip()))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise VariantFileError(f"the samples cannot be read: {reason}", path=path, hint="Give one name a line") from error
    if not names:
        raise VariantFileError("the file names no sample", path=path, hint="Give one name a line")
    return names
