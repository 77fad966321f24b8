"""Each object beside the one that a real cluster answered for the same case, field by field (see support/measured.py).

The cluster was recorded when it had come to an end with each case: what fails does so for good after its progress
deadline and the half minute that follows it.
"""

import json
import re
from collections.abc import Callable
from fnmatch import fnmatch
from typing import Any, NamedTuple

import pytest
from cluster_cases import apply, emulator, put
from measured import FOLDER, MAY_DIFFER, Difference, Leaf, compare, leaves, recorded
from simulated import Simulated

from emulator.api import kinds, tables
from emulator.core.annotations import LAST_APPLIED

#: Seconds after which nothing happens any more that is not yet at zero, and those after which what fails has failed.
UP, GIVEN_UP = 10, 1300


class Case(NamedTuple):
    """What was done, and the samples that were taken then: each one's kind and the name of the object."""

    play: Callable[[], Simulated]
    samples: dict[str, tuple[kinds.Kind, str]]


def _of(prefix: str, name: str) -> dict[str, tuple[kinds.Kind, str]]:
    return {
        f"{prefix}-ksvc": (kinds.SERVICE, name),
        f"{prefix}-configuration": (kinds.CONFIGURATION, name),
        f"{prefix}-route": (kinds.ROUTE, name),
        f"{prefix}-revision": (kinds.REVISION, f"{name}-00001"),
    }


def _applied(sample: str, seconds: float) -> Callable[[], Simulated]:
    def play() -> Simulated:
        simulated = emulator()
        apply(simulated, sample)
        simulated.run(seconds)
        return simulated

    return play


