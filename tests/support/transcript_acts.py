"""What may happen in a transcript: manifests, load, failures. Each function is the verb of its name."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from simulated_dataplane import Piece
from transcript import Line, merged
from transcript_stage import Stage, kind_of, pairs
from versions import configuration, route, service

from emulator.api.store import Object
from emulator.core.instance import Signal
from emulator.core.revision import RevisionKey
from emulator.dataplane.door import RevisionStat
from emulator.runtimes.base import Report
from emulator.scaling import RevisionScaler, ScalingConfig
from emulator.simulation.plane import Work


def config(stage: Stage, line: Line) -> None:
    """`config MAP key=value ...`: what a ConfigMap says."""
    name, *words = line.words
    stage.config[name] = pairs(words) | (line.document() or {})


def start(stage: Stage, line: Line) -> None:
    """`start takes 5 s`: how long each instance takes to be ready."""
    stage.start_seconds = float(line.words[1])


#: What `apply` begins with.
_MANIFESTS: Mapping[str, Callable[..., Object]] = {
    "Service": service,
    "Configuration": configuration,
    "Route": lambda _, name: route(name=name),
}


def manifest(line: Line) -> Object:
    """A minimal manifest with what the line says.

    `version=2` is another version of the container, `revision=NAME` the template's own name, a word in camelCase is a
    field of the template's spec, one with a slash an annotation of it, any other one of autoscaling.knative.dev.
    """
    kind, name, *words = line.words
    said = pairs(word for word in words if "=" in word)
    document = _MANIFESTS[kind](said.pop("version", "1"), name=name)
    document["metadata"]["namespace"] = "default"
    if said:
        template = document["spec"]["template"]
        if revision := said.pop("revision", ""):
            template["metadata"]["name"] = revision
        for key, value in said.items():
            if "/" in key:
                template["metadata"]["annotations"][key] = value
            elif key != key.lower():
                template["spec"][key] = int(value)
            else:
                template["metadata"]["annotations"][f"autoscaling.knative.dev/{key}"] = value
    changed: Object = merged(document, line.document() or {})
    return changed


def apply(stage: Stage, line: Line) -> None:
    """`apply KIND NAME words`: as kubectl does, through admission."""
    kind, document = kind_of(line.words[0]), manifest(line)
    stage.write(lambda: stage.api.apply(kind, document))


def create(stage: Stage, line: Line) -> None:
    """`create KIND NAME words`: the same for an object that must not be there; `generateName` in place of a name."""
    kind, document = kind_of(line.words[0]), manifest(line)
    if document["metadata"].get("generateName"):
        del document["metadata"]["name"]
    stage.write(lambda: stage.api.create(kind, document))


def edit(stage: Stage, line: Line) -> None:
    """`edit KIND NAME path:`: change what is stored, as a user may. `null` takes a key away."""
    kind, name = line.words[:2]
    stored = stage.get(kind, name)
    changed = _without_none(merged(stored, line.document()))
    stage.write(lambda: stage.api.replace(kind_of(kind), changed))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(each) for key, each in value.items() if each is not None}
    return value


def delete(stage: Stage, line: Line) -> None:
    """`delete KIND NAME`."""
    kind, name = line.words
    stage.world.store.delete(kind_of(kind), "default", name)


def load(stage: Stage, line: Line) -> None:
    """`load 50 x 500 ms [at REVISION]`, in place of the load before: clients that ask as soon as they are answered.

    `load none` is the end of it.
    """
    stage.load += 1
    if line.words == ["none"]:
        return
    count, seconds, key = _requests(stage, line)
    mine = stage.load

    def ask(_: int = 0) -> None:
        if stage.load == mine:
            stage.world.plane.offer(key, Work(seconds), ask)

    for _ in range(count):
        ask()


def requests(stage: Stage, line: Line) -> None:
    """`requests 3 x 500 ms [at REVISION]`: that come now, once."""
    count, seconds, key = _requests(stage, line)
    for _ in range(count):
        stage.world.plane.offer(key, Work(seconds), lambda _: None)


def _requests(stage: Stage, line: Line) -> tuple[int, float, RevisionKey]:
    count, _, milliseconds, _, *at = line.words
    return int(count), float(milliseconds) / 1000, stage.revision(*at[1:]).replicas.key


def plane(stage: Stage, line: Line) -> None:
    """`plane live`: requests go through the live gateway, activator and queue-proxies."""
    assert line.words == ["live"]
    stage.is_live = True


def ask(stage: Stage, line: Line) -> None:
    """`ask WORD 20 x 500 ms [text] [200 ms text ...] [at HOST]`: requests now, which `answers WORD` looks at.

    The instance sends each text after so many milliseconds, on a line of its own.
    """
    name, number, _, *words = line.words
    host = "hello.default.localhost"
    if "at" in words:
        host = words[words.index("at") + 1]
        words = words[: words.index("at")]
    found = re.findall(r"(\d+) ms ?([a-z]\w*)?", " ".join(words))
    pieces = [Piece(int(ms) / 1000, f"{text or 'ok'}\n".encode()) for ms, text in found]
    assert stage.live
    stage.clients.setdefault(name, []).extend(stage.live.ask(host, pieces) for _ in range(int(number)))
    stage.live.run_until(stage.now)


def leave(stage: Stage, line: Line) -> None:
    """`leave WORD 2`: the last 2 of those clients that have no answer yet go away."""
    name, number = line.words
    assert stage.live
    for client in [each for each in stage.clients[name] if not each.over][-int(number) :]:
        client.go()
    stage.live.run_until(stage.now)


def sample(stage: Stage, line: Line) -> None:
    """`sample 5 [for 3 s ago]`: a reporter tells of a concurrency of 5, or has told so late."""
    concurrency, *late = line.words
    revision = stage.revision()
    when = stage.now - (float(late[1]) if late else 0.0)
    revision.record(RevisionStat(revision.replicas.key, float(concurrency), float(concurrency)), when)
    stage.world.wake()


_SIGNALS: Mapping[str, Signal] = {
    "ready": Signal.PROBE_OK,
    "unready": Signal.PROBE_FAILED,
    "exits": Signal.EXITED,
}


def instances(stage: Stage, line: Line) -> None:
    """`instances 3 are unready [of REVISION]` (or `ready`, `exits`): what the node reports of the first 3."""
    count, _, what, *of = line.words
    for index, instance in zip(range(int(count)), [*stage.revision(*of[1:]).replicas], strict=False):
        exit_code = 1 if what == "exits" else None
        report = Report(instance.name, _SIGNALS[what], "sim", index + 1, exit_code, "broken" if exit_code else "")
        stage.world.controller.reported(report)


def autoscaler(stage: Stage, line: Line) -> None:
    """`autoscaler restarts`: it has lost its history; the PodAutoscaler's status, and what runs, are still there."""
    assert line.words == ["restarts"]
    revision = stage.revision()
    before = revision.scaler
    annotations, limit = revision.document["metadata"]["annotations"], revision._backend.container_concurrency
    config = ScalingConfig.read(stage.config)
    revision.scaler = RevisionScaler(annotations, limit, config, stage.now, revision.replicas.ready)
    revision.scaler.outcome, revision.scaler.wanted = before.outcome, before.wanted
    revision.due = stage.now
    stage.world.wake()


ACTS = (config, start, apply, create, edit, delete, load, requests, plane, ask, leave, sample, instances, autoscaler)
