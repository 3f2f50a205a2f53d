"""check-tunnels: when the proof ends, when it fails, and all that it says then.

Both clouds are tables on this machine. Does not prove that a packet crosses; nor does the command.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from commands.check_tunnels import Expected, all_up, check
from commands.invocation import CommandError
from commands.oci_sign_in import virtual_network_client
from commands.tunnels import Connection, Tunnel

ENVIRONMENT = {
    "IPSEC_ID": "ipsec",
    "DRG_ID": "drg",
    "VCN_ID": "vcn",
    "VPC_CIDRS": "10.0.0.0/16",
    "VCN_CIDRS": "172.16.0.0/16",
    "INSTANCE_ID": "i-1",
    "NETWORK_INTERFACE_ID": "eni-1",
    "AWS_ROUTE_TABLE_IDS": "rtb-1,rtb-2",
    "REGION": "eu-central-1",
    "TIMEOUT_SECONDS": "300",
}


class Oci:
    """What the proof reads of OCI; each tunnel's statuses follow each other, the last stays."""

    def __init__(self, *statuses: tuple[str, ...]) -> None:
        self.statuses = list(statuses)
        self.states: dict[str, str] = {}
        self.vcn_route_type = "VCN_CIDRS"
        self.rules: dict[str, list[Any]] = {
            "table.vcn": [("10.0.0.0/16", "att.a"), ("10.0.0.0/16", "att.b")],
            "table.tunnels": [("172.16.0.0/16", "att.vcn")],
        }
        self.errors: dict[str, tuple[int, Any]] = {}
        self.refused: dict[str, int] = {}

    def __call__(self, method: str, path: str, body: Any, etag: str | None) -> tuple[int, Any, Mapping[str, str]]:
        assert method == "GET"
        path, _, query = path.partition("?")
        if path in self.refused:
            return self.refused[path], {"code": "Refused", "message": "not you"}, {}
        name = path.split("/")[-1]
        if path == "/ipsecConnections/ipsec":
            return 200, {"id": "ipsec", "lifecycleState": "AVAILABLE", "compartmentId": "net"}, {}
        if path == "/ipsecConnections/ipsec/tunnels":
            now = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
            tunnels = zip("abc", now, strict=False)
            listed = [
                {
                    "id": f"tunnel.{letter}",
                    "vpnIp": f"203.0.113.{ord(letter)}",
                    "lifecycleState": "AVAILABLE",
                    "status": status,
                }
                for letter, status in tunnels
            ]
            return 200, listed[::-1], {}
        if name == "error":
            return (*self.errors.get(path.split("/")[-2], (404, {"code": "NotFound", "message": "none"})), {})
        if path in ("/drgs/drg", "/vcns/vcn"):
            return 200, {"id": name, "compartmentId": "net" if name == "drg" else "app"}, {}
        if path == "/drgAttachments":
            asked = parse_qs(query)
            assert asked["drgId"] == ["drg"]
            # As in OCI: one compartment and one kind a call, and the VCN's attachment lies with the VCN.
            kind = {"app": "VCN", "net": "IPSEC_TUNNEL"}[asked["compartmentId"][0]]
            if asked["attachmentType"] != [kind]:
                return 200, [], {}
            found = [("vcn", "vcn")] if kind == "VCN" else [("a", "tunnel.a"), ("b", "tunnel.b")]
            return 200, [self.attachment(*each) for each in found], {}
        if path == "/subnets":
            # One of three is in the DRG's compartment; one is going.
            asked = parse_qs(query)
            assert asked["vcnId"] == ["vcn"]
            subnets = {
                "app": {"172.16.1.0/24": "AVAILABLE", "172.16.2.0/24": "TERMINATING"},
                "net": {"172.16.3.0/24": "AVAILABLE"},
            }[asked["compartmentId"][0]]
            return 200, [{"cidrBlock": cidr, "lifecycleState": state} for cidr, state in subnets.items()], {}
        table = path.split("/")[2]
        return 200, [each if isinstance(each, dict) else self.rule(*each) for each in self.rules[table]], {}

    @staticmethod
    def rule(destination: str, hop: str, **more: Any) -> dict[str, Any]:
        return {
            "destination": destination,
            "destinationType": "CIDR_BLOCK",
            "nextHopDrgAttachmentId": hop,
            "isConflict": False,
            "isBlackhole": False,
            **more,
        }

    def attachment(self, name: str, network: str) -> dict[str, Any]:
        kind = "VCN" if name == "vcn" else "IPSEC_TUNNEL"
        return {
            "id": f"att.{name}",
            "lifecycleState": self.states.get(name, "ATTACHED"),
            "networkDetails": {"type": kind, "id": network, "vcnRouteType": self.vcn_route_type},
            "drgRouteTableId": "table.vcn" if name == "vcn" else "table.tunnels",
        }