def _split(*later: str) -> Callable[[], Simulated]:
    def play() -> Simulated:
        simulated = emulator()
        said = json.loads(recorded("objects")["split-ksvc"]["metadata"]["annotations"][LAST_APPLIED])
        del said["spec"]["traffic"]
        said["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = "v1"
        put(simulated, said, json.dumps(said))
        for sample in ("split-ksvc", *later):
            simulated.run(UP)
            apply(simulated, sample)
        simulated.run(UP)
        return simulated

    return play


#: What else was recorded of the first two.
HELLO = {
    "hello-ready-pods": (kinds.POD, "hello-00001-deployment-??????????-?????"),
    "hello-ready-deployment": (kinds.DEPLOYMENT, "hello-00001-deployment"),
    "hello-ready-podautoscaler": (kinds.POD_AUTOSCALER, "hello-00001"),
    "hello-ready-metric": (kinds.METRIC, "hello-00001"),
    "hello-ready-serverlessservice": (kinds.SERVERLESS_SERVICE, "hello-00001"),
    "hello-ready-ingress": (kinds.INGRESS, "hello"),
    "hello-ready-svc/0": (kinds.CORE_SERVICE, "hello"),
    "hello-ready-svc/1": (kinds.CORE_SERVICE, "hello-00001"),
    "hello-ready-svc/2": (kinds.CORE_SERVICE, "hello-00001-private"),
    "hello-ready-endpointslices/0": (kinds.ENDPOINT_SLICE, "hello-00001-?????"),
    "hello-ready-endpointslices/1": (kinds.ENDPOINT_SLICE, "hello-00001-private-?????"),
}
ZERO = {"zero-kpa": (kinds.POD_AUTOSCALER, "zero-00001"), "zero-sks": (kinds.SERVERLESS_SERVICE, "zero-00001")}
#: Case, recorded tables and the name in them: rows are compared but for ages, addresses and what is made at random.
TABLES = (
    ("ready", "hello-ready-tables", "hello"),
    ("at zero", "zero-tables", "zero"),
    ("split", "split-tables", "split"),
    ("bad traffic", "split-badtraffic-tables", "split"),
    ("name taken", "split-byoconflict-tables", "split"),
    ("local", "split-byoconflict-tables", "local"),
    ("crash", "bad-final-tables", "crash"),
    ("no image", "bad-final-tables", "noimage"),
    ("bad registry", "bad-final-tables", "noregistry"),
    ("crash", "bad-tables2", "crash"),
    ("no image", "bad-tables2", "noimage"),
)

CASES = {
    "ready": Case(_applied("hello-ready-ksvc", UP), _of("hello-ready", "hello") | HELLO),
    "at zero": Case(_applied("zero-ksvc", 90), _of("zero", "zero") | ZERO),
    "crash": Case(_applied("bad-crash-ksvc", GIVEN_UP), _of("bad-crash", "crash")),
    "no image": Case(_applied("bad-noimage-ksvc", GIVEN_UP), _of("bad-noimage", "noimage")),
    "bad registry": Case(_applied("bad-noregistry-ksvc", GIVEN_UP), _of("bad-noregistry", "noregistry")),
    "local": Case(
        _applied("local-ksvc", UP), {"local-ksvc": (kinds.SERVICE, "local"), "local-route": (kinds.ROUTE, "local")}
    ),
    "split": Case(
        _split(),
        {
            "split-ksvc": (kinds.SERVICE, "split"),
            "split-route": (kinds.ROUTE, "split"),
            "split-king": (kinds.INGRESS, "split"),
            "split-revs/0": (kinds.REVISION, "split-00001"),
            "split-revs/1": (kinds.REVISION, "split-00002"),
        },
    ),
    "bad traffic": Case(
        _split("split-badtraffic-ksvc"),
        {"split-badtraffic-ksvc": (kinds.SERVICE, "split"), "split-badtraffic-route": (kinds.ROUTE, "split")},
    ),
    "name taken": Case(
        _split("split-badtraffic-ksvc", "split-byoconflict-ksvc"),
        {"split-byoconflict-ksvc": (kinds.SERVICE, "split"), "split-byoconflict-cfg": (kinds.CONFIGURATION, "split")},
    ),
}


def sample(name: str) -> Any:
    """One recorded object: NAME, or NAME/NUMBER of a list."""
    name, _, number = name.partition("/")
    found = recorded("objects")[name]
    return found[int(number)] if number else found


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_as_the_cluster_answers(case: Case) -> None:
    simulated = case.play()
    known: dict[Leaf, Leaf] = {}
    found: dict[str, list[Difference]] = {
        name: compare(sample(name), _found(simulated, kind, of), known) for name, (kind, of) in case.samples.items()
    }
    assert not any(found.values()), found


def test_every_changed_leaf_is_noticed() -> None:
    """But for those that the table lets differ, and of these none that is missing or is another's identity."""
    theirs = sample("hello-ready-ksvc")
    ours = _applied("hello-ready-ksvc", UP)().service()
    unnoticed = [path for path, value in leaves(ours) if not compare(theirs, _changed(ours, path, f"{value}x"))]
    free = ("uid", "resourceVersion", "creator", "lastModifier")
    assert all(path.startswith(".metadata.managedFields") or path.endswith(free) for path in unnoticed), unnoticed
    revision = sample("hello-ready-revision")
    mixed = json.loads(json.dumps(revision).replace(theirs["metadata"]["uid"], revision["metadata"]["uid"]))
    assert [each.path for each in compare(revision, mixed)] == [".metadata.uid"]


def test_what_may_differ_has_a_reason() -> None:
    assert all(rule.why for rule in MAY_DIFFER)


@pytest.mark.parametrize(("case", "file", "name"), TABLES)
def test_tables_are_those_of_kubectl(case: str, file: str, name: str) -> None:
    simulated, compared = CASES[case].play(), 0
    for block in re.split(r"\n(?=NAME )", recorded("tables")[file].strip("\n")):
        heading, *lines = _cells(block)
        theirs = [line for line in lines if re.search(rf"\b{name}\b", line[0])]
        if not theirs:
            continue
        kind = kinds.by_name(_resource(theirs[0][0]))
        assert kind
        [ours, *rows] = tables.rows(kind, simulated.store.all(kind), simulated.clock.now())
        assert ours == heading
        expected = [[line[0].partition("/")[2], *line[1:]] for line in theirs]
        # The second of the split was looked at before its first decision.
        known = -1 if (case, kind) == ("split", kinds.REVISION) else None
        assert sorted(_masked(row)[:known] for row in rows) == sorted(_masked(row)[:known] for row in expected)
        compared += 1
    assert compared > 1


@pytest.mark.parametrize("name", ["crash", "noimage", "noregistry"])
def test_tables_of_what_has_just_failed(name: str) -> None:
    """But that a failure is told at once: a cluster waits for the progress deadline where a container does not stay."""
    simulated, at = emulator(), 0.0
    apply(simulated, f"bad-{name}-ksvc")
    for section in recorded("tables")["bad-early"].split("== after ")[1:]:
        seconds, _, printed = section.partition("\n")
        simulated.run(float(seconds) - at)
        at = float(seconds)
        for block in re.split(r"\n(?=NAME )", printed.strip("\n")):
            heading, *lines = _cells(block)
            kind = kinds.by_name(_resource(lines[0][0]))
            assert kind
            theirs = [dict(zip(heading, line, strict=True)) for line in lines if f"/{name}" in line[0]]
            [titles, *rows] = tables.rows(kind, simulated.store.all(kind), simulated.clock.now())
            assert titles == heading
            ours = [dict(zip(heading, row, strict=True)) for row in rows]
            if kind is kinds.POD:
                _compare_failing_pods(name, theirs, ours)
                continue
            [their], [our] = theirs, ours
            if name != "noregistry":
                reason = their.pop("REASON"), our.pop("REASON")
                assert reason[0] in {"", "RevisionMissing", "Deploying"}
                assert (their.pop("READY"), our.pop("READY"), bool(reason[1])) == ("Unknown", "False", True)
            assert our == their | {"NAME": their["NAME"].partition("/")[2]}


def _compare_failing_pods(name: str, theirs: list[dict[str, str]], ours: list[dict[str, str]]) -> None:
    [our] = ours
    if name == "noregistry":
        # That there is no image is heard from the node, which must have been given an instance for it.
        assert (theirs, our["STATUS"]) == ([], "ContainerMissing")
        return
    [their] = theirs
    assert our["READY"] == their["READY"]
    if name == "noimage":
        # Each try to start counts as one here.
        assert (our["STATUS"], their["RESTARTS"]) == (their["STATUS"], "0")
        return
    assert re.sub(r"\d+s", "-", our["RESTARTS"]) == re.sub(r"\d+s", "-", their["RESTARTS"])
    # A cluster's says Error for a moment before it says that it waits.
    assert our["STATUS"] == "CrashLoopBackOff"
    assert their["STATUS"] in {"CrashLoopBackOff", "Error"}


def test_everything_recorded_is_compared() -> None:
    """Those that other modules take by the end of their names, and that the tables here name."""
    objects = recorded("objects").items()
    names = {
        name
        for key, stored in objects
        for name in ([f"{key}/{at}" for at in range(len(stored))] if isinstance(stored, list) else [key])
    }
    # The Service of the cluster's own API server: nothing here has an address in a cluster.
    own = {name for name in names if sample(name)["metadata"]["name"] == "kubernetes"}
    assert {name for case in CASES.values() for name in case.samples} == names - own
    taken = {file for _, file, _ in TABLES} | {"bad-early", "api-resources", "explain-traffic"}
    elsewhere = {name for name in recorded("tables") if name.endswith(("-events", "-describe"))}
    assert taken | elsewhere == set(recorded("tables"))
    files = {re.sub(r"-(\d|step)$", "", path.name.partition(".")[0]) for path in FOLDER.iterdir()}
    assert files == {"admission", "api", "objects", "scale-run", "tables", "ticks"}


def _cells(text: str) -> list[list[str]]:
    """Of a printed table: each column begins where its heading does."""
    lines = [line for line in text.splitlines() if line]
    starts = [match.start() for match in re.finditer(r"(?<!\S)\S+( \S+)*", lines[0])]
    return [[line[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)] for line in lines]


def _resource(cell: str) -> str:
    """The word for the kind that kubectl printed before a name."""
    word = cell.partition("/")[0]
    return "svc" if word == "service" else word.partition(".")[0]


def _masked(row: list[str]) -> list[str]:
    """Without ages, addresses, and what is made at random in a name."""
    age_or_address = r"\d+(s|m)(\d+s)?|(\d+\.){3}\d+|None|sim"
    cells = ["-" if re.fullmatch(age_or_address, cell) else cell for cell in row]
    name = re.sub(r"(?<=-deployment-)\w{9,10}-\w{5}$|(?<=-00001-)\w{5}$|(?<=-private-)\w{5}$", "X", cells[0])
    return [name, *cells[1:]]


def _found(simulated: Simulated, kind: kinds.Kind, name: str) -> Any:
    """The object of this name, with a question mark for each letter that is made at random."""
    [found] = [each for each in simulated.store.all(kind, "default") if fnmatch(each["metadata"]["name"], name)]
    return found


def _changed(document: Any, path: str, value: Any) -> Any:
    if not path:
        return value
    if isinstance(document, list):
        number, _, rest = path[1:].partition("]")
        return [_changed(each, rest, value) if at == int(number) else each for at, each in enumerate(document)]
    key = next(key for key in document if path.startswith(f".{key}") and path[len(key) + 1 :][:1] in {"", ".", "["})
    return document | {key: _changed(document[key], path[len(key) + 1 :], value)}
