import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization as keys

from s3edge.config.model import NodeTls, Tls
from s3edge.errors import StartError
from s3edge.server.certificates import client_context, node_context, renew

CA = trustme.CA()


def written(folder: Path, name: str = "edge") -> Tls:
    """A certificate and its key as files."""
    issued = CA.issue_cert("s3.example.com")
    tls = Tls(certificate=folder / f"{name}.pem", key=folder / f"{name}.key")
    tls.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    tls.key.write_bytes(issued.private_key_pem.bytes())
    return tls


def handshake(context: ssl.SSLContext, version: ssl.TLSVersion) -> tuple[bytes, str | None]:
    """The certificate that a client with this TLS version gets, and the protocol that both chose."""
    client_side = ssl.create_default_context()
    client_side.minimum_version = client_side.maximum_version = version
    client_side.set_alpn_protocols(["h2", "http/1.1"])
    CA.configure_trust(client_side)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_side.wrap_bio(to_client, to_server, server_hostname="s3.example.com")
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    certificate = client.getpeercert(binary_form=True)
    assert certificate is not None
    return certificate, client.selected_alpn_protocol()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_clients_are_served_by_tls_1_2_and_up_with_http_1_1(tmp_path: Path, version: ssl.TLSVersion) -> None:
    assert handshake(client_context(written(tmp_path)), version)[1] == "http/1.1"


def test_older_tls_is_refused(tmp_path: Path) -> None:
    assert client_context(written(tmp_path)).minimum_version is ssl.TLSVersion.TLSv1_2


def test_new_handshakes_use_a_renewed_certificate(tmp_path: Path) -> None:
    tls = written(tmp_path)
    context = client_context(tls)
    before, _ = handshake(context, ssl.TLSVersion.TLSv1_3)
    written(tmp_path)
    assert handshake(context, ssl.TLSVersion.TLSv1_3)[0] == before
    renew(context, tls)
    assert handshake(context, ssl.TLSVersion.TLSv1_3)[0] != before


def test_a_bad_renewal_leaves_the_old_certificate_in_use(tmp_path: Path) -> None:
    tls = written(tmp_path)
    context = client_context(tls)
    before, _ = handshake(context, ssl.TLSVersion.TLSv1_3)
    tls.certificate.write_bytes(written(tmp_path, "other").certificate.read_bytes())
    with pytest.raises(StartError):
        renew(context, tls)
    assert handshake(context, ssl.TLSVersion.TLSv1_3)[0] == before


def test_a_key_of_another_certificate_is_named(tmp_path: Path) -> None:
    tls, other = written(tmp_path), written(tmp_path, "other")
    with pytest.raises(StartError, match="key values mismatch; both must be PEM files"):
        client_context(Tls(certificate=tls.certificate, key=other.key))


@pytest.mark.parametrize("what", ["certificate", "key"])
def test_a_missing_file_is_named(tmp_path: Path, what: str) -> None:
    tls = written(tmp_path)
    path: Path = getattr(tls, what)
    path.unlink()
    with pytest.raises(StartError) as caught:
        client_context(tls)
    assert str(caught.value) == f"cannot read the {what} {path}: No such file or directory"


def test_files_that_are_no_pem_are_named(tmp_path: Path) -> None:
    tls = written(tmp_path)
    tls.certificate.write_text("not a certificate")
    with pytest.raises(StartError, match=rf"the certificate {tls.certificate} and the key .* do not serve"):
        client_context(tls)


def test_a_key_with_a_password_is_refused_instead_of_asking_on_the_terminal(tmp_path: Path) -> None:
    tls = written(tmp_path)
    key = keys.load_pem_private_key(tls.key.read_bytes(), None)
    secret = keys.BestAvailableEncryption(b"secret")
    tls.key.write_bytes(key.private_bytes(keys.Encoding.PEM, keys.PrivateFormat.PKCS8, secret))
    with pytest.raises(StartError, match="the key without a password"):
        client_context(tls)


def test_nodes_are_verified_by_the_given_ca_only(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    CA.cert_pem.write_to_path(str(ca))
    context = node_context(NodeTls(ca=ca))
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert len(context.get_ca_certs()) == 1


def test_without_a_ca_the_systems_are_used_and_verification_stays_on() -> None:
    context = node_context(NodeTls())
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize("content,message", [(None, "cannot read the CA file"), ("hello", "is not a PEM file")])
def test_a_bad_ca_file_is_named(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(StartError, match=message):
        node_context(NodeTls(ca=path))
