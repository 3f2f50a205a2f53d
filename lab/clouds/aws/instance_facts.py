"""What moto knows of an instance, as the plain facts that its metadata service serves."""

from __future__ import annotations

import base64
from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instances import Instance
from moto.iam.models import InstanceProfile, iam_backends

from lab.clouds.aws.images import ACCOUNT
from lab.clouds.aws.metadata import Credentials, Facts, Group, Interface, Options, Profile
from lab.clouds.aws.sessions import LIFE, Sessions


def read_facts(backend: EC2Backend, instance: Instance, sessions: Sessions) -> Facts:
    """The facts of this moment, of an instance that has its interfaces. Gives its role new credentials when due."""
    options = instance.metadata_options
    profile = _profile_of(backend, instance)
    [reservation] = [one.id for one in backend.reservations.values() if instance in one.instances]
    vpc = backend.get_vpc(instance.nics[0].vpc_id)
    # Typed as text or bool, as it came.
    named = str(vpc.enable_dns_hostnames).lower() == "true"
    return Facts(
        options=Options(enabled=options.http_endpoint != "disabled", tokens_required=options.http_tokens == "required"),
        instance_id=instance.id,
        image_id=instance.image_id,
        instance_type=instance.instance_type,
        architecture=instance.architecture,
        launch_index=instance.ami_launch_index,
        launch_time=instance.launch_time,
        reservation_id=reservation,
        owner_id=instance.owner_id,
        partition=backend.partition,
        region=backend.region_name,
        zone=str(instance.availability_zone),
        root_device=instance.root_device_name,
        interfaces=[_interface(backend, instance.nics[index]) for index in sorted(instance.nics)],
        public_dns_name=instance.public_dns_name if named else None,
        public_keys=_public_keys(backend, instance.key_name),
        profile=None if profile is None else Profile(arn=profile.arn, profile_id=profile.id),
        credentials=_credentials(instance, profile, sessions),
        user_data=_user_data(instance),
    )


def _interface(backend: EC2Backend, interface: NetworkInterface) -> Interface:
    vpc = backend.get_vpc(interface.vpc_id)
    addresses = sorted(interface.private_ip_addresses, key=lambda one: not one.get("Primary"))
    return Interface(
        device_number=interface.device_index or 0,
        interface_id=interface.id,
        mac=interface.mac_address,
        private_ips=[one["PrivateIpAddress"] for one in addresses],
        private_dns_name=_private_name(backend.region_name, str(interface.private_ip_address)),
        public_ip=interface.public_ip,
        groups=[Group(group_id=group.id, name=group.name) for group in interface._group_set],
        subnet_id=interface.subnet.id,
        subnet_block=interface.subnet.cidr_block,
        vpc_id=interface.vpc_id,
        vpc_blocks=[one["cidr_block"] for one in vpc.get_cidr_block_association_set()],
    )


def _private_name(region: str, address: str) -> str:
    """https://docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html (moto forgets the region of some)."""
    domain = "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
    return f"ip-{address.replace('.', '-')}.{domain}"


def _public_keys(backend: EC2Backend, name: str | None) -> dict[str, str]:
    pair = backend.key_pairs.get(name) if name else None
    return {} if pair is None else {pair.key_name: pair.public_key}


def _user_data(instance: Instance) -> bytes | None:
    given: Any = instance.user_data
    return None if given is None else base64.b64decode(str(given))


def _profile_of(backend: EC2Backend, instance: Instance) -> InstanceProfile | None:
    # The association, for moto's instance does not follow ReplaceIamInstanceProfileAssociation.
    association = backend.iam_instance_profile_associations.get(instance.id)
    if association is None:
        return None
    profile: InstanceProfile = association.iam_instance_profile
    # A deleted one stays associated.
    there = iam_backends[ACCOUNT][backend.partition].instance_profiles.values()
    return profile if profile in there else None


def _credentials(instance: Instance, profile: InstanceProfile | None, sessions: Sessions) -> Credentials | None:
    if profile is None or not profile.roles:
        return None
    role = profile.roles[0]
    session = sessions.of_instance(instance.id, role, instance.region_name)
    return Credentials(
        role=role.name,
        access_key=session.access_key,
        secret_key=session.secret_key,
        token=session.token,
        issued=session.expiration - LIFE,
        expiration=session.expiration,
    )