class Ec2:
    """What the proof reads of AWS."""

    def __init__(self) -> None:
        route = {"DestinationCidrBlock": "172.16.0.0/16", "NetworkInterfaceId": "eni-1", "State": "active"}
        self.tables = [{"RouteTableId": name, "Routes": [dict(route)]} for name in ("rtb-1", "rtb-2")]
        self.console: str | Exception = "boot\nlogin:"

    def describe_route_tables(self, **_: Any) -> dict[str, Any]:
        return {"RouteTables": self.tables}

    def get_console_output(self, **_: Any) -> dict[str, Any]:
        if isinstance(self.console, Exception):
            raise self.console
        return {"Output": self.console}


@pytest.fixture
def proof(desk: Any, api_key: dict[str, str], serve_oci: Any) -> Any:
    """Runs the proof against the two tables, whose word on a tunnel is never old unless said so; gives its answer."""

    def run(oci: Oci, ec2: Ec2 | Exception | None = None, lag: float = 0.0, **more: str) -> str:
        served = serve_oci(oci)
        invocation = desk.invocation({**served.environment, **ENVIRONMENT, **more})
        expected = replace(Expected.parse(invocation), status_lag_seconds=lag)
        client = virtual_network_client(api_key, invocation.environment)

        def sign_in() -> Any:
            if isinstance(ec2, Exception):
                raise ec2
            return ec2 or Ec2()

        return check(expected, client, sign_in, invocation)

    return run


ANSWER = (
    '[{"id":"tunnel.a","vpnIp":"203.0.113.97","status":"UP"},{"id":"tunnel.b","vpnIp":"203.0.113.98","status":"UP"}]'
)
UP = "OCI reports tunnel 203.0.113.97 UP, tunnel 203.0.113.98 UP"


def test_ends_when_both_tunnels_are_up_and_the_routes_are_there(proof: Any, desk: Any) -> None:
    assert proof(Oci(("DOWN", "DOWN"), ("UP", "DOWN"), ("UP", "UP"))) == ANSWER
    assert desk.told == [
        "[   0 s] connection AVAILABLE; tunnels: 203.0.113.97 AVAILABLE DOWN, 203.0.113.98 AVAILABLE DOWN",
        "[   1 s] connection AVAILABLE; tunnels: 203.0.113.97 AVAILABLE UP, 203.0.113.98 AVAILABLE DOWN",
        "[   2 s] connection AVAILABLE; tunnels: 203.0.113.97 AVAILABLE UP, 203.0.113.98 AVAILABLE UP",
    ]


@pytest.mark.parametrize(
    ("statuses", "strict", "lenient"),
    [
        (("UP", "UP"), True, True),
        (("UP", "DOWN_FOR_MAINTENANCE"), False, True),
        (("DOWN_FOR_MAINTENANCE", "UP"), False, True),
        (("DOWN_FOR_MAINTENANCE", "DOWN_FOR_MAINTENANCE"), False, False),
        (("UP", "PARTIAL_UP"), False, False),
        (("UP", "DOWN"), False, False),
        (("UP",), False, False),
    ],
)
def test_which_statuses_are_enough(statuses: tuple[str, ...], strict: bool, lenient: bool) -> None:
    tunnels = tuple(Tunnel(str(n), "", "AVAILABLE", status) for n, status in enumerate(statuses))
    connection = Connection("ipsec", "net", "AVAILABLE", tunnels)
    assert (all_up(connection, False), all_up(connection, True)) == (strict, lenient)


