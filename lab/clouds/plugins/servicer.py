"""A Pulumi resource provider over gRPC, driven by a table: what every stand-in plugin has in common."""

# ruff: noqa: N802  (the methods' names are the protocol's)

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc, status_pb2
from pulumi.runtime.proto import provider_pb2 as pb

from lab.clouds.plugins.checking import DEFAULTS_KEY, auto_named, checked
from lab.clouds.plugins.diff import changes, refreshed_inputs, replacing
from lab.clouds.plugins.faults import Faults
from lab.clouds.plugins.recorder import Recorder
from lab.clouds.plugins.session import Session, Sessions
from lab.clouds.plugins.table import Call, Failure, InitFailedError, Plugin, ProviderError, Resource
from lab.clouds.plugins.values import (
    UNKNOWN,
    Secret,
    Values,
    from_json,
    from_struct,
    has_secret,
    plain,
    secret_like,
    to_struct,
)

# Every call of the engine waits in its own thread, as a deep program has many resources under way.
_THREADS = 64
_JSON = re.compile(r"[\[{]|(true|false)$")


@dataclass(frozen=True)
class RunningPlugin:
    """A plugin that listens on 127.0.0.1 for as long as this object is kept."""

    port: int
    _server: grpc.Server

    def stop(self) -> None:
        """Ends the server; calls under way get one second."""
        self._server.stop(grace=1).wait()


