"""The schemas of the events, and the code that reads them, say the same as jsonschema does (C2)."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from function.endpoints import events
from function.eventing import schema
from function.eventing.outbox import TYPES

FOLDER = Path(schema.__file__).with_name("schemas")
NAMES = sorted(file.stem for file in FOLDER.glob("*.json"))
VALUES: tuple[Any, ...] = (
    "",
    "a",
    "a" * 255,
    "a" * 256,
    "\N{GRINNING FACE}" * 1020,
    "a" * 1021,
    "a" * 4097,
    0,
    1.5,
    True,
    None,
    [],
    [1],
    {},
)


def documents(name: str) -> Iterator[Any]:
    """Every value by itself, every pair of members with every value, each with one member too many."""
    yield from VALUES
    members = [*schema.load(name)["properties"], "more"]
    good = {
        "request": {"id": "a", "source": "b"},
        "created": True,
        "ended": 1,
        "disabled": False,
        "amr": ["pwd", "otp"],
    }
    for count in range(len(members) + 1):
        for chosen in itertools.combinations(members, count):
            document = {member: good.get(member, "a") for member in chosen}
            yield document
            for member, value in itertools.product(chosen[:2], VALUES):
                yield {**document, member: value}


@pytest.mark.parametrize("name", NAMES)
def test_c2_it_takes_what_jsonschema_takes_and_refuses_the_rest(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema.load(name))
    validator = jsonschema.Draft202012Validator(schema.load(name))
    verdicts = set()
    for document in documents(name):
        why = schema.fault(schema.load(name), document)
        assert (why == "") == validator.is_valid(document), (document, why)
        verdicts.add(why == "")
    assert verdicts == {True, False}


def test_c2_what_is_wrong_is_said_without_the_value() -> None:
    secret = "correct horse battery"
    told = schema.fault(schema.load("login.request"), {"username": [secret], "password": secret})
    assert told == "data.username is no string"
    assert "members other than username, password" in schema.fault(
        schema.load("login.request"), {"username": "", "password": "", secret: ""}
    )


def test_every_type_has_a_schema_and_every_schema_a_type() -> None:
    replies = {f"{type_}.done" for type_ in events.TYPES if type_ != "login.request"}
    assert set(NAMES) == set(events.TYPES) | set(TYPES) | replies
    for name in NAMES:
        document = json.loads((FOLDER / f"{name}.json").read_text())
        assert document["title"] == name
        assert document["additionalProperties"] is False
