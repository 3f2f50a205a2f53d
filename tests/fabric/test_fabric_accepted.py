"""The fabric's rules and routes, taken by the fabric's own nft and ip in a network namespace without privilege.

Not proven here: that packets obey them (the lab shows that), and that the fabric's kernel has every part of nftables
that they name.
"""

from __future__ import annotations

import subprocess
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from lab.fabric import addresses, internet, nft, oracle, routing, vpc
from lab.fabric.declared import AclEntry, Declared, Filter, RuleSet
from lab.fabric.internet import Servers, Weather
from lab.image.packages import FABRIC_SUITE
from lab.setup.cache import fingerprint, make_once
from lab.setup.debian import apt_options, mirror
from lab.setup.packages import require
from lab.setup.steps import run, step
from tests.fabric.world import ALL, ANYWHERE, VPC, WORLD, with_acl, with_interface, with_vpc

PACKAGES = "base-files,coreutils,dash,grep,iproute2,nftables,sed"
SERVERS = Servers(endpoint=8443, mirror=8080)

EVERY_FILTER = tuple(
    Filter(protocol=protocol, cidr=cidr, ports=ports, source_ports=source_ports, icmp=icmp)
    for protocol in ("all", "icmp", "tcp", "udp", "esp", 47)
    for cidr in (ANYWHERE, VPC, IPv4Network("10.0.0.9/32"))
    for ports in (None, (443, 443), (0, 65535))
    for source_ports in (None, (500, 4500))
    for icmp in (None, (3, None), (3, 4), (0, 0))
)  # fmt: skip
EVERY_ENTRY = tuple(
    AclEntry(number=number, allow=bool(number % 2), filter=rule) for number, rule in enumerate(EVERY_FILTER, 1)
)


@pytest.fixture(scope="session")
def root() -> Path:
    """A folder with the packages, unpacked (10 s when it is new)."""

    def make(folder: Path) -> None:
        require({"mmdebstrap": "mmdebstrap", "unshare": "util-linux"})
        archive = folder / "root.tar"
        with step(f"Debian {FABRIC_SUITE} root with {PACKAGES}"):
            run(
                ["mmdebstrap", "--variant=extract", "--mode=chrootless", f"--include={PACKAGES}"]
                + [f"--aptopt={option}" for option in apt_options()]
                + [FABRIC_SUITE, str(archive), mirror()]
            )
            run(["tar", "--extract", "--no-same-owner", "--exclude=./dev/*", "--file", archive, "--directory", folder])
        archive.unlink()

    return make_once(f"nft-{FABRIC_SUITE}-{fingerprint(PACKAGES)}", make)


