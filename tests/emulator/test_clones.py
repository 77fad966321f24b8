"""`make up` and `make down` beside an emulator that was started from another folder, and where ports are taken."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from running import PATIENCE, Emulator, until


def make(folder: Path, state_dir: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """What the Makefile's targets run."""
    folder.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-m", "knative.up", *options],
        cwd=folder,
        env=os.environ | {"KNATIVE_EMULATOR_STATE_DIR": str(state_dir)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_another_folders_emulator_is_left_alone_by_up_and_down(emulator: Emulator, tmp_path: Path) -> None:
    emulator.up()
    clone = tmp_path / "clone"
    refused = make(clone, emulator.state_dir)
    assert refused.returncode == 1
    assert f"runs already that was started in {emulator.folder}: `make down` there" in refused.stderr
    assert "KNATIVE_EMULATOR_STATE_DIR" in refused.stderr
    assert "API_PORT=" in refused.stderr
    assert not list(clone.iterdir()), "nothing was made for a start that did not take place"
    refused = make(clone, emulator.state_dir, "--stop")
    assert refused.returncode == 1
    assert f"was started in {emulator.folder}" in refused.stderr
    assert emulator.status()["services"] == []
    assert make(emulator.folder, emulator.state_dir, "--stop").stdout == "stopped\n"
    until(lambda: emulator.process is not None and emulator.process.poll() is not None)


def test_taken_ports_are_told_with_the_words_that_change_them(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [str(each.getsockname()[1]) for each in (one, other)]
        both = make(tmp_path, tmp_path / "state", "--port", ports[0], "--api-port", ports[1])
        assert both.returncode == 1
        assert f"port {ports[0]} and port {ports[1]} are taken by another program" in both.stderr
        assert f"`make up PORT={int(ports[0]) + 1000} API_PORT={int(ports[1]) + 1000}`" in both.stderr
        api = make(tmp_path, tmp_path / "state", "--port", "0", "--api-port", ports[1])
        assert f"error: port {ports[1]} is taken by another program" in api.stderr
        assert f"`make up API_PORT={int(ports[1]) + 1000}`" in api.stderr
    assert not list(tmp_path.iterdir())
