"""What a setting may be: how its text is read, and how its range is told; and a row of the table (see settings.py)."""

import base64
import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: A pepper or bearer token shorter than this can be guessed: 32 characters of hex are 128 bits.
MIN_SECRET = 32
#: A key-encryption key is one of AES-256.
KEK_BYTES = 32


@dataclass(frozen=True, slots=True)
class Kind:
    """How a row's text becomes a value: `parse` raises ValueError; `range` completes "must be ..."."""

    parse: Callable[[str], Any]
    range: str


def integer(low: int, high: int) -> Kind:
    def parse(text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,12}", text) or not low <= int(text) <= high:
            raise ValueError(text)
        return int(text)

    return Kind(parse, f"a whole number from {low} to {high}")


def seconds(low: float, high: float) -> Kind:
    def parse(text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text) or not low <= float(text) <= high:
            raise ValueError(text)
        return float(text)

    return Kind(parse, f"a number of seconds from {low:g} to {high:g}")


def matching(pattern: str, says: str) -> Kind:
    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(text)
        return text

    return Kind(parse, says)


def _secrets(text: str) -> tuple[str, ...]:
    values = tuple(part.strip() for part in text.split(",")) if text else ()
    if any(len(value) < MIN_SECRET for value in values):
        raise ValueError(text)
    return values


def _keks(text: str) -> tuple[bytes, ...]:
    values = tuple(base64.b64decode(part.strip(), validate=True) for part in text.split(",")) if text else ()
    if any(len(value) != KEK_BYTES for value in values):
        raise ValueError(text)
    return values


def _origins(text: str) -> tuple[str, ...]:
    values = tuple(part.strip() for part in text.split(",")) if text else ()
    if not all(
        re.fullmatch(r"https?://[0-9a-z.-]+(:[0-9]+)?|https?://\[[0-9a-f:]+\](:[0-9]+)?", one) for one in values
    ):
        raise ValueError(text)
    return values


KEKS = Kind(_keks, f"one or more keys of {KEK_BYTES} bytes in base64, separated by commas (openssl rand -base64 32)")
ORIGINS = Kind(_origins, "origins such as https://app.example, as browsers send them, separated by commas")
SECRETS = Kind(_secrets, f"one or more secrets of at least {MIN_SECRET} characters, separated by commas")


def _switch(text: str) -> bool:
    if text not in {"on", "off"}:
        raise ValueError(text)
    return text == "on"


SWITCH = Kind(_switch, "on or off")
IDENTIFIER = matching(r"[\x21-\x7e]{1,255}", "1 to 255 visible ASCII characters")


def row(env: str, kind: Kind, default: str, text: str, *, secret: bool = False) -> Any:
    """One setting. `default` is written as a person would write it in the environment."""
    return dataclasses.field(metadata={"env": env, "kind": kind, "default": default, "help": text}, repr=not secret)
