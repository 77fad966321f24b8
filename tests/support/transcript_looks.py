"""What may be looked at in a transcript. Each function is the verb of its name, and raises AssertionError."""

from collections import Counter
from collections.abc import Callable, Mapping

from simulated import START
from transcript import Line, difference
from transcript_stage import Stage, pairs

from emulator.api import kinds
from emulator.core.conditions import timestamp
from emulator.revision import RevisionController


def _same(seen: object, wanted: object) -> None:
    assert seen == wanted, f"seen: {seen}, wanted: {wanted}"


def count(stage: Stage, line: Line) -> None:
    """`= 5 [of REVISION]`: instances that exist and were not told to go."""
    wanted, *of = line.words
    revision = stage.revision(*of[1:])
    assert revision.replicas.alive == int(wanted), f"{revision.replicas.alive} instances: {revision.scaler.reason}"


#: What `sees` can look at in a revision.
OBSERVED: Mapping[str, Callable[[Stage, RevisionController], object]] = {
    "ready": lambda _, revision: revision.replicas.ready,
    "replicas": lambda _, revision: revision.scaler.wanted,
    # Requests in each instance, in the order of their addresses.
    "in_hand": lambda stage, revision: " ".join(
        str(stage.plane.in_flight(each.instance)) for each in revision.replicas.endpoints()
    ),
    "waiting": lambda stage, revision: stage.plane.waiting(revision.replicas.key),
    "stable": lambda stage, revision: _average(stage, revision, "stable"),
    "panic": lambda stage, revision: _average(stage, revision, "panic"),
    "desired": lambda _, revision: revision.scaler._decision.desired,
    "valid": lambda _, revision: revision.scaler._decision.valid,
    "burst": lambda _, revision: revision.scaler._decision.excess_burst_capacity,
    "panicking": lambda _, revision: revision.scaler._decision.panic_since is not None,
    "most": lambda _, revision: revision.scaler._decision.max_panic_pods,
    "want": lambda _, revision: revision.scaler.outcome.want,
    "status": lambda _, revision: revision.scaler.outcome.desired_scale,
    "mode": lambda _, revision: revision.scaler.outcome.mode,
    "activators": lambda _, revision: revision.scaler.outcome.activators,
    "reconciled": lambda stage, revision: _is_new(stage, revision.scaler.outcome),
    "since": lambda _, revision: f"{revision.scaler.outcome.active.since - START:g}",
    "Active": lambda _, revision: _condition(revision, "Active"),
    "Initialized": lambda _, revision: _condition(revision, "ScaleTargetInitialized"),
}


def _is_new(stage: Stage, outcome: object) -> bool:
    """Whether there was a reconciliation since this was asked last."""
    before, stage.outcome = stage.outcome, outcome
    return outcome is not before


def _average(stage: Stage, revision: RevisionController, window: str) -> str:
    scaler = revision.scaler
    averages = scaler._metrics.averages(stage.now, scaler.spec.decider.scaling_metric)
    return "none" if averages is None else f"{getattr(averages, window):g}"


def _condition(revision: RevisionController, name: str) -> str:
    condition = revision.scaler.outcome.conditions[name]
    return f"{condition.status} {condition.reason}".strip()


def sees(stage: Stage, line: Line) -> None:
    """`sees name=value ... [of REVISION]`: rows of OBSERVED."""
    words = line.words
    of = words[words.index("of") + 1 :] if "of" in words else []
    revision = stage.revision(*of)
    wanted = pairs(word for word in words if "=" in word)
    seen = {name: str(OBSERVED[name](stage, revision)) for name in wanted}
    _same(seen, {name: {"yes": "True", "no": "False"}.get(value, value) for name, value in wanted.items()})


def because(stage: Stage, line: Line) -> None:
    """`because text`: words of the reason that is given for the scale."""
    reason = stage.revision().scaler.reason
    assert line.told in reason, reason


def refused(stage: Stage, line: Line) -> None:
    """`refused text`: what was asked for last was, with these words; `...` at the end leaves the rest open."""
    refusal, stage.refusal = stage.refusal, ""
    words = line.told.removesuffix("...")
    assert refusal.startswith(words), f"refused: {refusal!r}"
    assert refusal == words or line.told.endswith("..."), f"refused: {refusal!r}"


def warned(stage: Stage, line: Line) -> None:
    """`warned text`: it was stored, with this warning among others; `warned of nothing`."""
    if line.told == "of nothing":
        assert not stage.warnings
    assert line.told == "of nothing" or line.told in stage.warnings, stage.warnings


def holds(stage: Stage, line: Line) -> None:
    """`holds KIND NAME [path:]`: what an object has, among other things; null for what it must not have."""
    kind, name = line.words[:2]
    told = difference(line.document(), stage.get(kind, name))
    assert not told, told


def condition(stage: Stage, line: Line) -> None:
    """`condition KIND NAME TYPE STATUS [REASON] [since=SECOND]`, and the message under it."""
    kind, name, of, status, *words = line.words
    reason = [word for word in words if "=" not in word]
    all_conditions = stage.get(kind, name)["status"]["conditions"]
    found = next(each for each in all_conditions if each["type"] == of)
    wanted = {"status": status, "reason": " ".join(reason)} | ({"message": line.block.strip()} if line.block else {})
    if since := pairs(words).get("since"):
        wanted["lastTransitionTime"] = timestamp(START + float(since))
    _same({field: found.get(field, "") for field in wanted}, wanted)


def traffic(stage: Stage, line: Line) -> None:
    """`traffic KIND NAME hello-00001=90 tag:hello-00001=10 ...`: the entries of status.traffic, in order."""
    kind, name, *wanted = line.words
    entries = stage.get(kind, name)["status"].get("traffic", ())
    seen = [f"{each['tag']}:" if "tag" in each else "" for each in entries]
    seen = [f"{tag}{each['revisionName']}={each['percent']}" for tag, each in zip(seen, entries, strict=True)]
    _same(seen, wanted)


def leads(stage: Stage, line: Line) -> None:
    """`leads HOST hello-00001=90 ...` from outside, `leads inside HOST ...` from within, `nowhere` if it is unknown."""
    words = line.words
    inside = words[0] == "inside"
    host, *wanted = words[inside:]
    routes = stage.plane.private if inside else stage.plane.public
    targets = [f"{each.revision.name}={each.percent}" for each in routes[host]] if host in routes else ["nowhere"]
    _same(targets, wanted)


def revisions(stage: Stage, line: Line) -> None:
    """`revisions hello-00001 ...`: all that there are, each `=reserve` or the like if that is of interest."""
    label = "serving.knative.dev/routingState"
    states = {name: each["metadata"]["labels"][label] for name, each in stage.world.revisions().items()}
    wanted = line.words
    _same([f"{name}={state}" if "=" in line.text else name for name, state in states.items()], wanted)


def answers(stage: Stage, line: Line) -> None:
    """`answers WORD 9 x 503 text`: so many of these requests got this; `open` are those that are not over."""
    name, number, _, *words = line.words
    told = [
        f"{each.status} {each.body.decode()}".replace("\n", r"\n").strip() if each.over else "open"
        for each in stage.clients[name]
    ]
    assert told.count(" ".join(words)) == int(number), Counter(told)


def pods(stage: Stage, line: Line) -> None:
    """`pods begin with text`: the names of all pods do."""
    names = [pod["metadata"]["name"] for pod in stage.world.store.all(kinds.POD)]
    start = line.words[-1]
    assert names
    assert all(name.startswith(start) for name in names), names


LOOKS = (sees, because, refused, warned, holds, condition, traffic, leads, revisions, answers, pods)
