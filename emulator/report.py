"""What the command line prints: tables, the status page, logs, and how a Service comes up."""

import json
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import yaml

from emulator.api import kinds
from emulator.api.kinds import Kind
from emulator.api.tables import rows
from emulator.client import Client
from emulator.core.pod_template import QUEUE
from emulator.core.scheduling import NO_NODE
from emulator.errors import NotFound, UserError

Object = Mapping[str, Any]

#: Seconds between two looks at what is coming up, or at the instances of a Service that is followed.
POLL = 0.2
#: What the status page lists, each with the word in front of a name.
_SHOWN = (
    ("", "services"),
    ("configuration ", "configurations"),
    ("route ", "routes"),
    ("domain mapping ", "domainmappings"),
)
#: Seconds for which an object must say that it has failed before that is believed, as `kn` has it: of a Service with a
#: new revision, the Route still speaks of the one before for a moment.
FAILED_SECONDS = 2.0
#: What is said beside the scheduler's words, which don't know of the setting.
WAY_OUT = " (`node:` in knative-emulator.yaml says what there is to be requested)"


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
        plain = [_without_managers(document) for document in objects]
        document = plain[0] if single else {"apiVersion": "v1", "kind": "List", "items": plain}
        dump = json.dumps(document, indent=2) if output == "json" else yaml.safe_dump(document, sort_keys=True)
        _say(dump.rstrip())


def _without_managers(document: Object) -> dict[str, Any]:
    """An object as kubectl prints it, too."""
    meta = {key: value for key, value in document["metadata"].items() if key != "managedFields"}
    return {**document, "metadata": meta}


def print_status(document: Object, output: str) -> None:
    """Print the status page: each Service, its revisions, the last decision about each and why, its instances.

    Then the same of the Configurations that are no Service's, of such Routes, and of DomainMappings.
    """
    if output == "json":
        _say(json.dumps(document, indent=2))
        return
    _say(f"gateway {document['gateway']}   up {document['up']:.0f} s   from {document['folder']}")
    for title, plural in _SHOWN:
        for shown in document[plural]:
            _say(f"\n{title}{shown['namespace']}/{shown['name']}  {shown['url'] or ''}  {_readiness(shown)}")
            for revision in shown.get("revisions", ()):
                _print_revision(revision)
            for target in shown.get("traffic", ()):
                tag = f", and all of {target['url']}" if "url" in target else ""
                _say(f"  {target['revisionName']}  {target['percent']} % of traffic{tag}")
            if ref := shown.get("ref"):
                _say(f"  leads to {ref['kind'].lower()} {ref['name']}")


def wait_ready(client: Client, awaited: Iterable[tuple[Kind, str, str]], timeout: float) -> int:
    """Wait until each object is Ready and print its URL, or what keeps it from being so; returns the exit code.

    Objects are a kind, a namespace and a name.
    """
    deadline = time.monotonic() + timeout
    code = 0
    for kind, namespace, name in awaited:
        document = settled(client, kind, namespace, name, deadline - time.monotonic())
        if ready(document):
            _say(success(document))
        else:
            code = 1
            _say(f"error: {failure(document, timeout, client.status())}", file=sys.stderr)
    return code


def settled(client: Client, kind: Kind, namespace: str, name: str, timeout: float) -> Object:
    """An object once it is Ready or has failed for good, or as it is after so many seconds. Raises NotFound."""
    deadline = time.monotonic() + timeout
    document = client.get(kind, namespace, name)
    while (state := ready(document)) is not True and (left := deadline - time.monotonic()) > 0:
        patience = left if state is None else min(left, FAILED_SECONDS)
        for seen in client.watch(kind, namespace, name, patience):
            document = seen
            if ready(document) is not state:
                break
        else:
            return document
    return document


def ready(document: Object) -> bool | None:
    """True or False once an object's status speaks of its newest spec and is settled; None until then."""
    status = document.get("status", {})
    if status.get("observedGeneration") != document["metadata"]["generation"]:
        return None
    return {"True": True, "False": False}.get(_ready_condition(document).get("status", "Unknown"))


def success(document: Object) -> str:
    """One sentence that says where a Ready object is reached."""
    url = document["status"].get("url")
    return f"{_title(document)} is ready" + (f" at {url}" if url else "")


