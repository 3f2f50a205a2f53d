"""What is kept of a run of tests."""

from __future__ import annotations

from tests.record import Seen, document


def test_a_line_for_each_test_with_what_it_has_measured() -> None:
    seen = [
        Seen(name="b.py::test[one|two]", outcome="failed", seconds=1.6),
        Seen(name="a.py::test", outcome="passed", seconds=70.2, measured=("reboot: 88.0 s", "lost 0")),
        Seen(name="c.py::test", outcome="passed", seconds=0.2),
    ]
    assert document("pytest a.py", "2026-01-02, x86_64, commit abc", seen).splitlines() == [
        "# Seen by `make test-long`",
        "",
        "`pytest a.py`, 2026-01-02, x86_64, commit abc: 1 failed, 2 passed.",
        "",
        "| test | | s | measured |",
        "| --- | --- | --- | --- |",
        "| a.py::test | passed | 70 | reboot: 88.0 s; lost 0 |",
        "| b.py::test[one\\|two] | failed | 2 |  |",
        "| c.py::test | passed | 0 |  |",
    ]
