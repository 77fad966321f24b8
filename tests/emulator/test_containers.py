"""What containers are made with and how their output is read; no engine is asked."""

import io
import struct
from pathlib import Path
from typing import Any

import pytest

from emulator.core.revision import RevisionKey
from emulator.errors import LaunchError
from emulator.logs import Log
from emulator.runtimes.base import LINE_LIMIT, Launch
from emulator.runtimes.container import container_options
from emulator.runtimes.engine import split_image
from emulator.runtimes.output import copy_lines


def options(image_user: str = "", *, publish: bool = False, **container: Any) -> dict[str, Any]:
    launch = Launch("pod-1", RevisionKey("default", "r"), "img", (), (), {}, None, 8080, {}, container)
    return container_options(launch, image_user=image_user, labels={}, publish=publish, folder=Path("/none"))


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, {}),
        ({"limits": {"cpu": "1"}}, {"cpu_quota": 100_000, "cpu_shares": 1024}),
        ({"limits": {"cpu": "1"}, "requests": {"cpu": "125m"}}, {"cpu_quota": 100_000, "cpu_shares": 128}),
        ({"limits": {"cpu": "1m"}}, {"cpu_quota": 1000, "cpu_shares": 2}),
        ({"requests": {"cpu": "2"}}, {"cpu_shares": 2048}),
        ({"limits": {"memory": "128Mi"}}, {"mem_limit": 134_217_728, "memswap_limit": 134_217_728}),
        ({"requests": {"memory": "128Mi"}}, {}),
    ],
)
def test_resources_are_given_as_the_kubelet_gives_them(resources: dict[str, Any], expected: dict[str, int]) -> None:
    made = options(resources=resources)
    found = {key: made[key] for key in ("cpu_quota", "cpu_shares", "mem_limit", "memswap_limit") if key in made}
    assert found == expected
    assert made.get("cpu_period") == (100_000 if "cpu_quota" in expected else None)


@pytest.mark.parametrize(
    ("context", "image_user", "why"),
    [
        ({}, "", "image will run as root"),
        ({}, "0:0", "image will run as root"),
        ({}, "nobody", r"image has non-numeric user \(nobody\), cannot verify user is non-root"),
        ({"runAsUser": 0}, "65532", "container's runAsUser breaks non-root policy"),
        ({}, "65532:65532", ""),
        ({"runAsUser": 1}, "", ""),
    ],
)
def test_an_instance_that_may_not_be_root_is_not(context: dict[str, Any], image_user: str, why: str) -> None:
    if not why:
        options(image_user, securityContext=context | {"runAsNonRoot": True})
        return
    with pytest.raises(LaunchError, match=why) as refused:
        options(image_user, securityContext=context | {"runAsNonRoot": True})
    assert refused.value.kind == "CreateContainerConfigError"


def test_what_the_manifest_leaves_out_is_left_to_the_image() -> None:
    made = options()
    assert made["entrypoint"] is made["command"] is made["working_dir"] is None
    assert "user" not in made
    assert made["environment"] == {"PORT": "8080"}
    assert made["ports"] == {}
    assert options(publish=True)["ports"] == {"8080/tcp": ("127.0.0.1", None)}


@pytest.mark.parametrize(
    ("image", "repository", "tag"),
    [
        ("app", "app", "latest"),
        ("app:v1", "app", "v1"),
        ("localhost:5000/app", "localhost:5000/app", "latest"),
        ("localhost:5000/app:v1", "localhost:5000/app", "v1"),
        ("r/app:v1@sha256:ab", "r/app", "sha256:ab"),
    ],
)
def test_an_images_name_is_taken_apart(image: str, repository: str, tag: str) -> None:
    assert split_image(image) == (repository, tag)


def frame(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(data)) + data


def test_lines_are_put_together_from_the_frames_of_two_streams() -> None:
    log = Log()
    sent = [(1, b"on"), (2, b"err\r\ntw"), (1, b"e\n"), (1, "\u00e9\n".encode()), (2, b"o\n"), (1, b"rest")]
    copy_lines(io.BytesIO(b"".join(frame(*it) for it in sent)), log)
    assert log.tail(10).split("\n") == ["err", "one", "\u00e9", "two", "rest"]


def test_an_endless_line_is_cut() -> None:
    log = Log()
    copy_lines(io.BytesIO(frame(1, b"x" * 1000) * 100 + frame(1, b"\nend\n")), log)
    assert max(len(line) for line in log.read()) == LINE_LIMIT + 1
    assert log.tail(1) == "end"


def test_a_connection_that_breaks_ends_the_log() -> None:
    log = Log()
    copy_lines(io.BytesIO(frame(1, b"whole\n") + b"\x01\x00"), log)
    assert log.tail(10) == "whole"
