"""The README, typed in by a machine: a fresh copy of the tree, every shell block in order, in one shell."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from emulator.settings import read_settings

ROOT = Path(__file__).parents[1]
#: The README's ports: the gateway's, the API's and the container's.
PORTS = (8080, 8443, 8081)
#: Set-up included, on two busy cores.
PATIENCE = 600
#: `docker compose` for an engine whose client has no such plugin: the public image of the client has it.
DOCKER = """#!/bin/sh
[ "$1" = compose ] || exec {docker} "$@"
{docker} compose version >/dev/null 2>&1 && exec {docker} "$@"
exec {docker} run --rm -v /var/run/docker.sock:/var/run/docker.sock -v "$PWD:$PWD" -w "$PWD" docker:cli docker "$@"
"""


class Block(NamedTuple):
    """One fenced block, its language, and what it needs beside the tree ("" for nothing)."""

    language: str
    text: str
    needs: str


def blocks() -> list[Block]:
    found = re.findall(r"(?:<!-- needs: (\w+) -->\n)?```(\w+)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return [Block(language, text, needs) for needs, language, text in found]


def script(*needs: str) -> str:
    return "\n".join(block.text for block in blocks() if block.language == "sh" and block.needs in needs)


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    """A copy of what git knows of, with a home of its own, so that nothing of this machine's is touched."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines():
        if (ROOT / name).exists():
            (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / "tree" / name, follow_symlinks=False)
    (tmp_path / "home").mkdir()
    yield tmp_path / "tree"
    if (tmp_path / "tree/.venv/ready").exists():
        type_in(tmp_path / "tree", "make down")


def type_in(tree: Path, text: str) -> str:
    """Type it into a shell; all that it printed. Any failing command fails the test."""
    cache = subprocess.run(["pip", "cache", "dir"], check=True, capture_output=True, text=True).stdout.strip()
    shim = tree.parent / "bin"
    shim.mkdir(exist_ok=True)
    if docker := shutil.which("docker"):
        (shim / "docker").write_text(DOCKER.format(docker=docker))
        (shim / "docker").chmod(0o755)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("VIRTUAL_ENV", "PYTEST"))}
    env |= {"HOME": str(tree.parent / "home"), "PIP_CACHE_DIR": cache, "PATH": f"{shim}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", text],
        cwd=tree,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def free_ports() -> None:
    for port in PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                pytest.fail(f"the README's port {port} is taken on this machine: stop what listens there")


@pytest.mark.timeout(PATIENCE + 60)
@pytest.mark.usefixtures("free_ports")
def test_what_the_readme_says_to_type_works(tree: Path) -> None:
    printed = type_in(tree, script(""))
    first = re.search(r"up in ([\d.]+) s", printed)
    assert first is not None, printed
    assert '"access_token"' in printed
    assert "default/login  http://login.default.localhost:8080  Ready" in printed
    assert "alice" in printed
    assert "<!DOCTYPE" in printed
    again = type_in(tree, "make up")
    line = re.search(r"^  (curl .*)$", again, re.MULTILINE)
    assert line is not None, again
    assert '"token_type": "Bearer"' in type_in(tree, line[1])
    print(f"from nothing: up in {first[1]} s; again: {again[again.index('up in') :].splitlines()[0]}")


@pytest.mark.timeout(PATIENCE + 60)
@pytest.mark.usefixtures("free_ports")
def test_what_the_readme_says_of_containers_works(tree: Path, engine: Any) -> None:
    printed = type_in(tree, script("docker", "compose"))
    print(printed)
    for volume in ("login-data", "knative-login_users"):
        engine.client.volumes.get(volume).remove()


def test_what_the_readme_says_of_a_cluster_names_what_there_is(kubectl: str) -> None:
    """No cluster here: kubectl reads what the block gives it, and says what it would send."""
    [create, apply] = script("cluster").strip().splitlines()
    made = subprocess.run(
        ["bash", "-c", create.replace("kubectl", kubectl, 1) + " --dry-run=client -o yaml"],
        check=True,
        capture_output=True,
        text=True,
    )
    secret = yaml.safe_load(made.stdout)
    service = yaml.safe_load((ROOT / apply.split()[-1]).read_text())
    [wanted] = (e for e in service["spec"]["template"]["spec"]["containers"][0]["env"] if e["name"] == "DATABASE_URL")
    assert wanted["valueFrom"]["secretKeyRef"] == {"name": secret["metadata"]["name"], "key": "url"}
    assert "url" in secret["data"]


def test_the_configuration_in_the_readme_is_one(tmp_path: Path) -> None:
    [sample] = (block.text for block in blocks() if block.language == "yaml")
    (tmp_path / "file.yaml").write_text(sample)
    assert "example.com/hello" in read_settings(tmp_path / "file.yaml").images