def failure(document: Object, timeout: float, status: Object) -> str:
    """One sentence that says why an object is not Ready; of a Service's reasons the Configuration's, as the deepest.

    `status` is the document of the status page: it knows what each instance waits for.
    """
    meta, title = document["metadata"], _title(document)
    conditions = sorted(document.get("status", {}).get("conditions", ()), key=lambda c: c["type"])
    failed = next((c for c in conditions if c["status"] == "False"), None)
    if failed:
        way_out = WAY_OUT if NO_NODE in failed["message"] else ""
        return f"{title} is not ready ({failed['reason']}): {failed['message']}{way_out}"
    instances = [
        instance
        for shown in (*status["services"], *status["configurations"])
        if (shown["namespace"], shown["name"]) == (meta["namespace"], meta["name"])
        for revision in shown["revisions"]
        for instance in revision["instances"]
    ]
    # What an instance waits for, else what the object itself waits for: a rollout may take longer than anybody waits.
    words = (said["message"] for said in (*instances, *conditions) if said.get("message"))
    if document["kind"] in {"Route", "DomainMapping"}:
        return f"{title} was not ready within {timeout:g} s: {next(words, '')}"
    waiting = next(words, "") if instances else "no instance was started"
    return f"{title} was not ready within {timeout:g} s: {waiting}; see `knative-emulator logs {meta['name']}`"


#: Containers of a Pod whose serving one has nothing beside it but the queue-proxy.
_ALONE = 2


class Source(NamedTuple):
    """A container that prints, and whether it is `alone` in its instance."""

    pod: str
    container: str
    alone: bool


def print_logs(client: Client, namespace: str, name: str, *, follow: bool, tail: int | None) -> None:
    """Print the lines of a Service's, a Revision's or one instance's log; several are told apart by their names.

    Of an instance with several containers all are printed.
    """
    sources = logs_of(client, namespace, name)
    if not sources and not follow:
        known = kinds.SERVICE, kinds.CONFIGURATION, kinds.REVISION
        if all(name not in (d["metadata"]["name"] for d in client.items(kind, namespace)) for kind in known):
            raise NotFound(
                f'there is no service, configuration, revision or instance "{name}": see `knative-emulator get pods`'
            )
        raise UserError(f"{name} is at zero: there is no instance to read from; -f waits for the next one")
    if not follow:
        for source in sources:
            _print_lines(client, namespace, source, prefix=len(sources) > 1, follow=False, tail=tail)
        return
    seen: set[Source] = set()
    while True:
        for source in [source for source in sources if source not in seen]:
            seen.add(source)
            threading.Thread(
                target=_print_lines,
                args=(client, namespace, source),
                kwargs={"prefix": True, "follow": True, "tail": tail},
                daemon=True,
            ).start()
        time.sleep(POLL)
        sources = logs_of(client, namespace, name)


def logs_of(client: Client, namespace: str, name: str) -> list[Source]:
    """What prints of a Service's, a Configuration's or a Revision's instances, or of the one of that name."""
    # A Service's Configuration has the name of the Service.
    keys = ("serving.knative.dev/configuration", "serving.knative.dev/revision")
    return [
        Source(pod["metadata"]["name"], container["name"], len(pod["spec"]["containers"]) <= _ALONE)
        for pod in client.items(kinds.POD, namespace)
        for container in pod["spec"]["containers"]
        if container["name"] != QUEUE
        if name == pod["metadata"]["name"] or name in (pod["metadata"]["labels"].get(key) for key in keys)
    ]


def _print_lines(
    client: Client, namespace: str, source: Source, *, prefix: bool, follow: bool, tail: int | None
) -> None:
    who = source.pod if source.alone else f"{source.pod}/{source.container}"
    for line in client.logs(namespace, source.pod, source.container, follow=follow, tail=tail):
        _say(f"[{who}] {line}" if prefix else line)


def _print_revision(revision: Object) -> None:
    counts = f"{revision['ready']} ready of {revision['wanted']} wanted"
    percent = f"{revision['percent']} % of traffic  " if "percent" in revision else ""
    _say(f"  {revision['name']}  {percent}{counts}  {revision['waiting']} waiting")
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


def _readiness(shown: Object) -> str:
    return "Ready" if shown["ready"] == "True" else f"not ready: {shown['message']}"


def _title(document: Object) -> str:
    """How an object is spoken of: a Service by its name alone."""
    kind, name = document["kind"], document["metadata"]["name"]
    return name if kind == "Service" else f"{kind.lower()} {name}"


def _ready_condition(document: Object) -> dict[str, str]:
    conditions = document.get("status", {}).get("conditions", ())
    return next((c for c in conditions if c["type"] == "Ready"), {})


def _print_table(table: Sequence[Sequence[str]], indent: str = "") -> None:
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for row in table:
        _say(indent + "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _say(text: str, file: Any = None) -> None:
    print(text, file=file, flush=True)
