"""Instances whose credentials a forged request could fetch."""

from __future__ import annotations

from collections.abc import Iterator

from policy.subject import Resource

INSTANCE = "aws:ec2/instance:Instance"


def faults(resource: Resource) -> Iterator[str]:
    """
    IMDSv2 only, and one hop: a request that somebody makes the host send brings no token, and a packet that the host
    forwards does not come back with one.
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
    """
    if resource.type != INSTANCE:
        return
    if (tokens := resource.read("metadataOptions", "httpTokens")) != "required":
        yield f"metadataOptions.httpTokens is {tokens!r}: set it to 'required'"
    if (hops := resource.read("metadataOptions", "httpPutResponseHopLimit")) != 1:
        yield f"metadataOptions.httpPutResponseHopLimit is {hops!r}: set it to 1"
