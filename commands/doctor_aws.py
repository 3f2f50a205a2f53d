"""What the doctor looks at in AWS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from ipaddress import IPv4Network
from typing import Any

from commands import aws_account, aws_sign_in
from commands.aws_view import ec2_call
from commands.checks import Blind, Row, Verdict, both, row, seen, then
from commands.invocation import CommandError
from commands.oci_sign_in import TOKEN_MINUTES
from commands.stack import Stack
from components.aws_findings import GivenVpc, internet_faults, offer_faults, vpc_faults
from components.labels import Tags
from components.settings import Settings

# Services and codes of the quotas, as `aws service-quotas list-service-quotas` shows them.
ELASTIC_ADDRESSES = ("ec2", "L-0263D0A3")
VPCS = ("vpc", "L-F678F1CE")


@dataclass(frozen=True)
class Account:
    """An AWS account, signed in to."""

    session: Any
    arn: str
    """Who one is there."""

    @property
    def region(self) -> str:
        return str(self.session.region_name)

    @cached_property
    def ec2(self) -> Any:
        return aws_sign_in.client("ec2", self.session)

    def quota(self, service: str, code: str) -> int:
        """A quota's value in this account and region."""
        return aws_account.quota(aws_sign_in.client("service-quotas", self.session), service, code)


def sign_in(stack: Stack, environment: Mapping[str, str]) -> Account:
    """As the proof signs in. Raises LookupError where that is refused, TransientError where nobody answers."""
    # The AWS provider reads this variable before AWS_DEFAULT_REGION, and boto3 does not read it at all.
    region = stack.values("aws")[0].get("region") or environment.get("AWS_REGION")
    try:
        session = aws_sign_in.session(stack.sign_in.aws, region)
        if not session.region_name:
            raise LookupError("aws:region is missing: set it with `pulumi config set aws:region …`")
        client = aws_sign_in.client("sts", session)
        return Account(session, ec2_call("ask AWS who one is", client.get_caller_identity)["Arn"])
    except CommandError as refused:
        raise LookupError(str(refused)) from None


def look_at_vpc(account: Account | Blind, settings: Settings | Blind, tags: Tags) -> GivenVpc | Blind | None:
    """The given VPC; None where the stack makes one."""

    def look(given: tuple[Account, Settings]) -> GivenVpc | None:
        aws = given[1].aws
        return None if aws.vpc_id is None else aws_account.given_vpc(given[0].ec2, aws.vpc_id, aws, tags)

    return then("given VPC", both(account, settings), look)


def rows(
    account: Account | Blind,
    settings: Settings | Blind,
    vpc: GivenVpc | Blind | None,
    vcn_cidrs: tuple[IPv4Network, ...] | Blind,
    stack: Stack,
    environment: Mapping[str, str],
    now: float,
) -> Iterator[Row]:
    """A row a check. `now`: seconds since 1970."""
    yield row(
        "AWS sign-in",
        seen(account, lambda found: Verdict(f"{found.arn} in {found.region}, by {how(stack.sign_in.aws, found)}")),
        "sign in as every AWS tool does (AWS_PROFILE, `aws sso login`, …), or set aws:profile",
    )
    yield row(
        "AWS session",
        then("AWS session", account, lambda found: session_life(found.session.get_credentials(), environment, now)),
        "sign in anew",
    )
    asked = both(account, settings)
    yield row(
        "image of the host",
        then("image of the host", asked, lambda given: _image(*given)),
        "another hostOs or aws:region, or an image of one's own: imageId",
    )
    yield row(
        "instance type",
        then("instance type", both(asked, vpc), lambda given: _offer(*given[0], given[1])),
        "another instanceType, or a zone that offers it (availabilityZone, or another host subnet)",
    )
    if vpc is not None:
        yield row("given VPC", seen(vpc, lambda found: Verdict(f"{found.id}: {_listed(found.cidrs)}")))
        yield row(
            "what is in the VPC",
            then("what is in the VPC", both(both(vpc, settings), vcn_cidrs), lambda given: _parts(*given[0], given[1])),
            "change the key that is named, or take the route away that is in the way",
        )
        yield row(
            "way to the internet",
            then(
                "way to the internet", vpc, lambda found: Verdict.of("by an internet gateway", internet_faults(found))
            ),
            "a route 0.0.0.0/0 to the VPC's internet gateway in the host subnet's table, or another host subnet",
        )
    yield row(
        "elastic IPs",
        then("elastic IPs", account, lambda found: _elastic(found, stack.tags)),
        f"release one, or ask AWS for more: quota {ELASTIC_ADDRESSES[1]} of EC2 in Service Quotas",
    )
    if vpc is None:
        yield row(
            "VPCs",
            then("VPCs", account, lambda found: _vpcs(found, stack.tags)),
            f"delete one, give one (vpcId), or ask AWS for more: quota {VPCS[1]} of VPC in Service Quotas",
        )


