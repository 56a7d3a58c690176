"""Plain data, as JSON and YAML hold it, checked against annotations: kinds, choices, ranges. Knows nothing of what the data mean.

A kind is `Any`, `str`, `bool`, `int`, `float` (a finite number), `Literal[...]`, `list[K]`, `tuple[K, ...]` or `tuple[K, L]`
(from a list), `dict[str, K]`, a TypedDict (of which unnamed keys are let through), a dataclass (made already, or from a
dictionary), `K | None`, `K | a dataclass`, or one of these as `Annotated[K, Range(least, most)]` or
`Annotated[dict[str, Any], Shape(a TypedDict)]`.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from vcffilter.errors import VcffilterError


@dataclass(frozen=True)
class Range:
    """Bounds, both included, of a number or of how many items a list has."""

    least: float
    most: float


@dataclass(frozen=True)
class Shape:
    """A TypedDict that a plain dictionary must also be."""

    kind: Any


class MisfitError(Exception):
    """A value is not of its kind; the text names the value's place."""


def conform(kind: Any, value: Any, where: str) -> Any:
    """The value as its kind has it: lists as tuples, whole numbers as floats. Raises MisfitError that names `where`."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin is Annotated:
        conformed = conform(arguments[0], value, where)
        if isinstance(arguments[1], Shape):
            return conform(arguments[1].kind, conformed, where)
        _check_range(conformed, arguments[1], where)
        return conformed
    if origin is Literal:
        if isinstance(value, str) and value in arguments:
            return value
        raise MisfitError(f"{where} is {_short(value)}, not one of {', '.join(arguments)}")
    if origin is types.UnionType:
        return _conform_one_of(arguments, value, where)
    if origin in (list, tuple) and isinstance(value, list | tuple):
        kinds = arguments if origin is tuple and arguments[-1] is not Ellipsis else arguments[:1] * len(value)
        if len(kinds) == len(value):
            return origin(conform(kinds[index], one, f"{where}[{index}]") for index, one in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return {_text(key, where): conform(arguments[1], one, f"{where}.{key}") for key, one in value.items()}
    if typing.is_typeddict(kind) and isinstance(value, dict):
        return _conform_keys(kind, value, where)
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value):
        return float(value)
    if type(value) is kind and (kind in (int, str, bool) or dataclasses.is_dataclass(kind)):
        return value
    if dataclasses.is_dataclass(kind):
        return parse_dataclass(typing.cast(type, kind), value, where)
    raise MisfitError(f"{where} is {_short(value)}, which is no {_name(kind)}")


def parse_dataclass(kind: type, data: Any, where: str) -> Any:
    """A dataclass from a dictionary; raises MisfitError where a key is unknown or missing, or a value not of its field's kind.

    where: its place, for messages; empty at the top of a configuration. What the dataclass itself raises gets its place too.
    """
    if not isinstance(data, dict):
        raise MisfitError(f"{where or 'the configuration'} must be a mapping of keys to values, not {_short(data)}")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = sorted(_at(where, str(key)) for key in data if key not in fields)
    if unknown:
        raise MisfitError(f"unknown key {', '.join(unknown)} (known are: {', '.join(fields) or 'none'})")
    no_default = [
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    missing = [name for name in no_default if name not in data]
    if missing:
        raise MisfitError(f"missing key {', '.join(_at(where, name) for name in missing)}")
    kinds = typing.get_type_hints(kind, include_extras=True)
    values = {key: conform(kinds[key], value, _at(where, key)) for key, value in data.items()}
    try:
        return kind(**values)
    except VcffilterError as error:
        raise type(error)(_at(where, error.what), hint=error.hint) from error


def _at(where: str, what: str) -> str:
    return f"{where}.{what}" if where else what


def _conform_one_of(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and types.NoneType in kinds:
        return None
    some = [kind for kind in kinds if kind is not types.NoneType]
    fitting = [kind for kind in some if dataclasses.is_dataclass(kind) == isinstance(value, dict)]
    return conform((fitting or some)[0], value, where)


def _conform_keys(kind: Any, value: dict[Any, Any], where: str) -> dict[str, Any]:
    missing = sorted(kind.__required_keys__ - set(value))
    if missing:
        raise MisfitError(f"{where} lacks {', '.join(missing)}")
    kinds = typing.get_type_hints(kind, include_extras=True)
    return {_text(key, where): conform(kinds.get(key, Any), one, f"{where}.{key}") for key, one in value.items()}


def _check_range(value: Any, bounds: Range, where: str) -> None:
    size = len(value) if isinstance(value, list | tuple) else value
    if not bounds.least <= size <= bounds.most:
        what = f"has {size} items" if isinstance(value, list | tuple) else f"is {_short(value)}"
        raise MisfitError(f"{where} {what}, not {bounds.least:g} to {bounds.most:g}")


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def _text(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise MisfitError(f"{where} has the key {_short(key)}, which is no text")
    return key


def _short(value: Any) -> str:
    """A value in a message, in a few words whatever its size."""
    if isinstance(value, dict | list | tuple):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, int) and value.bit_length() > 100:
        return "a huge number"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _name(kind: Any) -> str:
    if kind is float:
        return "finite number"
    return "list" if typing.get_origin(kind) is tuple else getattr(kind, "__name__", str(kind))
