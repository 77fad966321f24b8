from typing import Any

import pytest

from emulator.api.patch import InapplicablePatch, MalformedPatch, json_patch, merge_patch, merge_patch_between


@pytest.mark.parametrize(
    ("document", "patch", "result"),
    [  # RFC 7386, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_does_what_the_rfc_says(document: Any, patch: Any, result: Any) -> None:
    assert merge_patch(document, patch) == result


@pytest.mark.parametrize(
    ("before", "after"),
    [({"a": 1, "b": {"c": 1, "d": 2}}, {"b": {"c": 1, "d": 3}, "e": []}), ({"a": [1]}, {"a": [1, 2]}), ({}, {})],
)
def test_a_merge_patch_is_made_to_fit(before: Any, after: Any) -> None:
    patch = merge_patch_between(before, after)
    assert merge_patch(before, patch) == after
    assert merge_patch_between(after, after) == {}


@pytest.mark.parametrize(
    ("document", "operation", "result"),
    [  # RFC 6902, appendix A
        ({"foo": "bar"}, {"op": "add", "path": "/baz", "value": "qux"}, {"baz": "qux", "foo": "bar"}),
        ({"foo": ["bar", "baz"]}, {"op": "add", "path": "/foo/1", "value": "qux"}, {"foo": ["bar", "qux", "baz"]}),
        ({"baz": "qux", "foo": "bar"}, {"op": "remove", "path": "/baz"}, {"foo": "bar"}),
        ({"foo": ["bar", "qux", "baz"]}, {"op": "remove", "path": "/foo/1"}, {"foo": ["bar", "baz"]}),
        ({"baz": "qux"}, {"op": "replace", "path": "/baz", "value": "boo"}, {"baz": "boo"}),
        (
            {"foo": {"bar": 1, "waldo": "fred"}, "qux": {}},
            {"op": "move", "from": "/foo/waldo", "path": "/qux/thud"},
            {"foo": {"bar": 1}, "qux": {"thud": "fred"}},
        ),
        ({"foo": [1, 2, 3]}, {"op": "move", "from": "/foo/0", "path": "/foo/2"}, {"foo": [2, 3, 1]}),
        ({"a": {"b": 1}}, {"op": "copy", "from": "/a", "path": "/a/c"}, {"a": {"b": 1, "c": {"b": 1}}}),
        ({"baz": [1]}, {"op": "test", "path": "/baz/0", "value": 1}, {"baz": [1]}),
        ({"foo": ["bar"]}, {"op": "add", "path": "/foo/-", "value": [1]}, {"foo": ["bar", [1]]}),
        ({"~1": 10, "a/b": 1}, {"op": "remove", "path": "/a~1b"}, {"~1": 10}),
        ({"~1": 10, "/": 9}, {"op": "remove", "path": "/~01"}, {"/": 9}),
        ({"a": 1}, {"op": "replace", "path": "", "value": []}, []),
    ],
)
def test_a_json_patch_does_what_the_rfc_says(document: Any, operation: Any, result: Any) -> None:
    before = repr(document)
    assert json_patch(document, [operation]) == result
    assert repr(document) == before


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "add", "path": "/a/b", "value": 1},
        {"op": "add", "path": "/l/2", "value": 1},
        {"op": "add", "path": "/l/01", "value": 1},
        {"op": "add", "path": "/s/x", "value": 1},
        {"op": "remove", "path": "/a"},
        {"op": "remove", "path": "/l/-"},
        {"op": "remove", "path": ""},
        {"op": "replace", "path": "/a", "value": 1},
        {"op": "test", "path": "/s", "value": 1},
        {"op": "test", "path": "/one", "value": True},
        {"op": "move", "from": "/a", "path": "/b"},
        {"op": "move", "from": "/l", "path": "/l/0"},
    ],
)
def test_a_json_patch_that_does_not_fit_is_refused(operation: Any) -> None:
    with pytest.raises(InapplicablePatch):
        json_patch({"l": [1], "s": "text", "one": 1}, [operation])


@pytest.mark.parametrize(
    "operations",
    [
        {},
        None,
        [1],
        [{}],
        [{"op": "grow", "path": "/a"}],
        [{"op": [], "path": ""}],
        [{"op": "add", "path": "/a"}],
        [{"op": "add", "value": 1}],
    ],
)
def test_what_is_no_json_patch_is_told_so(operations: Any) -> None:
    with pytest.raises(MalformedPatch):
        json_patch({}, operations)
    with pytest.raises(MalformedPatch):
        json_patch({}, [{"op": "remove", "path": "a"}])


def test_copies_can_not_double_a_document_without_end() -> None:
    doubling = [{"op": "copy", "from": "/a", "path": f"/a/k{i}"} for i in range(60)]
    with pytest.raises(InapplicablePatch, match="copies more"):
        json_patch({"a": {"text": "x" * 100}}, doubling)
