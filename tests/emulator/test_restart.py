"""An emulator that ends, by `down` or by kill -9, and the next one on its state folder."""

import contextlib
import json
import random
import signal
import threading
import time
from typing import Any

import pytest
import requests
import yaml
from running import Emulator, manifest, until

from emulator.api.kinds import CONFIG_MAP, CONFIGURATION, NAMESPACE, REVISION, ROUTE, SECRET, SERVICE, Kind
from emulator.client import Client

#: What makes an object itself; all else of its metadata a user may change.
IDENTITY = ("uid", "creationTimestamp", "generation", "ownerReferences")
KINDS = (SERVICE, CONFIGURATION, ROUTE, REVISION, SECRET, NAMESPACE)


def identities(emulator: Emulator) -> dict[tuple[Kind, str], list[Any]]:
    client = Client(emulator.state_dir)
    return {
        (kind, each["metadata"]["name"]): [each["metadata"].get(key) for key in IDENTITY]
        for kind in KINDS
        for each in client.items(kind, None)
    }


def secret(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


def warm(name: str) -> dict[str, Any]:
    return manifest(name, annotations={"autoscaling.knative.dev/min-scale": "1"})


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_objects_are_there_again_and_instances_come_on_demand(emulator: Emulator, end: signal.Signals) -> None:
    emulator.up(services=(secret("login", url="x"), manifest(env={"TARGET": "one"}), warm("warm")))
    assert emulator.apply(manifest(env={"TARGET": "two"})).returncode == 0
    before = identities(emulator)
    # Statuses may be a second late. Without one it would be a new revision, which begins with an instance.
    newest = emulator.state_dir / "objects/revisions.serving.knative.dev/default/hello-00002"
    until(lambda: '"type":"Ready","status":"True"' in newest.read_text())
    emulator.interrupt(end)
    emulator.up()
    assert identities(emulator) == before
    assert {kind for kind, _ in before} == {*KINDS}
    # What is not wanted without a request is not started: neither hello's newest revision nor its old one.
    until(lambda: emulator.revisions("warm")[0]["ready"] == 1)
    assert [each["instances"] for each in emulator.revisions()] == [[], []]
    assert emulator.get().text.startswith("hello two from ")
    for service in Client(emulator.state_dir).items(SERVICE, None):
        assert {each["status"] for each in service["status"]["conditions"]} == {"True"}
        assert service["status"]["url"].endswith(f":{emulator.port}")


def test_a_file_that_cant_be_read_keeps_it_from_starting_and_fresh_begins_without_any(emulator: Emulator) -> None:
    emulator.up(services=(manifest(), secret("login")))
    before = identities(emulator)
    emulator.interrupt()
    file = emulator.state_dir / "objects/services.serving.knative.dev/default/hello"
    whole = file.read_bytes()
    file.write_bytes(whole[:100])
    refused = emulator.cli("up", "--port", "0", "--api-port", "0")
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"error: {file} can't be read: ")
    file.write_bytes(whole)
    emulator.up()
    assert identities(emulator) == before
    emulator.interrupt(signal.SIGKILL)
    emulator.up("--fresh")
    assert {kind for kind, _ in identities(emulator)} == {NAMESPACE}


def test_a_full_disk_is_told_and_what_was_asked_for_goes_on_once_there_is_room(emulator: Emulator) -> None:
    emulator.up()
    draft = emulator.state_dir / "objects/draft"
    draft.symlink_to("/dev/full")
    refused = emulator.apply(manifest(), options=("--no-wait",))
    assert refused.returncode == 1
    assert "nothing was stored" in refused.stderr
    assert "No space left on device" in refused.stderr
    assert emulator.cli("get", "ksvc", "-o", "name").stdout == ""
    draft.unlink()
    assert emulator.apply(manifest()).returncode == 0
    # Its controller, too, finds the disk full, and tries again by itself.
    files = emulator.state_dir / "objects/services.serving.knative.dev/default"
    applied = json.loads((files / "hello").read_bytes())
    draft.symlink_to("/dev/full")
    emulator.apply(manifest("other"), options=("--no-wait",))
    assert not (files / "other").exists()
    draft.unlink()
    assert emulator.apply(manifest("other")).returncode == 0
    assert json.loads((files / "hello").read_bytes())["metadata"]["uid"] == applied["metadata"]["uid"]


class Writer:
    """Writes ConfigMaps as quickly as it can, and keeps what it was told of each: its newest version, or gone."""

    def __init__(self, emulator: Emulator, number: int) -> None:
        self.told: dict[str, dict[str, Any] | None] = {}
        #: What was sent and not answered: it may have been done.
        self.open: tuple[str, str | None] | None = None
        self._number = number
        self._emulator = emulator

    def run(self) -> None:
        config = yaml.safe_load((self._emulator.state_dir / "kubeconfig").read_text())
        url = config["clusters"][0]["cluster"]["server"] + "/api/v1/namespaces/default/configmaps"
        rng = random.Random(self._number)
        with requests.Session() as session, contextlib.suppress(requests.RequestException):
            session.trust_env = False
            session.verify = str(self._emulator.state_dir / "ca.crt")
            session.headers["Authorization"] = f"Bearer {config['users'][0]['user']['token']}"
            for turn in range(1_000_000):
                name = f"map-{self._number}-{rng.randrange(5)}"
                there = self.told.get(name) is not None
                if there and rng.random() < 0.3:
                    self.open = name, None
                    answered = session.delete(f"{url}/{name}")
                    assert answered.status_code == 200
                    self.told[name] = None
                else:
                    self.open = name, str(turn)
                    body = {"metadata": {"name": name}, "data": {"turn": str(turn), "more": "x" * rng.randrange(20000)}}
                    verb, path = ("PUT", f"{url}/{name}") if there else ("POST", url)
                    answered = session.request(verb, path, json=body)
                    assert answered.status_code in {200, 201}, answered.text
                    self.told[name] = answered.json()
                self.open = None


def test_nothing_that_was_acknowledged_is_lost_when_it_is_killed_at_any_moment(emulator: Emulator) -> None:
    rng = random.Random(7)
    for _ in range(3):
        emulator.up("--fresh")
        writers = [Writer(emulator, number) for number in range(3)]
        threads = [threading.Thread(target=writer.run) for writer in writers]
        for thread in threads:
            thread.start()
        time.sleep(rng.random())
        emulator.interrupt(signal.SIGKILL)
        for thread in threads:
            thread.join()
        emulator.up()
        stored = {each["metadata"]["name"]: each for each in Client(emulator.state_dir).items(CONFIG_MAP, None)}
        for writer in writers:
            for name, told in writer.told.items():
                found = stored.get(name)
                if writer.open and writer.open[0] == name and found != told:
                    assert (found and found["data"]["turn"]) == writer.open[1]
                else:
                    assert found == told
        emulator.interrupt(signal.SIGKILL)
