"""Several containers in one instance: one network, one life, volumes in common."""

import json
import signal
from pathlib import Path
from typing import Any

from executing import Kubectl
from greeting import GREETER, Containers, greeter
from running import Emulator, until

from emulator.runtimes.docker import CONTAINER_LABEL


def beside(name: str = "side", env: dict[str, str] | None = None, **container: Any) -> dict[str, Any]:
    """A container that listens on a port of its own."""
    variables = {"PORT": "9000"} | (env or {})
    listed = [{"name": key, "value": value} for key, value in variables.items()]
    return {"name": name, "image": GREETER, "env": listed} | container


def together(*sidecars: dict[str, Any], volumes: tuple[dict[str, Any], ...] = (), **serving: Any) -> dict[str, Any]:
    """The greeter with others beside it."""
    document = greeter(container={"name": "main", "ports": [{"containerPort": 8080}]} | serving, volumes=list(volumes))
    document["spec"]["template"]["spec"]["containers"].extend(sidecars)
    return document


def object_of(emulator: Emulator, kind: str, name: str) -> Any:
    shown = emulator.cli("get", kind, name, "-o", "json")
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout)


def statuses(emulator: Emulator) -> dict[str, Any]:
    """What the one Pod tells of its containers, by name."""
    [instance] = emulator.revisions("greeter")[0]["instances"]
    pod = object_of(emulator, "pod", instance["name"])
    return {status["name"]: status for status in pod["status"]["containerStatuses"]}


def condition(emulator: Emulator, type_: str) -> tuple[str, str, str]:
    found = object_of(emulator, "revision", "greeter-00001")["status"]["conditions"]
    it = next(each for each in found if each["type"] == type_)
    return it["status"], it.get("reason", ""), it.get("message", "")


def ask_beside(container: Any, request: str, port: int = 9000) -> str:
    """What a container answers to another one of its instance, by the local host."""
    script = (
        'use IO::Socket::INET; my $s = IO::Socket::INET->new("127.0.0.1:$ARGV[0]") or die;'
        'print $s "GET $ARGV[1] HTTP/1.0\\r\\n\\r\\n"; local $/; print((split /\\r\\n\\r\\n/, <$s>)[1])'
    )
    code, output = container.exec_run(["perl", "-e", script, str(port), request])
    assert code == 0, output
    answer: str = output.decode()
    return answer


def by_name(containers: Containers) -> dict[str, Any]:
    return {container.labels[CONTAINER_LABEL]: container for container in containers()}


def test_containers_of_an_instance_share_network_and_volumes(
    emulator: Emulator, engine: Any, image: str, containers: Containers
) -> None:
    mount = {"volumeMounts": [{"name": "room", "mountPath": "/room"}]}
    limits = {"resources": {"limits": {"memory": "64Mi"}}}
    room = {"name": "room", "emptyDir": {"sizeLimit": "1Mi"}}
    emulator.up(services=(together(beside(**mount, **limits), volumes=(room,), **mount),))
    running = by_name(containers)
    assert sorted(running) == ["main", "side"]
    assert running["side"].attrs["HostConfig"]["Memory"] == 64 * 1024 * 1024
    assert ask_beside(running["main"], "/env?K_REVISION") == "greeter-00001"
    assert ask_beside(running["main"], "/env?PORT") == "9000"
    assert ask_beside(running["side"], "/env?PORT", 8080) == "8080"
    assert emulator.get("/write?/room/file", service="greeter").text == "written"
    assert running["side"].exec_run(["ls", "/room"]).output == b"file\n"
    revision = object_of(emulator, "revision", "greeter-00001")
    assert [it["name"] for it in revision["status"]["containerStatuses"]] == ["main", "side"]
    told = statuses(emulator)
    assert sorted(told) == ["main", "queue-proxy", "side"]
    assert all(status["ready"] for status in told.values())
    assert "3/3" in emulator.cli("get", "pods").stdout
    logs = emulator.cli("logs", "greeter").stdout.splitlines()
    assert any(line.endswith("/main] listening on 8080") for line in logs)
    assert any(line.endswith("/side] listening on 9000") for line in logs)
    volumes = [mount["Name"] for mount in running["main"].attrs["Mounts"]]
    assert emulator.interrupt() == 0
    assert not containers()
    assert not {it.name for it in engine.client.volumes.list()}.intersection(volumes)


def test_kubectl_reaches_each_container(
    emulator: Emulator, image: str, containers: Containers, kubectl: str, tmp_path: Path
) -> None:
    emulator.up(services=(together(beside()),))
    run = Kubectl(kubectl, emulator, tmp_path).run
    assert run("exec", "POD", "--", "printenv", "PORT")[1] == b"8080\n"
    assert run("exec", "POD", "-c", "side", "--", "printenv", "PORT")[1] == b"9000\n"
    assert run("logs", "POD")[1] == b"listening on 8080\n"
    assert run("logs", "POD", "-c", "side")[1] == b"listening on 9000\n"
    assert "container other is not valid" in run("exec", "POD", "-c", "other", "--", "true")[2]


