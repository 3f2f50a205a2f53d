"""Which tests share a worker, and with it a lab that takes minutes to come up."""

from __future__ import annotations

import pytest

from tests.conftest import ByLab


@pytest.mark.parametrize(
    ("nodeid", "lab"),
    [
        ("tests/lab/boots/test_new_hosts.py::test_new_host[leftid missing]", "tests/lab/boots/test_new_hosts.py"),
        ("tests/lab/boots/test_first_boot.py::test_one", "tests/lab/boots/test_first_boot.py"),
        ("tests/lab/boots/test_pairwise.py::test_up[a]", "tests/lab/boots/test_pairwise.py::test_up[a]"),
    ],
)
def test_what_shares_a_lab(nodeid: str, lab: str) -> None:
    assert ByLab.__new__(ByLab)._split_scope(nodeid) == lab
