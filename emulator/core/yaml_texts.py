"""YAML inside of ConfigMaps, read as sigs.k8s.io/yaml does, with the words of go-yaml for what is none."""

from typing import Any, Final

import yaml

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml, which Knative's parser is a translation of: its errors have the same words."""


def parse_yaml(text: str) -> Any:
    """The document, None for an empty text. Raises ValueError."""
    try:
        return _LOADER(text).get_single_data()
    except yaml.MarkedYAMLError as error:
        raise ValueError(f"error converting YAML to JSON: yaml: {_words(error)}") from error


def texts(value: Any, where: str) -> dict[str, str]:
    """A mapping of texts; numbers and booleans become texts, as in Go where a text is asked for. Raises ValueError."""
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(each, str | int | float) for each in value.values()):
        raise ValueError(f"error unmarshaling JSON: while decoding JSON: {where} must be a mapping of texts")
    return {_text(key): _text(each) for key, each in value.items()}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _words(error: yaml.MarkedYAMLError) -> str:
    """An error as go-yaml tells it; it counts lines from 0 in parser errors, from 1 in scanner errors."""
    marks = [mark.line for mark in (error.context_mark, error.problem_mark) if mark is not None and mark.line]
    line = marks[0] + isinstance(error, yaml.scanner.ScannerError) if marks else 0
    return f"line {line}: {error.problem}" if line else str(error.problem)
