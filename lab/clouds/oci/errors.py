"""What Oracle's API says when it refuses: status, code, message.

Codes from https://docs.oracle.com/iaas/Content/API/References/apierrors.htm
"""

from __future__ import annotations


class ApiError(Exception):
    """A refusal, sent as `{"code", "message"}` with its HTTP status."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status}-{code}: {message}")
        self.status = status
        self.code = code
        self.message = message


def invalid(attribute: str, rule: str) -> ApiError:
    return ApiError(400, "InvalidParameter", f"{attribute}: {rule}")


def missing(attribute: str) -> ApiError:
    return ApiError(400, "MissingParameter", f"{attribute} is required")


def unknown_related(attribute: str, ocid: object) -> ApiError:
    return ApiError(400, "RelatedResourceNotAuthorizedOrNotFound", f"{attribute}: {ocid} is not found")


def limit_exceeded(message: str) -> ApiError:
    return ApiError(400, "LimitExceeded", message)


def not_found(what: str) -> ApiError:
    return ApiError(404, "NotAuthorizedOrNotFound", f"Authorization failed or requested resource not found: {what}")


def conflict(message: str) -> ApiError:
    """Something else still needs the resource, or has its place."""
    return ApiError(409, "Conflict", message)


def incorrect_state(message: str) -> ApiError:
    """The resource, or one that it belongs to, is still changing: try again later."""
    return ApiError(409, "IncorrectState", message)


def no_etag_match(ocid: str) -> ApiError:
    return ApiError(412, "NoEtagMatch", f"{ocid} has changed since the etag in if-match was read")
