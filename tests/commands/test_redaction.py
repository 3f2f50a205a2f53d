"""What a report is rid of, and what it keeps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.redaction import Redactor


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("ocid1.vcn.oc1.iad.aaa and ocid1.vcn.oc1.iad.bbb", "<vcn-1> and <vcn-2>"),
        ("ocid1.tenancy.oc1..aaaa", "<tenancy-1>"),
        ("eni-0123456789abcdef0 of i-0123456789abcdef0", "<eni-1> of <i-1>"),
        ("arn:aws:iam::123456789012:role/x", "arn:aws:iam::<account-1>:role/x"),
        ("key AKIAIOSFODNN7EXAMPLE", "key <access-key-1>"),
        ("someone@example.com", "<user-1>"),
        ("ip-10-0-0-10 pluto[7]: to 203.0.113.9:4500", "<host-name-1> pluto[7]: to <address-1>:4500"),
        ("10.0.0.0/16 by 10.0.0.0", "<address-1>/16 by <address-1>"),
        ("fe80::1%eth0, 2001:db8:0:0:0:0:0:1", "<address-1>%eth0, <address-2>"),
        ("PSK " + "a1" * 16, "PSK [secret]"),
        ("0.0.0.0/0 169.254.21.1 127.0.0.1", "0.0.0.0/0 169.254.21.1 127.0.0.1"),
        ("2026-11-26T06:05:00.123Z 06:05:00", "2026-11-26T06:05:00.123Z 06:05:00"),
        ("AES_256_GCM group 20, Libreswan 5.2, 999.1.2.3", "AES_256_GCM group 20, Libreswan 5.2, 999.1.2.3"),
    ],
)
def test_what_is_replaced(text: str, redacted: str) -> None:
    assert Redactor()(text) == redacted


def test_a_name_stays_the_same_from_text_to_text() -> None:
    redact = Redactor()
    assert redact("192.0.2.1 198.51.100.1") == "<address-1> <address-2>"
    assert redact("198.51.100.1") == "<address-2>"


@given(st.lists(st.ip_addresses(v=4).filter(lambda address: not address.is_loopback and not address.is_link_local)))
def test_no_address_is_left(addresses: list[object]) -> None:
    left = Redactor()(" ".join(map(str, addresses)))
    assert not {str(address) for address in addresses} & set(left.split()) - {"0.0.0.0"}