def test_maintenance_is_a_warning_where_it_is_allowed(proof: Any, desk: Any) -> None:
    answer = proof(Oci(("UP", "DOWN_FOR_MAINTENANCE")), PROVEN_BEFORE="true")
    assert answer == ANSWER.replace('"203.0.113.98","status":"UP"', '"203.0.113.98","status":"DOWN_FOR_MAINTENANCE"')
    assert desk.told[-1] == ("warning: tunnel 203.0.113.98 is DOWN_FOR_MAINTENANCE: accepted, the other one is UP")


def test_up_since_before_the_host_was_new_is_no_proof(proof: Any, desk: Any) -> None:
    """OCI has yet to notice that the host before is gone; the new one has not even booted."""
    assert proof(Oci(("UP", "UP"), ("UP", "UP"), ("DOWN", "UP"), ("DOWN", "DOWN"), ("UP", "UP")), lag=180.0) == ANSWER
    assert desk.now == 1004
    assert desk.told[0] == (
        "[   0 s] connection AVAILABLE; tunnels: 203.0.113.97 AVAILABLE UP, 203.0.113.98 AVAILABLE UP; "
        "203.0.113.97, 203.0.113.98: UP since before, which counts after 180 s"
    )


def test_one_tunnel_that_was_seen_down_says_nothing_of_the_other(proof: Any, desk: Any) -> None:
    assert proof(Oci(("DOWN", "UP"), ("UP", "UP")), lag=60.0) == ANSWER
    assert 1060 <= desk.now <= 1066
    assert desk.told[1].endswith("; 203.0.113.98: UP since before, which counts after 60 s")


def test_what_was_proven_before_counts_at_once(proof: Any, desk: Any) -> None:
    assert proof(Oci(("UP", "UP")), lag=180.0, PROVEN_BEFORE="true") == ANSWER
    assert desk.now == 1000


def test_a_time_that_is_shorter_than_the_lag_ends_with_what_is_there(proof: Any, desk: Any) -> None:
    assert proof(Oci(("UP", "UP")), lag=180.0, TIMEOUT_SECONDS="60") == ANSWER
    assert desk.now == 1060


def test_how_old_the_word_of_oci_may_be(desk: Any) -> None:
    """Minutes; a stand-in cloud says of itself that it is quicker."""
    assert Expected.parse(desk.invocation(ENVIRONMENT)).status_lag_seconds == 180.0
    quicker = {**ENVIRONMENT, "OCI_STATUS_LAG_SECONDS": "3"}
    assert Expected.parse(desk.invocation(quicker)).status_lag_seconds == 3.0
    with pytest.raises(CommandError, match=r"OCI_STATUS_LAG_SECONDS: '-1' is refused: it must be a positive number"):
        Expected.parse(desk.invocation({**ENVIRONMENT, "OCI_STATUS_LAG_SECONDS": "-1"}))


def test_a_third_tunnel_is_refused_at_once(proof: Any, desk: Any) -> None:
    with pytest.raises(CommandError) as refused:
        proof(Oci(("UP", "UP", "UP")))
    assert str(refused.value) == (
        "IPSec connection ipsec has 3 tunnels (203.0.113.97, 203.0.113.98, 203.0.113.99): it must have exactly 2"
    )
    assert desk.now == 1000


def test_time_out_tells_all_that_helps(proof: Any) -> None:
    oci = Oci(("UP", "DOWN"))
    oci.errors["tunnel.b"] = (
        200,
        {
            "id": "e",
            "errorCode": "NO_PROPOSAL_CHOSEN",
            "errorDescription": "Phase 1 proposals differ.",
            "solution": "Use the same.",
        },
    )
    ec2 = Ec2()
    ec2.console = "\n".join(f"line {number}" for number in range(1, 51)) + '\n\x1b[31m: PSK "hunter2"\x1b[0m\n\n'
    with pytest.raises(CommandError) as refused:
        proof(oci, ec2)
    tail = "\n".join(f"  | line {number}" for number in range(12, 51))
    assert str(refused.value) == (
        "not proven after 300 s. Last: connection AVAILABLE; tunnels: "
        "203.0.113.97 AVAILABLE UP, 203.0.113.98 AVAILABLE DOWN\n"
        "tunnel 203.0.113.97 (tunnel.a) is UP: OCI reports no error\n"
        "tunnel 203.0.113.98 (tunnel.b) is DOWN: NO_PROPOSAL_CHOSEN: Phase 1 proposals differ. "
        "Solution: Use the same.\n"
        "console of i-1, last lines:\n"
        f"{tail}\n"
        "  | : PSK [secret]\n"
        "look closer:\n"
        "  aws ssm start-session --target i-1 --region eu-central-1\n"
        "  and there: sudo journalctl -u ipsec; sudo ipsec whack --trafficstatus"
    )


