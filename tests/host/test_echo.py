"""Probes: their bytes, which packets are answers to them, and real ones to this machine itself.

Does not prove that a headend answers.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from keeper.echo import Echo, replied, request

SOURCE, IDENTIFIER, SEQUENCE = "169.254.21.1", 0xBEEF, 513
words = st.integers(0, 0xFFFF)


def packet(
    *, source: str = SOURCE, kind: int = 0, identifier: int = IDENTIFIER, options: bytes = b"", data: bytes = b""
) -> bytes:
    """An IPv4 packet with an ICMP message, as a raw socket receives it."""
    words = 5 + len(options) // 4
    header = struct.pack("!BBHHHBBH4s4s", 0x40 + words, 0, 0, 0, 0, 64, 1, 0, socket.inet_aton(source), bytes(4))
    return header + options + struct.pack("!BBHHH", kind, 0, 0, identifier, SEQUENCE) + data


# The one sum whose overflow overflows again.
@example(0xFFFF, 0xF800)
@given(words, words)
def test_the_checksum_is_that_of_rfc_1071(identifier: int, sequence: int) -> None:
    """All 16-bit words, the checksum's too, add up to ones only, with what overflows added again."""
    total = sum(struct.unpack("!4H", request(identifier, sequence)))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    assert total == 0xFFFF


def test_a_request_byte_by_byte() -> None:
    assert request(0x1234, 0x0001).hex() == "0800e5ca12340001"


def test_an_answer_to_us_has_its_sequence_number() -> None:
    assert replied(packet(), SOURCE, IDENTIFIER) == SEQUENCE


@pytest.mark.parametrize(
    "other",
    [
        packet(identifier=IDENTIFIER - 1),
        packet(source="169.254.22.1"),
        packet(kind=8),
        packet(kind=3, data=bytes(28)),
    ],
    ids=["another's", "from elsewhere", "a request", "unreachable"],
)
def test_another_packet_is_no_answer(other: bytes) -> None:
    assert replied(other, SOURCE, IDENTIFIER) is None


@pytest.mark.parametrize("options", [bytes(4), bytes(40)])
def test_options_of_ip_are_passed_over(options: bytes) -> None:
    assert replied(packet(options=options), SOURCE, IDENTIFIER) == SEQUENCE


@pytest.mark.parametrize("whole", [packet(), packet(options=bytes(4)), packet(options=bytes(40))])
def test_a_packet_that_is_cut_short_is_no_answer(whole: bytes) -> None:
    assert [replied(whole[:length], SOURCE, IDENTIFIER) for length in range(len(whole))] == [None] * len(whole)


@given(st.binary(max_size=100))
def test_garbage_is_no_answer_and_no_fault(garbage: bytes) -> None:
    assert replied(garbage[:12] + bytes(4) + garbage[16:], SOURCE, IDENTIFIER) is None
    replied(garbage[:12] + socket.inet_aton(SOURCE) + garbage[16:], SOURCE, IDENTIFIER)


@pytest.fixture
def to_itself() -> Iterator[Echo]:
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
    except PermissionError:
        pytest.skip("no raw sockets for this user")
    made = Echo("lo", "127.0.0.1", "127.0.0.1")
    yield made
    if made._socket:
        made._socket.close()


def answers(of: Echo, count: int) -> list[int]:
    """What has been answered, as soon as it is so many, or after some seconds."""
    found: list[int] = []
    deadline = time.monotonic() + 10.0
    while len(found) < count and time.monotonic() < deadline:
        fileno = of.fileno()
        assert fileno is not None
        select.select([fileno], [], [], 0.1)
        found += of.received()
    return found


def test_this_machine_answers_itself(to_itself: Echo) -> None:
    assert to_itself.fileno() is None
    assert to_itself.received() == []
    for sequence in (1, 65535, 0):
        to_itself.send(sequence)
    assert answers(to_itself, 3) == [1, 65535, 0]
    assert to_itself.received() == []


def test_two_that_ask_the_same_address_hear_only_their_own(to_itself: Echo) -> None:
    other = Echo("lo", "127.0.0.1", "127.0.0.1")
    other._identifier = (to_itself._identifier + 1) % 65536
    other.send(1)
    to_itself.send(2)
    assert answers(to_itself, 1) == [2]
    assert answers(other, 1) == [1]
    assert other._socket is not None
    other._socket.close()


def test_a_device_that_was_made_anew_gets_a_new_socket(to_itself: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    to_itself.send(1)
    before = to_itself._socket
    to_itself.send(2)
    assert to_itself._socket is before
    monkeypatch.setattr(socket, "if_nametoindex", lambda name: 4711)
    to_itself.send(3)
    assert before is not None
    assert before.fileno() == -1
    assert answers(to_itself, 1) == [3]


def test_without_its_device_a_probe_is_not_sent_and_nothing_is_raised() -> None:
    nowhere = Echo("no-such-device", "169.254.21.2", "169.254.21.1")
    nowhere.send(1)
    assert nowhere.received() == []
    assert nowhere.fileno() is None
