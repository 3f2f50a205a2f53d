"""IPv4 addresses of a place's devices, as shell commands: what stays is never away, not even for a moment."""

from __future__ import annotations

from collections.abc import Iterator


def only(device: str, *wanted: str) -> Iterator[str]:
    """The device has these addresses (with the length of their prefix), and no other of global scope. Repeatable."""
    for address in wanted:
        yield f"ip address replace {address} dev {device}"
    yield f"ip -o -4 address show dev {device} scope global | while read -r _ _ _ address _; do"
    yield f'    case " {" ".join(wanted)} " in *" $address "*) ;; *) ip address del "$address" dev {device} ;; esac'
    yield "done"
