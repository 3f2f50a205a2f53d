"""Disks that are not encrypted. Oracle encrypts every volume by itself."""

from __future__ import annotations

from collections.abc import Iterator

from policy.subject import Resource

INSTANCE = "aws:ec2/instance:Instance"
VOLUME = "aws:ebs/volume:Volume"


def faults(resource: Resource) -> Iterator[str]:
    """Said in the declaration, for the account's default for new volumes can change without the stack."""
    paths: list[tuple[str | int, ...]] = []
    if resource.type == INSTANCE:
        paths = [("rootBlockDevice",), *resource.items("ebsBlockDevices")]
    elif resource.type == VOLUME:
        paths = [()]
    for path in paths:
        if resource.read(*path, "encrypted") is not True:
            where = ".".join(map(str, (*path, "encrypted")))
            yield f"{where} is not true: set it to true"
