"""One snapshot of both clouds, as a `Declared`: each as it was at one moment, whatever is being made meanwhile."""

from __future__ import annotations

from lab.clouds.aws.server import AwsCloud
from lab.clouds.oci.server import OciCloud
from lab.fabric.declared import Declared
from lab.fabric.read_aws import elastic_addresses, read_aws
from lab.fabric.read_oci import read_oci


def read(aws: AwsCloud, oci: OciCloud, region: str) -> Declared:
    """What is declared now. Milliseconds, and no call of an API."""
    oracle = read_oci(oci, elastic_addresses(aws, region))
    vpc, host = read_aws(aws, region, {tunnel.cpe_address for tunnel in oracle.tunnels})
    return Declared(
        vpc=vpc,
        vcn=oracle.vcn,
        drg_id=oracle.drg_id,
        attachments=oracle.attachments,
        tunnels=oracle.tunnels,
        host=host,
    )
