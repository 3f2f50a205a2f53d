"""The weather of the lab's internet, from the environment of `make lab`."""

from __future__ import annotations

from collections.abc import Mapping

from lab.fabric.internet import Weather
from lab.setup.steps import SetUpError


def weather_of(environment: Mapping[str, str]) -> Weather:
    """LAB_DELAY_MS, LAB_LOSS_PERCENT and LAB_PATH_MTU; what is not set is as usual. Raises SetUpError."""
    usual = Weather()
    return Weather(
        delay_ms=_number(environment, "LAB_DELAY_MS", usual.delay_ms, 0, 5000),
        loss_percent=_number(environment, "LAB_LOSS_PERCENT", usual.loss_percent, 0, 100),
        path_mtu=int(_number(environment, "LAB_PATH_MTU", usual.path_mtu, 576, 9001, whole=True)),
    )


def _number(
    environment: Mapping[str, str], name: str, usual: float, least: int, most: int, *, whole: bool = False
) -> float:
    given = environment.get(name, "")
    if not given:
        return usual
    try:
        number = float(int(given) if whole else float(given))
    except ValueError:
        number = float("nan")
    # Not a number is in no range.
    if not least <= number <= most:
        kind = "a whole number" if whole else "a number"
        raise SetUpError(f"{name} is {given!r}: it must be {kind} from {least} to {most}")
    return number
