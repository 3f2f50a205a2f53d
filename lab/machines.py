"""The machines of a lab: what makes its two clouds carry real packets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from lab.clouds.aws.server import AwsCloud
from lab.clouds.oci.server import OciCloud
from lab.fabric.declared import Declared
from lab.fabric.fabric import Fabric
from lab.fabric.internet import Servers, Weather
from lab.fabric.read import read
from lab.image.authority import issue
from lab.image.build import host_image
from lab.image.mirror import Mirror
from lab.image.packages import Flavour, Os

# How long AWS does not know a new role (CT12): seconds here, minutes there.
ROLE_SECONDS = 8.0


@dataclass(frozen=True, kw_only=True)
class Machines:
    """What a lab's machines are like."""

    flavour: Flavour = "ready"
    systems: tuple[Os, ...] = ("debian-13",)
    """Whose images are made before anything starts: an instance that waits for one is given up by the engine."""
    weather: Weather = Weather()


@dataclass
class Packets:
    """The running machines: the fabric with the hosts on it, and the two servers of its internet."""

    fabric: Fabric
    mirror: Mirror
    aws: AwsCloud
    region: str

    @classmethod
    def start(cls, folder: Path, aws: AwsCloud, region: str, machines: Machines) -> Packets:
        """Boots the fabric; from now on instances of this AWS boot. Raises SetUpError, GuestError."""
        folder.mkdir(parents=True, exist_ok=True)
        for system in machines.systems:
            host_image(system, machines.flavour)
        certificate, key = issue([f"{service}.{region}.amazonaws.com" for service in ("logs", "ssm", "sts")], folder)
        aws.behaviour.role_seconds = ROLE_SECONDS
        mirror = Mirror()
        mirror.start()
        servers = Servers(endpoint=aws.start_endpoint(certificate, key), mirror=mirror.port)
        fabric = Fabric.start(folder, region, servers, machines.flavour)
        fabric.around = replace(fabric.around, weather=machines.weather)
        aws.behaviour.hypervisor = fabric.hosts
        return cls(fabric, mirror, aws, region)

    def follow(self, oci: OciCloud) -> None:
        """From now on the fabric is what both clouds are told."""

        def look() -> Declared:
            return read(self.aws, oci, self.region)

        self.fabric.follow(look, self.aws.hop_limit)

    def stop(self) -> None:
        """Ends every machine, and what serves them."""
        self.fabric.stop()
        self.mirror.stop()
