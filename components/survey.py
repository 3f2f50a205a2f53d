"""Looks at both clouds before any network is registered, and refuses given networks that cannot work."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network

from components import aws_findings, aws_survey, oci_findings, oci_survey
from components.aws_findings import AwsSurvey
from components.configuration import SettingError
from components.labels import Tags
from components.oci_findings import OciSurvey
from components.providers import Providers
from components.rules import network_faults
from components.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Survey:
    """Both clouds as they are, and the addresses of both networks, created or given."""

    aws: AwsSurvey
    oci: OciSurvey
    vpc_cidrs: tuple[IPv4Network, ...]
    vcn_cidrs: tuple[IPv4Network, ...]


def look(settings: Settings, tags: Tags, providers: Providers) -> Survey:
    """Raises SettingError with every reason why what is there cannot be used."""
    try:
        aws = aws_survey.survey(settings.aws, settings.host, tags, providers.aws)
        oci = oci_survey.survey(settings.oci, tags, providers.oci)
    except LookupError as missing:
        raise SettingError(str(missing.args[0])) from None
    vpc_cidrs = settings.aws.vpc_cidrs if aws.vpc is None else aws.vpc.cidrs
    vcn_cidrs = settings.oci.vcn_cidrs if oci.vcn is None else oci.vcn.cidrs
    faults = [
        *network_faults(
            vpc_cidrs,
            vcn_cidrs,
            settings.tunnel.inside_cidrs,
            allow_public=settings.stack.allow_public_cidrs,
        ),
        *aws_findings.survey_faults(aws, settings.aws, settings.host, vcn_cidrs),
        *oci_findings.survey_faults(oci, settings.oci, vpc_cidrs, settings.tunnel.inside_cidrs),
    ]
    if faults:
        raise SettingError("\n".join(faults))
    return Survey(aws=aws, oci=oci, vpc_cidrs=vpc_cidrs, vcn_cidrs=vcn_cidrs)