def start_plugin(plugin: Plugin, port: int = 0) -> RunningPlugin:
    """Serves the plugin on 127.0.0.1, on a free port if none is given. Raises RuntimeError if it is taken."""
    server = grpc.server(ThreadPoolExecutor(_THREADS), options=[("grpc.so_reuseport", 0)])
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(plugin), server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return RunningPlugin(bound, server)


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """The engine's protocol around one plugin's table."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin
        self._sessions = Sessions()
        self._faults = Faults(plugin.environment)
        self._recorder = Recorder(plugin.environment)

    # The provider itself

    def Handshake(self, request: Any, context: Any) -> Any:
        session = self._sessions.begin(context.peer())
        if request.engine_address:
            session.attach(request.engine_address)
        return pb.ProviderHandshakeResponse(accept_secrets=True)

    def Attach(self, request: Any, context: Any) -> Any:
        self._session(context).attach(request.address)
        return Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=self._plugin.version)

    def GetSchema(self, request: Any, context: Any) -> Any:
        return pb.GetSchemaResponse(schema=f'{{"name": "{self._plugin.name}", "version": "{self._plugin.version}"}}')

    def CheckConfig(self, request: Any, context: Any) -> Any:
        given = from_struct(request.news)
        failures = self._plugin.check_config(_configuration(given))
        return pb.CheckResponse(inputs=to_struct(given), failures=_failures(failures))

    def DiffConfig(self, request: Any, context: Any) -> Any:
        old, new = plain(from_struct(request.old_inputs)), plain(from_struct(request.news))
        diffs = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        return pb.DiffResponse(
            changes=pb.DiffResponse.DIFF_SOME if diffs else pb.DiffResponse.DIFF_NONE,
            diffs=diffs,
            replaces=[key for key in diffs if key in self._plugin.config_force_new],
        )

    def Configure(self, request: Any, context: Any) -> Any:
        self._session(context).config = _configuration(from_struct(request.args))
        return pb.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Cancel(self, request: Any, context: Any) -> Any:
        self._session(context).cancelled.set()
        return Empty()

    # Its resources

    def Check(self, request: Any, context: Any) -> Any:
        with self._reporting(context):
            resource, call = self._resource(request, context), self._call(request, context)
            news = from_struct(request.news)
            self._recorder.record(_type(request.urn), call.name, news)
            inputs, failures = checked(
                resource, call.name, plain(from_struct(request.olds)), news, request.randomSeed, call.config
            )
            return pb.CheckResponse(inputs=to_struct(inputs), failures=_failures(failures))

    def Diff(self, request: Any, context: Any) -> Any:
        with self._reporting(context):
            resource = self._resource(request, context)
            old, new = plain(from_struct(request.old_inputs)), plain(from_struct(request.news))
            found = changes(resource, old, new, request.ignoreChanges)
            replaces = replacing(resource, found, old, new)
            return pb.DiffResponse(
                changes=pb.DiffResponse.DIFF_SOME if found else pb.DiffResponse.DIFF_NONE,
                diffs=sorted({_top(path) for path in found}),
                replaces=sorted({_top(path) for path in replaces}),
                deleteBeforeReplace=bool(replaces) and _must_go_first(resource, old, new),
                detailedDiff={
                    path: pb.PropertyDiff(kind=_kind(kind, path in replaces), inputDiff=True)
                    for path, kind in found.items()
                },
                hasDetailedDiff=True,
            )

    def Create(self, request: Any, context: Any) -> Any:
        with self._reporting(context, request.properties):
            resource, call = self._resource(request, context), self._call(request, context)
            given = from_struct(request.properties)
            inputs = _handed(given)
            if request.preview:
                unknown = {key: UNKNOWN for key in resource.computed if key not in inputs and "." not in key}
                return pb.CreateResponse(properties=self._outputs(resource, inputs | unknown, given))
            self._faults.apply(_type(request.urn), "create", call.name, call.cancelled, context.is_active)
            identifier, outputs = resource.create(call, inputs)
            # The cloud has acted, and the engine does not know it yet.
            self._faults.apply(_type(request.urn), "created", call.name, call.cancelled, context.is_active, identifier)
            return pb.CreateResponse(id=identifier, properties=self._outputs(resource, inputs | outputs, given))

    def Read(self, request: Any, context: Any) -> Any:
        with self._reporting(context):
            resource, call = self._resource(request, context), self._call(request, context)
            given, known = from_struct(request.inputs), from_struct(request.properties)
            self._faults.apply(_type(request.urn), "read", call.name, call.cancelled, context.is_active)
            if resource.read is None:
                return pb.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)
            state = plain(known)
            outputs = resource.read(call, request.id, state)
            if outputs is None:
                return pb.ReadResponse()
            state = _present(state | outputs)
            inputs = refreshed_inputs(resource, plain(given), state)
            return pb.ReadResponse(
                id=request.id,
                inputs=to_struct(secret_like(inputs, given)),
                properties=self._outputs(resource, secret_like(state, known), given),
            )

    def Update(self, request: Any, context: Any) -> Any:
        with self._reporting(context, request.news):
            resource, call = self._resource(request, context), self._call(request, context)
            given = from_struct(request.news)
            old, inputs = plain(from_struct(request.olds)), _handed(given)
            before = plain(from_struct(request.old_inputs))
            gone = before.keys() - inputs.keys() - resource.computed
            kept = {key: value for key, value in old.items() if key not in gone} | inputs
            if request.preview:
                changed = {key for key in {*before, *inputs} if before.get(key) != inputs.get(key)}
                unknown = {
                    key: UNKNOWN
                    for key, causes in resource.recomputed.items()
                    if key not in inputs and (not causes or causes & changed)
                }
                return pb.UpdateResponse(properties=self._outputs(resource, kept | unknown, given))
            if resource.update is None:
                raise ProviderError(f"{_type(request.urn)} cannot be updated, only replaced")
            self._faults.apply(_type(request.urn), "update", call.name, call.cancelled, context.is_active)
            outputs = resource.update(call, request.id, old, inputs)
            return pb.UpdateResponse(properties=self._outputs(resource, kept | outputs, given))

    def Delete(self, request: Any, context: Any) -> Any:
        with self._reporting(context):
            resource, call = self._resource(request, context), self._call(request, context)
            self._faults.apply(_type(request.urn), "delete", call.name, call.cancelled, context.is_active)
            if resource.delete is not None:
                resource.delete(call, request.id, plain(from_struct(request.properties)))
            return Empty()

    def Invoke(self, request: Any, context: Any) -> Any:
        with self._reporting(context):
            if request.tok not in self._plugin.functions:
                raise ProviderError(f"the stand-in {self._plugin.name} plugin has no function {request.tok}")
            call = self._call(request, context)
            self._faults.apply(request.tok, "invoke", call.name, call.cancelled, context.is_active)
            result = self._plugin.functions[request.tok](call, plain(from_struct(request.args)))
            answer: dict[str, Any] = {"return": to_struct(result)}
            return pb.InvokeResponse(**answer)

    # What they share

    def _session(self, context: Any) -> Session:
        return self._sessions.of(context.peer())

    def _resource(self, request: Any, context: Any) -> Resource:
        found = self._plugin.resources.get(_type(request.urn))
        if found is None:
            raise ProviderError(f"the stand-in {self._plugin.name} plugin has no type {_type(request.urn)}")
        return found

    def _call(self, request: Any, context: Any) -> Call:
        session, urn = self._session(context), getattr(request, "urn", "")
        return Call(
            config=session.config,
            environment=self._plugin.environment,
            name=urn.split("::", 3)[-1],
            timeout=getattr(request, "timeout", 0) or None,
            cancelled=session.cancelled,
            log=lambda line: session.log(urn, line),
        )

    def _outputs(self, resource: Resource, outputs: Values, given: Values) -> Any:
        """Outputs on the wire, secret where the schema or the inputs say so."""
        marked = secret_like(_present(outputs), given)
        hidden = set(resource.secret_outputs)
        if self._plugin.any_secret_hides_all and has_secret(given):
            hidden |= outputs.keys() - given.keys()
        return to_struct(
            {
                key: Secret(value) if key in hidden and not isinstance(value, Secret) else value
                for key, value in marked.items()
            }
        )

    @contextmanager
    def _reporting(self, context: Any, inputs: Any = None) -> Iterator[None]:
        """Turns what goes wrong into the gRPC error whose text the engine shows."""
        try:
            yield
        except InitFailedError as failed:
            context.set_trailing_metadata((("grpc-status-details-bin", _details(failed, inputs)),))
            context.abort(grpc.StatusCode.UNKNOWN, str(failed))
        except ProviderError as refused:
            context.abort(grpc.StatusCode.UNKNOWN, str(refused))
        except Exception as error:
            text = self._plugin.explain(error)
            if text is None:
                traceback.print_exc()
                text = f"{type(error).__name__}: {error}"
            context.abort(grpc.StatusCode.UNKNOWN, text)


def _configuration(given: Values) -> Values:
    """Provider configuration as plain values: what is no text comes as JSON text."""
    return {
        key: plain(from_json(value)) if isinstance(value, str) and _JSON.match(value) else value
        for key, value in plain(given).items()
    }


def _handed(given: Values) -> Values:
    """The inputs as a table's functions get them."""
    return {key: value for key, value in plain(given).items() if key != DEFAULTS_KEY}


