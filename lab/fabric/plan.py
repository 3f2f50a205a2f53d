"""All that the fabric runs to be as declared, place by place: pure, so that two equal snapshots change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.fabric import internet, oracle, vpc
from lab.fabric.declared import Declared
from lab.fabric.headends import Daemon, daemon
from lab.fabric.internet import Servers, Weather
from lab.fabric.places import Place, headend
from lab.fabric.returning import Choice


@dataclass(frozen=True, kw_only=True)
class Around:
    """What is not declared in a cloud and yet decides where packets go."""

    region: str
    servers: Servers
    weather: Weather = Weather()
    choice: Choice = Choice()
    metadata_port: int | None = None
    hop_limit: int = 1


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A script for each place that has one, the daemons at the headends, and the name server's file."""

    places: Mapping[Place, str]
    daemons: Mapping[Place, Daemon] = field(repr=False)
    """May hold keys."""
    name_server: str


def plan(declared: Declared, around: Around) -> Plan:
    """The whole fabric for one snapshot of both clouds."""
    places: dict[Place, str] = {
        "client": oracle.client_script(declared),
        "vcn-host": oracle.vcn_host_script(declared),
        "vpc": vpc.script(declared, around.metadata_port, around.hop_limit),
        "internet": internet.script(declared, around.servers, around.weather),
        "vcn": oracle.vcn_script(declared),
        "drg": oracle.drg_script(declared, around.choice),
    }
    daemons = {}
    for tunnel in declared.tunnels:
        place = headend(tunnel.number)
        places[place] = oracle.headend_script(tunnel)
        running = daemon(tunnel)
        if running is not None:
            daemons[place] = running
    return Plan(places=places, daemons=daemons, name_server=vpc.name_server(declared, around.region))
