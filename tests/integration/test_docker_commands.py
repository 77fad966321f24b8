"""Commands in containers: probes, and what `kubectl exec` runs."""

from greeting import Containers, greeter
from running import Emulator, until


def test_a_readiness_probe_that_is_a_command(emulator: Emulator, image: str, containers: Containers) -> None:
    look = {"exec": {"command": ["sh", "-c", 'test -f /tmp/$0 || { echo "no $0" >&2; exit 1; }', "$(WHO)"]}}
    probe = look | {"periodSeconds": 1, "failureThreshold": 1, "successThreshold": 1}
    annotations = {"autoscaling.knative.dev/min-scale": "1"}
    service = greeter(env={"WHO": "me"}, annotations=annotations, container={"readinessProbe": probe})
    emulator.up("--no-wait", services=(service,))
    until(lambda: "Readiness probe failed: no me" in emulator.cli("get", "events").stdout)
    [container] = containers()
    assert container.exec_run(["touch", "/tmp/me"]).exit_code == 0
    until(lambda: emulator.revisions("greeter")[0]["instances"][0]["phase"] == "Ready")
    assert emulator.get(service="greeter").ok


def test_a_command_that_does_not_end_fails_a_liveness_probe_and_is_killed(
    emulator: Emulator, image: str, containers: Containers
) -> None:
    command = ["sh", "-c", "sleep 67 & sleep 68"]
    probe = {"exec": {"command": command}, "periodSeconds": 1, "timeoutSeconds": 1, "failureThreshold": 1000}
    annotations = {"autoscaling.knative.dev/min-scale": "1"}
    emulator.up(services=(greeter(annotations=annotations, container={"livenessProbe": probe}),))
    [container] = containers()

    def asleep() -> set[str]:
        columns = container.top()
        at = columns["Titles"].index("PID")
        return {row[at] for row in columns["Processes"] if "sleep" in row[-1]}

    first = until(asleep)
    until(lambda: not first & asleep())
