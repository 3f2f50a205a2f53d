"""The machines behind the instances: each with its metadata service, both ended with it.

Without a hypervisor nothing boots, and a console is what a test wrote.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, RLock

from moto.ec2.models import EC2Backend
from moto.ec2.models.instances import Instance

from lab.clouds.aws.behaviour import Behaviour
from lab.clouds.aws.hypervisor import Hypervisor, Launch
from lab.clouds.aws.images import published_os
from lab.clouds.aws.instance_facts import read_facts
from lab.clouds.aws.metadata import Facts
from lab.clouds.aws.metadata_server import MetadataServer
from lab.clouds.aws.sessions import Sessions


class Machines:
    """Called with the server's lock held once; it is let go of while the hypervisor works, which takes seconds."""

    def __init__(self, behaviour: Behaviour, sessions: Sessions, lock: RLock) -> None:
        self._behaviour = behaviour
        self._sessions = sessions
        self._lock = lock
        # Calls into the hypervisor one after another. Nobody who has this waits for the server's lock.
        self._turn = Lock()
        self._services: dict[str, MetadataServer] = {}

    def boot(self, backend: EC2Backend, instance: Instance) -> None:
        """Raises NoCapacityError; `terminate` then clears what is left."""
        if self._behaviour.hypervisor is None:
            return

        def facts() -> Facts:
            with self._lock:
                return read_facts(backend, instance, self._sessions)

        service = self._services[instance.id] = MetadataServer(facts)
        interface = instance.nics[0]
        launch = Launch(
            instance_id=instance.id,
            os=published_os(backend.amis[instance.image_id]),
            architecture=instance.architecture,
            instance_type=instance.instance_type,
            interface_id=interface.id,
            mac=interface.mac_address,
            private_ip=str(interface.private_ip_address),
            metadata_port=service.port,
        )
        with self._hypervisor() as hypervisor:
            hypervisor.boot(launch)

    def stop(self, instance_id: str) -> None:
        if instance_id in self._services:
            with self._hypervisor() as hypervisor:
                hypervisor.stop(instance_id)

    def start(self, instance_id: str) -> None:
        if instance_id in self._services:
            with self._hypervisor() as hypervisor:
                hypervisor.start(instance_id)

    def reboot(self, instance_id: str) -> None:
        if instance_id in self._services:
            with self._hypervisor() as hypervisor:
                hypervisor.reboot(instance_id)

    def terminate(self, instance_id: str) -> None:
        """The machine is dead when this returns; a second time it does nothing."""
        service = self._services.pop(instance_id, None)
        if service is not None:
            with self._hypervisor() as hypervisor:
                hypervisor.terminate(instance_id)
            service.stop()

    def console(self, instance_id: str) -> str:
        if self._behaviour.hypervisor is None:
            return self._behaviour.console.get(instance_id, "")
        with self._hypervisor() as hypervisor:
            return hypervisor.console(instance_id)

    def terminate_all(self) -> None:
        for instance_id in list(self._services):
            self.terminate(instance_id)

    @contextmanager
    def _hypervisor(self) -> Iterator[Hypervisor]:
        hypervisor = self._behaviour.hypervisor
        assert hypervisor is not None
        self._lock.release()
        try:
            with self._turn:
                yield hypervisor
        finally:
            self._lock.acquire()
