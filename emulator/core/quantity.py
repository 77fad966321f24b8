"""Kubernetes quantities (`500m`, `1Gi`, `1e3`): read exactly, and written in the canonical form that the API returns.

Source: k8s.io/apimachinery/pkg/api/resource, quantity.go.
"""

import re
from fractions import Fraction
from typing import NamedTuple

_QUANTITY = re.compile(r"([+-]?)([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(m|n|u|k|[MGTPE]i?|Ki|[eE][+-]?[0-9]+)?", re.ASCII)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}

#: Nothing finer is kept; what is finer is rounded up.
_NANO = Fraction(1, 10**9)


class Quantity(NamedTuple):
    """An exact amount, and the family of suffixes it was written with (`decimal`, `binary` or `exponent`)."""

    value: Fraction
    family: str

    def __str__(self) -> str:
        """The canonical form: no fraction, the largest suffix that allows it."""
        if self.value == 0:
            return "0"
        if self.family == "binary" and self.value.denominator == 1 and abs(self.value) >= 1024:
            steps = ((suffix, Fraction(2**power)) for suffix, power in reversed(_BINARY.items()))
            fitting = ((suffix, self.value / size) for suffix, size in steps)
            return next((f"{n}{suffix}" for suffix, n in fitting if n.denominator == 1), str(self.value))
        power = next(p for p in sorted(_DECIMAL.values(), reverse=True) if (self.value / _ten(p)).denominator == 1)
        digits = self.value / _ten(power)
        if self.family == "exponent":
            return f"{digits}e{power}" if power else str(digits)
        return f"{digits}{next(suffix for suffix, p in _DECIMAL.items() if p == power)}"


def parse_quantity(text: str) -> Quantity:
    """Raises ValueError, with the API server's own words."""
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        raise ValueError("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")
    sign, number, suffix = match[1], match[2], match[3] or ""
    if suffix in _BINARY:
        scale, family = Fraction(2 ** _BINARY[suffix]), "binary"
    elif suffix in _DECIMAL:
        scale, family = _ten(_DECIMAL[suffix]), "decimal"
    else:
        scale, family = _ten(int(suffix[1:])), "exponent"
    value = Fraction(number) * scale
    value = -(-value // _NANO) * _NANO
    return Quantity(-value if sign == "-" else value, family)


def _ten(power: int) -> Fraction:
    return Fraction(10) ** power
