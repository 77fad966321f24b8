"""The managers of fields: rules of server-side apply that hold for whatever is applied."""

import copy
import random
import re
from typing import Any

import pytest

from emulator.core.admission.tables import SERVING
from emulator.core.managed import owners
from emulator.core.managed.fields import Fields, decoded, encoded, shown
from emulator.core.managed.owners import APPLY, ApplyConflict, Manager, Owners
from emulator.core.managed.typed import Typed, UntypedError

TYPED = Typed(SERVING, "Service")
ONE, TWO = Manager("one", APPLY), Manager("two", APPLY)
Document = dict[str, Any]


def spec(**fields: Any) -> Document:
    return {"spec": {"template": {"spec": fields}}}


def document(rng: random.Random, names: str) -> Document:
    """Something of everything that merges in its own way, under the names given."""
    volumes = [
        {"name": name, **rng.choice([{"emptyDir": {}}, {"secret": {"secretName": str(rng.randrange(3))}}])}
        for name in rng.sample(names, rng.randrange(len(names) + 1))
    ]
    labels = {name: str(rng.randrange(3)) for name in rng.sample(names, rng.randrange(len(names) + 1))}
    made = spec(volumes=volumes) if volumes else {}
    if labels:
        made["metadata"] = {"labels": labels, "finalizers": sorted(labels)}
    return made


def applied(live: Document, config: Document, before: Owners, manager: Manager, *, force: bool = False) -> Any:
    return owners.applied(TYPED, live, config, before, manager, time="", force=force)


@pytest.mark.parametrize("seed", range(200))
def test_rules_that_always_hold(seed: int) -> None:
    rng = random.Random(seed)
    live: Document = {}
    now: Owners = {}
    for _ in range(5):
        # What two apply never overlaps, so it never conflicts.
        manager, names = rng.choice([(ONE, "abc"), (TWO, "xyz")])
        config = document(rng, names)
        given = copy.deepcopy((live, config))
        after, managers = applied(live, config, now, manager)
        assert (live, config) == given, "nothing is changed in place"
        live, now = after, managers
        assert now[manager].fields == TYPED.fields(config)
        assert owned(now) <= TYPED.fields(live), "what is managed is there"
        assert TYPED.fields(live) <= TYPED.with_named(owned(now)), "and nobody's fields do not stay"
        assert applied(live, config, now, manager) == (live, now)
        assert owners.read(owners.write(now)) == {who: each for who, each in now.items() if each.fields}
    config = document(rng, "abcxyz")
    third = Manager("three", APPLY)
    forced, after = applied(live, config, now, third, force=True)
    change = TYPED.compare(live, forced)
    assert not owned({who: each for who, each in after.items() if who != third}) & (change.added | change.modified)
    taken = owned(now) & (change.added | change.modified)
    if taken:
        with pytest.raises(ApplyConflict) as refused:
            applied(live, config, now, third)
        assert {path for _, path in refused.value.conflicts} == taken
    else:
        assert applied(live, config, now, third) == (forced, after)


def owned(of: Owners) -> Fields:
    return frozenset().union(*(each.fields for each in of.values()))


def test_an_update_owns_what_it_changes_and_the_maps_it_makes() -> None:
    manager = Manager("m", api_version="v")
    first = owners.updated(TYPED, {}, {"metadata": {"name": "x", "labels": {"a": "1"}}}, {}, manager, time="")
    assert encoded(first[manager].fields) == {"f:metadata": {"f:labels": {".": {}, "f:a": {}}}}
    second = owners.updated(TYPED, {"metadata": {"labels": {"a": "1"}}}, {"metadata": {}}, first, manager, time="")
    assert second == {}


def test_lists_known_by_keys_keep_what_is_there_in_its_place() -> None:
    def of(*names: str) -> Document:
        return spec(volumes=[{"name": name} for name in names])

    def merged(left: str, right: str) -> str:
        volumes = TYPED.merge(of(*left), of(*right))["spec"]["template"]["spec"]["volumes"]
        return "".join(each["name"] for each in volumes)

    assert merged("abc", "b") == "abc"
    assert merged("abc", "cb") == "acb"
    assert merged("abc", "xby") == "axbcy"
    assert merged("", "ab") == "ab"


def test_what_a_list_or_a_map_is_by_its_row() -> None:
    env = [{"name": "A", "value": "1"}]
    assert len(TYPED.fields(spec(containers=[{"env": env}]))) == 1, "containers are one field"
    assert len(TYPED.fields(spec(nodeSelector={"a": "b", "c": "d"}))) == 1
    assert len(TYPED.fields({"spec": {"traffic": [{"tag": "a"}, {"tag": "b"}]}})) == 1
    assert TYPED.fields({"metadata": {"finalizers": ["a"]}}) == {("f:metadata", "f:finalizers", 'v:"a"')}
    reference = {"metadata": {"ownerReferences": [{"uid": "u", "name": "n"}]}}
    assert TYPED.fields(reference) == {("f:metadata", "f:ownerReferences", 'k:{"uid":"u"}')}
    assert TYPED.fields({"status": {"a": {"b": [1]}}}) == {
        ("f:status", "f:a"),
        ("f:status", "f:a", "f:b"),
    }


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"foo": 1}, ".foo: field not declared in schema"),
        (spec(containers=[], foo=1), ".spec.template.spec.foo: field not declared in schema"),
        (spec(volumes=[{}]), 'omits key field "name"'),
        (spec(volumes=[{"name": "a"}, {"name": "a"}]), ".spec.template.spec.volumes: duplicate entries"),
    ],
)
def test_values_whose_fields_can_not_be_told(value: Document, words: str) -> None:
    with pytest.raises(UntypedError, match=re.escape(words)):
        TYPED.check(value)


def test_fields_as_they_are_written() -> None:
    path = ("f:spec", "f:volumes", 'k:{"name":"a","port":1}', "f:x.y/z")
    assert shown(path) == '.spec.volumes[name="a",port=1].x.y/z'
    assert shown(("f:a", 'v:"b"')) == '.a[="b"]'
    fields = frozenset({path, path[:3]})
    assert encoded(fields) == {"f:spec": {"f:volumes": {path[2]: {".": {}, path[3]: {}}}}}
    assert decoded(encoded(fields)) == fields
    for malformed in ({"f:a": 1}, []):
        with pytest.raises(ValueError, match="objects"):
            decoded(malformed)
    with pytest.raises(ValueError, match="operation"):
        owners.read([{"manager": "x"}])
