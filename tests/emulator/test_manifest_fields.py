"""What instances that are processes get of a manifest, and what they are refused, as a person sees it."""

import json
from typing import Any

from running import Emulator, manifest, until


def config_map(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "texts"}, "data": data}


def test_instances_that_start_later_see_what_a_config_map_has_become(emulator: Emulator) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"URL": "old"}}
    sources = [{"configMapRef": {"name": "texts"}}, {"secretRef": {"name": "db"}, "prefix": "DB_"}]
    optional = {"configMapRef": {"name": "none", "optional": True}}
    service = manifest(container={"envFrom": [*sources, optional], "env": []})
    emulator.up(services=(config_map(TARGET="first"), secret, service))
    assert emulator.get().text.startswith("hello first from ")
    assert emulator.apply(config_map(TARGET="second"), secret | {"stringData": {"URL": "new"}}).returncode == 0
    assert emulator.get().text.startswith("hello first from "), "a running instance keeps what it started with"
    assert emulator.get("/env?name=DB_URL").text == "old"
    emulator.get("/exit?code=1")
    until(lambda: emulator.get().text.startswith("hello second from "))
    assert emulator.get("/env?name=DB_URL").text == "new"
    assert len(emulator.revisions()) == 1, "it is the same revision"


def test_what_a_process_cannot_have_fails_the_revision_in_words(emulator: Emulator) -> None:
    mounted = {"volumeMounts": [{"name": "texts", "mountPath": "/etc/texts"}]}
    volumes = [{"name": "texts", "configMap": {"name": "texts"}}]
    emulator.up()
    refused = emulator.apply(config_map(), manifest(container=mounted, volumes=volumes))
    assert refused.returncode == 1
    assert "containers[0].volumeMounts" in refused.stderr
    document = json.loads(emulator.cli("get", "revision", "hello-00001", "-o", "json").stdout)
    [condition] = [it for it in document["status"]["conditions"] if it["type"] == "ResourcesAvailable"]
    assert (condition["status"], condition["reason"]) == ("False", "CreateContainerConfigError")
    assert condition["message"].startswith(
        "containers[0].volumeMounts, volumes[0].configMap can't be had in a process: "
    )
    assert emulator.apply(manifest()).returncode == 0, "the next revision is not held up by it"


def test_what_has_no_effect_on_a_process_is_warned_of(emulator: Emulator) -> None:
    emulator.up()
    applied = emulator.apply(manifest(container={"resources": {"limits": {"memory": "64Mi"}}}))
    assert applied.returncode == 0
    warning = "containers[0].resources has no effect: a process that has its place takes what this machine has"
    assert warning in applied.stdout + applied.stderr
