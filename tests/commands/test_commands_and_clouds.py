"""The commands against the stand-in clouds: what a user's `up` and `destroy` run, without the engine.

The emulator says when a tunnel is UP, so nothing here proves that one comes up; that the stand-ins behave as the
clouds do is their own tests' affair.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from commands import __main__ as program
from commands.oci_sign_in import virtual_network_client
from lab.clouds.aws.server import start_aws
from lab.clouds.oci.behaviour import Behaviour
from lab.clouds.oci.server import start_oci

COMPARTMENT = "ocid1.compartment.oc1..aaaatest"
REGION = "eu-central-1"
FOREIGN_RULE = {"protocol": "6", "source": "192.0.2.0/24", "description": "theirs", "isStateless": True}


class Clouds:
    """Both stand-ins, with a tunnel that a test may take down."""

    def __init__(self, api_key: dict[str, str], aws: Any) -> None:
        self.reason: str | None = None
        self.oci = start_oci(judge=lambda *_: self.reason, behaviour=Behaviour(settle_seconds=1.5, status_seconds=0.1))
        self.aws = aws
        self.environment = {"CLIENT_HOST_OVERRIDES": f"oci_core.VirtualNetworkClient={self.oci.endpoint}"}
        self.stdin = json.dumps({"oci": api_key, "aws": {"accessKey": "AKIATEST", "secretKey": "hunter2hunter2"}})
        self.client = virtual_network_client(api_key, self.environment, raw=True)

    def run(self, command: str, **parameters: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        code = program.main([command], {**self.environment, **parameters}, io.StringIO(self.stdin), out, err)
        return code, out.getvalue(), err.getvalue()

    def create(self, kind: str, **details: Any) -> dict[str, Any]:
        found: dict[str, Any] = getattr(self.client, f"create_{kind}")({"compartmentId": COMPARTMENT, **details}).data
        return found


@pytest.fixture(scope="module")
def aws() -> Iterator[Any]:
    started = start_aws()
    yield started
    started.stop()


@pytest.fixture
def clouds(api_key: dict[str, str], aws: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clouds]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint)
    started = Clouds(api_key, aws)
    yield started
    started.oci.stop()


@pytest.fixture
def connected(clouds: Clouds) -> dict[str, str]:
    """The two networks, joined as the program does it; the parameters of check-tunnels."""
    ec2 = clouds.aws.client("ec2", REGION)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    interface = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    image = ec2.describe_images(Filters=[{"Name": "architecture", "Values": ["x86_64"]}])["Images"][0]
    [instance] = ec2.run_instances(
        ImageId=image["ImageId"],
        InstanceType="t3.small",
        MinCount=1,
        MaxCount=1,
        NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": interface}],
    )["Instances"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="172.16.0.0/24", NetworkInterfaceId=interface)
    vcn = clouds.create("vcn", cidrBlocks=["172.16.0.0/16"])
    drg = clouds.create("drg")
    wait_until(lambda: clouds.client.get_drg(drg["id"]).data["lifecycleState"] == "AVAILABLE")
    # The attachment's compartment is its DRG's: the API takes none.
    attachment = clouds.client.create_drg_attachment(
        {"drgId": drg["id"], "networkDetails": {"type": "VCN", "id": vcn["id"]}}
    ).data
    wait_until(lambda: clouds.client.get_drg_attachment(attachment["id"]).data["lifecycleState"] == "ATTACHED")
    clouds.create("subnet", vcnId=vcn["id"], cidrBlock="172.16.0.0/24")
    cpe = clouds.create("cpe", ipAddress="198.51.100.7")
    connection = clouds.create("ip_sec_connection", cpeId=cpe["id"], drgId=drg["id"], staticRoutes=["10.0.0.0/16"])
    return {
        "IPSEC_ID": connection["id"],
        "DRG_ID": drg["id"],
        "VCN_ID": vcn["id"],
        "VPC_CIDRS": "10.0.0.0/16",
        "VCN_CIDRS": "172.16.0.0/24",
        "INSTANCE_ID": instance["InstanceId"],
        "NETWORK_INTERFACE_ID": interface,
        "AWS_ROUTE_TABLE_IDS": table,
        "REGION": REGION,
        "TIMEOUT_SECONDS": "60",
    }


def wait_until(done: Any) -> None:
    for _ in range(100):
        if done():
            return
        time.sleep(0.05)
    raise AssertionError("the stand-in did not settle in 5 s")


def test_wait_then_proof(clouds: Clouds, connected: dict[str, str]) -> None:
    ipsec = connected["IPSEC_ID"]
    code, out, err = clouds.run("wait-for-tunnels", IPSEC_ID=ipsec, TIMEOUT_SECONDS="30")
    assert (code, err.splitlines()[0][9:32]) == (0, "connection PROVISIONING"), err
    ready = json.loads(out)
    listed = clouds.client.list_ip_sec_connection_tunnels(ipsec).data
    assert ready == sorted(
        ({"id": tunnel["id"], "vpnIp": tunnel["vpnIp"]} for tunnel in listed), key=lambda each: each["id"]
    )
    for _ in range(2):  # the emulator lists them in another order each time
        assert clouds.run("wait-for-tunnels", IPSEC_ID=ipsec, TIMEOUT_SECONDS="30")[1] == out

    code, out, err = clouds.run("check-tunnels", **connected)
    assert code == 0, err
    assert json.loads(out) == [{**tunnel, "status": "UP"} for tunnel in ready]
    assert "hunter2" not in out + err


def test_a_tunnel_that_stays_down(clouds: Clouds, connected: dict[str, str]) -> None:
    clouds.reason = "the host does not answer"
    instance = connected["INSTANCE_ID"]
    clouds.aws.console[instance] = "cloud-init: E: Unable to locate package libreswan\n"
    code, out, err = clouds.run("check-tunnels", **{**connected, "TIMEOUT_SECONDS": "4"})
    assert (code, out) == (1, "")
    assert "check-tunnels: not proven after 4 s. Last: connection AVAILABLE; tunnels: " in err
    assert err.count("is DOWN: ") == 2
    assert err.count("the host does not answer") == 2
    assert f"  aws ssm start-session --target {instance} --region eu-central-1\n" in err
    assert "  | cloud-init: E: Unable to locate package libreswan\n" in err
    assert "Traceback" not in err and "hunter2" not in err


@pytest.mark.parametrize(
    ("kind", "rule", "listed"),
    [
        ("route", {"destination": "10.0.0.0/16", "destinationType": "CIDR_BLOCK"}, "routeRules"),
        ("security", {"protocol": "all", "source": "10.0.0.0/16"}, "ingressSecurityRules"),
        (
            "security",
            {"protocol": "1", "destination": "10.0.0.0/16", "icmpOptions": {"type": 3, "code": 4}},
            "egressSecurityRules",
        ),
    ],
)
def test_a_given_list_is_left_as_it_was_found(
    clouds: Clouds, connected: dict[str, str], kind: str, rule: dict[str, Any], listed: str
) -> None:
    vcn = connected["VCN_ID"]
    drg = connected["DRG_ID"]
    if kind == "route":
        rule = {**rule, "networkEntityId": drg}
        foreign = {"destination": "10.99.0.0/16", "networkEntityId": drg, "description": "theirs"}
        made = clouds.create("route_table", vcnId=vcn, routeRules=[foreign])
        read = clouds.client.get_route_table
    else:
        egress = {"protocol": "all", "destination": "0.0.0.0/0"}
        made = clouds.create(
            "security_list", vcnId=vcn, ingressSecurityRules=[FOREIGN_RULE], egressSecurityRules=[egress]
        )
        read = clouds.client.get_security_list
    before = read(made["id"]).data
    parameters = {"KIND": kind, "LIST_ID": made["id"], "RULE": json.dumps(rule), "OWNER": "ours"}
    code, out, err = clouds.run("add-rule", **parameters)
    assert (code, out) == (0, ""), err
    added = read(made["id"]).data[listed]
    assert added[:-1] == before[listed]
    assert added[-1]["description"] == "ours"
    assert clouds.run("add-rule", **parameters)[2].splitlines()[-1].endswith(" is there already")
    assert len(read(made["id"]).data[listed]) == len(added)
    assert clouds.run("remove-rule", **parameters)[0] == 0
    assert json.dumps(read(made["id"]).data) == json.dumps(before)
    if kind == "route":
        theirs = json.dumps({**rule, "destination": "10.99.0.0/16"})
        code, _, err = clouds.run("add-rule", **{**parameters, "RULE": theirs})
        assert (code, err.splitlines()[-1][:60]) == (1, f"add-rule: route table {made['id']}"[:60])
        assert "has a route to 10.99.0.0/16 of somebody else" in err
        clouds.client.delete_route_table(made["id"])
        wait_until(lambda: "nothing to remove" in clouds.run("remove-rule", **parameters)[2])
