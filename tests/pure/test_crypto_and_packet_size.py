"""Crypto profiles and what fits into a tunnel, against a model written from the RFCs and not from the code.

Does not prove that Libreswan reads the names (tests/parsers does) or that a kernel sends these sizes.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import crypto, packet_size
from components.crypto import DEFAULT_PROFILE, PROFILES, CryptoProfile

profiles = st.sampled_from(sorted(PROFILES.values(), key=lambda profile: profile.name))
paths = st.integers(1280, 9001)


def esp_in_udp_length(profile: CryptoProfile, inner: int) -> int:
    """
    Bytes of the outer IPv4 packet (RFC 4303 section 2, RFC 3948 section 2.1) around an inner one: IPv4 20, UDP 8,
    SPI 4, sequence number 4, IV, inner packet, padding, pad length 1, next header 1, ICV. AES-GCM: IV 8, ICV 16,
    padded to 4 bytes (RFC 4106 sections 3.1 and 6; RFC 4303 section 2.4). AES-CBC: IV 16, padded to 16 (RFC 3602
    section 3), HMAC-SHA-256-128: ICV 16 (RFC 4868 section 2.6).
    """
    gcm = "GCM" in profile.child_encryption
    iv, icv, alignment = (8, 16, 4) if gcm else (16, 16, 16)
    padding = 0
    while (inner + padding + 1 + 1) % alignment:
        padding += 1
    return 20 + 8 + 4 + 4 + iv + inner + padding + 1 + 1 + icv


@given(profiles, paths)
def test_the_largest_inner_packet_fits_and_one_byte_more_does_not(profile: CryptoProfile, path: int) -> None:
    mtu = packet_size.inner_mtu(profile, path)
    assert esp_in_udp_length(profile, mtu) <= path
    assert esp_in_udp_length(profile, mtu + 1) > path


@pytest.mark.parametrize(
    ("name", "path", "mtu", "mss"),
    [
        ("aes256gcm-group20", 1500, 1438, 1398),
        ("aes256gcm-group20", 9001, 8938, 8898),
        ("aes256gcm-group20", 1280, 1218, 1178),
        ("aes256cbc-group14", 1500, 1422, 1382),
        ("aes256cbc-group14", 9001, 8926, 8886),
    ],
)
def test_sizes_by_hand(name: str, path: int, mtu: int, mss: int) -> None:
    assert packet_size.inner_mtu(PROFILES[name], path) == mtu
    assert packet_size.maximum_segment_size(mtu) == mss


@given(st.integers(576, 9001))
def test_a_segment_with_its_headers_fills_the_packet(mtu: int) -> None:
    assert packet_size.maximum_segment_size(mtu) + 20 + 20 == mtu


@pytest.mark.parametrize(
    ("name", "ike", "esp", "oracle_integrity"),
    [
        ("aes256gcm-group20", "aes_cbc256-sha2_384;dh20", "aes_gcm256;dh20", None),
        ("aes256gcm-group19", "aes_cbc256-sha2_384;dh19", "aes_gcm256;dh19", None),
        ("aes256gcm-group14", "aes_cbc256-sha2_384;dh14", "aes_gcm256;dh14", None),
        ("aes128gcm-group19", "aes_cbc256-sha2_384;dh19", "aes_gcm128;dh19", None),
        (
            "aes256cbc-group14",
            "aes_cbc256-sha2_256;dh14",
            "aes_cbc256-sha2_256;dh14",
            "HMAC_SHA2_256_128",
        ),
        ("guide", "aes_cbc256-sha2_384;dh5", "aes_gcm256;dh5", None),
    ],
)
def test_both_ends_names_of_every_profile(name: str, ike: str, esp: str, oracle_integrity: str | None) -> None:
    profile = PROFILES[name]
    assert (profile.ike, profile.esp, profile.child_integrity) == (ike, esp, oracle_integrity)


def test_the_table_above_has_every_profile() -> None:
    assert len(PROFILES) == 6
    assert all(name == profile.name for name, profile in PROFILES.items())


@given(profiles)
def test_one_proposal_with_one_group_in_both_phases(profile: CryptoProfile) -> None:
    groups = re.findall(r";dh(\d+)$", profile.ike) + re.findall(r";dh(\d+)$", profile.esp)
    assert groups == [profile.group.removeprefix("GROUP")] * 2
    assert "," not in profile.ike + profile.esp


def test_ikev1_knows_two_groups_and_its_default_is_one_of_them() -> None:
    assert {name for name, p in PROFILES.items() if p.supports(1)} == {
        "aes256gcm-group14",
        "aes256cbc-group14",
        "guide",
    }
    assert all(profile.supports(2) for profile in PROFILES.values())
    assert all(PROFILES[name].supports(version) for version, name in DEFAULT_PROFILE.items())


def test_the_host_re_keys_a_little_before_oracle() -> None:
    assert 0.8 * crypto.ORACLE_IKE_LIFETIME < crypto.HOST_IKE_LIFETIME < crypto.ORACLE_IKE_LIFETIME
    assert 0.8 * crypto.ORACLE_CHILD_LIFETIME < crypto.HOST_CHILD_LIFETIME < crypto.ORACLE_CHILD_LIFETIME
