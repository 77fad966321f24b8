"""Kubernetes' protobuf, as far as clients insist on it: `kubectl create secret` and its like send nothing else.

Field numbers are those of k8s.io/api core/v1 and apimachinery meta/v1 (generated.proto); the envelope is that of
apimachinery pkg/runtime/serializer/protobuf. Answers are JSON always, which those clients take.
"""

import base64
from collections.abc import Iterator, Mapping
from typing import Any, Final

MAGIC: Final = b"k8s\x00"

#: By message and field number: the name in JSON, and the type: a scalar, another message, or a list or map of one.
_MESSAGES: Final[Mapping[str, Mapping[int, tuple[str, str]]]] = {
    "Unknown": {1: ("type", "TypeMeta"), 2: ("raw", "raw")},
    "TypeMeta": {1: ("apiVersion", "string"), 2: ("kind", "string")},
    "ObjectMeta": {
        1: ("name", "string"),
        2: ("generateName", "string"),
        3: ("namespace", "string"),
        5: ("uid", "string"),
        6: ("resourceVersion", "string"),
        11: ("labels", "map string"),
        12: ("annotations", "map string"),
        13: ("ownerReferences", "[]OwnerReference"),
        14: ("finalizers", "[]string"),
    },
    "OwnerReference": {
        1: ("kind", "string"),
        3: ("name", "string"),
        4: ("uid", "string"),
        5: ("apiVersion", "string"),
        6: ("controller", "bool"),
        7: ("blockOwnerDeletion", "bool"),
    },
    "ConfigMap": {
        1: ("metadata", "ObjectMeta"),
        2: ("data", "map string"),
        3: ("binaryData", "map bytes"),
        4: ("immutable", "bool"),
    },
    "Secret": {
        1: ("metadata", "ObjectMeta"),
        2: ("data", "map bytes"),
        3: ("type", "string"),
        4: ("stringData", "map string"),
        5: ("immutable", "bool"),
    },
    "Namespace": {1: ("metadata", "ObjectMeta")},
    "Service": {1: ("metadata", "ObjectMeta"), 2: ("spec", "ServiceSpec")},
    "ServiceSpec": {
        1: ("ports", "[]ServicePort"),
        2: ("selector", "map string"),
        3: ("clusterIP", "string"),
        4: ("type", "string"),
        5: ("externalIPs", "[]string"),
        7: ("sessionAffinity", "string"),
        8: ("loadBalancerIP", "string"),
        10: ("externalName", "string"),
        11: ("externalTrafficPolicy", "string"),
        13: ("publishNotReadyAddresses", "bool"),
        17: ("ipFamilyPolicy", "string"),
        18: ("clusterIPs", "[]string"),
        19: ("ipFamilies", "[]string"),
        22: ("internalTrafficPolicy", "string"),
    },
    "ServicePort": {
        1: ("name", "string"),
        2: ("protocol", "string"),
        3: ("port", "int"),
        4: ("targetPort", "IntOrString"),
        5: ("nodePort", "int"),
        6: ("appProtocol", "string"),
    },
    "DeleteOptions": {
        1: ("gracePeriodSeconds", "int"),
        2: ("preconditions", "Preconditions"),
        4: ("propagationPolicy", "string"),
        5: ("dryRun", "[]string"),
    },
    "SelfSubjectAccessReview": {1: ("metadata", "ObjectMeta"), 2: ("spec", "AccessReviewSpec")},
    "AccessReviewSpec": {
        1: ("resourceAttributes", "ResourceAttributes"),
        2: ("nonResourceAttributes", "NonResourceAttributes"),
    },
    "ResourceAttributes": {
        1: ("namespace", "string"),
        2: ("verb", "string"),
        3: ("group", "string"),
        4: ("version", "string"),
        5: ("resource", "string"),
        6: ("subresource", "string"),
        7: ("name", "string"),
    },
    "NonResourceAttributes": {1: ("path", "string"), 2: ("verb", "string")},
    "SelfSubjectRulesReview": {1: ("metadata", "ObjectMeta"), 2: ("spec", "RulesReviewSpec")},
    "RulesReviewSpec": {1: ("namespace", "string")},
    "Preconditions": {1: ("uid", "string"), 2: ("resourceVersion", "string")},
}
_TOP: Final = (
    *("ConfigMap", "Secret", "Namespace", "Service", "DeleteOptions"),
    *("SelfSubjectAccessReview", "SelfSubjectRulesReview"),
)
#: What a map entry lacks is the zero of its type.
_ZERO: Final = {"string": "", "bytes": ""}


class MalformedProtobuf(ValueError):
    """It is none of what is read here."""


def decode(raw: bytes) -> dict[str, Any]:
    """The object in an envelope, as its JSON would say it. Raises ValueError."""
    if not raw.startswith(MAGIC):
        raise MalformedProtobuf("it does not begin as Kubernetes' protobuf does")
    envelope = _message("Unknown", raw[len(MAGIC) :])
    types = envelope.get("type", {})
    if types.get("kind") not in _TOP:
        raise MalformedProtobuf(f"protobuf is read for {', '.join(_TOP)} alone: send JSON")
    body: dict[str, Any] = _message(types["kind"], envelope.get("raw", b""))
    return {**types, **body}


def _message(name: str, raw: bytes) -> dict[str, Any]:
    """A message's fields, without those that the tables lack and without zeros: Go writes them for what is not set."""
    fields = _MESSAGES[name]
    found: dict[str, Any] = {}
    for number, value in _fields(raw):
        if number not in fields:
            continue
        key, type_ = fields[number]
        if type_.startswith("map "):
            entry = dict(_fields(_bytes(value)))
            read = type_.removeprefix("map ")
            item = _read(read, entry[2]) if 2 in entry else _ZERO[read]
            found.setdefault(key, {})[_read("string", entry.get(1, b""))] = item
        elif type_.startswith("[]"):
            found.setdefault(key, []).append(_read(type_.removeprefix("[]"), value))
        elif one := _read(type_, value):
            found[key] = one
    return found


def _read(type_: str, value: int | bytes) -> Any:
    match type_:
        case "int" | "bool":
            if not isinstance(value, int):
                raise MalformedProtobuf("a number was expected")
            return bool(value) if type_ == "bool" else value
        case "string":
            return _bytes(value).decode()
        case "bytes":
            return base64.b64encode(_bytes(value)).decode()
        case "raw":
            return _bytes(value)
        case "IntOrString":
            # Its type says which of the two it is: 0 the number, 1 the text.
            fields = dict(_fields(_bytes(value)))
            return _read("string", fields.get(3, b"")) if fields.get(1) else _read("int", fields.get(2, 0))
        case _:
            return _message(type_, _bytes(value))


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise MalformedProtobuf("a text or a message was expected")
    return value


def _fields(raw: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values of a message's fields, in the wire's own types."""
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        wire = tag & 7
        value: int | bytes
        if wire == 0:
            value, at = _varint(raw, at)
        elif wire in _FIXED or wire == 2:
            length, at = (_FIXED[wire], at) if wire in _FIXED else _varint(raw, at)
            value, at = raw[at : at + length], at + length
            if at > len(raw):
                raise MalformedProtobuf("it ends in the middle of a field")
        else:
            raise MalformedProtobuf(f"wire type {wire} is unknown")
        yield tag >> 3, value


_FIXED: Final = {1: 8, 5: 4}


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(raw):
            break
        value |= (raw[at] & 0x7F) << shift
        at += 1
        if raw[at - 1] < 0x80:
            return value, at
    raise MalformedProtobuf("it ends in the middle of a number")