def test_a_sidecar_that_ends_is_started_anew_by_itself(emulator: Emulator, image: str, containers: Containers) -> None:
    emulator.up(services=(together(beside()),))
    before = by_name(containers)
    ask = [
        "perl",
        "-e",
        'use IO::Socket::INET; my $s = IO::Socket::INET->new("127.0.0.1:9000"); print $s "GET /exit?7 "',
    ]
    before["main"].exec_run(ask)
    until(lambda: statuses(emulator)["side"]["restartCount"] == 1 and statuses(emulator)["side"]["ready"])
    after = by_name(containers)
    assert after["main"].id == before["main"].id
    assert after["side"].id != before["side"].id
    assert statuses(emulator)["main"]["restartCount"] == 0
    assert emulator.get(service="greeter").status_code == 200


def test_the_end_of_the_serving_container_restarts_all(emulator: Emulator, image: str, containers: Containers) -> None:
    emulator.up(services=(together(beside()),))
    before = by_name(containers)
    emulator.get("/exit?7", service="greeter")
    until(
        lambda: statuses(emulator)["main"]["restartCount"] == 1 and all(s["ready"] for s in statuses(emulator).values())
    )
    after = by_name(containers)
    assert not {it.id for it in after.values()}.intersection(it.id for it in before.values())
    assert ask_beside(after["main"], "/env?PORT") == "9000"


def test_a_sidecar_that_does_not_start_fails_the_revision(
    emulator: Emulator, image: str, containers: Containers
) -> None:
    emulator.up()
    # Without a probe a sidecar is ready as it starts: the other one must not be quicker than its end.
    slow = [{"name": "START_DELAY", "value": "2"}]
    refused = emulator.apply(together(beside(env={"DIE_AT_START": "7"}), env=slow))
    assert refused.returncode == 1
    status, reason, message = condition(emulator, "ContainerHealthy")
    assert (status, reason) == ("False", "ExitCode7")
    assert message.startswith("Container failed with: ")
    until(lambda: statuses(emulator)["main"]["ready"])
    told = statuses(emulator)
    assert told["side"]["lastState"]["terminated"]["exitCode"] == 7
    assert not told["side"]["ready"]


def test_a_missing_image_of_a_sidecar_is_named(emulator: Emulator, image: str, containers: Containers) -> None:
    emulator.up("--runtime", "docker")
    assert emulator.apply(together(beside(image="registry.invalid/none:v1"))).returncode == 1
    status, reason, message = condition(emulator, "ContainerHealthy")
    assert (status, reason) == ("False", "ContainerMissing")
    assert message.startswith('Unable to fetch image "registry.invalid/none:v1": failed to resolve image to digest: ')


def test_probes_of_a_sidecar_count(emulator: Emulator, image: str, containers: Containers) -> None:
    emulator.config["config"] = {"config-features": {"multi-container-probing": "Enabled"}}
    probe = {"httpGet": {"port": 9000, "path": "/"}, "periodSeconds": 1}
    late = beside(env={"START_DELAY": "2"}, readinessProbe=probe)
    emulator.up("--no-wait", services=(together(late),))
    until(lambda: emulator.revisions("greeter")[0]["instances"])
    until(lambda: statuses(emulator)["main"]["ready"])
    assert not statuses(emulator)["side"]["ready"]
    until(lambda: emulator.get(service="greeter").status_code == 200)
    assert statuses(emulator)["side"]["ready"]


def test_all_containers_of_a_killed_emulator_are_swept(
    emulator: Emulator, engine: Any, image: str, containers: Containers
) -> None:
    mount = {"volumeMounts": [{"name": "room", "mountPath": "/room"}]}
    emulator.up(services=(together(beside(**mount), volumes=({"name": "room", "emptyDir": {}},)),))
    names = [mount["Name"] for mount in by_name(containers)["side"].attrs["Mounts"]]
    emulator.interrupt(signal.SIGKILL)
    assert len(containers()) == 2
    emulator.up()
    assert not containers()
    assert not {it.name for it in engine.client.volumes.list()}.intersection(names)


def test_processes_refuse_several_containers(emulator: Emulator) -> None:
    emulator.config["images"][GREETER] = emulator.config["images"]["example.com/hello"]
    emulator.up()
    assert emulator.apply(together(beside())).returncode == 1
    assert condition(emulator, "ResourcesAvailable") == (
        "False",
        "CreateContainerConfigError",
        "containers can't be had in a process: a process has no network of its own to share: let Docker run the image",
    )
