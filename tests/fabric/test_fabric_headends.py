"""Both IKE daemons of Oracle's end as declared.

The Libreswan headend's words and the program's are two tables written apart: here they must agree. Libreswan's own
parser reads the file. Not proven here: that strongSwan takes its file, and that tunnels come up (the lab does).
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

import pytest

from components.crypto import PROFILES, CryptoProfile
from lab.fabric.declared import Tunnel
from lab.fabric.headends import daemon, libreswan, strongswan
from tests.fabric.world import WORLD
from tests.parsers.real import parse_algorithms, parse_conf

ONE, TWO = WORLD.tunnels
BY_NAME = sorted(PROFILES)

STRONGSWAN_CONF = """\
connections {
  tunnel {
    version = 2
    local_addrs = 192.0.2.7
    remote_addrs = 203.0.113.1
    proposals = aes256-sha384-ecp384
    encap = yes
    mobike = no
    dpd_delay = 5s
    dpd_timeout = 20s
    rekey_time = 28800s
    local {
      auth = psk
      id = 192.0.2.7
    }
    remote {
      auth = psk
      id = 203.0.113.1
    }
    children {
      tunnel {
        local_ts = 0.0.0.0/0
        remote_ts = 0.0.0.0/0
        esp_proposals = aes256gcm16-ecp384
        if_id_in = 1
        if_id_out = 1
        rekey_time = 3600s
        start_action = none
      }
    }
  }
}
secrets {
  ike-tunnel {
    id-1 = 192.0.2.7
    id-2 = 203.0.113.1
    secret = "key of 192.0.2.7"
  }
}
"""

LIBRESWAN_CONF = """\
config setup
    logfile=/run/headends/2.log
    ikev1-policy=accept

conn tunnel
    left=198.51.100.7
    leftsubnet=0.0.0.0/0
    right=203.0.113.1
    rightid=203.0.113.1
    rightsubnet=0.0.0.0/0
    authby=secret
    auto=add
    keyexchange=ikev2
    ike=aes_cbc256-sha2_384;dh20
    esp=aes_gcm256;dh20
    pfs=yes
    encapsulation=yes
    ikelifetime=28800s
    salifetime=3600s
    dpddelay=5s
    retransmit-timeout=15s
    mark=5/0xffffffff
    vti-interface=ipsec
    vti-routing=no
"""


def with_profile(tunnel: Tunnel, profile: CryptoProfile, ike_version: Literal[1, 2] = 2) -> Tunnel:
    """As Oracle is told a profile."""
    return replace(
        tunnel,
        ike_version=ike_version,
        ike=(profile.ike_encryption, profile.ike_integrity, profile.group),
        child=(profile.child_encryption, profile.child_integrity, profile.group),
    )


def conf(tunnel: Tunnel) -> str:
    """The main file of the tunnel's daemon."""
    found = daemon(tunnel)
    assert found is not None
    return found.files[0][1]


def settings(text: str) -> dict[str, str]:
    """Keyword to value, the last of each."""
    return {key: value for key, value in re.findall(r"^\s+([\w-]+) ?= ?(.*)$", text, re.MULTILINE)}


def test_tunnel_1_is_strongswan() -> None:
    found = daemon(ONE)
    assert found is not None
    [(path, text), (settings_path, settings_text)] = found.files
    assert (path, text) == ("/etc/swanctl/conf.d/tunnel.conf", STRONGSWAN_CONF)
    assert settings_path == "/etc/strongswan.d/lab.conf"
    assert settings(settings_text)["retransmit_timeout"] == "5.0"


def test_tunnel_2_is_libreswan() -> None:
    found = daemon(TWO)
    assert found is not None
    assert found.files == (
        ("/etc/ipsec.conf", LIBRESWAN_CONF),
        ("/etc/ipsec.secrets", '198.51.100.7 203.0.113.1 : PSK "key of 198.51.100.7"\n'),
    )
    assert "ip tunnel add ipsec mode vti local 198.51.100.7 remote 203.0.113.1 okey 5 ikey 5" in found.restart


def test_ikev1() -> None:
    first = STRONGSWAN_CONF.replace("version = 2", "version = 1")
    assert conf(replace(ONE, ike_version=1)) == first
    # IKEv1 has no retransmissions of a liveness check to give up after.
    second = LIBRESWAN_CONF.replace("keyexchange=ikev2", "keyexchange=ikev1")
    assert conf(replace(TWO, ike_version=1)) == second.replace("retransmit-timeout=15s", "dpdtimeout=20s")


@pytest.mark.parametrize("name", BY_NAME)
def test_libreswan_at_both_ends_is_told_the_same(name: str) -> None:
    profile = PROFILES[name]
    said = settings(conf(with_profile(TWO, profile)))
    assert (said["ike"], said["esp"]) == (profile.ike, profile.esp)


