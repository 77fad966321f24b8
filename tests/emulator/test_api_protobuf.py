import contextlib
import random

import pytest

from emulator.api.protobuf import MAGIC, decode


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return bytes([number << 3, value])
    return bytes([number << 3 | 2, len(value)]) + value


def envelope(kind: bytes, raw: bytes) -> bytes:
    return MAGIC + field(1, field(1, b"v1") + field(2, kind)) + field(2, raw) + field(3, b"") + field(4, b"")


SECRET = envelope(
    b"Secret",
    field(1, field(1, b"keys") + field(2, b"") + field(7, 0) + field(11, field(1, b"a") + field(2, b"b")))
    + field(2, field(1, b"one") + field(2, b"\xff"))
    + field(2, field(1, b"none"))
    + field(3, b"Opaque"),
)


def test_a_secret() -> None:
    assert decode(SECRET) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "keys", "labels": {"a": "b"}},
        "data": {"one": "/w==", "none": ""},
        "type": "Opaque",
    }


def test_a_service() -> None:
    ports = field(1, b"http") + field(2, b"TCP") + b"\x18\x50" + field(4, field(1, 0) + b"\x10\x90\x3f" + field(3, b""))
    named = field(1, b"https") + b"\x18\xbb\x03" + field(4, field(1, 1) + field(2, 0) + field(3, b"tls"))
    spec = field(1, ports) + field(1, named) + field(2, field(1, b"app") + field(2, b"x")) + field(4, b"NodePort")
    body = envelope(b"Service", field(1, field(1, b"web")) + field(2, spec) + field(3, b""))
    assert decode(body) == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {
            "type": "NodePort",
            "selector": {"app": "x"},
            "ports": [
                {"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080},
                {"name": "https", "port": 443, "targetPort": "tls"},
            ],
        },
    }


def test_delete_options() -> None:
    raw = field(1, 5) + field(2, field(1, b"id")) + field(4, b"Background") + field(5, b"All")
    assert decode(envelope(b"DeleteOptions", raw)) == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "gracePeriodSeconds": 5,
        "preconditions": {"uid": "id"},
        "propagationPolicy": "Background",
        "dryRun": ["All"],
    }


@pytest.mark.parametrize("raw", [b"", b"{}", MAGIC, MAGIC + b"\xff" * 20, envelope(b"Pod", b""), SECRET[:-3]])
def test_what_can_not_be_read_is_told(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"it|protobuf"):
        decode(raw)


def test_noise_is_an_object_or_a_value_error() -> None:
    rng = random.Random(3)
    for _ in range(3000):
        noisy = bytearray(SECRET)
        for _ in range(rng.randrange(1, 4)):
            noisy[rng.randrange(len(noisy))] = rng.randrange(256)
        with contextlib.suppress(ValueError):
            assert isinstance(decode(bytes(noisy)), dict)
