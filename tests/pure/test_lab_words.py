"""What a user says to the lab: arguments, environment, places; and its two ends of a socket.

Does not prove the terminal itself, which needs a machine and a person.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.__main__ import arguments
from lab.command import control
from lab.command.shell import Spot, spot
from lab.command.stream import BootSteps, tail
from lab.command.weather import weather_of
from lab.fabric.internet import Weather
from lab.setup.steps import SetUpError

SOCKETS = {"fabric": "/tmp/lab-1", "host": "/tmp/lab-2"}


def test_a_shell_is_on_the_host_unless_it_says_where() -> None:
    given = arguments(["shell"], {})
    assert (given.name, given.place, given.command) == ("dev", "host", [])
    assert arguments(["shell", "vcn-host"], {"LAB": "two"}).name == "two"


def test_what_follows_two_dashes_is_the_command() -> None:
    given = arguments(["shell", "client", "--name", "x", "--", "ping", "-c1", "--", "172.16.0.254"], {})
    assert (given.place, given.name, given.command) == ("client", "x", ["ping", "-c1", "--", "172.16.0.254"])
    assert arguments(["shell", "--", "client"], {}).place == "host"


@pytest.mark.parametrize("name", ["..", "a/b", ".", "-x y"])
def test_a_name_that_would_be_another_folder_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments(["down"], {"LAB": name})
    assert f"unlike {name!r}" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["shell", "moon"], ["up", "--", "true"], [], ["shell", "client", "true"]])
def test_what_makes_no_sense_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments(words, {})
    assert ended.value.code == 2
    assert "python -m lab" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "environment", "rule"),
    [(["up"], {}, False), (["up", "--rule"], {}, True), (["up"], {"LAB_RULE": "1"}, True)]
    + [(["up"], {"LAB_RULE": off}, False) for off in ("", "0")],
)
def test_the_mode_without_machines(words: list[str], environment: dict[str, str], rule: bool) -> None:
    assert arguments(words, environment).rule is rule


def test_places() -> None:
    assert spot("host", SOCKETS) == Spot(Path("/tmp/lab-2"), 0, ())
    assert spot("headend-2", SOCKETS) == Spot(Path("/tmp/lab-1"), 2, ("ip", "netns", "exec", "headend-2"))
    assert spot("headend-2", SOCKETS).guest.path == Path("/tmp/lab-1/agent")


@pytest.mark.parametrize(
    ("place", "sockets", "said"),
    [
        ("moon", SOCKETS, "no place moon: there are host, client, "),
        ("host", {"fabric": "/tmp/lab-1"}, "no instance runs"),
        ("client", {}, "this lab has no machines"),
    ],
)
def test_a_place_that_is_not_there(place: str, sockets: dict[str, str], said: str) -> None:
    with pytest.raises(SetUpError, match=said):
        spot(place, sockets)


def test_weather() -> None:
    assert weather_of({}) == weather_of({"LAB_DELAY_MS": ""}) == Weather()
    given = {"LAB_DELAY_MS": "0.5", "LAB_LOSS_PERCENT": "1", "LAB_PATH_MTU": "1400"}
    assert weather_of(given) == Weather(delay_ms=0.5, loss_percent=1, path_mtu=1400)


@pytest.mark.parametrize(
    ("name", "value"),
    [("LAB_DELAY_MS", value) for value in ("-1", "ten", "nan", "inf", "5001")]
    + [("LAB_LOSS_PERCENT", "100.1"), ("LAB_PATH_MTU", "575"), ("LAB_PATH_MTU", "1400.5")],
)
def test_weather_that_cannot_be(name: str, value: str) -> None:
    with pytest.raises(SetUpError, match=rf"{name} is '{value}': it must be a (whole )?number from \d+ to \d+"):
        weather_of({name: value})


def test_questions_and_answers(tmp_path: Path) -> None:
    path = tmp_path / "control"
    with pytest.raises(SetUpError, match=r"the lab does not answer \(add\): "):
        control.ask(path, "add")
    control.listen(path, {"add": lambda one, two: one + two})
    assert control.ask(path, "add", one=1, two=2) == 3
    with pytest.raises(SetUpError, match=r"the lab cannot say \(add\): TypeError: "):
        control.ask(path, "add", one=1)
    with pytest.raises(SetUpError, match=r"the lab cannot say \(what\): KeyError: 'what'"):
        control.ask(path, "what")


def test_steps_of_a_boot_come_once_each(tmp_path: Path) -> None:
    old = tmp_path / "i-old" / "console.log"
    old.parent.mkdir()
    old.write_text("aws-oci-libreswan: step packages: ok\n")
    (tmp_path / "fabric").mkdir()
    (tmp_path / "fabric" / "console.log").write_text("aws-oci-libreswan: step of no instance\n")
    steps = BootSteps(tmp_path)
    assert steps.fresh() == []

    new = tmp_path / "i-new" / "console.log"
    new.parent.mkdir()
    new.write_text("Linux\r\naws-oci-libreswan: step packages: ok\r\naws-oci-libreswan: step serv")
    assert steps.fresh() == ["   i-new: power on", "   i-new, 0 s: step packages: ok"]
    new.write_text(new.read_text() + "ices: ok\r\n[ 9.1] cloud-init[4]: aws-oci-libreswan: step services: ok\r\n")
    assert steps.fresh() == ["   i-new, 0 s: step services: ok"]
    assert steps.fresh() == []


def test_the_end_of_the_newest_console(tmp_path: Path) -> None:
    assert tail(tmp_path) == ""
    console = tmp_path / "i-1" / "console.log"
    console.parent.mkdir()
    console.write_text("".join(f"line {number}\r\n\r\n" for number in range(100)))
    lines = tail(tmp_path).splitlines()
    assert lines[0] == "the end of the console of i-1:"
    assert (lines[1], lines[-1], len(lines)) == ("    line 75", "    line 99", 26)