@pytest.mark.parametrize(
    ("name", "ike", "child"),
    [
        ("aes256gcm-group20", "aes256-sha384-ecp384", "aes256gcm16-ecp384"),
        ("aes256gcm-group19", "aes256-sha384-ecp256", "aes256gcm16-ecp256"),
        ("aes256gcm-group14", "aes256-sha384-modp2048", "aes256gcm16-modp2048"),
        ("aes128gcm-group19", "aes256-sha384-ecp256", "aes128gcm16-ecp256"),
        ("aes256cbc-group14", "aes256-sha256-modp2048", "aes256-sha256-modp2048"),
        ("guide", "aes256-sha384-modp1536", "aes256gcm16-modp1536"),
    ],
)
def test_strongswans_words_of_every_profile(name: str, ike: str, child: str) -> None:
    said = settings(conf(with_profile(ONE, PROFILES[name])))
    assert (said["proposals"], said["esp_proposals"]) == (ike, child)


def test_the_table_above_has_every_profile() -> None:
    assert (
        sorted(
            ["aes256gcm-group20", "aes256gcm-group19", "aes256gcm-group14", "aes128gcm-group19"]
            + ["aes256cbc-group14", "guide"]
        )
        == BY_NAME
    )


def test_without_forward_secrecy() -> None:
    given = {"child": ("AES_256_CBC", "HMAC_SHA2_256_128", None)}
    assert settings(conf(replace(ONE, **given)))["esp_proposals"] == "aes256-sha256"  # type: ignore[arg-type]
    said = settings(conf(replace(TWO, **given)))  # type: ignore[arg-type]
    assert (said["esp"], said["pfs"]) == ("aes_cbc256-sha2_256", "no")


def test_every_other_setting_is_the_tunnels_own() -> None:
    given = {
        "cpe_identifier": "192.0.2.99",
        "ike_seconds": 1000,
        "child_seconds": 500,
        "dpd_seconds": 40,
        "initiates": True,
        "forces_nat_traversal": False,
    }
    first = settings(conf(replace(ONE, **given)))  # type: ignore[arg-type]
    assert [first[key] for key in ("encap", "dpd_delay", "dpd_timeout", "start_action", "id-2")] == [
        "no", "10s", "40s", "start", "192.0.2.99",
    ]  # fmt: skip
    text = conf(replace(ONE, **given))  # type: ignore[arg-type]
    assert re.findall(r"rekey_time = (\w+)", text) == ["1000s", "500s"]
    second = settings(conf(replace(TWO, **given)))  # type: ignore[arg-type]
    assert [second[key] for key in ("encapsulation", "dpddelay", "retransmit-timeout", "auto", "rightid")] == [
        "auto", "10s", "30s", "start", "192.0.2.99",
    ]  # fmt: skip
    assert (second["ikelifetime"], second["salifetime"]) == ("1000s", "500s")


def test_a_headend_that_only_answers_never_asks() -> None:
    assert settings(conf(replace(ONE, dpd_initiates=False)))["dpd_delay"] == "0s"
    assert settings(conf(replace(TWO, dpd_initiates=False)))["dpddelay"] == "0s"


def test_there_is_no_daemon_before_there_is_an_address() -> None:
    assert daemon(replace(ONE, headend=None)) is None


@pytest.mark.parametrize(
    ("name", "ike_version"),
    [(name, version) for name in BY_NAME for version in (1, 2) if PROFILES[name].supports(version)],
)
def test_libreswan_5_reads_its_file(name: str, ike_version: Literal[1, 2]) -> None:
    profile = PROFILES[name]
    for changes in ({}, {"dpd_initiates": False, "forces_nat_traversal": False, "initiates": True}):
        text = conf(replace(with_profile(TWO, profile, ike_version), **changes))  # type: ignore[arg-type]
        parsed = parse_conf(5, text)
        assert parsed.clean, parsed.output
    said = settings(text)
    for proposal in (f"ike={said['ike']}", f"esp={said['esp']}"):
        parsed = parse_algorithms(5, ike_version, proposal)
        assert parsed.ok, parsed.output


@pytest.mark.parametrize("make", [strongswan, libreswan])
def test_a_key_is_in_a_file_alone(make: object) -> None:
    assert callable(make)
    tunnel = replace(ONE, pre_shared_key="Geheim-42")
    found = make(tunnel)
    assert [path for path, text in found.files if "Geheim-42" in text] in (
        ["/etc/swanctl/conf.d/tunnel.conf"],
        ["/etc/ipsec.secrets"],
    )
    for seen in (found.restart, repr(found), repr(tunnel), repr(replace(WORLD, tunnels=(tunnel,)))):
        assert "Geheim-42" not in seen
    # The file is nobody's but root's before the daemon reads it.
    [path] = [path for path, text in found.files if "Geheim-42" in text]
    assert f"chmod 0600 {path}\n" in found.restart