def _present(values: Values) -> Values:
    return {key: value for key, value in values.items() if value is not None}


def _type(urn: str) -> str:
    """The type token in `urn:pulumi:stack::project::parent$type::name`."""
    return urn.split("::")[2].rpartition("$")[2]


def _top(path: str) -> str:
    return path.split(".")[0].split("[")[0]


def _must_go_first(resource: Resource, old: Values, new: Values) -> bool:
    """Whether the old object must be gone before the new one is made.

    Besides those that say so, as in the real bridge: one whose name the program gives and keeps, as two
    cannot have it at once.
    """
    name = resource.auto_name
    keeps_name = name is not None and name not in auto_named(new) and old.get(name) == new.get(name)
    return resource.delete_before_replace or keeps_name


def _kind(kind: str, replaces: bool) -> Any:
    return pb.PropertyDiff.Kind.Value(f"{kind.upper()}_REPLACE" if replaces else kind.upper())


def _failures(failures: Iterable[Failure]) -> list[Any]:
    return [pb.CheckFailure(property=failure.name, reason=failure.reason) for failure in failures]


def _details(failed: InitFailedError, inputs: Any) -> bytes:
    """The status by which the engine learns that the object exists all the same."""
    given = from_struct(inputs)
    detail = AnyMessage()
    detail.Pack(
        pb.ErrorResourceInitFailed(
            id=failed.identifier,
            properties=to_struct(secret_like(_handed(given) | failed.outputs, given)),
            reasons=[str(failed)],
            inputs=inputs,
        )
    )
    status: bytes = status_pb2.Status(
        code=grpc.StatusCode.UNKNOWN.value[0], message=str(failed), details=[detail]
    ).SerializeToString()
    return status
