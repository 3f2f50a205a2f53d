"""ICMP echo through one device (RFC 792). `ping` would be a process a probe."""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress

REQUEST, REPLY = 8, 0
_HEADER = struct.Struct("!BBHHH")


def request(identifier: int, sequence: int) -> bytes:
    """An echo request without data."""
    total = (REQUEST << 8) + identifier + sequence
    total = (total & 0xFFFF) + (total >> 16)
    return _HEADER.pack(REQUEST, 0, ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF, identifier, sequence)


def replied(packet: bytes, source: str, identifier: int) -> int | None:
    """The sequence number that an IPv4 packet answers, if it is an answer to us from this address."""
    if len(packet) < 28 or socket.inet_ntoa(packet[12:16]) != source:
        return None
    offset = (packet[0] & 15) * 4
    if len(packet) < offset + _HEADER.size:
        return None
    kind, _, _, owner, sequence = _HEADER.unpack_from(packet, offset)
    return int(sequence) if (kind, owner) == (REPLY, identifier) else None


class Echo:
    """Asks one address through one device, from one address. What cannot be sent is a probe without an answer."""

    def __init__(self, device: str, source: str, target: str) -> None:
        self._device, self._source, self._target = device, source, target
        self._identifier = int.from_bytes(os.urandom(2), "big")
        self._index = 0
        self._socket: socket.socket | None = None

    def send(self, sequence: int) -> None:
        with suppress(OSError):
            self._bound().sendto(request(self._identifier, sequence), (self._target, 0))

    def received(self) -> list[int]:
        """The sequence numbers that have been answered since the last call."""
        answered: list[int] = []
        while self._socket:
            try:
                packet = self._socket.recv(2048)
            except OSError:
                break
            sequence = replied(packet, self._target, self._identifier)
            if sequence is not None:
                answered.append(sequence)
        return answered

    def fileno(self) -> int | None:
        return self._socket.fileno() if self._socket else None

    def _bound(self) -> socket.socket:
        # A device that was made anew is another one, whatever its name.
        index = socket.if_nametoindex(self._device)
        if self._socket is None or index != self._index:
            if self._socket:
                self._socket.close()
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self._device.encode())
            self._socket.bind((self._source, 0))
            self._index = index
        return self._socket
