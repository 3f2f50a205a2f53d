"""The servicer over gRPC with a made-up plugin: what the engine is told in every call.

Does not prove how the engine takes it: tests/engine runs the real one.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto import provider_pb2_grpc, status_pb2

from lab.clouds.plugins.table import Call, Failure, InitFailedError, Plugin, ProviderError, Resource
from lab.clouds.plugins.values import UNKNOWN, Secret, Values, from_struct, to_struct
from tests.clouds.refusals import trailing_metadata

TOKEN = "made:up/thing:Thing"


class Cloud:
    """Objects by id, as a cloud has them, and what the plugin was given."""

    def __init__(self) -> None:
        self.objects: dict[str, Values] = {}
        self.calls: list[Call] = []

    def create(self, call: Call, inputs: Values) -> tuple[str, Values]:
        self.calls.append(call)
        if inputs.get("size") == 13:
            raise ProviderError("thirteen is out of stock")
        if inputs.get("size") == 14:
            raise InitFailedError("half", {"arn": "arn:half"}, "it never came up")
        if inputs.get("size") == 15:
            raise KeyError("a mistake of the plugin's")
        if inputs.get("size") == 16:
            raise TimeoutError("words of an SDK")
        self.objects["id-1"] = dict(inputs)
        return "id-1", {"arn": "arn:1", "key": "made by the cloud", "version": 1}

    def read(self, call: Call, identifier: str, state: Values) -> Values | None:
        found = self.objects.get(identifier)
        return None if found is None else {"note": None, **found}

    def update(self, call: Call, identifier: str, state: Values, inputs: Values) -> Values:
        self.objects[identifier] = dict(inputs)
        return {"version": state["version"] + 1}

    def delete(self, call: Call, identifier: str, state: Values) -> None:
        self.objects.pop(identifier, None)


@pytest.fixture
def backend() -> Cloud:
    return Cloud()


@pytest.fixture
def plugin(backend: Cloud, tmp_path: Path) -> Plugin:
    def check(inputs: Values, config: Values) -> list[Failure]:
        return [Failure("size", f"size: {inputs['size']} is refused: too big")] if inputs.get("size") == 99 else []

    thing = Resource(
        inputs=frozenset({"name", "size", "note", "tags"}),
        required=frozenset({"size"}),
        force_new=frozenset({"name"}),
        computed=frozenset({"arn", "key", "version"}),
        recomputed={"version": frozenset({"size"})},
        secret_outputs=frozenset({"key"}),
        auto_name="name",
        check=check,
        create=backend.create,
        read=backend.read,
        update=backend.update,
        delete=backend.delete,
    )
    return Plugin(
        name="made",
        version="1.2.3",
        environment={"LAB_FAULTS": str(tmp_path / "faults.json"), "LAB_RECORD": str(tmp_path / "record.jsonl")},
        resources={TOKEN: thing},
        functions={"made:up/get:get": lambda call, arguments: {"said": arguments["word"], "in": call.config["place"]}},
        check_config=lambda config: [] if config.get("place") else [Failure("place", "place is missing")],
        config_force_new=frozenset({"place"}),
        explain=lambda error: f"the SDK says: {error}" if isinstance(error, TimeoutError) else None,
    )


@pytest.fixture
def engine(plugin: Plugin, serve: Callable[[Plugin], Any]) -> Any:
    connected = serve(plugin)
    connected.configure({"place": "here"})
    return connected


def refusal(action: Callable[[], object]) -> str:
    with pytest.raises(grpc.RpcError) as refused:
        action()
    assert refused.value.code() == grpc.StatusCode.UNKNOWN
    return str(refused.value.details())


def test_it_says_what_it_is(engine: Any) -> None:
    assert engine.stub.GetPluginInfo(Empty()).version == "1.2.3"
    assert json.loads(engine.stub.GetSchema(pb.GetSchemaRequest()).schema) == {"name": "made", "version": "1.2.3"}
    assert engine.stub.Handshake(pb.ProviderHandshakeRequest()).accept_secrets is True


def test_configuration_is_checked_and_its_place_replaces(engine: Any) -> None:
    answer = engine.stub.CheckConfig(pb.CheckRequest(news=to_struct({"other": "x"})))
    assert [(one.property, one.reason) for one in answer.failures] == [("place", "place is missing")]
    told = engine.stub.DiffConfig(
        pb.DiffRequest(
            old_inputs=to_struct({"place": "here", "other": "x"}), news=to_struct({"place": "there", "other": "y"})
        )
    )
    assert (list(told.diffs), list(told.replaces)) == (["other", "place"], ["place"])


def test_nested_configuration_and_secrets_arrive_plain(engine: Any, backend: Cloud) -> None:
    engine.configure({"place": Secret("here"), "tags": '{"tags": {"a": "b"}}', "skip": "true", "text": "truest"})
    engine.create(TOKEN, {"size": 1})
    assert backend.calls[-1].config == {"place": "here", "tags": {"tags": {"a": "b"}}, "skip": True, "text": "truest"}


def test_every_connection_has_its_own_configuration(engine: Any) -> None:
    """An attached plugin is one process, and a program may have two providers of it."""
    second = grpc.insecure_channel(engine.address, options=[("grpc.use_local_subchannel_pool", 1)])
    other = provider_pb2_grpc.ResourceProviderStub(second)
    other.Configure(pb.ConfigureRequest(args=to_struct({"place": "there"})))
    asked = pb.InvokeRequest(tok="made:up/get:get", args=to_struct({"word": "hello"}))
    assert from_struct(getattr(other.Invoke(asked), "return")) == {"said": "hello", "in": "there"}
    assert engine.invoke("made:up/get:get", {"word": "hello"}) == {"said": "hello", "in": "here"}
    second.close()


@pytest.mark.parametrize(
    ("news", "failures"),
    [
        ({"size": 1}, []),
        ({"size": UNKNOWN}, []),
        ({}, [("size", "Missing required argument: 'size' is required, but no definition was found")]),
        (
            {"size": 1, "sise": 2},
            [("sise", "Invalid or unknown key: 'sise'; implemented here: name, note, size, tags")],
        ),
        ({"size": 99}, [("size", "size: 99 is refused: too big")]),
    ],
)
def test_check_refuses(engine: Any, news: Values, failures: list[tuple[str, str]]) -> None:
    assert engine.check(TOKEN, news)[1] == failures


def test_check_keeps_secrets_and_unknowns(engine: Any) -> None:
    inputs, _ = engine.check(TOKEN, {"size": UNKNOWN, "note": Secret("hush"), "tags": {"a": Secret("b"), "c": "d"}})
    assert inputs.pop("name").startswith("it-")
    assert inputs == {
        "size": UNKNOWN,
        "note": Secret("hush"),
        "tags": {"a": Secret("b"), "c": "d"},
        "__defaults": ["name"],
    }


def test_a_name_is_made_once_and_kept(engine: Any) -> None:
    first, _ = engine.check(TOKEN, {"size": 1}, "host")
    assert first["name"].removeprefix("host-").isalnum() and len(first["name"]) == len("host-") + 7
    # The seed of a preview is that of the run.
    assert engine.check(TOKEN, {"size": 1}, "host")[0]["name"] == first["name"]
    kept = first | {"name": "host-0000000"}
    assert engine.check(TOKEN, {"size": 2}, "host", olds=kept)[0]["name"] == "host-0000000"
    assert engine.check(TOKEN, {"size": 2, "name": "own"}, "host", olds=kept)[0] == {"size": 2, "name": "own"}


def test_preview_of_a_creation_knows_inputs_only(engine: Any, backend: Cloud) -> None:
    assert engine.preview(TOKEN, {"size": 1, "name": "own"}) == {
        "size": 1,
        "name": "own",
        "arn": UNKNOWN,
        "key": Secret(UNKNOWN),
        "version": UNKNOWN,
    }
    assert backend.calls == []


def test_outputs_are_secret_by_schema_and_by_input(engine: Any) -> None:
    made = engine.create(TOKEN, {"size": 1, "name": "own", "note": Secret("hush")})
    assert (made.id, made.outputs) == (
        "id-1",
        {
            "size": 1,
            "name": "own",
            "note": Secret("hush"),
            "arn": "arn:1",
            "key": Secret("made by the cloud"),
            "version": 1,
        },
    )


def test_one_secret_hides_every_output_where_the_plugin_is_so(plugin: Plugin, serve: Callable[..., Any]) -> None:
    engine = serve(replace(plugin, any_secret_hides_all=True))
    open_ = engine.create(TOKEN, {"size": 1, "name": "own"})
    assert open_.outputs["arn"] == "arn:1"
    hidden = engine.create(TOKEN, {"size": 1, "name": "own", "note": Secret("hush")})
    assert (hidden.outputs["arn"], hidden.outputs["version"], hidden.outputs["size"]) == (
        Secret("arn:1"), Secret(1), 1,
    )  # fmt: skip


def test_functions_see_plain_values(engine: Any, backend: Cloud) -> None:
    engine.create(TOKEN, {"size": 1, "note": Secret("hush")}, "host")
    stored = backend.objects["id-1"]
    assert stored.pop("name").startswith("host-")
    assert stored == {"size": 1, "note": "hush"}
    assert (backend.calls[-1].name, backend.calls[-1].timeout) == ("host", None)


def test_diff_details_and_replacement(engine: Any) -> None:
    made = engine.create(TOKEN, {"size": 1, "tags": {"a": "1"}})
    same = engine.diff(made, {"size": 1, "tags": {"a": "1"}})
    assert (same.changes, same.hasDetailedDiff) == (pb.DiffResponse.DIFF_NONE, True)
    told = engine.diff(made, {"size": 2, "tags": {"a": "1", "b": "2"}, "name": "own"})
    kinds = {path: (pb.PropertyDiff.Kind.Name(one.kind), one.inputDiff) for path, one in told.detailedDiff.items()}
    assert kinds == {"name": ("UPDATE_REPLACE", True), "size": ("UPDATE", True), "tags.b": ("ADD", True)}
    assert (list(told.diffs), list(told.replaces)) == (["name", "size", "tags"], ["name"])
    assert told.deleteBeforeReplace is False
    ignoring = engine.diff(made, {"size": 2, "tags": {"a": "1"}}, ignore=("size",))
    assert ignoring.changes == pb.DiffResponse.DIFF_NONE


def test_a_name_given_and_kept_must_go_first(plugin: Plugin, serve: Callable[..., Any]) -> None:
    thing = replace(plugin.resources[TOKEN], force_new=frozenset({"size"}))
    engine = serve(replace(plugin, resources={TOKEN: thing}))
    own = engine.create(TOKEN, {"size": 1, "name": "own"})
    assert engine.diff(own, {"size": 2, "name": "own"}).deleteBeforeReplace is True
    assert engine.diff(own, {"size": 2, "name": "other"}).deleteBeforeReplace is False
    named = engine.create(TOKEN, {"size": 1})
    assert engine.diff(named, {"size": 2}).deleteBeforeReplace is False


def test_update(engine: Any) -> None:
    made = engine.create(TOKEN, {"size": 1, "name": "own", "note": Secret("hush")})
    before = dict(made.outputs)
    assert engine.update(made, {"size": 2, "name": "own"}, preview=True) == {
        "size": 2,
        "name": "own",
        "arn": "arn:1",
        "key": Secret("made by the cloud"),
        "version": UNKNOWN,
    }
    # What does not move it leaves it known.
    assert engine.update(made, {"size": 1, "name": "own", "note": "said"}, preview=True)["version"] == 1
    assert made.outputs == before
    after = engine.update(made, {"size": 2, "name": "own"})
    assert (after["size"], after["version"], "note" in after) == (2, 2, False)


def test_what_cannot_be_updated_is_replaced(plugin: Plugin, serve: Callable[..., Any]) -> None:
    engine = serve(replace(plugin, resources={TOKEN: replace(plugin.resources[TOKEN], update=None)}))
    made = engine.create(TOKEN, {"size": 1, "name": "own"})
    assert list(engine.diff(made, {"size": 2, "name": "own"}).replaces) == ["size"]
    assert refusal(lambda: engine.update(made, {"size": 2, "name": "own"})) == (
        "made:up/thing:Thing cannot be updated, only replaced"
    )


def test_refresh_takes_over_what_is_there(engine: Any, backend: Cloud) -> None:
    made = engine.create(TOKEN, {"size": 1, "name": "own", "note": Secret("hush")})
    backend.objects["id-1"].update(size=5, tags={"by": "someone"})
    assert engine.refresh(made) is True
    assert made.inputs == {"size": 5, "name": "own", "note": Secret("hush")}
    assert (made.outputs["size"], made.outputs["tags"], made.outputs["key"]) == (
        5, {"by": "someone"}, Secret("made by the cloud"),
    )  # fmt: skip
    del backend.objects["id-1"]["note"]
    assert engine.refresh(made) is True
    assert "note" not in made.inputs and "note" not in made.outputs
    backend.objects.clear()
    assert engine.refresh(made) is False


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (13, "thirteen is out of stock"),
        (14, "it never came up"),
        (15, 'KeyError: "a mistake of the plugin\'s"'),
        (16, "the SDK says: words of an SDK"),
    ],
)
def test_errors_are_told(engine: Any, size: int, message: str) -> None:
    assert refusal(lambda: engine.create(TOKEN, {"size": size})) == message


def test_an_object_that_never_came_up_is_not_lost(engine: Any) -> None:
    inputs = {"size": 14, "name": "own", "note": Secret("hush")}
    with pytest.raises(grpc.RpcError) as refused:
        engine.create(TOKEN, inputs)
    [packed] = [value for key, value in trailing_metadata(refused.value) if key == "grpc-status-details-bin"]
    failed = pb.ErrorResourceInitFailed()
    assert status_pb2.Status.FromString(packed).details[0].Unpack(failed)
    assert (failed.id, list(failed.reasons)) == ("half", ["it never came up"])
    assert from_struct(failed.properties) == inputs | {"arn": "arn:half"}
    assert from_struct(failed.inputs) == inputs


def test_unknown_types_and_functions_are_refused(engine: Any) -> None:
    assert refusal(lambda: engine.create("made:up/other:Other", {})) == (
        "the stand-in made plugin has no type made:up/other:Other"
    )
    assert refusal(lambda: engine.invoke("made:up/no:no")) == "the stand-in made plugin has no function made:up/no:no"


def test_registered_inputs_are_recorded_without_secrets(engine: Any, tmp_path: Path) -> None:
    engine.check(TOKEN, {"size": UNKNOWN, "note": Secret("hush")}, "host")
    engine.check(TOKEN, {"sise": 1}, "typo")
    lines = (tmp_path / "record.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"type": TOKEN, "name": "host", "inputs": {"size": "[unknown]", "note": "[secret]"}},
        {"type": TOKEN, "name": "typo", "inputs": {"sise": 1}},
    ]


def test_faults(engine: Any, backend: Cloud, tmp_path: Path) -> None:
    def order(*faults: Values) -> None:
        (tmp_path / "faults.json").write_text(json.dumps(faults), encoding="utf-8")

    order({"type": TOKEN, "operation": "create", "error": "no capacity", "times": 1, "name": "ho*"})
    assert engine.create(TOKEN, {"size": 1}, "other").id == "id-1"
    assert refusal(lambda: engine.create(TOKEN, {"size": 1}, "host")) == "no capacity"
    assert len(backend.calls) == 1
    made = engine.create(TOKEN, {"size": 1}, "host")
    order({"type": "*", "operation": "update", "error": "slow down"})
    assert refusal(lambda: engine.update(made, {"size": 2})) == "slow down"
    assert engine.update(made, {"size": 2}, preview=True)["size"] == 2
    order({"type": "*", "operation": "read", "error": "blind"})
    assert refusal(lambda: engine.refresh(made)) == "blind"
    order({"type": "made:up/get:get", "operation": "invoke", "error": "deaf"})
    assert refusal(lambda: engine.invoke("made:up/get:get", {"word": "x"})) == "deaf"
    order({"type": TOKEN, "operation": "delete", "error": "stuck"})
    assert refusal(lambda: engine.delete(made)) == "stuck"
    order({"type": TOKEN, "operation": "delete", "eror": "typo"})
    assert refusal(lambda: engine.delete(made)) == (
        "LAB_FAULTS: 'eror' is refused: a fault has only "
        "['delay', 'error', 'mark', 'name', 'operation', 'times', 'type']"
    )


def test_a_fault_after_a_create_is_marked_with_what_was_made(engine: Any, backend: Cloud, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    order = [{"type": TOKEN, "operation": "created", "error": "no answer", "mark": str(mark)}]
    (tmp_path / "faults.json").write_text(json.dumps(order), encoding="utf-8")
    assert refusal(lambda: engine.create(TOKEN, {"size": 1}, "host")) == "no answer"
    assert len(backend.calls) == 1
    assert json.loads(mark.read_text()) == {"name": "host", "id": "id-1"}


def test_a_delay_ends_when_the_engine_cancels(engine: Any, tmp_path: Path) -> None:
    order = [{"type": TOKEN, "operation": "create", "delay": 60}]
    (tmp_path / "faults.json").write_text(json.dumps(order), encoding="utf-8")
    ended = threading.Event()

    def create() -> None:
        engine.create(TOKEN, {"size": 1})
        ended.set()

    threading.Thread(target=create, daemon=True).start()
    assert not ended.wait(0.3)
    engine.stub.Cancel(Empty())
    assert ended.wait(10)


def test_a_delay_ends_with_its_engine_and_nothing_is_made(engine: Any, backend: Cloud, tmp_path: Path) -> None:
    """A killed engine's call that was still on its way never reaches the cloud."""
    order = [{"type": TOKEN, "operation": "create", "delay": 0.5}]
    (tmp_path / "faults.json").write_text(json.dumps(order), encoding="utf-8")
    channel = grpc.insecure_channel(engine.address, options=[("grpc.use_local_subchannel_pool", 1)])
    request = pb.CreateRequest(urn=f"urn:pulumi:dev::lab::{TOKEN}::host", properties=to_struct({"size": 1}))
    under_way = provider_pb2_grpc.ResourceProviderStub(channel).Create.future(request)
    assert not under_way.done()
    time.sleep(0.2)
    channel.close()
    time.sleep(0.6)
    assert backend.calls == []


def test_a_port_that_is_used_again_is_a_later_engines(engine: Any, tmp_path: Path) -> None:
    """Ports come round: what an earlier engine has cancelled there must not reach a later one."""
    engine.stub.Cancel(Empty())
    engine.stub.Handshake(pb.ProviderHandshakeRequest())
    order = [{"type": TOKEN, "operation": "create", "delay": 0.5}]
    (tmp_path / "faults.json").write_text(json.dumps(order), encoding="utf-8")
    began = time.monotonic()
    engine.create(TOKEN, {"size": 1})
    assert time.monotonic() - began >= 0.5, "the delay was cut short by what the other one had cancelled"
