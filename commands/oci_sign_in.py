"""Signs in to OCI exactly as pulumi-oci does, from the same settings.

Oracle's SDK for Python reads none of them by itself: neither the stack's oci:* configuration nor the
provider's environment variables. Order: configuration, then `TF_VAR_x`, `OCI_X`, `x` in the environment, then
(ApiKey) the profile in ~/.oci/config. Source: internal/provider/provider.go of oracle/terraform-provider-oci.
"""

from __future__ import annotations

import base64
import configparser
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from commands.invocation import CommandError

# The program imports this module for `refusal`, and the SDK is large: it is imported where it is used.
TOKEN_MINUTES = 30  # An `up` may last that long; it cannot renew a security token.
VIRTUAL_NETWORK = "oci_core.VirtualNetworkClient"
LIMITS = "oci_limits.LimitsClient"
TIMEOUTS = (10, 30)  # seconds to connect, seconds to read


@dataclass(frozen=True)
class SignIn:
    """What a client of the SDK takes."""

    config: Mapping[str, str]
    signer: Any = field(repr=False)


@dataclass(frozen=True)
class Settings:
    """One look-up for the places a setting may come from. Names in snake_case, as in Terraform."""

    given: Mapping[str, str] = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)

    def get(self, name: str) -> str | None:
        places = (
            self.given.get(_camel(name)),
            self.environment.get(f"TF_VAR_{name}"),
            self.environment.get(f"OCI_{name.upper()}"),
            self.environment.get(name),
        )
        return next((value for value in places if value), None)

    def needed(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise CommandError(
                f"oci:{_camel(name)} is missing: oci:auth {self.mode} needs it, "
                f"in the stack's configuration or as OCI_{name.upper()} in the environment"
            )
        return value

    @property
    def mode(self) -> str:
        """The sign-in mode as written, or pulumi-oci's default."""
        return self.get("auth") or "ApiKey"

    def path(self, text: str) -> Path:
        """A path with ~ meaning the provider's home directory."""
        home = self.environment.get("TF_HOME_OVERRIDE") or self.environment.get("HOME") or str(Path.home())
        return Path(re.sub("^~(?=/|$)", lambda _: home, text))

    @cached_property
    def profile(self) -> Mapping[str, str]:
        """The chosen profile of ~/.oci/config; empty if none is chosen and there is no file."""
        chosen, file = self.get("config_file_profile"), self.path("~/.oci/config")
        # Oracle's other tools do not let profiles inherit from DEFAULT, as this parser would.
        parser = configparser.ConfigParser(interpolation=None, default_section="")
        try:
            parser.read_string(file.read_text())
        except FileNotFoundError:
            if chosen is None:
                return {}
            raise CommandError(f"oci:configFileProfile: {chosen!r} is refused: there is no ~/.oci/config") from None
        except (OSError, UnicodeDecodeError, configparser.Error) as failure:
            # A parser's message quotes the line, which may be a key's.
            raise CommandError(f"~/.oci/config cannot be read: {type(failure).__name__}") from None
        if chosen is None:
            return dict(parser["DEFAULT"]) if "DEFAULT" in parser else {}
        if chosen not in parser:
            raise CommandError(f"oci:configFileProfile: {chosen!r} is refused: ~/.oci/config has no such profile")
        return dict(parser[chosen])


def virtual_network_client(settings: Mapping[str, str], environment: Mapping[str, str], *, raw: bool = False) -> Any:
    """
    An `oci.core.VirtualNetworkClient`, without retries of its own: the commands retry, and show it.

    With `raw` its answers are the JSON that OCI sent, fields unknown to the SDK too. Raises CommandError.
    """
    return client(VIRTUAL_NETWORK, settings, environment, raw=raw)


def limits_client(settings: Mapping[str, str], environment: Mapping[str, str]) -> Any:
    """An `oci.limits.LimitsClient`, which says how much of what may still be made. Raises CommandError."""
    return client(LIMITS, settings, environment)


def client(name: str, settings: Mapping[str, str], environment: Mapping[str, str], *, raw: bool = False) -> Any:
    """A client of the SDK, without retries of its own, by its name in CLIENT_HOST_OVERRIDES. Raises CommandError."""
    module, _, kind = name.partition(".")
    signed_in = sign_in(settings, environment)
    breaker: Any = import_module("oci.circuit_breaker")
    retry: Any = import_module("oci.retry")
    options: dict[str, Any] = {
        "signer": signed_in.signer,
        "retry_strategy": retry.NoneRetryStrategy(),
        "circuit_breaker_strategy": breaker.NoCircuitBreakerStrategy(),
        "timeout": TIMEOUTS,
        "skip_deserialization": raw,
    }
    endpoint = host_override(environment, name)
    if endpoint is not None:
        options["service_endpoint"] = endpoint
    return getattr(import_module(module.replace("_", ".")), kind)(dict(signed_in.config), **options)


def host_override(environment: Mapping[str, str], client: str) -> str | None:
    """The endpoint that CLIENT_HOST_OVERRIDES (`client=endpoint;…`) names for a client of pulumi-oci."""
    for item in environment.get("CLIENT_HOST_OVERRIDES", "").split(";"):
        name, _, endpoint = item.strip().partition("=")
        if name == client and endpoint:
            return endpoint if "://" in endpoint else f"https://{endpoint}"
    return None


def refusal(settings: Mapping[str, str], environment: Mapping[str, str], now: float | None = None) -> str | None:
    """
    Why an `up` with these settings would fail at a command although a preview passes; None if it would not.

    No network. Finds a mode that the commands cannot use, and a security token with under 30 minutes left.
    `now`: seconds since 1970, for tests. A missing API key is left to pulumi-oci: it refuses it in preview.
    """
    found = Settings(settings, environment)
    try:
        mode = _known(found)
        if mode == "SecurityToken":
            _security_token(found).refuse_short(time.time() if now is None else now)
        elif mode == "WorkloadIdentityFederation":
            _federation_signer(found)
    except CommandError as refused:
        return str(refused)
    return None


def minutes_left(settings: Mapping[str, str], environment: Mapping[str, str], now: float) -> float | None:
    """
    Minutes until the sign-in ends, at `now` (seconds since 1970); None for one that does not end or renews itself.

    No network. Raises CommandError as `sign_in` does.
    """
    found = Settings(settings, environment)
    if _known(found) != "SecurityToken":
        return None
    given = _security_token(found)
    return (_expiry(given.token, given.profile) - now) / 60


def sign_in(settings: Mapping[str, str], environment: Mapping[str, str]) -> SignIn:
    """Config and signer for the SDK. Raises CommandError, which names mode and reason and holds no secret."""
    found = Settings(settings, environment)
    mode = _known(found)
    try:
        return MODES[mode](found)
    except CommandError:
        raise
    except Exception as failure:  # The SDK's signers raise anything, from OSError to their HTTP library's own.
        raise CommandError(f"OCI sign-in by {mode} failed: {type(failure).__name__}: {_one_line(failure)}") from None


def _known(found: Settings) -> str:
    """The mode in its right spelling; pulumi-oci does not mind upper and lower case."""
    for mode in MODES:
        if mode.lower() == found.mode.lower():
            return mode
    raise CommandError(f"oci:auth: {found.mode!r} is refused: it must be one of {', '.join(MODES)}")


def _api_key(found: Settings) -> SignIn:
    # The provider takes all three parts of the key's name from the settings, or all three from the profile.
    parts = {
        name: found.get(setting)
        for name, setting in (
            ("tenancy", "tenancy_ocid"),
            ("user", "user_ocid"),
            ("fingerprint", "fingerprint"),
        )
    }
    if None in parts.values():
        parts = {name: found.profile.get(name) for name in parts}
    if None in parts.values():
        # Which is missing: asked again of the settings, whose names the user knows.
        for setting in ("tenancy_ocid", "user_ocid", "fingerprint"):
            found.needed(setting)
    region = found.get("region") or found.profile.get("region") or found.needed("region")
    password = found.get("private_key_password")
    pem = found.get("private_key")
    if pem is not None:
        pem = pem.replace("\\n", "\n")
    elif path := found.get("private_key_path"):
        pem = _read(found, path, "oci:privateKeyPath")
    elif path := found.profile.get("key_file"):
        pem = _read(found, path, "key_file in ~/.oci/config")
        password = _passphrase(found) or password
    else:
        pem = found.needed("private_key")
    config = {**{name: str(value) for name, value in parts.items()}, "region": region}
    signer = _sdk("oci.signer").Signer(
        config["tenancy"],
        config["user"],
        config["fingerprint"],
        private_key_file_location=None,
        pass_phrase=password,
        private_key_content=pem.strip(),
    )
    # The client's own check of the config asks for a key although a signer is there.
    return SignIn({**config, "key_content": "held by the signer"}, signer)


def _instance_principal(found: Settings) -> SignIn:
    region = found.needed("region")
    return SignIn({"region": region}, _sdk("oci.auth.signers").InstancePrincipalsSecurityTokenSigner())


def _instance_principal_with_certs(found: Settings) -> SignIn:
    region = found.needed("region")
    folder = found.path(found.get("test_certificates_location") or ".")
    leaf, key, intermediate = (folder / f"{name}.pem" for name in ("ip_cert", "ip_key", "intermediate"))
    for file in (leaf, key, intermediate):
        if not file.is_file():
            raise CommandError(
                f"oci:auth InstancePrincipalWithCerts needs {file.name} in the working directory, "
                "or in the directory that OCI_TEST_CERTIFICATES_LOCATION names"
            )
    passphrase = folder / "leaf_passphrase"
    retriever = _sdk("oci.auth.certificate_retriever").FileBasedCertificateRetriever
    leaf_retriever = retriever(
        certificate_file_path=str(leaf),
        private_key_pem_file_path=str(key),
        passphrase=passphrase.read_text().strip() if passphrase.is_file() else None,
    )
    certificate = leaf_retriever.get_certificate_as_certificate()
    client = _sdk("oci.auth.federation_client").X509FederationClient(
        federation_endpoint=f"{_sdk('oci.regions').endpoint_for('auth', region)}/v1/x509",
        tenancy_id=_sdk("oci.auth.auth_utils").get_tenancy_id_from_certificate(certificate),
        session_key_supplier=_sdk("oci.auth.session_key_supplier").SessionKeySupplier(),
        leaf_certificate_retriever=leaf_retriever,
        intermediate_certificate_retrievers=[retriever(certificate_file_path=str(intermediate))],
    )
    signer = _sdk("oci.auth.signers").X509FederationClientBasedSecurityTokenSigner(client)
    return SignIn({"region": region}, signer)


@dataclass(frozen=True)
class SecurityToken:
    """What `oci session authenticate` left in a profile."""

    profile: str
    region: str
    token: str = field(repr=False)
    pem: str = field(repr=False)
    password: str | None = field(repr=False)

    def refuse_short(self, now: float) -> None:
        """Raises CommandError if less than 30 minutes are left at `now` (seconds since 1970)."""
        left = (_expiry(self.token, self.profile) - now) / 60
        if left < TOKEN_MINUTES:
            state = f"has {int(left)} min left" if left > 0 else "has expired"
            raise CommandError(
                f"oci:auth: 'SecurityToken' is refused: the token of profile {self.profile!r} {state}, "
                f"and an update may need {TOKEN_MINUTES} min; "
                f"renew it with `oci session refresh --profile {self.profile}`"
            )


def _security_token(found: Settings) -> SecurityToken:
    region, name = found.needed("region"), found.needed("config_file_profile")
    files = {}
    for key in ("security_token_file", "key_file"):
        path = found.profile.get(key)
        if path is None:
            raise CommandError(
                f"oci:auth: 'SecurityToken' is refused: profile {name!r} of ~/.oci/config has no {key}; "
                "`oci session authenticate` makes such a profile"
            )
        files[key] = _read(found, path, f"{key} of profile {name!r}")
    return SecurityToken(
        profile=name,
        region=region,
        token=files["security_token_file"].strip(),
        pem=files["key_file"].strip(),
        password=found.get("private_key_password") or _passphrase(found),
    )


def _sign_by_security_token(found: Settings) -> SignIn:
    given = _security_token(found)
    key = _sdk("oci.signer").load_private_key(given.pem, given.password)
    return SignIn({"region": given.region}, _sdk("oci.auth.signers").SecurityTokenSigner(given.token, key))


def _resource_principal(found: Settings) -> SignIn:
    return _with_region(found, _sdk("oci.auth.signers").get_resource_principals_signer())


def _oke_workload_identity(found: Settings) -> SignIn:
    return _with_region(found, _sdk("oci.auth.signers").get_oke_workload_identity_resource_principal_signer())


def _workload_identity_federation(found: Settings) -> SignIn:
    signer = _federation_signer(found)
    region, path = found.needed("region"), found.needed("workload_identity_token_path")
    return SignIn(
        {"region": region},
        signer(
            # A function, so that a token that its issuer has rotated is read again.
            lambda: _read(found, path, "oci:workloadIdentityTokenPath").strip(),
            found.needed("token_exchange_domain_url"),
            found.needed("token_exchange_client_id"),
            found.needed("token_exchange_client_secret"),
            region=region,
        ),
    )


def _federation_signer(found: Settings) -> Any:
    """The SDK's signer, or CommandError for what it cannot do though pulumi-oci can."""
    signer = getattr(_sdk("oci.auth.signers"), "TokenExchangeSigner", None)
    if signer is None:
        raise CommandError(
            "oci:auth: 'WorkloadIdentityFederation' is refused: the installed oci SDK has no signer for it"
        )
    for name, able in (
        ("token_exchange_auth", "OAuthClientCredentials"),
        ("token_exchange_requested_token_type", "urn:oci:token-type:oci-upst"),
        ("token_exchange_subject_token_type", "jwt"),
        ("token_exchange_public_key", ""),
    ):
        value = found.get(name)
        if value is not None and value.lower() != able.lower():
            can = f"only {able}" if able else "none"
            raise CommandError(f"oci:{_camel(name)}: {value!r} is refused: Oracle's SDK for Python knows {can}")
    return signer


def _with_region(found: Settings, signer: Any) -> SignIn:
    """These signers know the region they run in; a setting wins."""
    region = found.get("region") or getattr(signer, "region", None) or found.needed("region")
    return SignIn({"region": region}, signer)


def _expiry(token: str, profile: str) -> float:
    """The `exp` claim of a JSON web token, seconds since 1970 (RFC 7519, 4.1.4)."""
    try:
        claims = token.removeprefix("ST$").split(".")[1]
        return float(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"])
    except (IndexError, KeyError, TypeError, ValueError):
        raise CommandError(
            f"oci:auth: 'SecurityToken' is refused: the token of profile {profile!r} "
            "is no JSON web token with an expiry"
        ) from None


def _passphrase(found: Settings) -> str | None:
    return found.profile.get("pass_phrase") or found.profile.get("passphrase")


def _read(found: Settings, path: str, what: str) -> str:
    try:
        return found.path(path).read_text()
    except (OSError, UnicodeDecodeError) as failure:
        reason = failure.strerror if isinstance(failure, OSError) else "not a text"
        raise CommandError(f"{what}: {path!r} is refused: {reason}") from None


def _camel(name: str) -> str:
    return re.sub("_(.)", lambda letter: letter[1].upper(), name)


def _sdk(module: str) -> Any:
    return import_module(module)


def _one_line(text: object) -> str:
    return " ".join(str(text).split())


MODES: Mapping[str, Callable[[Settings], SignIn]] = {
    "ApiKey": _api_key,
    "InstancePrincipal": _instance_principal,
    "InstancePrincipalWithCerts": _instance_principal_with_certs,
    "SecurityToken": _sign_by_security_token,
    "ResourcePrincipal": _resource_principal,
    "OKEWorkloadIdentity": _oke_workload_identity,
    "WorkloadIdentityFederation": _workload_identity_federation,
}
