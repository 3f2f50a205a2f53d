"""`make doctor` against stand-in clouds that are prepared so that an `up` would fail.

Does not prove what the real accounts answer, nor the names of Oracle's limits there.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lab.clouds.cluster import REGION, Clouds
from tests.commands.accounts import COMPARTMENT, READING, Accounts

CREATED: dict[str, object] = {
    "vpcCidrs": ["10.0.0.0/16"],
    "hostSubnetCidr": "10.0.0.0/24",
    "vcnCidrs": ["172.16.0.0/16"],
    "vcnSubnetCidrs": ["172.16.0.0/24"],
}


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory, api_key: dict[str, str]) -> Iterator[Accounts]:
    folder = tmp_path_factory.mktemp("doctor")
    clouds = Clouds.start(folder / "clouds")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in clouds.environment.items():
            patch.setenv(name, value)
        yield Accounts(folder, clouds, api_key)
    clouds.stop()


@pytest.fixture(autouse=True)
def unchanged(accounts: Accounts) -> Iterator[None]:
    """Whatever the doctor finds, it only ever asks."""
    yield
    calls = accounts.calls()
    assert calls
    assert [call for call in calls if not call.split(":")[1].startswith(READING)] == []


def examine(accounts: Accounts, changes: dict[str, object] | None = None, **more: str) -> tuple[dict[str, str], str]:
    """What the doctor says, by check: the state, then all its lines. And its standard error."""
    values = {**CREATED, "compartmentId": COMPARTMENT, **(changes or {})}
    sign_in: dict[str, object] = {f"oci:{key}": value for key, value in accounts.oci.items()}
    own = {
        key if ":" in key else f"aws-oci-libreswan:{key}": value for key, value in values.items() if value is not None
    }
    accounts.configure({"aws:region": REGION, **sign_in, **own}, secret=("oci:privateKey",))
    code, out, err = accounts.run("doctor", **more)
    assert "PRIVATE KEY" not in out + err and "Traceback" not in err
    found: dict[str, str] = {}
    for line in out.splitlines():
        if begun := re.match(r"(\S.*?) +(ok|wrong|could not look) +(.*)", line):
            found[begun[1]] = f"{begun[2]}: {begun[3]}"
        else:
            found[list(found)[-1]] += f" {line.strip()}"
    assert code == (1 if wrong(found) else 0), err
    return found, err


def wrong(found: dict[str, str]) -> list[str]:
    return [check for check, said in found.items() if said.startswith("wrong: ")]


def test_two_empty_accounts_are_fit(accounts: Accounts) -> None:
    found, err = examine(accounts)
    assert err == ""
    assert list(found) == [
        "configuration",
        "AWS sign-in",
        "AWS session",
        "image of the host",
        "instance type",
        "elastic IPs",
        "VPCs",
        "OCI sign-in",
        "OCI session",
        "IPSec connections",
        "CPEs",
        "DRGs",
        "VCNs",
        "addresses",
    ]
    assert all(said.startswith("ok: ") for said in found.values()), found
    assert found["AWS sign-in"].endswith(f"in {REGION}, by env")
    assert found["OCI sign-in"] == f"ok: {accounts.oci['userOcid']}, by ApiKey"
    assert found["elastic IPs"] == f"ok: 0 of 5 elastic IPs in {REGION} are used"
    asked = (accounts.folder / "asked").read_text().splitlines()
    assert {line.split()[0] for line in asked} == {"config", "stack"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"imageId": "ami-0123456789abcdef0"},
            "imageId: 'ami-0123456789abcdef0' is refused: the region has no such image "
            "(ami-0123456789abcdef0 is not there)",
        ),
        (
            {"hostOs": "oracle-linux-9", "instanceType": "t4g.small"},
            "hostOs: 'oracle-linux-9' is refused: this region has no image by 'OL9.*-aarch64-HVM-*' "
            "(none of owner 131827586825); give one with imageId",
        ),
    ],
)
def test_no_image(accounts: Accounts, changes: dict[str, object], says: str) -> None:
    ec2 = accounts.ec2
    for image in ec2.describe_images(Filters=[{"Name": "name", "Values": ["OL9.*-aarch64-HVM-*"]}])["Images"]:
        accounts.clouds.aws.withdraw_image(REGION, image["ImageId"])
    found, err = examine(accounts, changes)
    assert wrong(found) == ["image of the host"]
    assert found["image of the host"] == (
        f"wrong: {says} -> another hostOs or aws:region, or an image of one's own: imageId"
    )
    assert err == "doctor: 1 of 14 checks of stack dev are wrong: image of the host\n"


def test_an_image_that_has_been_withdrawn_though_its_parameter_names_it(accounts: Accounts) -> None:
    image = accounts.clouds.aws.publish_image(REGION, "debian-12", "x86_64")
    assert examine(accounts, {"hostOs": "debian-12"})[0]["image of the host"] == (
        f"ok: {image} for debian-12 on x86_64"
    )
    accounts.clouds.aws.withdraw_image(REGION, image)
    found, _ = examine(accounts, {"hostOs": "debian-12"})
    assert wrong(found) == ["image of the host"]
    assert f"({image} is not there)" in found["image of the host"]


def test_an_instance_type_that_the_zone_does_not_offer(accounts: Accounts) -> None:
    accounts.clouds.aws.withdraw("t3.large", f"{REGION}a")
    found, _ = examine(accounts, {"instanceType": "t3.large", "availabilityZone": f"{REGION}a"})
    assert wrong(found) == ["instance type"]
    assert f"availabilityZone: '{REGION}a' is refused: t3.large is offered in {REGION}b, " in found["instance type"]
    assert found["instance type"].endswith(
        "-> another instanceType, or a zone that offers it (availabilityZone, or another host subnet)"
    )


def test_an_instance_type_that_no_zone_offers(accounts: Accounts) -> None:
    found, _ = examine(accounts, {"instanceType": "z99.large"})
    assert wrong(found) == ["instance type"]
    assert "instanceType: 'z99.large' is refused: no zone of the region offers it" in found["instance type"]


@pytest.fixture(scope="module")
def vpc(accounts: Accounts) -> dict[str, object]:
    """A VPC with a subnet and a table of its own; no way to the internet yet."""
    ec2 = accounts.ec2
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.0.0/24", AvailabilityZone=f"{REGION}b")["Subnet"]
    return {"vpcCidrs": None, "vpcId": vpc, "hostSubnetCidr": None, "hostSubnetId": subnet["SubnetId"]}


def test_a_host_subnet_without_a_way_to_the_internet(accounts: Accounts, vpc: dict[str, object]) -> None:
    ec2 = accounts.ec2
    found, _ = examine(accounts, vpc)
    assert wrong(found) == ["way to the internet"]
    assert found["given VPC"] == f"ok: {vpc['vpcId']}: 10.20.0.0/16"
    assert found["way to the internet"] == (
        f"wrong: hostSubnetId: '{vpc['hostSubnetId']}' is refused: its route table has no route 0.0.0.0/0 to an "
        "internet gateway, which the tunnels and the packages need "
        "-> a route 0.0.0.0/0 to the VPC's internet gateway in the host subnet's table, or another host subnet"
    )
    # A table of the subnet's own is looked at, not the VPC's main one.
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc["vpcId"])
    table = ec2.create_route_table(VpcId=vpc["vpcId"])["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    assert wrong(examine(accounts, vpc)[0]) == ["way to the internet"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=vpc["hostSubnetId"])
    assert wrong(examine(accounts, vpc)[0]) == []


def test_what_is_in_the_way_in_a_given_vpc(accounts: Accounts, vpc: dict[str, object]) -> None:
    ec2 = accounts.ec2
    table = ec2.create_route_table(VpcId=vpc["vpcId"])["RouteTable"]["RouteTableId"]
    [gateway] = ec2.describe_internet_gateways()["InternetGateways"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="172.16.0.0/16", GatewayId=gateway["InternetGatewayId"])
    found, _ = examine(accounts, {**vpc, "routeTableIds": [table]})
    assert wrong(found) == ["what is in the VPC"]
    assert f"routeTableIds: '{table}' is refused: it has a route to 172.16.0.0/16" in found["what is in the VPC"]


@pytest.mark.parametrize(
    ("changes", "check", "says"),
    [
        ({"vpcId": "vpc-0123456789abcdef0"}, "given VPC", "the region has no such VPC"),
        ({"hostSubnetId": "subnet-0123456789abcdef0"}, "given VPC", "the region has no such subnet"),
        ({"routeTableIds": ["rtb-0123456789abcdef0"]}, "given VPC", "has no such route table"),
        ({"vcnCidrs": None, "vcnId": "ocid1.vcn.oc1.x.y", "vcnSubnetCidrs": None}, "given VCN", "OCI says 404-"),
    ],
)
def test_a_given_network_that_is_not_there(
    accounts: Accounts, vpc: dict[str, object], changes: dict[str, object], check: str, says: str
) -> None:
    found, _ = examine(accounts, {**vpc, **changes})
    assert wrong(found) == [check]
    [(key, value), *_] = [(key, value) for key, value in changes.items() if value is not None]
    assert found[check].startswith(f"wrong: {key}: ") and says in found[check]
    assert found["addresses"] == f"could not look: comes after: {check}" or check == "given VPC"


@pytest.fixture(scope="module")
def vcn(accounts: Accounts) -> dict[str, object]:
    """A VCN that is attached to a DRG."""
    vcn = accounts.make("vcn", cidrBlocks=["172.20.0.0/16"])
    drg = accounts.make("drg")
    wait_until(lambda: accounts.network.get_drg(drg).data["lifecycleState"] == "AVAILABLE")
    attachment = accounts.network.create_drg_attachment(
        {"drgId": drg, "networkDetails": {"type": "VCN", "id": vcn}}
    ).data["id"]
    wait_until(lambda: accounts.network.get_drg_attachment(attachment).data["lifecycleState"] == "ATTACHED")
    return {
        "vcnCidrs": None,
        "vcnSubnetCidrs": None,
        "vcnId": vcn,
        "drgId": drg,
        "drgAttachmentId": attachment,
    }


def wait_until(done: Callable[[], bool]) -> None:
    for _ in range(100):
        if done():
            return
        time.sleep(0.05)
    raise AssertionError("the stand-in did not settle in 5 s")


def test_a_given_vcn_on_its_drg(accounts: Accounts, vcn: dict[str, object]) -> None:
    found, _ = examine(accounts, vcn)
    assert wrong(found) == []
    assert found["DRG of the VCN"] == f"ok: attached to {vcn['drgId']}"
    assert not {"DRGs", "VCNs"} & found.keys(), "given ones need no room"


def test_a_vcn_on_another_drg(accounts: Accounts, vcn: dict[str, object]) -> None:
    found, _ = examine(accounts, {**vcn, "drgId": accounts.make("drg"), "drgAttachmentId": None})
    assert wrong(found) == ["DRG of the VCN"]
    assert found["DRG of the VCN"] == (
        f"wrong: vcnId: '{vcn['vcnId']}' is refused: it is attached to {vcn['drgId']}, and a VCN attaches to one DRG "
        f"only; set drgId to that and drgAttachmentId to {vcn['drgAttachmentId']} "
        "-> use that DRG, or detach the VCN from it first"
    )


def test_inside_addresses_of_another_connection(accounts: Accounts, vcn: dict[str, object]) -> None:
    cpe = accounts.make("cpe", ipAddress="198.51.100.7")
    inside = {"oracleInterfaceIp": "169.254.21.1/30", "customerInterfaceIp": "169.254.21.2/30"}
    accounts.make(
        "ip_sec_connection",
        cpeId=cpe,
        drgId=vcn["drgId"],
        staticRoutes=["10.0.0.0/16"],
        tunnelConfiguration=[{"routing": "STATIC", "bgpSessionConfig": inside}],
    )
    found, _ = examine(accounts, vcn)
    assert wrong(found) == ["inside addresses"]
    assert "tunnel1InsideCidr: 169.254.21.0/30 is refused: another connection" in found["inside addresses"]


def test_overlapping_networks(accounts: Accounts, vpc: dict[str, object]) -> None:
    vcn = accounts.make("vcn", cidrBlocks=["10.20.128.0/17"])
    found, _ = examine(accounts, {**vpc, "vcnCidrs": None, "vcnSubnetCidrs": None, "vcnId": vcn})
    assert wrong(found) == ["addresses"]
    assert found["addresses"] == (
        "wrong: vcnCidrs: 10.20.128.0/17 is refused: it overlaps 10.20.0.0/16 of vpcCidrs, so packets to it cannot be "
        "told apart -> networks that are joined share no address: other CIDRs, or another network"
    )


def test_settings_that_the_program_refuses(accounts: Accounts) -> None:
    found, err = examine(accounts, {"vcnCidrs": ["10.0.0.0/16"], "vcnSubnetCidrs": [], "vpcCIDR": "x"})
    assert wrong(found) == ["configuration"]
    assert "vpcCIDR: no such key; did you mean vpcId? -> `pulumi config set`" in found["configuration"]
    assert found["AWS sign-in"].startswith("ok: ")
    assert found["image of the host"] == found["OCI sign-in"] == "could not look: comes after: configuration"


@pytest.mark.parametrize(
    ("kind", "check", "limit"),
    [
        ("ipsecconnection", "IPSec connections", "ipsec-connection-count of vpn"),
        ("cpe", "CPEs", "cpe-count of vpn"),
        ("drg", "DRGs", "drg-count of vcn"),
        ("vcn", "VCNs", "vcn-count of vcn"),
    ],
)
def test_an_exhausted_limit_of_oci(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch, kind: str, check: str, limit: str
) -> None:
    store = accounts.clouds.oci.store
    monkeypatch.setattr(store, "behaviour", replace(store.behaviour, limits={kind: 0}))
    found, _ = examine(accounts)
    assert wrong(found) == [check]
    assert found[check] == (
        f"wrong: no more {check} may be made in this region, and the stack needs one "
        f"-> delete one, or ask Oracle for more: limit {limit} in Limits, Quotas and Usage"
    )


@pytest.mark.parametrize(
    ("quota", "check", "says"),
    [
        (("ec2", "L-0263D0A3"), "elastic IPs", "0 of 0 elastic IPs in us-east-1 are used, and the stack needs one"),
        (
            ("vpc", "L-F678F1CE"),
            "VPCs",
            "-> delete one, give one (vpcId), or ask AWS for more: quota L-F678F1CE of VPC",
        ),
    ],
)
def test_an_exhausted_quota_of_aws(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch, quota: tuple[str, str], check: str, says: str
) -> None:
    monkeypatch.setitem(accounts.clouds.aws.behaviour.quotas, quota, 0.0)
    found, _ = examine(accounts)
    assert wrong(found) == [check]
    assert says in found[check]


def test_what_the_stack_has_already_needs_no_room(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    store = accounts.clouds.oci.store
    tags = {"project": "aws-oci-libreswan", "stack": "dev"}
    cpe = accounts.make("cpe", ipAddress="198.51.100.8", freeformTags=tags)
    address = accounts.ec2.allocate_address(
        TagSpecifications=[
            {
                "ResourceType": "elastic-ip",
                "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
            }
        ]
    )["AllocationId"]
    monkeypatch.setitem(accounts.clouds.aws.behaviour.quotas, ("ec2", "L-0263D0A3"), 1.0)
    monkeypatch.setattr(store, "behaviour", replace(store.behaviour, limits={"cpe": 2}))
    found, _ = examine(accounts)
    assert wrong(found) == []
    assert found["CPEs"] == found["elastic IPs"] == "ok: the stack has its own already"
    accounts.ec2.release_address(AllocationId=address)
    accounts.network.delete_cpe(cpe)


def test_a_limit_that_nobody_tells_is_not_wrong(accounts: Accounts) -> None:
    accounts.clouds.oci.fail("GetResourceAvailability", 404, "NotAuthorizedOrNotFound", times=1)
    found, _ = examine(accounts)
    assert wrong(found) == []
    assert found["IPSec connections"].startswith("could not look: cannot read the limit ipsec-connection-count: OCI")


def session(home: Path, token: str) -> dict[str, object]:
    (home / ".oci" / "token").write_text(token)
    return {"oci:auth": "SecurityToken", "oci:configFileProfile": "session"}


def test_an_oci_token_that_is_about_to_end(accounts: Accounts, home: Path, make_token: Callable[[float], str]) -> None:
    changes = session(home, make_token(time.time() + 10.5 * 60))
    found, _ = examine(accounts, changes, HOME=str(home))
    assert wrong(found) == ["OCI session"]
    assert found["OCI session"] == (
        "wrong: oci:auth: 'SecurityToken' is refused: the token of profile 'session' has 10 min left, and an update "
        "may need 30 min; renew it with `oci session refresh --profile session`"
    )
    changes = session(home, make_token(time.time() + 45.5 * 60))
    found, _ = examine(accounts, changes, HOME=str(home))
    assert found["OCI session"] == "ok: 45 min left"


@pytest.mark.parametrize(
    ("minutes", "says"),
    [
        (10.5, "wrong: the session token has 10 min left, and an `up` may need 30 min -> sign in anew"),
        (45.5, "ok: 45 min left"),
        (
            None,
            "could not look: a session token, and AWS does not tell when one ends: "
            "AWS_CREDENTIAL_EXPIRATION is not set",
        ),
    ],
)
def test_an_aws_token(accounts: Accounts, monkeypatch: pytest.MonkeyPatch, minutes: float | None, says: str) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    ends = ""
    if minutes is not None:
        ends = datetime.fromtimestamp(time.time() + minutes * 60, UTC).isoformat()
        monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", ends)
    found, _ = examine(accounts, AWS_CREDENTIAL_EXPIRATION=ends)
    assert found["AWS session"] == says


def test_a_sign_in_that_is_refused(accounts: Accounts) -> None:
    found, _ = examine(accounts, {"oci:auth": "Password", "aws:profile": "nobody"})
    assert wrong(found) == ["AWS sign-in", "OCI sign-in", "OCI session"]
    assert "oci:auth: 'Password' is refused: it must be one of ApiKey, " in found["OCI sign-in"]
    assert "AWS sign-in failed: The config profile (nobody) could not be found" in found["AWS sign-in"]
    assert found["CPEs"] == "could not look: comes after: OCI sign-in"
    assert found["elastic IPs"] == "could not look: comes after: AWS sign-in"


def test_a_region_is_needed(accounts: Accounts) -> None:
    found, _ = examine(accounts, {"aws:region": ""})
    assert found["AWS sign-in"].startswith("wrong: aws:region is missing: set it with `pulumi config set aws:region …`")
    found, _ = examine(accounts, {"aws:region": ""}, AWS_REGION="eu-west-1")
    assert " in eu-west-1, by env" in found["AWS sign-in"]


def test_a_stack_that_is_not_there(accounts: Accounts) -> None:
    assert accounts.run("doctor", STACK="nope") == (
        1,
        "",
        "doctor: `pulumi config --json --show-secrets --stack nope` failed: error: no stack named 'nope' found\n",
    )
    assert accounts.run("doctor", PATH="") == (
        1,
        "",
        "doctor: `pulumi stack --show-name` cannot be run: No such file or directory\n",
    )


def test_the_rights_that_it_took_are_documented(accounts: Accounts) -> None:
    """Of all the tests above."""
    assert "servicequotas:GetServiceQuota" in accounts.calls()
    assert "limits:GetResourceAvailability" in accounts.calls()
    assert accounts.undocumented() == set()