@pytest.mark.parametrize(
    ("ec2", "line"),
    [
        (CommandError("AWS sign-in failed: no"), "(warning: AWS sign-in failed: no)"),
        (
            ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "not you"}}, "GetConsoleOutput"),
            "(warning: cannot read the console of i-1: AWS says UnauthorizedOperation: not you)",
        ),
        (
            EndpointConnectionError(endpoint_url="http://x"),
            '(warning: cannot read the console of i-1: Could not connect to the endpoint URL: "http://x")',
        ),
        ("", "(nothing yet)"),
    ],
)
def test_an_unreadable_console_does_not_hide_what_oci_says(proof: Any, ec2: Any, line: str) -> None:
    if not isinstance(ec2, CommandError):
        double = Ec2()
        double.console = ec2
        ec2 = double
    with pytest.raises(CommandError) as refused:
        proof(Oci(("UP", "DOWN")), ec2)
    lines = str(refused.value).splitlines()
    assert lines[2] == "tunnel 203.0.113.98 (tunnel.b) is DOWN: OCI reports no error"
    assert lines[3:5] == ["console of i-1, last lines:", f"  | {line}"]


def test_one_tunnel_after_the_time_out(proof: Any) -> None:
    with pytest.raises(CommandError) as refused:
        proof(Oci(("UP",)))
    assert str(refused.value).splitlines()[1] == (
        "IPSec connection ipsec has 1 tunnel (203.0.113.97): it must have exactly 2"
    )


def test_an_unreadable_tunnel_error_says_so(proof: Any) -> None:
    oci = Oci(("UP", "DOWN"))
    oci.errors["tunnel.b"] = 403, {"code": "NotAllowed", "message": "not you"}
    with pytest.raises(CommandError) as refused:
        proof(oci)
    assert str(refused.value).splitlines()[2] == (
        "tunnel 203.0.113.98 (tunnel.b) is DOWN: cannot read its error: OCI says 403-NotAllowed: not you"
    )


def test_oci_that_is_never_readable(proof: Any) -> None:
    oci = Oci(("UP", "UP"))
    oci.refused["/ipsecConnections/ipsec"] = 503
    with pytest.raises(CommandError) as refused:
        proof(oci)
    assert str(refused.value).splitlines()[:2] == [
        "not proven after 300 s. Last: trying again: cannot read IPSec connection ipsec: OCI says 503-Refused: not you",
        "console of i-1, last lines:",
    ]


def test_missing_routes_fail_after_three_minutes_and_name_the_tables(proof: Any, desk: Any) -> None:
    oci, ec2 = Oci(("DOWN", "DOWN"), ("UP", "UP")), Ec2()
    oci.rules["table.vcn"] = []
    ec2.tables[1]["Routes"] = []
    with pytest.raises(CommandError) as refused:
        proof(oci, ec2, TIMEOUT_SECONDS="1200")
    assert str(refused.value) == (
        f"{UP}, but packets cannot pass:\n"
        "  DRG route table table.vcn (of the VCN) has no route to 10.0.0.0/16 by the tunnels\n"
        "  AWS route table rtb-2 has no route to 172.16.0.0/16"
    )
    assert 1182 <= desk.now <= 1192


