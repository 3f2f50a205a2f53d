"""`make field-report` of a stack that is up in the stand-in clouds.

Does not prove what the real clouds tell, nor that SSM's agent answers on a real host.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator

import pytest

from lab.clouds.aws.server import start_aws
from lab.clouds.cluster import REGION, Clouds
from lab.clouds.oci.behaviour import Behaviour
from lab.clouds.oci.server import start_oci
from tests.commands.accounts import COMPARTMENT, READING, Accounts

KEY = "Ab3" * 16
CONSOLE = f'aws-oci-libreswan: step services: done\nip-10-0-0-10 pluto: 198.51.100.7 : PSK "{KEY}"\n'
HISTORY = [
    {
        "kind": "update",
        "result": "succeeded",
        "startTime": "2026-11-26T05:00:00.000Z",
        "endTime": "2026-11-26T05:12:30.000Z",
    }
]


class Stand:
    """An OCI end whose second tunnel a test may take down."""

    def __init__(self) -> None:
        self.reason: str | None = None

    def judge(self, connection: object, tunnel: object, cpe: object, secret: str) -> str | None:
        return self.reason


@pytest.fixture(scope="module")
def stand() -> Stand:
    return Stand()


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory, api_key: dict[str, str], stand: Stand) -> Iterator[Accounts]:
    folder = tmp_path_factory.mktemp("field-report")
    oracle = start_oci(
        record=folder / "oci-calls.jsonl",
        judge=stand.judge,
        behaviour=Behaviour(settle_seconds=0.2, address_seconds=0.1, status_seconds=0.1),
    )
    clouds = Clouds(folder, start_aws(record=folder / "aws-calls.jsonl"), oracle, {})
    with pytest.MonkeyPatch.context() as patch:
        for name, value in clouds.environment.items():
            patch.setenv(name, value)
        yield Accounts(folder, clouds, api_key)
    clouds.stop()


@pytest.fixture(scope="module")
def outputs(accounts: Accounts) -> dict[str, str]:
    """The outputs of a stack as its `up` leaves it."""
    ec2, network = accounts.ec2, accounts.network
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", AvailabilityZone="us-east-1a")["Subnet"]["SubnetId"]
    image = ec2.describe_images(Filters=[{"Name": "architecture", "Values": ["x86_64"]}])["Images"][0]["ImageId"]
    [instance] = ec2.run_instances(ImageId=image, InstanceType="t3.small", MinCount=1, MaxCount=1, SubnetId=subnet)[
        "Instances"
    ]
    tags = {"owner": "someone@example.com"}
    vcn = accounts.make("vcn", cidrBlocks=["172.16.0.0/16"])
    drg = accounts.make("drg", displayName="the secret project", freeformTags=tags)
    wait_until(lambda: network.get_drg(drg).data["lifecycleState"] == "AVAILABLE")
    network.create_drg_attachment({"drgId": drg, "networkDetails": {"type": "VCN", "id": vcn}})
    cpe = accounts.make("cpe", ipAddress="198.51.100.7")
    connection = accounts.make(
        "ip_sec_connection",
        cpeId=cpe,
        drgId=drg,
        staticRoutes=["10.0.0.0/16"],
        tunnelConfiguration=[
            {
                "routing": "STATIC",
                "bgpSessionConfig": {
                    "oracleInterfaceIp": f"169.254.2{number}.1/30",
                    "customerInterfaceIp": f"169.254.2{number}.2/30",
                },
                "sharedSecret": KEY,
            }
            for number in (1, 2)
        ],
    )
    wait_until(lambda: {each["status"] for each in tunnels(accounts, connection)} == {"UP"})
    accounts.clouds.aws.console[instance["InstanceId"]] = CONSOLE
    return {"connectionId": connection, "drgId": drg, "vcnId": vcn, "instanceId": instance["InstanceId"]}


def tunnels(accounts: Accounts, connection: str) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = accounts.network.list_ip_sec_connection_tunnels(connection).data
    return listed


def wait_until(done: Callable[[], bool]) -> None:
    for _ in range(100):
        if done():
            return
        time.sleep(0.05)
    raise AssertionError("the stand-in did not settle in 5 s")


def ask(accounts: Accounts, outputs: dict[str, str]) -> tuple[int, str, str]:
    accounts.configure(
        {
            "aws:region": REGION,
            "aws-oci-libreswan:compartmentId": COMPARTMENT,
            "aws-oci-libreswan:tunnel1PreSharedKey": KEY,
            **{f"oci:{key}": value for key, value in accounts.oci.items()},
        },
        secret=("oci:privateKey", "aws-oci-libreswan:tunnel1PreSharedKey"),
    )
    (accounts.folder / "outputs").write_text(json.dumps(outputs))
    (accounts.folder / "history").write_text(json.dumps(HISTORY))
    return accounts.run("field-report")


def answer(script: str) -> str:
    """A host with an agent."""
    if script.startswith("ping"):
        return f"PING {script.split()[-1]} 56(84) bytes of data.\n10 packets transmitted, 10 received, 0% packet loss\n"
    if script.startswith("journalctl --unit ipsec"):
        return (
            '2026-11-26T06:00:00+0000 pluto[7]: "tunnel-1" #9: initiating rekey to replace IKE SA #1; 198.51.100.9\n'
            f'2026-11-26T06:00:01+0000 pluto[7]: loaded 198.51.100.7 : PSK "{KEY}"\n'
        )
    return f"{script}: fine\n"


def test_what_the_report_tells(accounts: Accounts, outputs: dict[str, str]) -> None:
    accounts.clouds.aws.behaviour.host_answers[outputs["instanceId"]] = answer
    code, text, err = ask(accounts, outputs)
    assert (code, err) == (0, ""), err
    sections = dict(part.split("\n", 1) for part in text.split("\n## ")[1:])
    assert list(sections) == ["Updates of the stack", "Times", "Tunnels", "DRG", "Host, by SSM", "Host, its console"]
    assert "| update | succeeded | 2026-11-26 05:00:00 | 750 |" in sections["Updates of the stack"]
    for what in ("CPE created", "IPSec connection created", "tunnel-2 created", "tunnel-1: status UP since"):
        assert re.search(rf"^\| {what} \| 20\S+ \S+ \| \d+ \|$", sections["Times"], re.MULTILINE), what
    assert "| host launched | " in sections["Times"]
    rows = {line.split(" | ")[0].strip("| "): line for line in sections["Tunnels"].splitlines() if line[:1] == "|"}
    assert rows["status"] == "| status | UP | UP |"
    assert rows["phaseOneDetails.negotiatedEncryptionAlgorithm"].count("AES_256_CBC") == 2
    assert rows["natTranslationEnabled"] and rows["dpdTimeoutInSec"]
    assert rows["bgpSessionInfo.oracleInterfaceIp"].count("169.254.2") == 2
    assert "MATCH_ALL" in sections["DRG"] and "isEcmpEnabled" in sections["DRG"]
    assert '"destination":"<address-' in sections["DRG"]
    assert sections["Host, by SSM"].count("10 received") == 2
    assert "initiating rekey to replace IKE SA #1; <address-" in sections["Host, by SSM"]
    assert "step services: done" in sections["Host, its console"]


def test_nothing_in_it_says_whose_it_is(accounts: Accounts, outputs: dict[str, str]) -> None:
    accounts.clouds.aws.behaviour.host_answers[outputs["instanceId"]] = answer
    _, text, _ = ask(accounts, outputs)
    assert KEY not in text and "PRIVATE KEY" not in text
    assert not re.search(r"ocid1\.|\b[a-z]+-[0-9a-f]{17}\b|(?<!\d)\d{12}(?!\d)|example\.com|the secret project", text)
    assert set(re.findall(r"\d+\.\d+\.\d+\.\d+", text)) <= {
        "169.254.21.1",
        "169.254.21.2",
        "169.254.22.1",
        "169.254.22.2",
    }
    # The same thing has the same name: the DRG of the route tables is that of the attachments.
    assert set(re.findall(r'"drgId":"([^"]+)"', text)) == {"<drg-1>"}


def test_what_cannot_be_reached_is_said(
    accounts: Accounts, outputs: dict[str, str], stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stand, "reason", "the host does not answer")
    wait_until(lambda: {each["status"] for each in tunnels(accounts, outputs["connectionId"])} == {"DOWN"})
    monkeypatch.setattr(accounts.clouds.aws.behaviour, "host_answers", {})
    accounts.clouds.oci.fail("ListDrgRouteTables", 404, "NotAuthorizedOrNotFound")
    code, text, _ = ask(accounts, outputs)
    assert code == 0
    assert text.count("IKE_NOT_ESTABLISHED: the host does not answer Solution: ") == 2
    assert re.search(r"## DRG\n\nNot told: cannot read the DRG: OCI says 404-NotAuthorizedOrNotFound", text)
    assert "Not told: cannot run a command on <i-1> by SSM: AWS says InvalidInstanceId: " in text


def test_it_only_looks(accounts: Accounts, outputs: dict[str, str]) -> None:
    """But for the commands on the host, which only look too."""
    ask(accounts, outputs)
    asked = {call.split(":")[1] for call in accounts.calls()}
    assert "ListDrgRouteRules" in asked
    assert {call for call in asked if not call.startswith(READING)} <= {"SendCommand"}
    assert "GetIPSecConnectionTunnelSharedSecret" not in asked


def test_a_stack_that_is_not_up(accounts: Accounts) -> None:
    assert ask(accounts, {"drgId": "x"}) == (
        1,
        "",
        "field-report: stack dev has no output connectionId, instanceId: run `pulumi up` first\n",
    )


def test_the_rights_that_it_took_are_documented(accounts: Accounts) -> None:
    """Of all the tests above."""
    assert {"ssm:SendCommand", "core:ListDrgRouteRules"} <= set(accounts.calls())
    assert accounts.undocumented() == set()
