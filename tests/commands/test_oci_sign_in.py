"""Every sign-in mode of pulumi-oci, from the same settings in the same order.

ApiKey and SecurityToken sign for real, with a key made here. The other modes need Oracle's infrastructure: what is
proven for them is which signer of the SDK is made, and with what. That Oracle accepts any of it is not proven.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import oci
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

from commands.invocation import CommandError
from commands.oci_sign_in import Settings, host_override, sign_in, virtual_network_client

ALL_MODES = (
    "ApiKey, InstancePrincipal, InstancePrincipalWithCerts, SecurityToken, ResourcePrincipal, "
    "OKEWorkloadIdentity, WorkloadIdentityFederation"
)


def environment_of(home: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(home), **more}


class Signer:
    """Takes the place of a signer of the SDK, and keeps what it was made with."""

    region = "sa-saopaulo-1"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.arguments, self.options = arguments, options


@pytest.mark.parametrize(
    ("given", "environment", "found"),
    [
        ({"userOcid": "a"}, {"TF_VAR_user_ocid": "b", "OCI_USER_OCID": "c", "user_ocid": "d"}, "a"),
        ({"userOcid": ""}, {"TF_VAR_user_ocid": "b", "OCI_USER_OCID": "c", "user_ocid": "d"}, "b"),
        ({}, {"TF_VAR_user_ocid": "", "OCI_USER_OCID": "c", "user_ocid": "d"}, "c"),
        ({}, {"user_ocid": "d"}, "d"),
        ({}, {"USER_OCID": "e", "OCI_user_ocid": "f"}, None),
    ],
)
def test_order_of_the_places(given: dict[str, str], environment: dict[str, str], found: str | None) -> None:
    assert Settings(given, environment).get("user_ocid") == found


def test_api_key_from_the_configuration_signs(api_key: dict[str, str], pem: str) -> None:
    signed = sign_in(api_key, {})
    assert isinstance(signed.signer, oci.signer.Signer)
    assert signed.signer.api_key == f"ocid1.tenancy.oc1..aaaa/ocid1.user.oc1..bbbb/{':'.join(['0a'] * 16)}"
    expected = load_pem_private_key(pem.encode(), None)
    assert signed.signer.private_key.private_numbers() == expected.private_numbers()  # type: ignore[union-attr]
    assert signed.config["region"] == "eu-frankfurt-1"
    assert "PRIVATE" not in repr(signed)


def test_api_key_on_one_line(api_key: dict[str, str], pem: str) -> None:
    one_line = {**api_key, "privateKey": pem.replace("\n", "\\n")}
    assert sign_in(one_line, {}).signer.private_key.key_size == 2048


def test_api_key_from_the_environment(api_key: dict[str, str], home: Path) -> None:
    environment = environment_of(
        home,
        TF_VAR_tenancy_ocid=api_key["tenancyOcid"],
        OCI_USER_OCID=api_key["userOcid"],
        fingerprint=api_key["fingerprint"],
        OCI_PRIVATE_KEY_PATH="~/.oci/key.pem",
        OCI_REGION="eu-zurich-1",
    )
    signed = sign_in({}, environment)
    assert signed.signer.api_key.split("/")[:2] == ["ocid1.tenancy.oc1..aaaa", "ocid1.user.oc1..bbbb"]
    assert signed.config["region"] == "eu-zurich-1"


@pytest.mark.parametrize("given", [{}, {"configFileProfile": "DEFAULT"}, {"auth": "apikey"}])
def test_api_key_from_the_default_profile(given: dict[str, str], home: Path) -> None:
    signed = sign_in(given, environment_of(home))
    assert signed.signer.api_key.startswith("ocid1.tenancy.oc1..default/ocid1.user.oc1..default/dd:dd")
    assert signed.config["region"] == "uk-london-1"


def test_part_of_a_key_name_is_not_mixed_with_the_profile(home: Path) -> None:
    given = {"tenancyOcid": "ocid1.tenancy.oc1..other", "region": "eu-zurich-1"}
    signed = sign_in(given, environment_of(home))
    assert signed.signer.api_key.startswith("ocid1.tenancy.oc1..default/")
    assert signed.config["region"] == "eu-zurich-1"


def test_a_profile_inherits_nothing_from_default(home: Path) -> None:
    with pytest.raises(CommandError, match="^oci:tenancyOcid is missing: oci:auth ApiKey needs it"):
        sign_in({"configFileProfile": "bare"}, environment_of(home))


def test_home_can_be_another_as_for_the_provider(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = tmp_path_factory.mktemp("empty")
    signed = sign_in({}, {"HOME": str(empty), "TF_HOME_OVERRIDE": str(home)})
    assert signed.config["tenancy"] == "ocid1.tenancy.oc1..default"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"tenancyOcid": ""},
            "oci:tenancyOcid is missing: oci:auth ApiKey needs it, in the stack's configuration or as "
            "OCI_TENANCY_OCID in the environment",
        ),
        (
            {"fingerprint": ""},
            "oci:fingerprint is missing: oci:auth ApiKey needs it, in the stack's configuration or as "
            "OCI_FINGERPRINT in the environment",
        ),
        (
            {"region": ""},
            "oci:region is missing: oci:auth ApiKey needs it, in the stack's configuration or as "
            "OCI_REGION in the environment",
        ),
        (
            {"privateKey": ""},
            "oci:privateKey is missing: oci:auth ApiKey needs it, in the stack's configuration or as "
            "OCI_PRIVATE_KEY in the environment",
        ),
        (
            {"privateKey": "", "privateKeyPath": "~/none.pem"},
            "oci:privateKeyPath: '~/none.pem' is refused: No such file or directory",
        ),
        (
            {"privateKey": "hunter2"},
            "OCI sign-in by ApiKey failed: InvalidPrivateKey: The provided key is not a private key, or "
            "the provided passphrase is incorrect.",
        ),
        ({"auth": "Kerberos"}, f"oci:auth: 'Kerberos' is refused: it must be one of {ALL_MODES}"),
    ],
)
def test_refused_api_keys(api_key: dict[str, str], tmp_path: Path, change: dict[str, str], message: str) -> None:
    with pytest.raises(CommandError) as refused:
        sign_in({**api_key, **change}, {"HOME": str(tmp_path)})
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "oci:configFileProfile: 'mine' is refused: there is no ~/.oci/config"),
        ("[DEFAULT]\n", "oci:configFileProfile: 'mine' is refused: ~/.oci/config has no such profile"),
        ("hunter2\n", "~/.oci/config cannot be read: MissingSectionHeaderError"),
    ],
)
def test_refused_profiles(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / ".oci").mkdir()
        (tmp_path / ".oci" / "config").write_text(text)
    with pytest.raises(CommandError) as refused:
        sign_in({"configFileProfile": "mine"}, {"HOME": str(tmp_path)})
    assert str(refused.value) == message


SESSION = {"auth": "SecurityToken", "configFileProfile": "session", "region": "eu-zurich-1"}


def test_security_token_signs_with_the_profiles_key(home: Path) -> None:
    token = (home / ".oci" / "token").read_text().strip()
    signed = sign_in(SESSION, environment_of(home))
    assert isinstance(signed.signer, oci.auth.signers.SecurityTokenSigner)
    assert signed.signer.api_key == "ST$" + token
    assert signed.config == {"region": "eu-zurich-1"}


def test_security_token_is_read_at_run_time(home: Path) -> None:
    (home / ".oci" / "token").write_text("renewed")
    assert sign_in(SESSION, environment_of(home)).signer.api_key == "ST$renewed"


def test_instance_principal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oci.auth.signers, "InstancePrincipalsSecurityTokenSigner", Signer)
    signed = sign_in({"auth": "instanceprincipal", "region": "eu-zurich-1"}, {})
    assert (signed.signer.arguments, signed.signer.options) == ((), {})
    assert signed.config == {"region": "eu-zurich-1"}


def test_instance_principal_needs_a_region() -> None:
    with pytest.raises(CommandError, match="^oci:region is missing: oci:auth InstancePrincipal needs it"):
        sign_in({"auth": "InstancePrincipal"}, {})


def test_a_failing_signer_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing() -> None:
        raise OSError("no route\nto the metadata service")

    monkeypatch.setattr(oci.auth.signers, "InstancePrincipalsSecurityTokenSigner", failing)
    with pytest.raises(CommandError) as refused:
        sign_in({"auth": "InstancePrincipal", "region": "eu-zurich-1"}, {})
    assert str(refused.value) == ("OCI sign-in by InstancePrincipal failed: OSError: no route to the metadata service")


@pytest.fixture
def certificates(tmp_path: Path, pem: str) -> Path:
    """A leaf certificate as an instance has it, self-signed, with the tenancy in its subject."""
    key: Any = load_pem_private_key(pem.encode(), None)
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "opc-tenant:ocid1.tenancy.oc1..leaf")])
    start = datetime.datetime(2026, 1, 1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    text = certificate.public_bytes(Encoding.PEM)
    (tmp_path / "ip_cert.pem").write_bytes(text)
    (tmp_path / "intermediate.pem").write_bytes(text)
    (tmp_path / "ip_key.pem").write_text(pem)
    return tmp_path


def test_instance_principal_with_certificates(monkeypatch: pytest.MonkeyPatch, certificates: Path) -> None:
    monkeypatch.setattr(oci.auth.federation_client, "X509FederationClient", Signer)
    monkeypatch.setattr(oci.auth.signers, "X509FederationClientBasedSecurityTokenSigner", Signer)
    settings = {"auth": "InstancePrincipalWithCerts", "region": "eu-zurich-1"}
    signed = sign_in(settings, {"OCI_TEST_CERTIFICATES_LOCATION": str(certificates)})
    [client] = signed.signer.arguments
    assert client.options["federation_endpoint"] == "https://auth.eu-zurich-1.oraclecloud.com/v1/x509"
    assert client.options["tenancy_id"] == "ocid1.tenancy.oc1..leaf"
    assert client.options["leaf_certificate_retriever"].get_private_key().key_size == 2048
    assert len(client.options["intermediate_certificate_retrievers"]) == 1
    assert signed.config == {"region": "eu-zurich-1"}


def test_a_certificate_that_is_missing(certificates: Path) -> None:
    (certificates / "intermediate.pem").unlink()
    settings = {"auth": "InstancePrincipalWithCerts", "region": "eu-zurich-1"}
    with pytest.raises(CommandError) as refused:
        sign_in(settings, {"OCI_TEST_CERTIFICATES_LOCATION": str(certificates)})
    assert str(refused.value) == (
        "oci:auth InstancePrincipalWithCerts needs intermediate.pem in the working directory, "
        "or in the directory that OCI_TEST_CERTIFICATES_LOCATION names"
    )


@pytest.mark.parametrize(
    ("mode", "function"),
    [
        ("ResourcePrincipal", "get_resource_principals_signer"),
        ("OKEWorkloadIdentity", "get_oke_workload_identity_resource_principal_signer"),
    ],
)
@pytest.mark.parametrize(("region", "used"), [("eu-zurich-1", "eu-zurich-1"), ("", "sa-saopaulo-1")])
def test_principals_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, mode: str, function: str, region: str, used: str
) -> None:
    monkeypatch.setattr(oci.auth.signers, function, Signer)
    signed = sign_in({"auth": mode, "region": region}, {})
    assert isinstance(signed.signer, Signer)
    assert signed.config == {"region": used}


def test_workload_identity_federation(monkeypatch: pytest.MonkeyPatch, federation: dict[str, str]) -> None:
    monkeypatch.setattr(oci.auth.signers, "TokenExchangeSigner", Signer)
    signer = sign_in(federation, {}).signer
    assert signer.arguments[1:] == ("https://idcs.example", "client", "hunter2")
    assert signer.options == {"region": "eu-zurich-1"}
    assert signer.arguments[0]() == "first"
    Path(federation["workloadIdentityTokenPath"]).write_text("second")
    assert signer.arguments[0]() == "second"


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("", None),
        ("oci_core.VirtualNetworkClient=http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("oci_identity.IdentityClient=http://a; oci_core.VirtualNetworkClient=http://b=c", "http://b=c"),
        ("oci_core.ComputeClient=http://a", None),
        ("oci_core.VirtualNetworkClient=iaas.example.com", "https://iaas.example.com"),
        ("oci_core.VirtualNetworkClient=", None),
    ],
)
def test_host_overrides(text: str, endpoint: str | None) -> None:
    assert host_override({"CLIENT_HOST_OVERRIDES": text}, "oci_core.VirtualNetworkClient") == endpoint


def test_client_goes_to_the_region_without_override(api_key: dict[str, str]) -> None:
    base = virtual_network_client(api_key, {}).base_client
    endpoint = base.update_endpoint_template_for_options()  # what the SDK does before each call
    assert endpoint == "https://iaas.eu-frankfurt-1.oraclecloud.com/20160918"


@pytest.mark.parametrize("mode", ["ApiKey", "SecurityToken"])
def test_client_goes_to_the_override_and_signs(mode: str, api_key: dict[str, str], home: Path, serve_oci: Any) -> None:
    def respond(method: str, path: str, body: Any, etag: str | None) -> tuple[int, Any, Mapping[str, str]]:
        return 200, {"id": "v", "displayName": "theirs", "newField": 1}, {}

    served = serve_oci(respond)
    settings = api_key if mode == "ApiKey" else SESSION
    client = virtual_network_client(settings, {**environment_of(home), **served.environment})
    assert client.get_vcn("v").data.display_name == "theirs"
    assert served.calls == [("GET", "/vcns/v")]
    token = (home / ".oci" / "token").read_text().strip()
    key = f"ST${token}" if mode == "SecurityToken" else f"{api_key['tenancyOcid']}/"
    assert f'keyId="{key}' in served.authorizations[0]


def test_raw_client_keeps_what_the_sdk_does_not_know(api_key: dict[str, str], serve_oci: Any) -> None:
    served = serve_oci(lambda *_: (200, {"id": "v", "newField": [1, None]}, {"etag": "e"}))
    answer = virtual_network_client(api_key, served.environment, raw=True).get_vcn("v")
    assert answer.data == {"id": "v", "newField": [1, None]}
    assert answer.headers["etag"] == "e"
