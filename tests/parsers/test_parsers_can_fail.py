"""The real parsers refuse what is wrong and accept what is right, each in its own version's way.

Proves that a rendered file which they accept has been looked at. Does not prove that a tunnel comes up.
"""

from __future__ import annotations

from typing import Literal

import pytest

from tests.parsers.real import Parsed, check_cloud_config, check_units, parse_algorithms, parse_conf
from tests.parsers.roots import Version, call

PLAIN = """\
config setup
    uniqueids=no
conn oci-1
    left=%defaultroute
    leftid=203.0.113.7
    right=198.51.100.1
    authby=secret
    leftsubnet=0.0.0.0/0
    rightsubnet=0.0.0.0/0
    mark=5/0xffffffff
    vti-interface=vti5
    vti-routing=no
    {extra}
"""


def _conf(extra: str = "ikev2=insist") -> str:
    return PLAIN.format(extra=extra)


def test_versions_are_the_ones_that_are_claimed(version: Version) -> None:
    release = {4: "Libreswan 4.10 ", 5: "Libreswan 5.2 "}[version]
    assert call(version, "/usr/libexec/ipsec/pluto", "--version").stdout.startswith(release)
    tool = {4: "/usr/bin/cloud-init 22.4.", 5: "/usr/bin/cloud-init 25.1."}[version]
    assert call(version, "/usr/bin/cloud-init", "--version").stdout.startswith(tool)
    manager = {4: "systemd 252 ", 5: "systemd 257 "}[version]
    assert call(version, "/usr/bin/systemd-analyze", "--version").stdout.startswith(manager)


def test_a_right_conf_is_accepted_without_a_word(version: Version) -> None:
    assert parse_conf(version, _conf()) == Parsed(ok=True, output="")


def test_a_wrong_keyword_is_refused(version: Version) -> None:
    parsed = parse_conf(version, _conf("leftsubnett=10.0.0.0/16"))
    assert not parsed.ok
    assert "leftsubnett" in parsed.output


@pytest.mark.parametrize("extra", ["auto=perhaps", "encapsulation=perhaps", "keyexchange=ikev9"])
def test_a_wrong_value_is_refused_by_4_and_is_a_warning_in_5(version: Version, extra: str) -> None:
    parsed = parse_conf(version, _conf(extra))
    assert parsed.ok == (version == 5)
    assert not parsed.clean
    assert extra.partition("=")[0] in parsed.output


def test_a_keyword_given_twice_is_accepted_but_not_clean(version: Version) -> None:
    parsed = parse_conf(version, _conf("authby=secret"))
    assert parsed.ok
    assert not parsed.clean
    assert "duplicate" in parsed.output


@pytest.mark.parametrize(
    ("extra", "accepted_by"),
    [
        ("keyexchange=ikev2", {5}),
        ("leftinterface-ip=10.0.0.1/30", {5}),
        ("forceencaps=yes", {4}),
        ("encapsulation=yes", {4, 5}),
    ],
)
def test_each_version_has_its_own_dialect(version: Version, extra: str, accepted_by: set[int]) -> None:
    assert parse_conf(version, _conf(extra)).ok == (version in accepted_by)


def test_an_obsolete_keyword_is_a_warning_in_5_only(version: Version) -> None:
    parsed = parse_conf(version, _conf("dpdaction=restart"))
    assert parsed.ok
    assert parsed.clean == (version == 4)


@pytest.mark.parametrize(
    ("ike_version", "proposal", "ok", "says"),
    [
        (2, "ike=aes_cbc256-sha2_384;dh20", True, "AES_CBC_256-HMAC_SHA2_384-DH20"),
        (2, "esp=aes_gcm256;dh20", True, "AES_GCM_16_256-NONE-DH20"),
        (2, "esp=aes_gcm256-dh14", False, "'dh14' is not recognized"),
        (1, "esp=aes_gcm256;dh20", False, "ESP DH algorithm 'dh20' is not supported by IKEv1"),
        (2, "ike=aes256-sha2_384;dh2", False, "'dh2' is not recognized"),
    ],
)
def test_algorithms(version: Version, ike_version: Literal[1, 2], proposal: str, ok: bool, says: str) -> None:
    parsed = parse_algorithms(version, ike_version, proposal)
    assert parsed.ok == ok
    assert says in parsed.output


def test_cloud_config_of_a_right_kind_is_accepted(version: Version) -> None:
    text = "#cloud-config\nwrite_files:\n  - path: /etc/x\n    permissions: '0600'\n    content: x\nruncmd: [[ls]]\n"
    assert check_cloud_config(version, text).ok


@pytest.mark.parametrize(
    ("text", "accepted_by", "complaint"),
    [
        ("#cloud-config\nwrite_files:\n  - path: /etc/x\n    contents: x\n", set(), "contents"),
        # Why the newest schema is the one that judges: the older one knows no top-level keys.
        ("#cloud-config\nruncmdd: [[ls]]\n", {4}, "runcmdd"),
    ],
)
def test_a_wrong_cloud_config_is_refused(version: Version, text: str, accepted_by: set[int], complaint: str) -> None:
    parsed = check_cloud_config(version, text)
    assert parsed.ok == (version in accepted_by)
    assert parsed.ok or complaint in parsed.output


UNIT = "[Service]\nType=notify\nExecStart=/usr/bin/python3 -m keeper\n{extra}\n"


def test_a_right_unit_and_drop_in_are_accepted_without_a_word(version: Version) -> None:
    units = {"a.service": UNIT.format(extra="WatchdogSec=30"), "ipsec.service.d/a.conf": "[Service]\nRestart=always\n"}
    assert check_units(version, units) == Parsed(ok=True, output="")


@pytest.mark.parametrize(
    ("units", "complaint"),
    [
        ({"a.service": UNIT.format(extra="WatchdogSeconds=30")}, "Unknown key"),
        ({"a.service": UNIT.format(extra="Restart=never")}, "never"),
        ({"a.service": UNIT.format(extra="ExecStartPre=/usr/sbin/nothing")}, "is not executable"),
        ({"ipsec.service.d/a.conf": "[Service]\nRestartSecs=1\n"}, "Unknown key"),
        ({"apt-daily-upgrade.timer.d/a.conf": "[Timer]\nOnCalendar=Sunday 3am\n"}, "Failed to parse calendar"),
    ],
    ids=["key", "value", "command", "drop-in", "calendar"],
)
def test_a_wrong_unit_is_not_accepted(version: Version, units: dict[str, str], complaint: str) -> None:
    parsed = check_units(version, units)
    assert not parsed.clean
    assert complaint in parsed.output
