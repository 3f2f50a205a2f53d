"""Names and tags within both clouds' limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

# A DNS label of a VCN or a subnet: letters and digits, a letter first.
# https://docs.oracle.com/en-us/iaas/Content/Network/Concepts/dns.htm
DNS_LABEL_LENGTH = 15

# OCI takes 10 free-form tags a resource; the program's own three come off.
# https://docs.oracle.com/en-us/iaas/Content/Tagging/Concepts/taggingoverview.htm
OCI_FREEFORM_TAGS = 10
OWN_TAGS = 3
MAXIMUM_TAGS = OCI_FREEFORM_TAGS - OWN_TAGS

_OWN_KEYS = ("managed-by", "name", "project", "stack")
_OCI_TAG_KEY = re.compile(r"[A-Za-z0-9_\-:+=@/]{1,100}")
_AWS_TAG_VALUE = re.compile(r"[\w \-:+=@/.]{0,256}")


def dns_label(name: str) -> str:
    """The nearest DNS label to a name. Raises ValueError if the name has no letter or digit."""
    kept = re.sub(r"[^a-z0-9]", "", name.lower())
    if not kept:
        raise ValueError(f"{name!r} has no letter or digit to make a DNS label of")
    return (kept if kept[0].isalpha() else f"n{kept}")[:DNS_LABEL_LENGTH]


def ocid_end(ocid: str) -> str:
    """The end of an OCID, by which the console shows it too: a short name that stays whatever else is listed."""
    return ocid.rsplit(".", 1)[-1][-8:]


def tag_fault(key: str, value: str) -> str | None:
    """Why a tag cannot be given, or None if it can: a cloud would refuse it, or the program sets it itself."""
    if not _OCI_TAG_KEY.fullmatch(key):
        return "a key is 1 to 100 letters, digits or _ - : + = @ / (OCI takes no space or dot in one)"
    if key.lower().startswith(("aws:", "oci:")):
        return "aws: and oci: are the clouds' own prefixes"
    # IAM takes two keys that differ in case only for one.
    if key.lower() in _OWN_KEYS:
        return "the program sets it itself"
    if not _AWS_TAG_VALUE.fullmatch(value):
        return "a value is at most 256 letters, digits, spaces or _ . - : + = @ /"
    return None


@dataclass(frozen=True, kw_only=True)
class Tags:
    """The one source of tags: what every taggable resource carries in both clouds."""

    project: str
    stack: str
    given: Mapping[str, str]

    @property
    def common(self) -> dict[str, str]:
        """The given tags and the program's own, sorted so that previews stay quiet."""
        own = {"managed-by": "pulumi", "project": self.project, "stack": self.stack}
        return dict(sorted({**self.given, **own}.items()))

    def aws(self, name: str) -> dict[str, str]:
        """Tags of an AWS resource: the common ones and its Name."""
        return {**self.common, "Name": name}

    @property
    def owner(self) -> str:
        """What marks one rule in a given network as this stack's: the rule's description."""
        return f"managed by pulumi: {self.project}/{self.stack}"
