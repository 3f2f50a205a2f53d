"""The host's files: golden ipsec.conf of each dialect, and what holds for every operating system and key delivery.

Golden files: `pytest tests/pure/test_host_files.py --write-golden` writes them; read the diff before a commit.
Does not prove that Libreswan, nft or systemd take the files (tests/parsers does).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from configparser import ConfigParser
from ipaddress import IPv4Network
from pathlib import Path
from typing import Literal

import jinja2
import pytest
from keeper import keys as keeper_keys
from keeper import report

from components import host_files as subject
from components.crypto import PROFILES
from components.host_files import HostFacts, cloud_config, host_files, ipsec_conf
from components.host_os import InterfaceKind
from tests.pure.facts import KEYS, every_dialect, host_facts

GOLDEN = Path(__file__).parent / "golden"
Dialect = tuple[str, Literal[1, 2], InterfaceKind]
PAIRWISE: list[Dialect] = [
    ("debian-13", 2, "vti"),
    ("debian-13", 2, "xfrm"),
    ("debian-13", 1, "vti"),
    ("debian-13", 1, "xfrm"),
    ("debian-12", 2, "vti"),
    ("debian-12", 1, "vti"),
]


def content(facts: HostFacts, path: str) -> str:
    [found] = [file.content for file in host_files(facts) if file.path == path]
    return found


def conns(text: str) -> dict[str, list[tuple[str, str]]]:
    """Options of each section in their order, read as Libreswan does: a line that is not indented begins one."""
    sections: dict[str, list[tuple[str, str]]] = {}
    name = ""
    for line in text.splitlines():
        if not line.strip() or line.strip().startswith("#"):
            continue
        if not line.startswith(" "):
            name = line
            assert name not in sections
            sections[name] = []
        else:
            key, value = line.strip().split("=", 1)
            sections[name].append((key, value))
    return sections


@pytest.mark.parametrize("dialect", PAIRWISE, ids=lambda d: f"{d[0]}-ikev{d[1]}-{d[2]}")
def test_ipsec_conf_is_the_golden_one(dialect: Dialect, request: pytest.FixtureRequest) -> None:
    os, version, kind = dialect
    golden = GOLDEN / f"ipsec-{os}-ikev{version}-{kind}.conf"
    rendered = ipsec_conf(host_facts(os, version, kind))
    if request.config.getoption("--write-golden", default=False):
        golden.write_text(rendered, encoding="utf-8")
    assert rendered == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("dialect", every_dialect(), ids=lambda d: f"{d[0]}-ikev{d[1]}-{d[2]}")
class TestEveryDialect:
    def test_both_conns_are_there_and_no_option_is_there_twice(self, dialect: Dialect) -> None:
        sections = conns(ipsec_conf(host_facts(*dialect)))
        assert [name for name in sections if name.startswith("conn")] == ["conn tunnel-1", "conn tunnel-2"]
        for options in sections.values():
            assert [key for key, count in Counter(key for key, _ in options).items() if count > 1] == []

    def test_a_conn_of_any_to_any_has_a_device_of_its_own(self, dialect: Dialect) -> None:
        sections = conns(ipsec_conf(host_facts(*dialect)))
        both = [dict(sections["conn tunnel-1"]), dict(sections["conn tunnel-2"])]
        for options in both:
            assert options["leftsubnet"] == options["rightsubnet"] == "0.0.0.0/0"
            by_mark = {"mark", "vti-interface"} <= options.keys()
            assert by_mark != ("ipsec-interface" in options)
            assert by_mark == (dialect[2] == "vti")
            if by_mark:
                assert options["vti-routing"] == "no"
            else:
                assert options["overlapip"] == "yes"
            assert "leftnexthop" in options
        for key in ("right", "mark", "vti-interface", "ipsec-interface"):
            assert both[0].get(key) is None or both[0][key] != both[1][key]

    def test_options_that_break_such_a_conn_are_never_there(self, dialect: Dialect) -> None:
        for options in conns(ipsec_conf(host_facts(*dialect))).values():
            assert {key for key, _ in options} & {"mtu", "leftsourceip", "leftupdown", "vti-shared"} == set()

    def test_the_host_says_by_which_address_oracle_knows_it(self, dialect: Dialect) -> None:
        sections = conns(ipsec_conf(host_facts(*dialect)))
        for number in (1, 2):
            options = dict(sections[f"conn tunnel-{number}"])
            assert options["leftid"] == "203.0.113.7"
            assert options["left"] == "10.0.0.10"
            assert options["right"] == options["rightid"] == f"198.51.100.{11 * number}"
            assert options["encapsulation"] == "yes"

    def test_the_ike_version_in_the_words_of_its_libreswan(self, dialect: Dialect) -> None:
        os, version, kind = dialect
        facts = host_facts(os, version, kind)
        options = dict(conns(ipsec_conf(facts))["conn tunnel-1"])
        if facts.os.libreswan_major >= 5:
            assert options["keyexchange"] == f"ikev{version}"
            assert {"ikev2", "dpdaction"} & options.keys() == set()
        else:
            assert options["ikev2"] == {1: "no", 2: "insist"}[version]
            assert "keyexchange" not in options
            assert options["dpdaction"] == "restart"
        assert ("config setup" in conns(ipsec_conf(facts))) == (version == 1)
        assert ("dpdtimeout" in options) == (version == 1)
        assert ("retransmit-timeout" in options) == (version == 2)

    @pytest.mark.parametrize("in_user_data", [True, False])
    def test_files_and_their_rights(self, dialect: Dialect, in_user_data: bool) -> None:
        files = host_files(host_facts(*dialect, keys_in_user_data=in_user_data))
        paths = [file.path for file in files]
        assert paths == sorted(set(paths))
        modes = {file.path.rsplit("/", 1)[1]: file.mode for file in files}
        assert {name for name, mode in modes.items() if mode == "0755"} == {"boot", "vpn-status"}
        assert {name for name, mode in modes.items() if mode == "0600"} == (
            {"oci-ipsec.secrets"} if in_user_data else set()
        )
        assert ("pre-shared-keys.service" in modes) == (not in_user_data)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_reaches_both_conns(profile: str) -> None:
    chosen = PROFILES[profile]
    sections = conns(ipsec_conf(host_facts(profile=chosen)))
    for name in ("conn tunnel-1", "conn tunnel-2"):
        options = dict(sections[name])
        assert (options["ike"], options["esp"], options["pfs"]) == (chosen.ike, chosen.esp, "yes")
        assert (options["ikelifetime"], options["salifetime"]) == ("28200s", "3300s")


def test_by_parameter_store_no_file_holds_a_key() -> None:
    everything = cloud_config(host_facts())
    assert not any(key in everything for key in KEYS)
    tunnels = json.loads(content(host_facts(), "/etc/aws-oci-libreswan/tunnels.json"))["tunnels"]
    assert [tunnel["parameter"] for tunnel in tunnels] == [
        f"/libreswan/aws-oci-libreswan/dev/tunnel-{number}/pre-shared-key" for number in (1, 2)
    ]


def test_by_user_data_one_file_holds_both_keys_and_only_root_reads_it() -> None:
    facts = host_facts(keys_in_user_data=True)
    holders = [file for file in host_files(facts) if any(key in file.content for key in KEYS)]
    assert [(file.path, file.mode) for file in holders] == [("/etc/ipsec.d/oci-ipsec.secrets", "0600")]
    assert holders[0].content == (
        f'203.0.113.7 198.51.100.11 : PSK "{KEYS[0]}"\n203.0.113.7 198.51.100.22 : PSK "{KEYS[1]}"\n'
    )


def test_a_key_is_in_no_message_of_a_misspelt_template() -> None:
    with pytest.raises(jinja2.UndefinedError) as refused:
        subject._templates().from_string("{{ host.tunnels[0].pre_shared_keyy }}").render(
            host=host_facts(keys_in_user_data=True)
        )
    assert not any(key in str(refused.value) for key in KEYS)


def test_a_key_is_in_no_repr() -> None:
    facts = host_facts(keys_in_user_data=True)
    shown = repr(facts) + repr(host_files(facts))
    assert "198.51.100.22" in shown
    assert not any(key in shown for key in KEYS)


def test_what_the_host_knows_of_its_tunnels() -> None:
    known = json.loads(content(host_facts(keys_in_user_data=True), "/etc/aws-oci-libreswan/tunnels.json"))
    assert known == {
        "region": "us-east-1",
        "privateAddress": "10.0.0.10",
        "publicAddress": "203.0.113.7",
        "interfaceKind": "vti",
        "mtu": 1438,
        "vcnCidrs": ["172.16.0.0/16"],
        "tunnels": [
            {
                "conn": f"tunnel-{number}",
                "device": f"vti{number}",
                "key": 4 + number,
                "headend": f"198.51.100.{11 * number}",
                "hostInside": f"169.254.2{number}.2/30",
                "oracleInside": f"169.254.2{number}.1",
            }
            for number in (1, 2)
        ],
    }


@pytest.mark.parametrize(("kind", "devices"), [("vti", '"vti1", "vti2"'), ("xfrm", '"ipsec1", "ipsec2"')])
def test_segments_are_clamped_in_both_directions_on_both_devices(kind: InterfaceKind, devices: str) -> None:
    text = content(host_facts(interface_kind=kind), "/etc/aws-oci-libreswan/mss.nft")
    clamp = "tcp flags syn tcp option maxseg size > 1398 tcp option maxseg size set 1398"
    rules = re.findall(r"([io]ifname) \{ (.*?) \} (.*)", text)
    assert rules == [("oifname", devices, clamp), ("iifname", devices, clamp), ("oifname", devices, clamp)]


UPGRADE_TIMER = "/etc/systemd/system/apt-daily-upgrade.timer.d/aws-oci-libreswan.conf"


@pytest.mark.parametrize("os", sorted({dialect[0] for dialect in every_dialect()}))
def test_upgrades_have_a_window_where_apt_installs_them(os: str) -> None:
    facts = host_facts(os, upgrade_window="Tue 14:30")
    with_window = [file.content for file in host_files(facts) if "Tue 14:30" in file.content]
    if facts.os.package_manager == "apt":
        assert with_window == [content(facts, UPGRADE_TIMER)]
        # An empty one first: the distribution's own time would stay beside it.
        assert re.findall(r"^OnCalendar=.*$", with_window[0], re.MULTILINE) == [
            "OnCalendar=",
            "OnCalendar=Tue 14:30 UTC",
        ]
    else:
        assert with_window == []


def unit(name: str) -> dict[str, str]:
    """[Service] of a unit."""
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(content(host_facts(), f"/etc/systemd/system/{name}"))
    return dict(parser["Service"])


@pytest.mark.parametrize(
    ("name", "module"), [("tunnel-keeper.service", "keeper"), ("pre-shared-keys.service", "keeper.keys")]
)
def test_a_service_runs_its_module_where_it_is_written(name: str, module: str) -> None:
    service = unit(name)
    assert service["ExecStart"] == f"/usr/bin/python3 -B -m {module}"
    file = module.replace(".", "/") + ("/__main__.py" if "." not in module else ".py")
    assert content(host_facts(), f"{service['WorkingDirectory']}/{file}")


def test_vpn_status_runs_in_the_folder_of_the_services() -> None:
    folder = unit("tunnel-keeper.service")["WorkingDirectory"]
    last = content(host_facts(), "/usr/local/bin/vpn-status").splitlines()[-1]
    assert last == f"cd {folder} && exec python3 -B -m keeper.status"


def test_what_a_service_of_the_keeper_may_write() -> None:
    keeper, keys = unit("tunnel-keeper.service"), unit("pre-shared-keys.service")
    assert keeper["RuntimeDirectory"] == keys["RuntimeDirectory"] == str(report.FOLDER.relative_to("/run"))
    assert keeper["ProtectSystem"] == keys["ProtectSystem"] == "strict"
    assert "ReadWritePaths" not in keeper
    assert keys["ReadWritePaths"] == str(keeper_keys.SECRETS.parent)


@pytest.mark.parametrize("os", ["debian-13", "amazon-linux-2023"])
def test_the_environment_of_the_first_boot(os: str) -> None:
    facts = host_facts(os, vcn_cidrs=(IPv4Network("172.16.0.0/16"), IPv4Network("192.168.5.0/24")))
    assert content(facts, "/etc/aws-oci-libreswan/host.env").splitlines() == [
        f"PACKAGE_MANAGER={facts.os.package_manager}",
        'PACKAGES="libreswan nftables python3-boto3"',
        f"SSM_AGENT={facts.os.ssm_agent}",
        "REGION=us-east-1",
        "PRE_SHARED_KEYS=parameterStore",
        "TELEMETRY=none",
    ]


def test_what_is_for_cloudwatch_comes_only_where_it_is_asked_for() -> None:
    without, logged = host_facts(), host_facts(log_group="/libreswan/project/stack")
    paths = [{file.path for file in host_files(facts)} for facts in (without, logged)]
    assert paths[1] - paths[0] == {
        "/etc/systemd/system/tunnel-telemetry.service",
        "/usr/local/lib/aws-oci-libreswan/keeper/telemetry.py",
    }
    assert "TELEMETRY=cloudWatch" in content(logged, "/etc/aws-oci-libreswan/host.env")
    tunnels = [json.loads(content(facts, "/etc/aws-oci-libreswan/tunnels.json")) for facts in (without, logged)]
    assert tunnels[1] == {**tunnels[0], "logGroup": "/libreswan/project/stack"}


def test_the_kernel_forwards_takes_asymmetric_returns_and_boots_when_it_ends_itself() -> None:
    lines = content(host_facts(), "/etc/sysctl.d/60-aws-oci-libreswan.conf").splitlines()
    values = dict(line.split(" = ") for line in lines if not line.startswith("#"))
    assert values == {
        "net.ipv4.ip_forward": "1",
        "net.ipv4.conf.all.accept_redirects": "0",
        "net.ipv4.conf.default.accept_redirects": "0",
        "net.ipv4.conf.all.send_redirects": "0",
        "net.ipv4.conf.default.send_redirects": "0",
        "net.ipv4.conf.all.rp_filter": "0",
        "net.ipv4.conf.default.rp_filter": "0",
        "net.ipv4.fib_multipath_hash_policy": "1",
        "kernel.panic": "10",
    }
