"""Runs the real program with a monitor that writes down every request in full: inputs, options, invokes, outputs.

The SDK's own mocks show inputs only and accept two resources of one name; this one keeps the whole request, answers
as the engine does (in a preview what a provider computes is unknown) and refuses a second resource of a URN.
"""

from __future__ import annotations

import asyncio
import json
import os
import runpy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

import grpc
import pulumi
import yaml
from google.protobuf import empty_pb2
from pulumi.runtime import settings as sdk_settings
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.proto import resource_pb2

from lab.clouds.plugins.values import Values, from_struct, plain, to_struct

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "aws-oci-libreswan"
STACK = "dev"
COMPARTMENT = "ocid1.compartment.oc1..example"

# (invoke token, plain arguments) -> result, or LookupError where the look-up fails
Answer = Callable[[str, Values], Values]
# (type token, logical name, inputs with Secret and UNKNOWN) -> what the provider adds
Compute = Callable[[str, str, Values], Values]


@dataclass(frozen=True)
class Resource:
    """One RegisterResource request."""

    urn: str
    request: Any

    @property
    def type(self) -> str:
        return str(self.request.type)

    @property
    def name(self) -> str:
        return str(self.request.name)

    @property
    def is_component(self) -> bool:
        return not self.request.custom

    @cached_property
    def values(self) -> Values:
        """Inputs; a secret is Secret(value), an unknown UNKNOWN."""
        return from_struct(self.request.object)

    @cached_property
    def inputs(self) -> Values:
        """Inputs without their secret marks."""
        inputs: Values = plain(self.values)
        return inputs


@dataclass(frozen=True)
class Invoke:
    token: str
    args: Values
    provider: str


@dataclass
class Recording:
    """What one run of the program asked the engine for."""

    resources: list[Resource] = field(default_factory=list)
    invokes: list[Invoke] = field(default_factory=list)
    outputs: dict[str, Values] = field(default_factory=dict)
    """Registered outputs by URN, secrets marked."""
    variables: dict[str, Any] = field(default_factory=dict)
    """What the program's names stood for at its end."""

    def pairs(self) -> list[tuple[str, str]]:
        """(type, logical name) of everything, sorted; a name twice stands there twice."""
        return sorted((resource.type, resource.name) for resource in self.resources)

    def of_type(self, type_token: str) -> list[Resource]:
        return sorted((r for r in self.resources if r.type == type_token), key=lambda r: r.name)

    def one(self, type_token: str, name: str) -> Resource:
        [found] = [r for r in self.resources if (r.type, r.name) == (type_token, name)]
        return found

    def by_urn(self, urn: str) -> Resource:
        [found] = [r for r in self.resources if r.urn == urn]
        return found

    def dependencies(self, resource: Resource) -> set[tuple[str, str]]:
        """(type, name) of what a resource waits for, components left out, by option or by input."""
        found = (self.by_urn(urn) for urn in resource.request.dependencies)
        return {(r.type, r.name) for r in found if not r.is_component}

    @property
    def stack_outputs(self) -> Values:
        return self.outputs[stack_urn()]


def stack_urn() -> str:
    return f"urn:pulumi:{STACK}::{PROJECT}::pulumi:pulumi:Stack::{PROJECT}-{STACK}"


