"""How large a packet fits into the tunnel: arithmetic on ESP in UDP (RFC 4303, RFC 3948), tunnel mode, IPv4.

Sizes are bytes of the whole IPv4 packet, as an MTU is. The lab's kernel reports the same numbers.
"""

from __future__ import annotations

from components.crypto import CryptoProfile

IPV4_HEADER = 20
TCP_HEADER = 20
UDP_HEADER = 8
ESP_HEADER = 8  # security parameters index and sequence number
ESP_TRAILER = 2  # pad length and next header, inside the padded part

# The smallest path that IPv4 hosts must cope with in practice, and Ethernet with Amazon's jumbo frames.
SMALLEST_PATH_MTU = 1280
LARGEST_PATH_MTU = 9001


def inner_mtu(profile: CryptoProfile, path_mtu: int) -> int:
    """The largest inner packet whose ESP-in-UDP form is no longer than path_mtu."""
    initialization_vector, block, integrity_check = (8, 4, 16) if profile.is_aead else (16, 16, 16)
    overhead = IPV4_HEADER + UDP_HEADER + ESP_HEADER + initialization_vector + integrity_check
    encrypted = (path_mtu - overhead) // block * block
    return encrypted - ESP_TRAILER


def maximum_segment_size(mtu: int) -> int:
    """The TCP MSS that fills a packet of this MTU, without options."""
    return mtu - IPV4_HEADER - TCP_HEADER
