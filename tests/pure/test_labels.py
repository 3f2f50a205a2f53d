"""Names and tags stay within both clouds' limits, whatever they are made of."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.labels import MAXIMUM_TAGS, Tags, dns_label, ocid_end, tag_fault

tags = st.dictionaries(
    st.text("abcXYZ019_-:+=@/", min_size=1, max_size=100), st.text("ab 9_.-:+=@/", max_size=256), max_size=MAXIMUM_TAGS
)


@given(st.text())
def test_a_dns_label_is_valid_or_refused(name: str) -> None:
    if re.search(r"[A-Za-z0-9]", name.lower()):
        assert re.fullmatch(r"[a-z][a-z0-9]{0,14}", dns_label(name))
    else:
        with pytest.raises(ValueError) as refused:
            dns_label(name)
        assert str(refused.value) == f"{name!r} has no letter or digit to make a DNS label of"


@pytest.mark.parametrize(
    ("name", "label"),
    [("oci-vcn", "ocivcn"), ("10.0.0.0/16", "n1000016"), ("A-very-long-name-it-is", "averylongnameit")],
)
def test_dns_labels_by_hand(name: str, label: str) -> None:
    assert dns_label(name) == label


def test_the_end_of_an_ocid() -> None:
    assert ocid_end("ocid1.routetable.oc1.iad.aaaaaaaabbbbbbbb12345678") == "12345678"
    assert ocid_end("ocid1.routetable.oc1..short") == "short"


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("team", "network", None),
        ("", "x", "a key is 1 to 100 letters, digits or _ - : + = @ / (OCI takes no space or dot in one)"),
        ("a b", "x", "a key is 1 to 100 letters, digits or _ - : + = @ / (OCI takes no space or dot in one)"),
        ("a.b", "x", "a key is 1 to 100 letters, digits or _ - : + = @ / (OCI takes no space or dot in one)"),
        ("k" * 101, "x", "a key is 1 to 100 letters, digits or _ - : + = @ / (OCI takes no space or dot in one)"),
        ("AWS:x", "x", "aws: and oci: are the clouds' own prefixes"),
        ("oci:x", "x", "aws: and oci: are the clouds' own prefixes"),
        ("Stack", "x", "the program sets it itself"),
        ("name", "x", "the program sets it itself"),
        ("team", "a&b", "a value is at most 256 letters, digits, spaces or _ . - : + = @ /"),
        ("team", "v" * 257, "a value is at most 256 letters, digits, spaces or _ . - : + = @ /"),
    ],
)
def test_why_a_tag_is_refused(key: str, value: str, fault: str | None) -> None:
    assert tag_fault(key, value) == fault


@given(tags)
def test_common_tags_keep_within_ten_and_in_order(given_tags: dict[str, str]) -> None:
    common = Tags(project="p", stack="s", given=given_tags).common
    assert len(common) <= 10
    assert list(common) == sorted(common)
    assert {"managed-by": "pulumi", "project": "p", "stack": "s"}.items() <= common.items()
    assert {
        k: v for k, v in given_tags.items() if k not in ("managed-by", "project", "stack")
    }.items() <= common.items()


def test_tags_of_aws_have_a_name_and_rules_an_owner() -> None:
    source = Tags(project="p", stack="s", given={"team": "network"})
    assert source.aws("aws-vpc") == {**source.common, "Name": "aws-vpc"}
    assert source.owner == "managed by pulumi: p/s"
