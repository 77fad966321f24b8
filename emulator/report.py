"""What the command line prints: tables, the status page, logs, and how a Service comes up."""

import json
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from emulator.api import kinds
from emulator.api.kinds import Kind
from emulator.api.tables import rows
from emulator.client import Client
from emulator.errors import NotFound, UserError

Object = Mapping[str, Any]

#: Seconds between two looks at a Service that is coming up, or at the instances of a Service that is followed.
POLL = 0.2


def print_objects(kind: Kind, objects: Sequence[Object], output: str, *, single: bool, namespaces: bool) -> None:
    """Print objects as `-o` asks: a table, names, or the stored documents."""
    if output == "name":
        for document in objects:
            _say(f"{kind.resource}/{document['metadata']['name']}")
    elif output == "table":
        if objects:
            _print_table(rows(kind, objects, time.time(), namespaces=namespaces))
        else:
            _say("No resources found.", file=sys.stderr)
    else:
        document = objects[0] if single else {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        dump = json.dumps(document, indent=2) if output == "json" else yaml.safe_dump(document, sort_keys=True)
        _say(dump.rstrip())


def print_status(document: Object, output: str) -> None:
    """Print the status page: each Service, its revisions, the last decision about each and why, its instances."""
    if output == "json":
        _say(json.dumps(document, indent=2))
        return
    _say(f"gateway {document['gateway']}   up {document['up']:.0f} s")
    for service in document["services"]:
        _say(f"\n{service['namespace']}/{service['name']}  {service['url'] or ''}  {_readiness(service)}")
        for revision in service["revisions"]:
            _print_revision(revision)


def wait_ready(client: Client, services: Iterable[tuple[str, str]], timeout: float) -> int:
    """Wait until each Service is Ready and print its URL, or what keeps it from being so; returns the exit code."""
    deadline = time.monotonic() + timeout
    code = 0
    for namespace, name in services:
        service = client.get(kinds.SERVICE, namespace, name)
        if ready(service) is None and (rest := deadline - time.monotonic()) > 0:
            for seen in client.watch(kinds.SERVICE, namespace, name, rest):
                service = seen
                if ready(service) is not None or time.monotonic() >= deadline:
                    break
        if ready(service):
            _say(f"{name} is ready at {service['status']['url']}")
        else:
            code = 1
            _say(f"error: {failure(service, timeout, client.status())}", file=sys.stderr)
    return code


def ready(service: Object) -> bool | None:
    """True or False once the Service's status speaks of its newest spec and is settled; None until then."""
    status = service.get("status", {})
    if status.get("observedGeneration") != service["metadata"]["generation"]:
        return None
    return {"True": True, "False": False}.get(_ready_condition(service).get("status", "Unknown"))


def failure(service: Object, timeout: float, status: Object) -> str:
    """One sentence that says why a Service is not Ready; of several reasons the Configuration's, as the deepest.

    `status` is the document of the status page: it knows what each instance waits for.
    """
    name = service["metadata"]["name"]
    conditions = sorted(service.get("status", {}).get("conditions", ()), key=lambda c: c["type"])
    failed = next((c for c in conditions if c["status"] == "False"), None)
    if failed:
        return f"{name} is not ready ({failed['reason']}): {failed['message']}"
    instances = [
        instance
        for shown in status["services"]
        if shown["name"] == name
        for revision in shown["revisions"]
        for instance in revision["instances"]
    ]
    # What an instance waits for, else what the Service itself waits for: a rollout may take longer than anybody waits.
    words = (said["message"] for said in (*instances, *conditions) if said.get("message"))
    waiting = next(words, "") if instances else "no instance was started"
    return f"{name} was not ready within {timeout:g} s: {waiting}; see `knative-emulator logs {name}`"


def print_logs(client: Client, namespace: str, name: str, *, follow: bool, tail: int | None) -> None:
    """Print the lines of a Service's, a Revision's or one instance's log; several are told apart by their names."""
    pods = _pods(client, namespace, name)
    if not pods and not follow:
        known = kinds.SERVICE, kinds.REVISION
        if all(name not in (d["metadata"]["name"] for d in client.items(kind, namespace)) for kind in known):
            raise NotFound(f'there is no service, revision or instance "{name}": see `knative-emulator get pods`')
        raise UserError(f"{name} is at zero: there is no instance to read from; -f waits for the next one")
    if not follow:
        for pod in pods:
            _print_lines(client, namespace, pod, prefix=len(pods) > 1, follow=False, tail=tail)
        return
    seen: set[str] = set()
    while True:
        for pod in [pod for pod in pods if pod not in seen]:
            seen.add(pod)
            threading.Thread(
                target=_print_lines,
                args=(client, namespace, pod),
                kwargs={"prefix": True, "follow": True, "tail": tail},
                daemon=True,
            ).start()
        time.sleep(POLL)
        pods = _pods(client, namespace, name)


def _pods(client: Client, namespace: str, name: str) -> list[str]:
    keys = ("serving.knative.dev/service", "serving.knative.dev/revision")
    return [
        pod["metadata"]["name"]
        for pod in client.items(kinds.POD, namespace)
        if name == pod["metadata"]["name"] or name in (pod["metadata"]["labels"].get(key) for key in keys)
    ]


def _print_lines(client: Client, namespace: str, pod: str, *, prefix: bool, follow: bool, tail: int | None) -> None:
    for line in client.logs(namespace, pod, follow=follow, tail=tail):
        _say(f"[{pod}] {line}" if prefix else line)


def _print_revision(revision: Object) -> None:
    counts = f"{revision['ready']} ready of {revision['wanted']} wanted"
    _say(f"  {revision['name']}  {revision['percent']} % of traffic  {counts}  {revision['waiting']} waiting")
    _say(f"    why: {revision['reason']}")
    instances = revision["instances"]
    if instances:
        heading = ["instance", "phase", "for", "restarts", "in hand", "served"]
        cells = [
            [i["name"], i["phase"], f"{i['for']:.0f} s", str(i["restarts"]), str(i["in_flight"]), str(i["served"])]
            for i in instances
        ]
        _print_table([heading, *cells], indent="    ")
    if revision["served_by_gone"]:
        _say(f"    instances that have gone served {revision['served_by_gone']}")


def _readiness(service: Object) -> str:
    return "Ready" if service["ready"] == "True" else f"not ready: {service['message']}"


def _ready_condition(service: Object) -> dict[str, str]:
    conditions = service.get("status", {}).get("conditions", ())
    return next((c for c in conditions if c["type"] == "Ready"), {})


def _print_table(table: Sequence[Sequence[str]], indent: str = "") -> None:
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for row in table:
        _say(indent + "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _say(text: str, file: Any = None) -> None:
    print(text, file=file, flush=True)
