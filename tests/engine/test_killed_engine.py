"""An engine that is killed while a cloud creates something, for each type of resource that a stack has.

Its `up` can be run again, and `destroy` tells what was in flight and leaves that alone, with what a cloud does not
delete while something else is in it. Not proven: that the real clouds refuse with these words, nor how long the real
providers wait before they pass a refusal on: minutes, where the stand-ins wait for seconds.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.engine.result import Result
from lab.lab import Lab
from tests.engine.interrupted import InFlight, Kills, Moment, clear, forget, made_types, remaining, take_away

NOTHING: Counter[str] = Counter()
VPC = Counter(["vpcs"])
VCN = Counter(["vcn", "dhcpoptions", "routetable", "securitylist"])
DRG = Counter({"drg": 1, "drgroutedistribution": 3, "drgroutetable": 2})
OWN_LISTS = Counter(["routetable", "securitylist"])
"""The route table and the security list that the stack makes for its subnets."""

# By type, when the engine was killed after its creation: what `destroy` leaves of that itself, and what has to stay
# because a cloud deletes nothing that something is in or uses.
LEFT: dict[str, tuple[Counter[str], Counter[str]]] = {
    "aws:ec2/vpc:Vpc": (VPC, NOTHING),
    "aws:ec2/internetGateway:InternetGateway": (Counter(["internetGateways"]), VPC),
    "aws:ec2/subnet:Subnet": (Counter(["subnets"]), VPC),
    "aws:ec2/routeTable:RouteTable": (Counter(["routeTables"]), VPC),
    "aws:ec2/route:Route": (NOTHING, NOTHING),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": (NOTHING, NOTHING),
    "aws:ec2/networkAcl:NetworkAcl": (Counter(["networkAcls"]), VPC),
    "aws:ec2/networkAclRule:NetworkAclRule": (NOTHING, NOTHING),
    "aws:ec2/networkAclAssociation:NetworkAclAssociation": (NOTHING, NOTHING),
    "aws:ec2/securityGroup:SecurityGroup": (Counter(["securityGroups"]), VPC),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": (NOTHING, NOTHING),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": (NOTHING, NOTHING),
    "aws:ec2/networkInterface:NetworkInterface": (
        Counter(["networkInterfaces"]),
        VPC + Counter(["securityGroups", "subnets"]),
    ),
    "aws:ec2/eip:Eip": (Counter(["addresses"]), NOTHING),
    # Assumed: an address stays mapped when its interface is deleted.
    "aws:ec2/eipAssociation:EipAssociation": (NOTHING, VPC + Counter(["internetGateways", "addresses"])),
    "aws:iam/role:Role": (Counter(["roles"]), NOTHING),
    "aws:iam/rolePolicy:RolePolicy": (NOTHING, NOTHING),
    "aws:iam/instanceProfile:InstanceProfile": (Counter(["instanceProfiles"]), NOTHING),
    "aws:ssm/parameter:Parameter": (Counter(["parameters"]), NOTHING),
    "aws:ec2/instance:Instance": (
        Counter(["instances", "volumes"]),
        VPC + Counter(["networkInterfaces", "securityGroups", "subnets"]),
    ),
    "oci:Core/vcn:Vcn": (VCN, NOTHING),
    "oci:Core/drg:Drg": (DRG, NOTHING),
    "oci:Core/drgAttachment:DrgAttachment": (Counter(["drgattachment"]), VCN + DRG),
    # A rule of it leads to the DRG, so the attachment stays.
    "oci:Core/routeTable:RouteTable": (Counter(["routetable"]), VCN + DRG + Counter(["drgattachment"])),
    "oci:Core/securityList:SecurityList": (Counter(["securitylist"]), VCN),
    "oci:Core/subnet:Subnet": (Counter(["subnet"]), VCN + OWN_LISTS + DRG + Counter(["drgattachment"])),
    "oci:Core/cpe:Cpe": (Counter(["cpe"]), NOTHING),
    # The CPE stays, so the elastic IP that it is of does, and what that needs.
    "oci:Core/ipsec:Ipsec": (
        Counter({"ipsecconnection": 1, "ipsectunnel": 2, "drgattachment": 2}),
        DRG + VPC + Counter(["cpe", "addresses", "internetGateways"]),
    ),
    "oci:Core/ipsecConnectionTunnelManagement:IpsecConnectionTunnelManagement": (NOTHING, NOTHING),
    "command:local:Command": (NOTHING, NOTHING),
}

# By type, how the cloud refuses a second one. Of any other type there may be two, or it is the same one again.
REFUSED = {
    "aws:ec2/internetGateway:InternetGateway": "already has an internet gateway attached",
    "aws:ec2/subnet:Subnet": "InvalidSubnet.Conflict",
    "aws:ec2/route:Route": "already exists",
    "aws:ec2/networkAclRule:NetworkAclRule": "NetworkAclEntryAlreadyExists",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "InvalidPermission.Duplicate",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "InvalidPermission.Duplicate",
    "aws:ssm/parameter:Parameter": "ParameterAlreadyExists",
    "aws:ec2/instance:Instance": "InvalidNetworkInterface.InUse",
    "oci:Core/drgAttachment:DrgAttachment": "is already attached to DRG",
    "oci:Core/subnet:Subnet": "overlaps",
    # Not its own creation, but the proof: the DRG sends what is for the VPC to the connection that came first.
    "oci:Core/ipsec:Ipsec": "not to the tunnels",
}
PROOF = "proof-tunnels-up"

# What costs most where it is forgotten, what is a secret, and what has a fixed place.
SHORT = (
    "aws:ec2/eip:Eip",
    "aws:ssm/parameter:Parameter",
    "aws:ec2/instance:Instance",
)


@pytest.fixture(scope="module", autouse=True)
def impatient(lab: Lab) -> None:
    """
    Oracle's 409 is retried for seconds and not for minutes: nobody takes away meanwhile what is in use. The proof
    gives up after a minute.
    """
    lab.configure(proofTimeoutMinutes=1)
    retries = lab.project.directory / "oci-retries.json"
    retries.unlink()
    retries.write_text(json.dumps({"409": {"retry_max_duration": 4}}))


@pytest.fixture(autouse=True)
def afterwards(lab: Lab) -> Iterator[None]:
    yield
    forget(lab)


def names_what_was_in_flight(result: Result, interrupted: Iterable[InFlight]) -> bool:
    """In the engine's words: how many there are, and each."""
    lines = [f"::{one.name}, interrupted while creating" for one in interrupted]
    counted = f"with {len(lines)} pending operations from previous deployment" in result.text
    return counted and all(line in result.text for line in lines)


