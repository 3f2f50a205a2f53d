"""The AWS stand-in: a moto server in a thread, on 127.0.0.1, that refuses what AWS would.

One at a time in a process, because moto keeps its state in the process. Account 123456789012; the region is
that of each signed request; every region has its seeded images from the first call on.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from threading import RLock, Thread
from typing import Any

import boto3
from flask import Flask
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.core.utils import convert_to_flask_response
from moto.ec2.models import ec2_backends
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from lab.clouds.aws import images, mends, view
from lab.clouds.aws.behaviour import Behaviour
from lab.clouds.aws.commands import LabSsm
from lab.clouds.aws.ec2 import LabEc2
from lab.clouds.aws.endpoint import EndpointServer, RegionalEndpoint
from lab.clouds.aws.hypervisor import Hypervisor
from lab.clouds.aws.machines import Machines
from lab.clouds.aws.quotas import LabServiceQuotas
from lab.clouds.aws.record import Recorder, call_of
from lab.clouds.aws.rights import KnownRights
from lab.clouds.aws.sessions import Sessions

StartResponse = Callable[..., Any]

_running: list[str] = []


class _QuietHandler(MotoRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Requests are recorded where the caller asked for it, not on standard error."""


class _Dispatcher(DomainDispatcherApplication):
    def __init__(self, create_app: Callable[[Any], Flask]) -> None:
        super().__init__(create_app)
        # moto lists its own folders at each request, to see whether a host is named like one of them.
        self._backend_for_host = cache(super().get_backend_for_host)

    def get_backend_for_host(self, host: str | None) -> Any:
        return self._backend_for_host(host)


class _Application:
    """moto behind one lock: what a guard has seen is still so when moto acts."""

    def __init__(
        self, behaviour: Behaviour, machines: Machines, rights: KnownRights, recorder: Recorder, lock: RLock
    ) -> None:
        handler: Any = type("RunningEc2", (LabEc2,), {"behaviour": behaviour, "machines": machines})

        quotas: Any = type("RunningQuotas", (LabServiceQuotas,), {"behaviour": behaviour})
        commands: Any = type("RunningSsm", (LabSsm,), {"behaviour": behaviour})
        ours = {"ec2": handler, "servicequotas": quotas, "ssm": commands}

        def create_app(service: Any) -> Flask:
            app = create_backend_app(service)
            if service in ours:
                view_function = convert_to_flask_response(ours[service].dispatch)
                app.view_functions = dict.fromkeys(app.view_functions, view_function)
            return app

        self._moto = _Dispatcher(create_app)
        self._rights = rights
        self._recorder = recorder
        self._lock = lock
        self._seeded: set[str] = set()

    def seed(self, region: str) -> None:
        if region not in self._seeded:
            self._seeded.add(region)
            images.seed(region)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        call = call_of(environ)
        with self._lock:
            if call is None:
                return list(self._moto(environ, start_response))
            if call.service in ("ec2", "ssm"):
                self.seed(call.region)

            def start_and_record(status: str, *rest: Any) -> Any:
                self._recorder.write(call, int(status.split()[0]))
                return start_response(status, *rest)

            answer = list(self._moto(environ, start_and_record))
            if call.service == "iam":
                self._rights.observe()
            return answer


