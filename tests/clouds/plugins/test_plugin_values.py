"""Values on the wire and back, and what changed between two of them.

Does not prove that the engine's own encoding is the same: the real engine in tests/engine does.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from lab.clouds.plugins.diff import changes, refreshed_inputs, replacing
from lab.clouds.plugins.table import Resource
from lab.clouds.plugins.values import (
    UNKNOWN,
    UNKNOWN_TEXT,
    Secret,
    from_json,
    from_struct,
    has_secret,
    has_unknown,
    plain,
    redacted,
    secret_like,
    to_struct,
)

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = {SIGNATURE: "1b47061264138c4ac30d75fd1eb44270"}
OUTPUT = {SIGNATURE: "d0e6a833031e9bbcd3f4e8bde6ca49a4"}
ASSET = {SIGNATURE: "c44067f5952c0a294b673a41bacd8c17", "hash": "", "text": "hello"}


def wire(values: dict[str, Any]) -> Struct:
    return ParseDict(values, Struct())


@pytest.mark.parametrize(
    ("sent", "understood"),
    [
        (1.0, 1),
        (1.5, 1.5),
        (True, True),
        ("text", "text"),
        ([], []),
        ({}, {}),
        (UNKNOWN_TEXT, UNKNOWN),
        ([UNKNOWN_TEXT], [UNKNOWN]),
        ({**SECRET, "value": "x"}, Secret("x")),
        ({**SECRET, "value": {"a": [1.0]}}, Secret({"a": [1]})),
        ({**OUTPUT, "value": "x", "dependencies": []}, "x"),
        ({**OUTPUT, "value": "x", "secret": True}, Secret("x")),
        ({**OUTPUT, "dependencies": []}, UNKNOWN),
        (ASSET, ASSET),
    ],
)
def test_values_of_the_wire(sent: object, understood: object) -> None:
    found = from_struct(wire({"key": sent}))["key"]
    assert found == understood
    assert type(found) is type(understood)


def test_null_is_absent() -> None:
    assert from_struct(wire({"a": None, "b": {"c": None}})) == {"b": {}}
    assert MessageToDict(to_struct({"a": None, "b": [None]})) == {"b": [None]}


trees = st.recursive(
    st.booleans() | st.integers(-(2**40), 2**40) | st.text() | st.just(UNKNOWN),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.builds(Secret, inner),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), trees))
def test_there_and_back(values: dict[str, Any]) -> None:
    assert from_struct(to_struct(values)) == values


@given(st.dictionaries(st.text(), trees))
def test_plain_and_redacted_hold_no_secret(values: dict[str, Any]) -> None:
    assert not has_secret(plain(values))
    assert not has_secret(redacted(values)) and not has_unknown(redacted(values))


def test_text_that_json_cannot_hold_is_told() -> None:
    with pytest.raises(TypeError, match=r"^a property value of type set has no wire form$"):
        to_struct({"key": {1}})


def test_redacted_says_what_was_there() -> None:
    assert redacted({"a": Secret({"b": 1}), "c": [UNKNOWN, 2]}) == {"a": "[secret]", "c": ["[unknown]", 2]}
    assert "hush" not in repr(Secret("hush"))


def test_nested_configuration_is_json_text() -> None:
    text = json.dumps({"tags": {"a": SECRET | {"value": "b"}}})
    assert from_json(text) == {"tags": {"a": Secret("b")}}


@pytest.mark.parametrize(
    ("value", "pattern", "marked"),
    [
        ("x", Secret("y"), Secret("x")),
        ({"a": 1, "b": 2}, {"a": Secret(0)}, {"a": Secret(1), "b": 2}),
        ([1, 2], [Secret(1), 2], Secret([1, 2])),
        ("x", "x", "x"),
        (Secret("x"), Secret("x"), Secret("x")),
        (None, Secret("x"), None),
    ],
)
def test_outputs_are_secret_like_inputs(value: object, pattern: object, marked: object) -> None:
    assert secret_like(value, pattern) == marked


THING = Resource(
    inputs=frozenset({"name", "tags", "rules", "disk", "groups", "data", "swap"}),
    create=lambda call, inputs: ("id", {}),
    update=lambda call, identifier, state, inputs: {},
    force_new=frozenset({"name"}),
    force_new_paths=frozenset({"disk.encrypted"}),
    unordered=frozenset({"groups"}),
    computed=frozenset({"data", "disk.size"}),
    replaces_when=lambda old, new: ["data"] if new.get("swap") else [],
)


@pytest.mark.parametrize(
    ("old", "new", "found", "replaces"),
    [
        ({"name": "a"}, {"name": "a"}, {}, []),
        ({"name": "a"}, {"name": "b"}, {"name": "update"}, ["name"]),
        ({}, {"name": "b"}, {"name": "add"}, ["name"]),
        ({"name": "a"}, {}, {"name": "delete"}, ["name"]),
        ({"name": "a"}, {"name": UNKNOWN}, {"name": "update"}, ["name"]),
        ({"tags": {"a": "1", "b": "2"}}, {"tags": {"a": "3"}}, {"tags.a": "update", "tags.b": "delete"}, []),
        ({"tags": {"x.y": "1"}}, {"tags": {"x.y": "2"}}, {'tags["x.y"]': "update"}, []),
        ({"rules": [{"p": 1}]}, {"rules": [{"p": 2}, {"p": 3}]}, {"rules[0].p": "update", "rules[1]": "add"}, []),
        (
            {"disk": {"size": 8, "encrypted": False}},
            {"disk": {"size": 9, "encrypted": True}},
            {"disk.encrypted": "update", "disk.size": "update"},
            ["disk.encrypted"],
        ),
        ({"disk": {"size": 8}}, {}, {"disk": "delete"}, ["disk"]),
        ({"data": "a", "disk": {"size": 8, "kind": "x"}}, {"disk": {}}, {"disk.kind": "delete"}, []),
        ({"groups": ["a", "b"]}, {"groups": ["b", "a"]}, {}, []),
        ({"groups": ["a", UNKNOWN]}, {"groups": ["a", UNKNOWN]}, {"groups[1]": "update"}, []),
        ({"data": "a"}, {"data": "b"}, {"data": "update"}, []),
        ({"data": "a", "swap": True}, {"data": "b", "swap": True}, {"data": "update"}, ["data"]),
        ({"__defaults": ["name"]}, {"__defaults": []}, {}, []),
    ],
)
def test_changes(old: dict[str, Any], new: dict[str, Any], found: dict[str, str], replaces: list[str]) -> None:
    assert changes(THING, old, new) == found
    assert replacing(THING, found, old, new) == replaces


def test_ignored_changes_are_none() -> None:
    old, new = {"tags": {"a": "1", "b": "1"}, "name": "x"}, {"tags": {"a": "2", "b": "2"}, "name": "y"}
    assert changes(THING, old, new, ["tags.a", "name"]) == {"tags.b": "update"}


@pytest.mark.parametrize(
    ("inputs", "outputs", "refreshed"),
    [
        ({"name": "a"}, {"name": "b", "data": "filled in by the cloud"}, {"name": "b"}),
        ({"name": "a"}, {"data": "x"}, {}),
        ({"tags": {"a": "1"}}, {"tags": {"a": "1", "b": "2"}}, {"tags": {"a": "1", "b": "2"}}),
        ({"disk": {"size": 8}}, {"disk": {"size": 9, "id": "vol-1"}}, {"disk": {"size": 9}}),
        ({"groups": ["b", "a"]}, {"groups": ["a", "b"]}, {"groups": ["b", "a"]}),
        ({"rules": [{"p": 1}]}, {"rules": [{"p": 2, "q": 0}]}, {"rules": [{"p": 2}]}),
        ({"rules": [{"p": 1}]}, {"rules": [{"p": 1}, {"p": 2}]}, {"rules": [{"p": 1}, {"p": 2}]}),
        ({"name": "a", "__defaults": ["name"]}, {"name": "a"}, {"name": "a", "__defaults": ["name"]}),
        ({}, {"name": "imported", "arn": "no input"}, {"name": "imported"}),
    ],
)
def test_inputs_after_a_refresh(inputs: dict[str, Any], outputs: dict[str, Any], refreshed: dict[str, Any]) -> None:
    assert refreshed_inputs(THING, inputs, outputs) == refreshed
