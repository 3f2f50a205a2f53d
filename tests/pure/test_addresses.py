"""Address arithmetic, exactly and for any network. Does not prove that the rules are Oracle's: the sources are cited
beside the code."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import addresses

networks = st.builds(
    lambda address, prefix: IPv4Network((address, prefix), strict=False),
    st.integers(0, 2**32 - 1),
    st.integers(0, 32),
)


def inside_networks(base: str) -> st.SearchStrategy[IPv4Network]:
    block = IPv4Network(base)
    return st.builds(
        lambda offset, prefix: IPv4Network((int(block.network_address) + offset, prefix), strict=False),
        st.integers(0, block.num_addresses - 1),
        st.sampled_from((30, 31)),
    )


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("10.0.0.1/16", "has host bits set; write 10.0.0.0/16"),
        ("10.0.0.0/255.255.0.0", "has host bits set; write 10.0.0.0/16"),
        ("10.0.0.0", "not an IPv4 CIDR such as 10.0.0.0/16"),
        ("10.0.0.0/33", "not an IPv4 CIDR such as 10.0.0.0/16"),
        ("fd00::/8", "not an IPv4 CIDR such as 10.0.0.0/16"),
        ("a network", "not an IPv4 CIDR such as 10.0.0.0/16"),
        ("", "not an IPv4 CIDR such as 10.0.0.0/16"),
    ],
)
def test_what_is_no_network(text: str, rule: str) -> None:
    with pytest.raises(ValueError) as refused:
        addresses.parse_network(text)
    assert str(refused.value) == rule


@given(networks)
def test_a_network_is_read_as_it_is_written(network: IPv4Network) -> None:
    assert addresses.parse_network(str(network)) == network


@given(networks)
def test_private_is_when_first_and_last_address_lie_in_one_block_of_rfc_1918(network: IPv4Network) -> None:
    blocks = ((0x0A000000, 0x0AFFFFFF), (0xAC100000, 0xAC1FFFFF), (0xC0A80000, 0xC0A8FFFF))
    first, last = int(network.network_address), int(network.broadcast_address)
    assert addresses.is_private(network) == any(low <= first and last <= high for low, high in blocks)


@given(st.lists(networks, max_size=6))
def test_overlaps_are_symmetric_and_exactly_those_that_share_an_address(several: list[IPv4Network]) -> None:
    def as_sets(found: list[tuple[IPv4Network, IPv4Network]]) -> list[list[str]]:
        return sorted(sorted(map(str, pair)) for pair in found)

    expected = [
        (one, other)
        for n, one in enumerate(several)
        for other in several[n + 1 :]
        if max(one.network_address, other.network_address) <= min(one.broadcast_address, other.broadcast_address)
    ]
    assert addresses.overlaps(several) == expected
    assert as_sets(addresses.overlaps(list(reversed(several)))) == as_sets(expected)


@given(networks, st.lists(networks, max_size=4))
def test_within_is_when_one_block_holds_all_of_it(network: IPv4Network, blocks: list[IPv4Network]) -> None:
    assert addresses.is_within(network, blocks) == any(
        block.network_address <= network.network_address and network.broadcast_address <= block.broadcast_address
        for block in blocks
    )


@given(inside_networks("169.254.0.0/16"))
def test_link_local_inside_networks_are_refused_in_exactly_the_reserved_octets(network: IPv4Network) -> None:
    octet = int(str(network.network_address).split(".")[2])
    reserved = {169, *range(10, 20), *range(100, 110), *range(192, 202)}
    assert (addresses.inside_fault(network) is not None) == (octet in reserved)


@given(inside_networks("10.0.0.0/8"))
def test_private_inside_networks_are_fine(network: IPv4Network) -> None:
    assert addresses.inside_fault(network) is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("169.254.21.0/29", "an inside-tunnel network is a /30 or a /31"),
        ("169.254.21.0/32", "an inside-tunnel network is a /30 or a /31"),
        ("169.254.169.4/30", "Amazon's metadata and time services are in 169.254.169.0/24"),
        ("169.254.10.0/30", "Oracle reserves 169.254.10-19.x, 169.254.100-109.x and 169.254.192-201.x"),
        ("169.254.109.252/30", "Oracle reserves 169.254.10-19.x, 169.254.100-109.x and 169.254.192-201.x"),
        ("169.254.201.0/31", "Oracle reserves 169.254.10-19.x, 169.254.100-109.x and 169.254.192-201.x"),
        (
            "203.0.113.0/30",
            "inside-tunnel addresses are link-local (169.254.0.0/16) or private (RFC 1918)",
        ),
    ],
)
def test_why_an_inside_network_is_refused(text: str, fault: str) -> None:
    assert addresses.inside_fault(IPv4Network(text)) == fault


@given(inside_networks("169.254.0.0/16"))
def test_both_inside_addresses_are_usable_and_oracles_comes_first(network: IPv4Network) -> None:
    oracle, host = addresses.inside_addresses(network)
    assert oracle.network == host.network == network
    assert int(host.ip) == int(oracle.ip) + 1
    first = int(network.network_address)
    assert int(oracle.ip) == (first if network.prefixlen == 31 else first + 1)


def test_the_router_of_a_subnet_is_its_base_plus_one() -> None:
    assert addresses.vpc_router(IPv4Network("10.0.0.128/25")) == IPv4Address("10.0.0.129")
