"""One engine's connection to a stand-in plugin: its configuration, its log, its wish to stop."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass, field

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from lab.clouds.plugins.values import Values


@dataclass
class Session:
    """What belongs to one provider instance of one engine."""

    config: Values = field(default_factory=dict)
    cancelled: threading.Event = field(default_factory=threading.Event)
    engine: engine_pb2_grpc.EngineStub | None = None

    def attach(self, address: str) -> None:
        """Connects to the engine's log at `host:port`."""
        self.engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))

    def log(self, urn: str, line: str) -> None:
        """Shows a line beside the resource."""
        if self.engine is None:
            return
        request = engine_pb2.LogRequest(severity=engine_pb2.INFO, message=line, urn=urn)
        try:
            self.engine.Log(request)
        except grpc.RpcError as gone:
            # The operation matters more than a line about it.
            print(f"the engine's log is away: {gone.code()}", file=sys.stderr)


class Sessions:
    """Sessions by connection: an attached plugin is one process, yet serves every provider instance.

    The engine opens one connection an instance, and no call but the first ones says which instance it means. A port
    is used again by a later engine, so the first call of a connection begins anew: what another engine has configured
    or cancelled there is not its own.
    """

    def __init__(self) -> None:
        self._by_peer: dict[str, Session] = {}
        self._lock = threading.Lock()

    def begin(self, peer: str) -> Session:
        """A new session of a gRPC peer."""
        with self._lock:
            self._by_peer[peer] = Session()
            return self._by_peer[peer]

    def of(self, peer: str) -> Session:
        """The session of a gRPC peer."""
        with self._lock:
            return self._by_peer.setdefault(peer, Session())
