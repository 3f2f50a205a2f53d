"""The engine's side of the plugin protocol, for any stand-in plugin."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto import provider_pb2_grpc

from lab.clouds.aws.server import AwsCloud, start_aws
from lab.clouds.plugins import aws
from lab.clouds.plugins.servicer import start_plugin
from lab.clouds.plugins.table import Plugin
from lab.clouds.plugins.values import Values, from_struct, plain, to_struct

REGION = "eu-central-1"


def urn(token: str, name: str) -> str:
    return f"urn:pulumi:dev::lab::parent:index:Parent${token}::{name}"


@dataclass
class Made:
    """A resource in the engine's state. Inputs and outputs keep their secrets."""

    token: str
    name: str
    id: str
    inputs: Values
    outputs: Values

    def __getitem__(self, key: str) -> Any:
        return plain(self.outputs[key])


@dataclass
class Engine:
    """Calls a plugin as the engine does: Check before Create and Update, inputs and outputs kept."""

    stub: Any
    address: str
    made: list[Made] = field(default_factory=list)

    def configure(self, config: Values) -> None:
        self.stub.Configure(pb.ConfigureRequest(args=to_struct(config)))

    def check(self, token: str, news: Values, name: str = "it", olds: Values | None = None) -> tuple[Values, Any]:
        answer = self.stub.Check(
            pb.CheckRequest(urn=urn(token, name), news=to_struct(news), olds=to_struct(olds or {}), randomSeed=b"seed")
        )
        return from_struct(answer.inputs), [(failure.property, failure.reason) for failure in answer.failures]

    def accepted(self, token: str, news: Values, name: str, olds: Values | None = None) -> Values:
        inputs, failures = self.check(token, news, name, olds)
        assert failures == []
        return inputs

    def preview(self, token: str, news: Values, name: str = "it") -> Values:
        inputs = self.accepted(token, news, name)
        request = pb.CreateRequest(urn=urn(token, name), properties=to_struct(inputs), preview=True)
        answer = self.stub.Create(request)
        assert answer.id == ""
        return from_struct(answer.properties)

    def create(self, token: str, news: Values, name: str = "it") -> Made:
        inputs = self.accepted(token, news, name)
        answer = self.stub.Create(pb.CreateRequest(urn=urn(token, name), properties=to_struct(inputs)))
        self.made.append(Made(token, name, answer.id, inputs, from_struct(answer.properties)))
        return self.made[-1]

    def diff(self, made: Made, news: Values, ignore: tuple[str, ...] = ()) -> Any:
        inputs = self.accepted(made.token, news, made.name, made.inputs)
        return self.stub.Diff(
            pb.DiffRequest(
                id=made.id,
                urn=urn(made.token, made.name),
                olds=to_struct(made.outputs),
                old_inputs=to_struct(made.inputs),
                news=to_struct(inputs),
                ignoreChanges=ignore,
            )
        )

    def update(self, made: Made, news: Values, preview: bool = False) -> Values:
        inputs = self.accepted(made.token, news, made.name, made.inputs)
        answer = self.stub.Update(
            pb.UpdateRequest(
                id=made.id,
                urn=urn(made.token, made.name),
                olds=to_struct(made.outputs),
                old_inputs=to_struct(made.inputs),
                news=to_struct(inputs),
                preview=preview,
            )
        )
        outputs = from_struct(answer.properties)
        if not preview:
            made.inputs, made.outputs = inputs, outputs
        return outputs

    def refresh(self, made: Made) -> bool:
        """Whether it is still there."""
        answer = self.stub.Read(
            pb.ReadRequest(
                id=made.id,
                urn=urn(made.token, made.name),
                inputs=to_struct(made.inputs),
                properties=to_struct(made.outputs),
            )
        )
        made.inputs, made.outputs = from_struct(answer.inputs), from_struct(answer.properties)
        return bool(answer.id)

    def delete(self, made: Made) -> None:
        request = pb.DeleteRequest(id=made.id, urn=urn(made.token, made.name), properties=to_struct(made.outputs))
        self.stub.Delete(request)
        if made in self.made:
            self.made.remove(made)

    def destroy(self) -> None:
        """Everything made here, last first."""
        for made in reversed(list(self.made)):
            self.delete(made)

    def invoke(self, token: str, arguments: Values | None = None) -> Values:
        answer = self.stub.Invoke(pb.InvokeRequest(tok=token, args=to_struct(arguments or {})))
        result: Values = plain(from_struct(getattr(answer, "return")))
        return result


@pytest.fixture
def serve() -> Iterator[Callable[[Plugin], Engine]]:
    """Starts a plugin and connects to it."""
    ends: list[Callable[[], None]] = []

    def start(plugin: Plugin) -> Engine:
        running = start_plugin(plugin)
        address = f"127.0.0.1:{running.port}"
        channel = grpc.insecure_channel(address)
        ends.extend([channel.close, running.stop])
        return Engine(provider_pb2_grpc.ResourceProviderStub(channel), address)

    yield start
    for end in ends:
        end()


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("amazon") / "calls.jsonl"


@pytest.fixture(scope="module")
def cloud(record: Path) -> Iterator[AwsCloud]:
    """One account for a file of tests: starting takes seconds, and a test leaves nothing behind."""
    started = start_aws(record=record)
    started.behaviour.detach_seconds = 0.3
    yield started
    started.stop()


@pytest.fixture(scope="module")
def amazon_stub(cloud: AwsCloud) -> Iterator[tuple[Any, str]]:
    running = start_plugin(aws.plugin({"AWS_ENDPOINT_URL": cloud.endpoint}))
    address = f"127.0.0.1:{running.port}"
    channel = grpc.insecure_channel(address)
    yield provider_pb2_grpc.ResourceProviderStub(channel), address
    channel.close()
    running.stop()


@pytest.fixture
def amazon(cloud: AwsCloud, amazon_stub: tuple[Any, str]) -> Iterator[Engine]:
    """The AWS plugin before an account that is empty, and must be so again in the end."""
    engine = Engine(*amazon_stub)
    engine.configure({"region": REGION})
    yield engine
    engine.destroy()
    assert cloud.leftovers(REGION) == {}


@pytest.fixture
def calls(record: Path) -> Callable[[], list[str]]:
    """Operations of the AWS API since the last time, reads left out."""
    seen = 0

    def since() -> list[str]:
        nonlocal seen
        lines = record.read_text(encoding="utf-8").splitlines()
        fresh, seen = lines[seen:], len(lines)
        operations = [json.loads(line)["operation"] for line in fresh]
        return [one for one in operations if not one.startswith(("Describe", "Get", "List"))]

    return since
