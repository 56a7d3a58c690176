"""One YAML file as plain values. Knows no configuration: what the keys mean is checked by who asked for them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from vcffilter.errors import MissingExtraError, TrainingError, install_hint

_EXPONENT = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)[eE][-+]?\d+$")


def read_yaml(path: str | Path) -> Any:
    """Mappings, lists and scalars of a YAML file. Aliases are refused: a few of them in one another fill any memory.

    Raises TrainingError on a file that cannot be read or is no such YAML, MissingExtraError without PyYAML.
    """
    try:
        import yaml
    except ImportError as error:
        raise MissingExtraError("configurations need PyYAML", hint=install_hint("pyyaml", "train")) from error

    class Loader(yaml.SafeLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                event = self.peek_event()
                raise yaml.MarkedYAMLError(problem=f"alias *{event.anchor}: write its value out", problem_mark=event.start_mark)
            return super().compose_node(parent, index)

    # As YAML 1.2 has it. PyYAML takes 1e-3, which lacks a dot, for text.
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("+-.0123456789"))
    try:
        return yaml.load(Path(path).read_text("utf-8"), Loader)  # noqa: S506
    except OSError as error:
        raise TrainingError(f"the configuration cannot be read ({error.strerror})", path=str(path)) from error
    except UnicodeDecodeError as error:
        raise TrainingError(
            f"the configuration is not UTF-8 (byte {error.start})", path=str(path), hint="Save it as UTF-8"
        ) from error
    except RecursionError as error:
        raise TrainingError("the configuration is nested too deeply", path=str(path)) from error
    except (yaml.YAMLError, ValueError) as error:
        # ValueError: a date or a number that does not exist, such as 2001-99-99.
        what = getattr(error, "problem", None) or str(error)
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise TrainingError(
            f"the configuration is no YAML ({what}{where})", path=str(path), hint="Mend it there; recipes/ has examples"
        ) from error
