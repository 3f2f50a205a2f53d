"""What of a sign-in to OCI is refused at preview, without network.

Does not prove that what is not refused signs in.
"""

from __future__ import annotations

import datetime
import subprocess
import sys
from pathlib import Path
from typing import Any

import oci
import pytest

from commands import oci_sign_in
from commands.oci_sign_in import refusal

ROOT = Path(oci_sign_in.__file__).resolve().parent.parent

NOW = 1_800_000_000.0
ALL_MODES = (
    "ApiKey, InstancePrincipal, InstancePrincipalWithCerts, SecurityToken, ResourcePrincipal, "
    "OKEWorkloadIdentity, WorkloadIdentityFederation"
)
SESSION = {"auth": "SecurityToken", "configFileProfile": "session", "region": "eu-zurich-1"}


def environment_of(home: Path) -> dict[str, str]:
    return {"HOME": str(home)}


@pytest.mark.parametrize(
    ("left", "state"), [(29.5, "has 29 min left"), (0.5, "has 0 min left"), (0, "has expired"), (-90, "has expired")]
)
def test_a_token_with_less_than_thirty_minutes_is_refused(home: Path, make_token: Any, left: float, state: str) -> None:
    (home / ".oci" / "token").write_text(make_token(NOW + left * 60))
    assert refusal(SESSION, environment_of(home), NOW) == (
        f"oci:auth: 'SecurityToken' is refused: the token of profile 'session' {state}, and an update may "
        "need "
        "30 min; renew it with `oci session refresh --profile session`"
    )


def test_a_token_with_thirty_minutes_is_fine(home: Path, make_token: Any) -> None:
    (home / ".oci" / "token").write_text(make_token(NOW + 30 * 60))
    assert refusal(SESSION, environment_of(home), NOW) is None


def test_the_clock_is_the_machines_if_none_is_given(home: Path, make_token: Any) -> None:
    (home / ".oci" / "token").write_text(make_token(datetime.datetime.now().timestamp() + 31 * 60))
    assert refusal(SESSION, environment_of(home)) is None


@pytest.mark.parametrize(
    ("change", "text", "message"),
    [
        (
            {},
            "hunter2",
            "oci:auth: 'SecurityToken' is refused: the token of profile 'session' is no JSON web token with an expiry",
        ),
        (
            {},
            "a.e30.b",
            "oci:auth: 'SecurityToken' is refused: the token of profile 'session' is no JSON web token with an expiry",
        ),
        (
            {"configFileProfile": "bare"},
            "",
            "oci:auth: 'SecurityToken' is refused: profile 'bare' of ~/.oci/config has no "
            "security_token_file; `oci session authenticate` makes such a profile",
        ),
        (
            {"configFileProfile": ""},
            "",
            "oci:configFileProfile is missing: oci:auth SecurityToken needs it, in the stack's "
            "configuration or as OCI_CONFIG_FILE_PROFILE in the environment",
        ),
        (
            {"region": ""},
            "",
            "oci:region is missing: oci:auth SecurityToken needs it, in the stack's configuration or as "
            "OCI_REGION in the environment",
        ),
        ({"auth": "Kerberos"}, "", f"oci:auth: 'Kerberos' is refused: it must be one of {ALL_MODES}"),
    ],
)
def test_refusals_without_network(home: Path, change: dict[str, str], text: str, message: str) -> None:
    (home / ".oci" / "token").write_text(text)
    assert refusal({**SESSION, **change}, environment_of(home), NOW) == message


def test_a_token_file_that_is_gone(home: Path) -> None:
    (home / ".oci" / "token").unlink()
    assert refusal(SESSION, environment_of(home), NOW) == (
        "security_token_file of profile 'session': '~/.oci/token' is refused: No such file or directory"
    )


@pytest.mark.parametrize(
    "settings",
    [{}, {"auth": "InstancePrincipal"}, {"auth": "ResourcePrincipal"}, {"auth": "OKEWorkloadIdentity"}],
)
def test_nothing_to_refuse(tmp_path: Path, settings: dict[str, str]) -> None:
    assert refusal(settings, {"HOME": str(tmp_path)}) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"tokenExchangeAuth": "InstancePrincipal"},
            "oci:tokenExchangeAuth: 'InstancePrincipal' is refused: Oracle's SDK for Python knows only "
            "OAuthClientCredentials",
        ),
        (
            {"tokenExchangeRequestedTokenType": "urn:oci:token-type:oci-rpst"},
            "oci:tokenExchangeRequestedTokenType: 'urn:oci:token-type:oci-rpst' is refused: Oracle's SDK "
            "for Python knows only urn:oci:token-type:oci-upst",
        ),
        (
            {"tokenExchangeSubjectTokenType": "saml"},
            "oci:tokenExchangeSubjectTokenType: 'saml' is refused: Oracle's SDK for Python knows only jwt",
        ),
        (
            {"tokenExchangePublicKey": "abc"},
            "oci:tokenExchangePublicKey: 'abc' is refused: Oracle's SDK for Python knows none",
        ),
    ],
)
def test_what_the_sdk_cannot_federate_is_refused_at_preview(
    federation: dict[str, str], change: dict[str, str], message: str
) -> None:
    assert refusal({**federation, **change}, {}) == message


def test_an_sdk_without_federation(monkeypatch: pytest.MonkeyPatch, federation: dict[str, str]) -> None:
    assert refusal(federation, {}) is None
    monkeypatch.delattr(oci.auth.signers, "TokenExchangeSigner")
    assert refusal(federation, {}) == (
        "oci:auth: 'WorkloadIdentityFederation' is refused: the installed oci SDK has no signer for it"
    )


def test_a_preview_pays_for_no_cloud_sdk() -> None:
    """The program imports `refusal` in each preview; neither Oracle's SDK nor Pulumi comes with it."""
    code = (
        "import sys, commands.oci_sign_in as s; s.refusal({}, {}); "
        "print(sorted({'oci', 'boto3', 'pulumi'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