def test_rules_that_route_nothing_do_not_count(proof: Any) -> None:
    oci = Oci(("UP", "UP"))
    oci.rules["table.vcn"] = [
        oci.rule("10.0.0.0/16", "att.a", isConflict=True),
        oci.rule("2001:db8::/32", "att.a"),
        oci.rule("all-fra-services", "att.a", destinationType="SERVICE_CIDR_BLOCK"),
    ]
    oci.rules["table.tunnels"] = [oci.rule("172.16.0.0/16", "att.vcn", isBlackhole=True)]
    with pytest.raises(CommandError) as refused:
        proof(oci)
    assert str(refused.value).splitlines()[1:] == [
        "  DRG route table table.vcn (of the VCN) has no route to 10.0.0.0/16 by the tunnels",
        "  DRG route table table.tunnels (of the tunnels) sends 172.16.0.0/16 to nowhere (blackhole), not to the VCN",
    ]


def test_subnets_count_where_the_attachment_announces_these(proof: Any) -> None:
    oci = Oci(("UP", "UP"))
    oci.vcn_route_type = "SUBNET_CIDRS"
    oci.rules["table.tunnels"] = [oci.rule("172.16.1.0/24", "att.vcn")]
    with pytest.raises(CommandError) as refused:
        proof(oci)
    assert str(refused.value).splitlines()[1:] == [
        "  DRG route table table.tunnels (of the tunnels) has no route to 172.16.3.0/24 by the VCN"
    ]
    oci.rules["table.tunnels"].append(oci.rule("172.16.3.0/24", "att.vcn"))
    assert proof(oci) == ANSWER


def test_an_attachment_that_goes_does_not_count(proof: Any) -> None:
    oci = Oci(("UP", "UP"))
    oci.states["vcn"] = "DETACHING"
    with pytest.raises(CommandError) as refused:
        proof(oci)
    assert str(refused.value).splitlines()[1:] == ["  DRG drg has no attachment of VCN vcn"]


def test_the_patience_starts_again_when_a_tunnel_was_down(proof: Any, desk: Any) -> None:
    # 1 s after each of the first looks: the tunnels are down again in the middle.
    oci = Oci(*[("UP", "UP")] * 5, ("UP", "DOWN"), ("UP", "UP"))
    oci.rules["table.vcn"] = []
    with pytest.raises(CommandError, match="but packets cannot pass"):
        proof(oci, TIMEOUT_SECONDS="1200")
    assert 1006 + 180 <= desk.now <= 1006 + 190


def test_routes_that_come_later_are_waited_for(proof: Any, desk: Any) -> None:
    oci = Oci(("UP", "UP"))
    oci.rules["table.vcn"] = []
    sleep = desk.sleep

    def learn(seconds: float) -> None:
        sleep(seconds)
        oci.rules["table.vcn"] = [("10.0.0.0/16", "att.a")]

    desk.sleep = learn
    assert proof(oci) == ANSWER
    assert desk.told[0].endswith(
        "; routes: DRG route table table.vcn (of the VCN) has no route to 10.0.0.0/16 by the tunnels"
    )


@pytest.mark.parametrize(
    ("oci_refuses", "ec2", "reason"),
    [
        ("", CommandError("AWS sign-in failed: no"), "AWS sign-in failed: no"),
        ("/drgs/drg", None, "cannot read DRG drg: OCI says 403-Refused: not you"),
        (
            "/drgRouteTables/table.vcn/drgRouteRules",
            None,
            "cannot list the rules of DRG route table table.vcn: OCI says 403-Refused: not you",
        ),
    ],
)
def test_unreadable_routes_are_a_failed_proof(proof: Any, oci_refuses: str, ec2: Any, reason: str) -> None:
    oci = Oci(("UP", "UP"))
    oci.refused[oci_refuses] = 403
    with pytest.raises(CommandError) as refused:
        proof(oci, ec2)
    assert str(refused.value) == f"{UP}, but the routes could not be proven: {reason}"


def test_without_aws_route_tables_aws_is_not_asked(proof: Any) -> None:
    assert proof(Oci(("UP", "UP")), CommandError("AWS sign-in failed"), AWS_ROUTE_TABLE_IDS="") == ANSWER


@pytest.mark.parametrize("name", sorted(set(ENVIRONMENT) - {"AWS_ROUTE_TABLE_IDS"}))
def test_each_parameter_is_needed(desk: Any, name: str) -> None:
    with pytest.raises(CommandError) as refused:
        Expected.parse(desk.invocation({**ENVIRONMENT, name: ""}))
    assert str(refused.value) == f"{name} is missing: the command needs it in its environment"
