"""How ConfigMaps are read: a settings class is one ConfigMap, each of its fields one row.

Rows stand in the order in which Knative reads them. `load` makes the frozen settings from a ConfigMap's data, `rows`
lists them for documentation. Unknown keys are ignored and the texts of errors are Knative's, as in knative.dev/pkg
configmap/parse.go.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar

from emulator.core.gotext import parse_float, quote

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class ConfigError(ValueError):
    """A ConfigMap cannot be used; the text says which key and why."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One row: a key of a ConfigMap, what it means and what it may be. `default` is its text in a ConfigMap.

    `default` is None where an absent key is not the same as any text. `not_emulated` says, as the end of a sentence,
    why the key has no effect here; it is read and checked all the same.
    """

    key: str
    default: str | None
    parse: Callable[[str], Any]
    range: str
    help: str
    legacy_keys: tuple[str, ...] = ()
    not_emulated: str = ""

    @property
    def spellings(self) -> tuple[str, ...]:
        """Its keys in the order in which they are read: the one of today comes last, and wins."""
        return (*self.legacy_keys, self.key)


def parse_finite(text: str) -> float:
    """As Go's ParseFloat, but without infinity and NaN: Knative takes them, and nothing can be counted with them."""
    value = parse_float(text)
    if not math.isfinite(value):
        raise ValueError(f"{quote(text)} is not a finite number")
    return value


def setting(
    key: str,
    default: str | None,
    parse: Callable[[str], Any],
    range_: str,
    help_: str,
    *,
    legacy_keys: tuple[str, ...] = (),
    not_emulated: str = "",
) -> Any:
    """A field of a settings class, with its row; without a default it is None where the key is absent."""
    row = Setting(key, default, parse, range_, help_, legacy_keys, not_emulated)
    return field(default=None if default is None else parse(default), metadata={Setting: row})


def rows(settings: "type[DataclassInstance]") -> Iterator[tuple[str, Setting]]:
    """(field name, row) of a settings class."""
    for each in fields(settings):
        yield each.name, each.metadata[Setting]


_Settings = TypeVar("_Settings", bound="DataclassInstance")


def load(settings: type[_Settings], data: Mapping[str, str]) -> _Settings:
    """Read a ConfigMap's data; the new spelling of a key wins over the old one. Raises ConfigError."""
    values = {}
    # All old spellings are read first: one that can't be is an error even if the new one is there too.
    found = [(name, row, key) for name, row in rows(settings) for key in row.spellings if key in data]
    for name, row, key in sorted(found, key=lambda each: each[2] == each[1].key):
        try:
            values[name] = row.parse(data[key])
        except ConfigError:
            raise
        except ValueError as error:
            prefix = getattr(settings, "PARSE_ERROR_PREFIX", "")
            raise ConfigError(f"{prefix}failed to parse {quote(key)}: {error}") from error
    return settings(**values)
