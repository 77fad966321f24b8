"""What Kubernetes promises of a service, shown one by one with real processes and real requests."""

import os
import signal
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from load import Load, at_once, request
from running import Emulator, manifest, until

HOST = "hello.default.localhost"
LOCAL = "callee.default.svc.cluster.local"


def scaled(**annotations: str) -> dict[str, str]:
    return {f"autoscaling.knative.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}


def ready(emulator: Emulator, service: str = "hello") -> int:
    return sum(int(revision["ready"]) for revision in emulator.revisions(service))


def processes_of(outcome: tuple[str, str]) -> int:
    assert outcome[0] == "200", outcome
    return int(outcome[1].rsplit(" ", 1)[1])


class Elsewhere(BaseHTTPRequestHandler):
    """What is not a service."""

    def do_GET(self) -> None:
        body = f"{self.path} from elsewhere, via {self.headers['Via']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_autoscaling_instances_follow_the_load_up_and_down_to_none(emulator: Emulator) -> None:
    emulator.up("--demo", services=(manifest(annotations=scaled(target="2", max_scale="4")),))
    with Load(emulator.port, HOST, "/sleep?ms=400", 20) as load:  # eight at a time
        until(lambda: ready(emulator) == 4)
    assert set(load.outcomes) == {"200"}, load.outcomes
    until(lambda: not emulator.processes())
    assert request(emulator.port, HOST, "/")[0] == "200"


def test_load_balancing_every_instance_gets_its_part(emulator: Emulator) -> None:
    emulator.up(services=(manifest(annotations=scaled(min_scale="4")),))
    until(lambda: ready(emulator) == 4)
    served: Counter[int] = Counter()

    def client(_: int) -> None:
        for _ in range(10):
            served[processes_of(request(emulator.port, HOST, "/sleep?ms=50"))] += 1

    at_once(40, client)
    assert len(served) == 4
    assert sum(served.values()) == 400
    assert all(75 <= count <= 125 for count in served.values()), served


def test_self_healing_every_killed_instance_comes_back(emulator: Emulator) -> None:
    emulator.up(services=(manifest(annotations=scaled(min_scale="3")),))
    until(lambda: ready(emulator) == 3)
    victims = set(emulator.processes())
    assert len(victims) == 3
    with Load(emulator.port, HOST, "/sleep?ms=50", 30) as load:
        for number, victim in enumerate(sorted(victims), start=1):
            os.kill(victim, signal.SIGKILL)
            until(
                lambda done=number: (
                    sum(
                        each["restarts"] == 1 and each["phase"] == "Ready"
                        for each in emulator.revisions()[0]["instances"]
                    )
                    == done
                )
            )
    assert not set(emulator.processes()) & victims
    assert len(emulator.processes()) == 3
    failed = sum(load.outcomes.values()) - load.outcomes["200"]
    # 30 rps x 0.05 s are 1.5 requests in hand on average, over three instances: what a killed one had is lost.
    assert failed <= 3 * 4, load.outcomes
    assert load.outcomes["200"] > 3 * failed


def test_rolling_update_loses_no_request_over_three_updates_in_a_row(emulator: Emulator) -> None:
    kept = scaled(min_scale="1")
    emulator.up("--demo", services=(manifest(annotations=kept, env={"TARGET": "v0"}),))
    with Load(emulator.port, HOST, "/sleep?ms=100", 40) as load:
        for version in ("v1", "v2", "v3"):
            applied = emulator.apply(manifest(annotations=kept, env={"TARGET": version}))
            assert applied.returncode == 0, applied.stderr
            until(lambda wanted=version: request(emulator.port, HOST, "/")[1].split()[1] == wanted)
            time.sleep(0.5)
    assert set(load.outcomes) == {"200"}, load.outcomes
    assert {body.split()[1] for body in load.bodies} == {"v0", "v1", "v2", "v3"}
    # Only the last one is kept running once what the others had in hand has ended.
    until(lambda: len(emulator.processes()) == 1)


def test_service_discovery_one_service_calls_another_that_is_at_zero_by_its_name(emulator: Emulator) -> None:
    emulator.config["config"] = {"config-autoscaler": {"allow-zero-initial-scale": "true"}}
    callee = manifest("callee", scaled(initial_scale="0"), {"TARGET": "caller"})
    callee["metadata"]["labels"] = {"networking.knative.dev/visibility": "cluster-local"}
    emulator.up(services=(manifest(), callee))
    [shown] = [each for each in emulator.status()["services"] if each["name"] == "callee"]
    assert shown["url"] == f"http://{LOCAL}"
    assert ready(emulator, "callee") == 0
    answer = emulator.get(f"/call?url=http://{LOCAL}/")
    assert answer.text.startswith("hello caller from ")
    assert ready(emulator, "callee") == 1
    for host in ("callee.default", "callee.default.svc"):
        assert emulator.get(f"/call?url=http://{host}/").text == answer.text
    # A public service has a name inside too; from outside there is no other than the public one.
    assert emulator.get("/call?url=http://hello.default.svc.cluster.local/env?name=K_SERVICE").text == "hello"
    for host in (LOCAL, "callee.default", "callee.default.localhost"):
        assert request(emulator.port, host, "/")[0] == "404"


def test_service_discovery_leaves_the_rest_of_the_world_where_it_is(emulator: Emulator) -> None:
    emulator.up(services=(manifest(),))
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        Thread(target=server.serve_forever).start()
        try:
            port = server.server_address[1]
            # A name that is this machine too, but is not among those that are never asked for through a proxy.
            passed_on = emulator.get(f"/call?url=http://0.0.0.0:{port}/a").text
            assert passed_on == "/a from elsewhere, via 1.1 knative-emulator"
            assert emulator.get(f"/call?url=http://127.0.0.1:{port}/b").text == "/b from elsewhere, via None"
        finally:
            server.shutdown()
