"""Volumes of containers: files of ConfigMaps and Secrets, and room of their own."""

from greeting import Containers, greeter
from running import Emulator, until


def test_volumes_are_files_that_follow_their_objects(emulator: Emulator, image: str, containers: Containers) -> None:
    texts = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "texts"}, "data": {"a": "one", "b": "two"}}
    keys = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"key": "secret"}}
    volumes = [
        {"name": "texts", "configMap": {"name": "texts"}},
        {
            "name": "both",
            "projected": {
                "sources": [
                    {"configMap": {"name": "texts", "items": [{"key": "b", "path": "deep/b"}]}},
                    {"secret": {"name": "keys"}},
                    {"secret": {"name": "none", "optional": True}},
                ]
            },
        },
        {"name": "room", "emptyDir": {"sizeLimit": "1Mi"}},
    ]
    paths = {"/etc/texts": {"name": "texts"}, "/one": {"name": "texts", "subPath": "a"}, "/both": {"name": "both"}}
    mounts = [{"mountPath": path} | it for path, it in (paths | {"/room": {"name": "room"}}).items()]
    emulator.up(services=(texts, keys, greeter(container={"volumeMounts": mounts}, volumes=volumes)))

    def read(path: str) -> str:
        return emulator.get(f"/read?{path}", service="greeter").text

    found = [read(path) for path in ("/etc/texts/a", "/one", "/both/deep/b", "/both/key")]
    assert found == ["one", "one", "two", "secret"]
    assert emulator.get("/write?/etc/texts/a", service="greeter").text == "Read-only file system"
    assert emulator.get("/write?/room/file", service="greeter").text == "written"
    assert read("/room/file") == ""
    assert emulator.apply(texts | {"data": {"a": "three", "c": "four"}}).returncode == 0
    until(lambda: read("/etc/texts/a") == "three")
    assert read("/etc/texts/c") == "four"
    assert read("/etc/texts/b") == "No such file or directory"
    assert read("/one") == "one", "a part of a volume stays what it was"
    assert read("/both/deep/b") == "two", "a key that is gone leaves the files as they were"
    assert len(containers()) == 1
    assert emulator.interrupt() == 0
    assert not [*(emulator.state_dir / "volumes").iterdir()]