@dataclass(frozen=True)
class Rerun:
    """`up`, run again after each kill until it ended well."""

    interrupted: list[InFlight]
    refused: dict[str, str]
    """By type, how the cloud refused a second one; the first one has been taken away then."""

    @property
    def orphans(self) -> list[InFlight]:
        """What is in the clouds and in no state."""
        return [one for one in self.interrupted if one.id and one.type not in self.refused]


def up_again_and_again(lab: Lab, moment: Moment, types: Iterable[str], folder: Path) -> Rerun:
    kills, run = Kills(lab, moment, types, folder), Rerun([], {})
    while not isinstance(up := kills.up(), Result) or not up.ok:
        if isinstance(up, InFlight):
            run.interrupted.append(up)
            continue
        [failed] = up.failures()
        kind = "oci:Core/ipsec:Ipsec" if failed.name == PROOF else failed.type
        assert kind not in run.refused, up.text
        run.refused[kind] = up.text
        [orphan] = [one for one in run.interrupted if one.type == kind]
        take_away(lab, orphan)
    return run


def converges(lab: Lab, moment: Moment, types: Collection[str], folder: Path) -> Rerun:
    """Killed once in each type, `up` ends well all the same; what a cloud refused is in the table."""
    run = up_again_and_again(lab, moment, types, folder)
    assert {one.type for one in run.interrupted} == set(types)
    expected = {kind: words for kind, words in REFUSED.items() if kind in types and moment == "created"}
    assert run.refused.keys() == expected.keys()
    assert {kind for kind, words in expected.items() if words not in run.refused[kind]} == set()
    assert lab.project.outputs()["tunnelStates"] == {"tunnel-1": "UP", "tunnel-2": "UP"}
    return run


def sweep_leaves_nothing(lab: Lab, run: Rerun) -> Result:
    """`destroy`, of which this is what it said, and all that it left taken away."""
    destroyed = lab.project.destroy("--continue-on-error")
    assert names_what_was_in_flight(destroyed, run.interrupted)
    left = sum((LEFT[orphan.type][0] for orphan in run.orphans), NOTHING)
    assert remaining(lab) >= left
    assert remaining(lab) == left or not destroyed.ok
    clear(lab, run.orphans)
    assert lab.leftovers() == {}
    return destroyed


def test_up_again_after_the_cloud_has_acted(lab: Lab, tmp_path: Path) -> None:
    run = converges(lab, "created", SHORT, tmp_path)
    assert made_types(lab) == set(LEFT), "a type without a line in the table"
    # Nothing holds the orphans' networks: the ones in there had to go before `up` could end.
    sweep_leaves_nothing(lab, run).check()


@pytest.mark.long
def test_up_again_after_the_cloud_has_acted_on_each_type(lab: Lab, tmp_path: Path) -> None:
    run = converges(lab, "created", LEFT, tmp_path)
    sweep_leaves_nothing(lab, run)


@pytest.mark.long
def test_up_again_before_the_cloud_has_acted_on_each_type(lab: Lab, tmp_path: Path) -> None:
    run = converges(lab, "create", LEFT, tmp_path)
    destroyed = lab.project.destroy().check()
    assert names_what_was_in_flight(destroyed, run.interrupted)
    assert lab.leftovers() == {}


@pytest.mark.long
@pytest.mark.parametrize("kind", LEFT)
def test_destroy_leaves_what_was_in_flight_and_what_holds_it(lab: Lab, kind: str, tmp_path: Path) -> None:
    """It fails where something has to stay; once what was in flight is away it passes."""
    orphan = Kills(lab, "created", [kind], tmp_path).up()
    assert isinstance(orphan, InFlight), orphan.text
    destroyed = lab.project.destroy("--continue-on-error")
    assert names_what_was_in_flight(destroyed, [orphan])
    itself, held = LEFT[kind]
    assert remaining(lab) == itself + held
    assert destroyed.ok == (not held)
    clear(lab, [orphan])
    assert lab.leftovers() == {}


@pytest.mark.long
@pytest.mark.parametrize("kind", LEFT)
def test_destroy_leaves_nothing_of_what_was_never_made(lab: Lab, kind: str, tmp_path: Path) -> None:
    never_made = Kills(lab, "create", [kind], tmp_path).up()
    assert isinstance(never_made, InFlight), never_made.text
    destroyed = lab.project.destroy().check()
    assert names_what_was_in_flight(destroyed, [never_made])
    assert lab.leftovers() == {}
