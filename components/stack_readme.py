"""The stack's own README: a diagram of what its settings make, and places that Pulumi Cloud fills in with outputs.

Pulumi Cloud shows the output `readme` with `${outputs.x}` replaced: https://www.pulumi.com/dev/examples/stack-readme-py/
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network
from pathlib import Path

from components.labels import ocid_end
from components.settings import AwsSettings, HostSettings, OciSettings, Settings, TunnelSettings, WatchingSettings

_PAGE = Path(__file__).resolve().parent.parent / "Pulumi.README.md"
_DIAGRAM = "{{ diagram }}"


def page(settings: Settings, vpc_cidrs: Sequence[IPv4Network], vcn_cidrs: Sequence[IPv4Network]) -> str:
    """Pulumi.README.md with this stack's diagram in it; the CIDRs are the networks', created or given."""
    return _PAGE.read_text(encoding="utf-8").replace(_DIAGRAM, diagram(settings, vpc_cidrs, vcn_cidrs))


def diagram(settings: Settings, vpc_cidrs: Sequence[IPv4Network], vcn_cidrs: Sequence[IPv4Network]) -> str:
    """A Mermaid flow chart; what was there before the stack is drawn with rounded ends."""
    return "\n".join(
        [
            "flowchart LR",
            f'  subgraph aws ["{_network("VPC", settings.aws.vpc_id, vpc_cidrs)}"]',
            *(f"    {line}" for line in _aws(settings.aws, settings.host, settings.tunnel, settings.watching)),
            "  end",
            f'  subgraph oci ["{_network("VCN", _end(settings.oci.vcn_id), vcn_cidrs)}"]',
            *(f"    {line}" for line in _oci(settings.oci)),
            "  end",
            *(f"  {line}" for line in _tunnels(settings.tunnel)),
        ]
    )


def _aws(
    settings: AwsSettings, host: HostSettings, tunnel: TunnelSettings, watching: WatchingSettings
) -> Iterator[str]:
    subnet = f"subnet {settings.host_subnet_cidr or settings.host_subnet_id}"
    yield f'host["Libreswan host<br/>{host.host_os}, {host.instance_type}<br/>{subnet}"]'
    yield 'address["elastic IP"] --- interface["network interface"] --- host'
    for n, cidr in enumerate(settings.client_subnet_cidrs, start=1):
        yield f'clients{n}["client subnet<br/>{cidr}"] -->|routes to the VCN| interface'
    for n, table in enumerate(settings.route_table_ids, start=1):
        yield f'table{n}(["route table<br/>{table}"]) -->|routes to the VCN| interface'
    if tunnel.pre_shared_key_delivery == "parameterStore":
        yield 'keys["Parameter Store<br/>pre-shared keys"] -.-> host'
    if watching.cloud_watch_log_days:
        yield 'host -.-> log["CloudWatch<br/>log and metrics"]'


def _oci(settings: OciSettings) -> Iterator[str]:
    yield 'connection["IPSec connection<br/>with the elastic IP as CPE"] --- drg'
    yield f'drg(["DRG<br/>{_end(settings.drg_id)}"])' if settings.drg_id else 'drg["DRG"]'
    given = settings.drg_attachment_id
    yield f'drg --- attachment(["attachment<br/>{_end(given)}"])' if given else 'drg --- attachment["attachment"]'
    for n, cidr in enumerate(settings.vcn_subnet_cidrs, start=1):
        yield f'attachment --- subnet{n}["private subnet<br/>{cidr}"]'
    for kind, ids in (
        ("route table", settings.vcn_route_table_ids),
        ("security list", settings.vcn_security_list_ids),
        ("network security group", settings.vcn_network_security_group_ids),
    ):
        for n, one in enumerate(ids, start=1):
            yield f'attachment -.- {kind.replace(" ", "-")}{n}(["{kind}<br/>{_end(one)}"])'


def _tunnels(settings: TunnelSettings) -> Iterator[str]:
    for n, cidr in enumerate(settings.inside_cidrs, start=1):
        yield f'host <==>|"tunnel-{n}: IKEv{settings.ike_version}, {settings.profile.name}<br/>{cidr}"| connection'


def _network(kind: str, given: str | None, cidrs: Sequence[IPv4Network]) -> str:
    return " ".join([kind, *([given] if given else []), ", ".join(map(str, cidrs))])


def _end(ocid: str | None) -> str | None:
    # As the console shows it: the whole of it would be all that one sees.
    return None if ocid is None else f"…{ocid_end(ocid)}"