class Monitor(MockMonitor):
    """The engine's side of a run, without an engine."""

    def __init__(self, answer: Answer, compute: Compute, *, preview: bool) -> None:
        super().__init__(_NoMocks())
        self._answer, self._compute, self._preview = answer, compute, preview
        self.recording = Recording()
        self._urns: set[str] = set()

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """As the engine makes it: all the types above, but for the stack's."""
        above = parent.split("::")[2] if parent else ""
        qualified = type_ if above in ("", "pulumi:pulumi:Stack") else f"{above}${type_}"
        return f"urn:pulumi:{STACK}::{PROJECT}::{qualified}::{name}"

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 (gRPC's name)
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == "pulumi:pulumi:Stack":
            return resource_pb2.RegisterResourceResponse(urn=urn)
        assert urn not in self._urns, f"Duplicate resource URN '{urn}'"
        self._urns.add(urn)
        kept = resource_pb2.RegisterResourceRequest()
        kept.CopyFrom(request)
        resource = Resource(urn, kept)
        self.recording.resources.append(resource)
        if self._preview or not request.custom:
            identity = ""
            state = request.object
        else:
            # Names repeat between types, so an id that lands in the wrong place shows.
            identity = f"{request.type.rsplit(':', 1)[1]}/{request.name}"
            state = to_struct({**resource.values, **self._compute(request.type, request.name, resource.values)})
        return resource_pb2.RegisterResourceResponse(urn=urn, id=identity, object=state)

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        self.recording.outputs[request.urn] = from_struct(request.outputs)
        return empty_pb2.Empty()

    def Invoke(self, request: Any) -> Any:  # noqa: N802
        args = plain(from_struct(request.args))
        self.recording.invokes.append(Invoke(request.tok, args, request.provider))
        try:
            result = to_struct(self._answer(request.tok, args))
        except LookupError as missing:
            raise _LookUpFailed(str(missing)) from missing
        response = resource_pb2.ResourceInvokeResponse()
        getattr(response, "return").CopyFrom(result)
        return response


class _LookUpFailed(grpc.RpcError):  # noqa: N818 (as gRPC raises it)
    """What the SDK sees when a provider's look-up fails; any other exception it would take for a crash."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNKNOWN

    def details(self) -> str:
        return str(self)


class _NoMocks(pulumi.runtime.Mocks):
    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        raise AssertionError("the monitor answers by itself")

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> Any:
        raise AssertionError("the monitor answers by itself")


class RefusedError(Exception):
    """The program ended with an error; what it had registered by then is in `recording`."""

    def __init__(self, recording: Recording, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.recording, self.cause = recording, cause


def run(
    config: Mapping[str, object],
    answer: Answer,
    compute: Compute,
    *,
    secret: Iterable[str] = (),
    preview: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Recording:
    """
    Runs __main__.py once, with nothing left of another run. Config keys without a colon are the project's; values
    that are no text become JSON, as the engine hands them over. Raises RefusedError with the program's own error.
    """
    monitor = Monitor(answer, compute, preview=preview)
    with patch.dict(os.environ, _environment(config, secret, environment or {}), clear=True):
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        # A run that failed leaves outputs behind that nothing will resolve any more.
        sdk_settings.SETTINGS.outputs.clear()
        # set_mocks makes a stack of its own; the program gets a fresh one whose outputs are registered at its end.
        _forget_stack()
        pulumi.runtime.set_mocks(monitor.mocks, PROJECT, STACK, preview, monitor=monitor)
        _forget_stack()
        try:
            loop.run_until_complete(pulumi.runtime.run_in_stack(lambda: _program(monitor.recording)))
        except Exception as ended:
            # Outputs that nobody reads any more have failed too: asyncio would log each of them whenever it is
            # collected, and a traceback that is formatted during another parse breaks that (Python 3.11).
            loop.set_exception_handler(lambda _loop, _context: None)
            raise RefusedError(monitor.recording, ended) from ended
        finally:
            _forget_stack()
            _end(loop)
    return monitor.recording


def _end(loop: asyncio.AbstractEventLoop) -> None:
    """Closes the loop of a run; what a failed program left waiting ends with it."""
    waiting = asyncio.all_tasks(loop)
    for task in waiting:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*waiting, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_default_executor())
    asyncio.set_event_loop(None)
    loop.close()


def _forget_stack() -> None:
    sdk_settings.set_root_resource(None)  # type: ignore[arg-type]  # its type leaves out the state before a stack


def _program(recording: Recording) -> None:
    recording.variables = runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")


def known_and_secret(output: pulumi.Output[Any]) -> tuple[bool, bool]:
    """Of an output of a program that has ended."""

    async def ask() -> tuple[bool, bool]:
        return await output.is_known(), await output.is_secret()

    return asyncio.run(ask())


def _environment(config: Mapping[str, object], secret: Iterable[str], more: Mapping[str, str]) -> dict[str, str]:
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "OCI_", "TF_VAR_", "PULUMI_"))
    }
    values = {_full(key): _text(value) for key, value in config.items()}
    return {
        **kept,
        "PULUMI_ERROR_OUTPUT_STRING": "true",
        "PULUMI_CONFIG": json.dumps(values),
        "PULUMI_CONFIG_SECRET_KEYS": json.dumps([_full(key) for key in secret]),
        **more,
    }


def _full(key: str) -> str:
    return key if ":" in key else f"{PROJECT}:{key}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def dev_config(**changes: object) -> dict[str, object]:
    """Pulumi.dev.yaml as it is in the repository, with the one key that a user sets; None takes a key away."""
    written = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8"))["config"]
    config = {key.removeprefix(f"{PROJECT}:"): value for key, value in written.items()}
    config |= {"compartmentId": COMPARTMENT} | changes
    return {key: value for key, value in config.items() if value is not None}
