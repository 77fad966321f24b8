"""`kubectl exec` and `cp` against instances that are containers."""

from pathlib import Path

from executing import Kubectl, behaves
from greeting import Containers, greeter
from running import Emulator, until


def test_exec_and_cp_in_a_container(
    emulator: Emulator, image: str, containers: Containers, kubectl: str, tmp_path: Path
) -> None:
    annotations = {"autoscaling.knative.dev/min-scale": "1"}
    emulator.up(services=(greeter(env={"WHO": "me"}, annotations=annotations),))
    [container] = containers()
    run = Kubectl(kubectl, emulator, tmp_path)
    behaves(run, "/tmp", tmp_path)

    def asleep() -> list[str]:
        return [row[-1] for row in container.top()["Processes"] if "sleep 74" in row[-1]]

    process = run.start("exec", "POD", "--", "sh", "-c", "sleep 74 & sleep 74")
    until(lambda: len(asleep()) == 3)
    process.kill()
    process.wait()
    until(lambda: not asleep())