def how(values: Mapping[str, object], account: Account) -> str:
    """By which means one has signed in, without a secret."""
    if aws_sign_in.assumed_roles(values):
        return "the roles of aws:assumeRole or aws:assumeRoles"
    if values.get("accessKey"):
        return "aws:accessKey"
    method = account.session.get_credentials().method
    return f"aws:profile {values['profile']!r} ({method})" if values.get("profile") else str(method)


def session_life(credentials: Any, environment: Mapping[str, str], now: float) -> Verdict:
    """
    Whether the credentials last as long as an `up` may. Raises CommandError where nobody says when they end.

    AWS has no call that tells. `aws configure export-credentials --format env` says it in a variable.
    """
    if not credentials.token:
        return Verdict("keys without an end")
    if credentials.method not in ("env", "explicit"):
        return Verdict(f"renews itself ({credentials.method}), as long as what it comes from lasts")
    ends = environment.get("AWS_CREDENTIAL_EXPIRATION") if credentials.method == "env" else None
    if not ends:
        raise CommandError("a session token, and AWS does not tell when one ends: AWS_CREDENTIAL_EXPIRATION is not set")
    try:
        moment = datetime.fromisoformat(ends)
    except ValueError:
        raise CommandError(f"AWS_CREDENTIAL_EXPIRATION: {ends!r} is no time such as 2030-01-31T12:00:00Z") from None
    left = int((moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now) / 60)
    short = f"the session token has {max(left, 0)} min left, and an `up` may need {TOKEN_MINUTES} min"
    return Verdict.of(f"{left} min left", [short] if left < TOKEN_MINUTES else [])


def _image(account: Account, settings: Settings) -> Verdict:
    ssm = aws_sign_in.client("ssm", account.session)
    image = aws_account.newest_image(account.ec2, ssm, settings.host)
    return Verdict(f"{image} for {settings.host.host_os} on {settings.host.architecture}")


def _offer(account: Account, settings: Settings, vpc: GivenVpc | None) -> Verdict:
    zones = aws_account.offered_zones(account.ec2, settings.host)
    faults = offer_faults(zones, vpc, settings.aws, settings.host)
    return Verdict.of(f"{settings.host.instance_type} in {', '.join(zones)}", faults)


def _parts(vpc: GivenVpc, settings: Settings, vcn_cidrs: Sequence[IPv4Network]) -> Verdict:
    return Verdict.of("subnets, ACL and route tables fit", vpc_faults(vpc, settings.aws, vcn_cidrs))


def _elastic(account: Account, tags: Tags) -> Verdict:
    used = aws_account.elastic_addresses(account.ec2)
    return _quota("elastic IPs", used, tags, account, ELASTIC_ADDRESSES)


def _vpcs(account: Account, tags: Tags) -> Verdict:
    return _quota("VPCs", aws_account.vpcs(account.ec2), tags, account, VPCS)


def _quota(
    what: str, used: Sequence[Mapping[str, Any]], tags: Tags, account: Account, quota: tuple[str, str]
) -> Verdict:
    if any(aws_account.is_own(resource, tags) for resource in used):
        return Verdict("the stack has its own already")
    limit = account.quota(*quota)
    said = f"{len(used)} of {limit} {what} in {account.region} are used"
    return Verdict.of(said, [f"{said}, and the stack needs one"] if len(used) >= limit else [])


def _listed(networks: Sequence[IPv4Network]) -> str:
    return ", ".join(map(str, networks))