class AwsCloud:
    """A running stand-in. Made by `start_aws`."""

    def __init__(self, port: int, record: Path | None, hypervisor: Hypervisor | None) -> None:
        self.behaviour = Behaviour(hypervisor=hypervisor)
        self._lock = RLock()
        self._sessions = Sessions()
        self._rights = KnownRights(self.behaviour)
        self._recorder = Recorder(record)
        self._machines = Machines(self.behaviour, self._sessions, self._lock)
        self._endpoint: EndpointServer | None = None
        # Making a client takes a tenth of a second, and one serves any number of threads.
        self._clients: dict[tuple[str, str], Any] = {}
        self._application = _Application(self.behaviour, self._machines, self._rights, self._recorder, self._lock)
        # Bound here, because werkzeug ends the whole process when the port is taken.
        with socket.create_server(("127.0.0.1", port)) as listening:
            self._server = make_server(
                "127.0.0.1",
                listening.getsockname()[1],
                self._application,
                threaded=True,
                request_handler=_QuietHandler,
                fd=listening.fileno(),
            )
        self.endpoint = f"http://127.0.0.1:{self._server.port}"
        self._thread = Thread(target=self._server.serve_forever, name="aws", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End every machine and the servers; moto's state stays in the process until the next start."""
        with self._lock:
            self._machines.terminate_all()
        self.stop_endpoint()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        _running.remove(self.endpoint)

    def start_endpoint(self, certificate: Path, key: Path) -> int:
        """Serve instances' calls of AWS' regional services over TLS: the port on 127.0.0.1. One at a time."""
        assert self._endpoint is None, "the regional endpoint is running"
        application = RegionalEndpoint(
            self._application,
            behaviour=self.behaviour,
            sessions=self._sessions,
            rights=self._rights,
            recorder=self._recorder,
            lock=self._lock,
        )
        self._endpoint = EndpointServer(application, certificate, key)
        return self._endpoint.port

    def stop_endpoint(self) -> None:
        """End what `start_endpoint` started; nothing where it was not."""
        if self._endpoint is not None:
            self._endpoint.stop()
            self._endpoint = None

    def hop_limit(self, instance_id: str) -> int:
        """How many hops the metadata service's answer to a token's PUT may go. KeyError for an unknown instance."""
        with self._lock:
            for backend in ec2_backends[images.ACCOUNT].values():
                for instance in backend.all_instances():
                    if instance.id == instance_id:
                        return int(instance.metadata_options.http_put_response_hop_limit)
        raise KeyError(f"{instance_id} is in no region")

    @property
    def console(self) -> dict[str, str]:
        """Text of an instance's serial console, by instance id: what GetConsoleOutput serves where nothing boots."""
        return self.behaviour.console

    @property
    def detach_seconds(self) -> float:
        """How long an instance shuts down, its interfaces still attached, after TerminateInstances."""
        return self.behaviour.detach_seconds

    @detach_seconds.setter
    def detach_seconds(self, seconds: float) -> None:
        self.behaviour.detach_seconds = seconds

    def client(self, service: str, region: str) -> Any:
        """A boto3 client of a service at this stand-in, for what a test prepares or looks at."""
        if (service, region) not in self._clients:
            self._clients[service, region] = boto3.client(
                service,
                region_name=region,
                endpoint_url=self.endpoint,
                aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
                aws_secret_access_key="not-a-secret",
            )
        return self._clients[service, region]

    def publish_image(self, region: str, os: str, architecture: images.Architecture) -> str:
        """A newer image of an operating system (a key of `images.PUBLISHERS`), which look-ups now find: its id."""
        with self._lock:
            self._application.seed(region)
            return images.publish(region, os, architecture)

    def withdraw_image(self, region: str, image_id: str) -> None:
        """Take an image away: neither described nor launched any more. Its parameter still names it."""
        with self._lock:
            images.withdraw(region, image_id)

    def withdraw(self, instance_type: str, zone: str) -> None:
        """Offer an instance type in a zone no more."""
        self.behaviour.withdrawn.add((instance_type, zone))

    def leftovers(self, region: str) -> dict[str, list[str]]:
        """Ids of everything in a region, and in IAM, that a new account does not have; empty when none."""
        with self._lock:
            mends.settle(ec2_backends[images.ACCOUNT][region], self.behaviour)
            return view.leftovers(region)

    def describe_network(self, vpc_id: str) -> dict[str, Any]:
        """What a VPC consists of, to compare before and after. KeyError where no region has it."""
        with self._lock:
            return view.describe_network(vpc_id)


def start_aws(port: int = 0, record: Path | None = None, hypervisor: Hypervisor | None = None) -> AwsCloud:
    """Start the stand-in with an empty account, without Amazon's own policies. Port 0 takes a free one.

    `record` names a JSON lines file that gets a line an API call. `hypervisor` boots the instances; without one they
    are only described. RuntimeError while another stand-in runs in this process; OSError where the port is taken.
    """
    if _running:
        raise RuntimeError(
            f"the AWS stand-in at {_running[0]} is still running: moto keeps its state in the process, "
            "so stop it before starting another"
        )
    BackendDict.reset()
    reset_model_data()
    cloud = AwsCloud(port, record, hypervisor)
    _running.append(cloud.endpoint)
    return cloud