def shell(root: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Runs it in a network of its own, which forwards and where it has every right."""
    enter = 'echo 1 > /proc/sys/net/ipv4/ip_forward && exec chroot "$0" /bin/sh -eu'
    return subprocess.run(
        ["unshare", "--map-root-user", "--net", "sh", "-c", enter, str(root)],
        input=script,
        capture_output=True,
        text=True,
        check=False,
    )


def refusals(root: Path, rules: str) -> str:
    """What nft has against a ruleset."""
    ended = shell(root, f"nft --check --file - <<'RULES'\n{rules}\nRULES\n")
    assert (ended.returncode == 0) == (ended.stderr == "")
    return ended.stderr


def test_nft_can_refuse(root: Path) -> None:
    assert "syntax error" in refusals(root, "table ip fabric { chain a { tcp sport } }")
    too_long = f'counter drop comment "{"x" * (nft.LONGEST_COMMENT + 1)}"'
    assert "comment too long" in refusals(root, nft.ruleset([nft.chain("a", [too_long])]))
    assert refusals(root, nft.ruleset([nft.chain("a", [nft.refusal("x" * nft.LONGEST_COMMENT)])])) == ""


@pytest.mark.parametrize("declared", [WORLD, Declared()], ids=["declared", "nothing yet"])
def test_every_place(root: Path, declared: Declared) -> None:
    for metadata_port in (None, 8081):
        assert refusals(root, vpc.rules(declared, metadata_port, hop_limit=64)) == ""
    cut = frozenset({(1, "to"), (1, "from"), (2, "to"), (2, "from")})
    for weather in (Weather(), Weather(cut=cut)):
        assert refusals(root, internet.rules(declared, SERVERS, weather)) == ""
    assert refusals(root, oracle.rules(declared)) == ""


def test_every_filter_in_every_place(root: Path) -> None:
    rules = RuleSet(id="x", ingress=EVERY_FILTER, egress=EVERY_FILTER)
    grouped = with_vpc(lambda one: replace(one, groups={"sg": rules}))
    assert refusals(root, vpc.rules(grouped, None, 1)) == ""
    assert refusals(root, vpc.rules(with_acl("acl", ingress=EVERY_ENTRY, egress=EVERY_ENTRY), None, 1)) == ""
    assert WORLD.vcn is not None
    listed = replace(WORLD, vcn=replace(WORLD.vcn, lists={"list": rules}, groups=(rules,)))
    assert refusals(root, oracle.rules(listed)) == ""


def test_as_many_security_groups_as_an_interface_can_have(root: Path) -> None:
    # https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html: 5, and up to 16 on request.
    ids = tuple(f"sg-{number:017x}" for number in range(16))
    declared = with_interface(lambda one: replace(one, group_ids=ids, source_dest_check=True))
    assert declared.vpc is not None
    groups = {one: RuleSet(id=one, ingress=(ALL,), egress=(ALL,)) for one in ids}
    declared = replace(declared, vpc=replace(declared.vpc, groups=groups))
    assert refusals(root, vpc.rules(declared, 8081, 1)) == ""


LINKS = "\n".join(
    f"ip link add name {name} type veth peer name {name}-end\nip link set {name}-end up\nip link set {name} up\n"
    f"ip address add {address}/32 dev {name}"
    for name, address in (("one", "100.64.0.1"), ("two", "100.64.0.2"), ("three", "100.64.0.3"))
)


def way(root: Path, policy: str, destination: str, device: str) -> str:
    """Where a packet that comes in by a device goes, as the kernel says."""
    ended = shell(root, f"{LINKS}\n{policy}\nip route get {destination} from 192.0.2.1 iif {device}\n")
    return ended.stdout + ended.stderr


def test_a_device_has_its_own_routes_and_no_others(root: Path) -> None:
    policy = routing.policy(
        {
            "one": ["10.0.1.1/32 dev three scope link", "unreachable 10.0.0.0/16", "default dev two"],
            "two": ["10.0.0.0/8 nexthop via 100.64.0.9 dev one onlink nexthop via 100.64.0.8 dev one onlink"],
            "three": ["blackhole 10.0.0.0/8"],
        }
    )
    # A second time is the same as once.
    policy += policy
    assert "10.0.1.1 from 192.0.2.1 dev three" in way(root, policy, "10.0.1.1", "one")
    assert "No route to host" in way(root, policy, "10.0.1.2", "one")
    assert "203.0.113.1 from 192.0.2.1 dev two" in way(root, policy, "203.0.113.1", "one")
    assert "via 100.64.0." in way(root, policy, "10.0.1.1", "two")
    assert "No route to host" in way(root, policy, "203.0.113.1", "two")
    assert "Invalid argument" in way(root, policy, "10.0.1.1", "three")


def watched(root: Path, before: str, news: str, change: str, after: str) -> str:
    """What the kernel says of such news during a change, and what is printed after it."""
    # A pipeline, because the root has no /dev/null for what runs in the background.
    both = f"{{ sleep 0.5\n{change}\n}} | timeout 2 ip monitor {news} || true"
    ended = shell(root, "\n".join([before, both, after, ""]))
    assert ended.stderr == ""
    return ended.stdout


def test_a_change_of_one_devices_routes_is_one_step_and_no_other_device_sees_any(root: Path) -> None:
    """Else each move of the way back would lose packets of all flows, and pass for a fault of the host's."""
    before = routing.policy({"one": ["default dev two"], "two": ["default dev one"], "three": ["default dev one"]})
    after = routing.policy({"one": ["default dev two"], "two": ["default dev three"]})
    ended = watched(root, f"{LINKS}\n{before}", "rule", after, "ip rule show")
    news, rules = ended.split("0:\tfrom all lookup local")
    assert [line.split()[:6] for line in news.replace("Deleted ", "-").splitlines()] == [
        ["1001:", "from", "all", "iif", "two", "lookup"],
        ["-1001:", "from", "all", "iif", "two", "lookup"],
        ["-1002:", "from", "all", "iif", "three", "lookup"],
    ]
    assert [line.split(":")[0] for line in rules.splitlines()[1:]] == ["1000", "1001", "32766", "32767"]


def test_a_device_keeps_the_addresses_that_stay(root: Path) -> None:
    first, then = (
        "\n".join(addresses.only("one", "192.0.2.1/24", other)) for other in ("192.0.2.9/32", "192.0.2.8/32")
    )
    lines = watched(root, f"{LINKS}\n{first}", "address", then, "ip -brief -4 address show dev one").splitlines()
    assert [line.split()[4] for line in lines if line.startswith("Deleted")] == ["192.0.2.9/32"]
    assert lines[-1].split()[2:] == ["192.0.2.1/24", "192.0.2.8/32"]
