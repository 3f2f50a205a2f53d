"""What a failing OCI call means: look again, or tell the user."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from commands.invocation import CommandError
from commands.polling import TransientError

# OCI's reads may lag behind a create. Its 404 also means "not authorized", so the patience has an end.
NOT_FOUND_PATIENCE_SECONDS = 60.0


class GoneError(CommandError):
    """404: the thing is not there, or this sign-in may not see it. OCI does not say which."""


def is_transient(status: int, elapsed: float) -> bool:
    """
    Whether an OCI status may be another one at the next look, `elapsed` seconds after the first.

    Time-outs, conflicts with a change under way (409, 412), throttling and server faults are
    (https://docs.oracle.com/en-us/iaas/Content/API/References/apierrors.htm).
    """
    if status == 404:
        return elapsed < NOT_FOUND_PATIENCE_SECONDS
    return status in (408, 409, 412, 429) or status >= 500


@contextmanager
def oci_call(what: str, elapsed: float = NOT_FOUND_PATIENCE_SECONDS) -> Iterator[None]:
    """
    Turn the SDK's failures into ours; `what` completes "cannot …".

    Raises TransientError, GoneError (404 after the patience) or CommandError. `elapsed` as in is_transient.
    """
    errors: Any = import_module("oci.exceptions")
    try:
        yield
    except errors.ServiceError as failure:
        reason = f"cannot {what}: OCI says {failure.status}-{failure.code}: {_one_line(failure.message)}"
        if is_transient(failure.status, elapsed):
            raise TransientError(reason) from None
        raise (GoneError if failure.status == 404 else CommandError)(reason + _advice(failure.status)) from None
    except errors.RequestException as failure:
        raise TransientError(f"cannot {what}: {_one_line(failure)}") from None


def every_page(operation: Callable[..., Any], *arguments: str, **options: str) -> list[Any]:
    """All items of a list operation, over all its pages."""
    items: list[Any] = []
    page: dict[str, str] = {}
    while True:
        response = operation(*arguments, **options, **page)
        items.extend(response.data)
        following = response.headers.get("opc-next-page")
        if not following:
            return items
        page = {"page": following}


def _one_line(text: object) -> str:
    return " ".join(str(text).split())


def _advice(status: int) -> str:
    if status == 401:
        return " (the sign-in is refused: its key or token is unknown or has expired)"
    if status == 404:
        return " (it does not exist, or this sign-in may not see it)"
    return ""
