"""The image of the host: looked up once, then held in the stack's state."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws
from pulumi import InvokeOutputOptions, ResourceOptions

from components.settings import HostSettings


def held_image(name: str, newest_image: str, settings: HostSettings, parent: pulumi.Resource) -> pulumi.Output[str]:
    """
    Creates `pulumi:index:Stash`, and gives the image id that it holds.

    A newer image in the look-up changes nothing, also when something else replaces the host: `ignore_changes` on
    the instance would not hold then. What moves to the newest image is another OS or architecture, another given
    image, or a new imageRevision.
    """
    held = pulumi.Stash(
        name,
        input=newest_image,
        opts=ResourceOptions(
            parent=parent,
            ignore_changes=["input"],
            replacement_trigger=[
                settings.host_os,
                settings.architecture,
                settings.image_id or "newest",
                settings.image_revision,
            ],
        ),
    )
    return _still_there(held.output, parent)


def _still_there(image: pulumi.Output[str], parent: pulumi.Resource) -> pulumi.Output[str]:
    """
    Refuses at preview when the held image has been withdrawn: the host is deleted before it is replaced, and a
    replacement that cannot start would leave no VPN.
    """
    found = aws.ec2.get_ami_output(
        filters=image.apply(_by_id),
        include_deprecated=True,
        # The id says whose image it is; any owner will do.
        allow_unsafe_filter=True,
        opts=InvokeOutputOptions(parent=parent),
    )

    def refuse(_: Exception) -> pulumi.Output[str]:
        raise pulumi.RunError(
            "the image that this stack's host was made of has been withdrawn, so the host could not be replaced: "
            "raise imageRevision to move to the newest one"
        )

    return found.apply(lambda one: one.id).recover(refuse)


def _by_id(image_id: str) -> list[aws.ec2.GetAmiFilterArgsDict]:
    return [{"name": "image-id", "values": [image_id]}]
