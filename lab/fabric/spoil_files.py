"""Files of the host, spoilt: pure functions of what cloud-init writes."""

from __future__ import annotations

import re

from lab.fabric.ends import Files, told


def swap_headends(files: Files) -> Files:
    """Each tunnel's key and inside addresses, to the other one's headend."""
    one, other = (tunnel["headend"] for tunnel in told(files)["tunnels"])
    swapped = {one: other, other: one}
    either = re.compile(rf"\b({re.escape(one)}|{re.escape(other)})\b")
    return {path: either.sub(lambda found: swapped[found[0]], text) for path, text in files.items()}


def no_leftid(files: Files) -> Files:
    return {path: re.sub(r"^\s+leftid=.*\n", "", text, flags=re.MULTILINE) for path, text in files.items()}


def no_forwarding(files: Files) -> Files:
    return {path: text.replace("net.ipv4.ip_forward = 1", "net.ipv4.ip_forward = 0") for path, text in files.items()}
