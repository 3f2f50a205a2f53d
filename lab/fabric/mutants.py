"""The truth table: one thing is declared wrongly, and exactly these probes fail, for this cause.

The same lines are asked of the reachability function and of the real fabric. `spoil` acts as an operator could, and
returns what takes it back, ids included: the stack can still be updated and destroyed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lab.clouds.cluster import Clouds
from lab.fabric import spoil_aws, spoil_files, spoil_oci
from lab.fabric.declared import Declared
from lab.fabric.new_host import NewHost, Undo
from lab.fabric.probes import PROBES, Boot, Probe

Spoil = Callable[[Clouds, Declared], Undo]
Probes = frozenset[Probe]


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One line of the table."""

    name: str
    spoil: Spoil
    scope: Boot = "running"
    """What the host has behind it when the probes are asked. But for `running`, `spoil` launches a new host, and its
    undo may leave it to that host to catch up."""
    fails: Probes
    """Every probe that is in neither of these two passes."""
    unsure: Probes = frozenset()
    """The host spreads flows over both tunnels and one is down: some flows pass, or all if its device is not there.
    The reachability function says that these do not surely arrive."""
    cause: str
    """Words of the reachability function's sentence."""
    told: str = ""
    """Words of tunnel 1's error by Oracle's own API, where its daemon has something to say."""


def _these(*probes: Probe) -> Probes:
    return frozenset(probes)


TRAFFIC = _these("client->vcn", "vcn->client")
FIRST = _these("tunnel-1", "rekey-1")
TUNNELS = FIRST | _these("tunnel-2", "rekey-2") | TRAFFIC
EVERYTHING = frozenset(PROBES)
NONE: Probes = frozenset()

# fmt: off
MUTANTS: tuple[Mutant, ...] = (
    Mutant(name="no VPC route", spoil=spoil_aws.no_route, fails=TRAFFIC, cause="has no route to"),
    Mutant(name="VPC route to the gateway", spoil=spoil_aws.route_to_gateway, fails=TRAFFIC, cause="and not to the host's interface"),  # noqa: E501
    Mutant(name="source/destination check on", spoil=spoil_aws.check_on, fails=TRAFFIC, cause="source/destination check"),  # noqa: E501
    Mutant(name="security group without UDP 4500", spoil=spoil_aws.no_4500, fails=TUNNELS, cause="has no egress rule for udp 4500"),  # noqa: E501
    Mutant(name="security group without ingress of UDP 4500", spoil=spoil_aws.no_4500_in, fails=NONE, cause=""),
    Mutant(name="network ACL without the headends' ingress", spoil=spoil_aws.acl_without_headends, fails=TUNNELS, cause="has no ingress entry that allows udp"),  # noqa: E501
    Mutant(name="network ACL without ephemeral ports", spoil=spoil_aws.acl_without_answers, fails=_these("install"), cause="has no ingress entry that allows tcp"),  # noqa: E501
    Mutant(name="network ACL without ephemeral ports, at the first boot", scope="official", spoil=spoil_aws.first_boot_without_answers, fails=EVERYTHING, cause="has no ingress entry that allows tcp"),  # noqa: E501
    Mutant(name="address not associated", spoil=spoil_aws.no_address, fails=EVERYTHING, cause="no elastic IP"),
    Mutant(name="address associated late", scope="official", spoil=spoil_aws.late_address, fails=EVERYTHING, cause="no elastic IP"),  # noqa: E501
    Mutant(name="role that may not read the parameters", scope="host", spoil=spoil_aws.role_without_parameters, fails=TUNNELS, cause="may not read the parameter"),  # noqa: E501
    Mutant(name="CPE with another address", spoil=spoil_oci.other_cpe_address, fails=TUNNELS, cause="not the CPE's address"),  # noqa: E501
    Mutant(name="static route missing", spoil=spoil_oci.no_static_route, fails=TRAFFIC, cause="has no static route to"),
    Mutant(name="DRG not attached", spoil=spoil_oci.no_attachment, fails=TRAFFIC, cause="is not attached to"),
    Mutant(name="VCN's DRG table without the tunnels", spoil=spoil_oci.vcn_table_without_tunnels, fails=TRAFFIC, cause="to a tunnel"),  # noqa: E501
    Mutant(name="tunnels' DRG table without the VCN", spoil=spoil_oci.tunnel_table_without_vcn, fails=TRAFFIC, cause="has no route for"),  # noqa: E501
    Mutant(name="VCN route rule missing", spoil=spoil_oci.no_vcn_route, fails=TRAFFIC, cause="has no rule for"),
    Mutant(name="security list missing", spoil=spoil_oci.no_ingress, fails=_these("client->vcn"), cause="has no ingress rule for"),  # noqa: E501
    Mutant(name="wrong pre-shared key on tunnel 1", spoil=spoil_oci.other_key, fails=FIRST, unsure=TRAFFIC, cause="pre-shared keys of both ends differ"),  # noqa: E501
    Mutant(name="other IKE version on tunnel 1", spoil=spoil_oci.other_ike_version, fails=FIRST, unsure=TRAFFIC, cause="IKE version of the host", told="no IKE config found"),  # noqa: E501
    Mutant(name="other phase 1 on tunnel 1", spoil=spoil_oci.other_phase_one, fails=FIRST, unsure=TRAFFIC, cause="ike of the host"),  # noqa: E501
    Mutant(name="other phase 2 on tunnel 1", spoil=spoil_oci.other_phase_two, fails=FIRST, unsure=TRAFFIC, cause="esp of the host"),  # noqa: E501
    Mutant(name="other PFS group on tunnel 1", spoil=spoil_oci.other_forward_secrecy, fails=_these("rekey-1"), cause="PFS group of the host"),  # noqa: E501
    Mutant(name="headends swapped", scope="host", spoil=NewHost(spoil_files.swap_headends), fails=TUNNELS, cause="pre-shared keys of both ends differ"),  # noqa: E501
    Mutant(name="leftid missing", scope="host", spoil=NewHost(spoil_files.no_leftid), fails=TUNNELS, cause="leftid of the host"),  # noqa: E501
    Mutant(name="forwarding off", scope="host", spoil=NewHost(spoil_files.no_forwarding), fails=TRAFFIC, cause="does not forward"),  # noqa: E501
)
# fmt: on
