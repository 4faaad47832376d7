"""Certificates as Apple's signatures carry them, below a root of our own, and what they sign.

A JWS of Apple's names its three certificates in ``x5c``: the leaf, which signs (ES256), the intermediate and the root.
Apple's extensions tell what each is for; its library looks for them, and asks the OCSP responder that the certificates
name whether either was revoked. Nothing here is trusted by anybody who was not given this very root.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

LEAF_OID: Final = "1.2.840.113635.100.6.11.1"
"""On the certificate that signs receipts and notifications."""
INTERMEDIATE_OID: Final = "1.2.840.113635.100.6.2.1"
"""On Apple's intermediate, "Worldwide Developer Relations"."""
BEGINNING: Final = datetime(2020, 1, 1, tzinfo=UTC)
END: Final = datetime(2045, 1, 1, tzinfo=UTC)
_ASN1_NULL: Final = b"\x05\x00"
_SIGNATURE_PART: Final = 32
"""Bytes of r and of s in a signature on P-256."""
_TOLD_FOR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)


@dataclass(frozen=True, slots=True)
class Chain:
    """Who signs, and who vouches for whom."""

    root: Pair
    intermediate: Pair
    leaf: Pair

    @property
    def x5c(self) -> list[str]:
        """The certificates as a JWS carries them, the leaf first."""
        return [base64.b64encode(each.der).decode() for each in (self.leaf, self.intermediate, self.root)]

    def sign(self, claims: Mapping[str, Any], header: Mapping[str, Any] | None = None) -> str:
        """A JWS of these claims. ``header`` adds to the header, or replaces what is in it."""
        fields = {"alg": "ES256", "x5c": self.x5c} | dict(header or {})
        signed = f"{_base64url(json.dumps(fields).encode())}.{_base64url(json.dumps(claims).encode())}"
        r, s = utils.decode_dss_signature(self.leaf.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(_SIGNATURE_PART, "big") + s.to_bytes(_SIGNATURE_PART, "big")
        return f"{signed}.{_base64url(signature)}"

    def status(self, request: bytes, *, revoked: bool = False) -> bytes:
        """The OCSP responder's answer on one of ours. Raises ValueError for a certificate that is none of ours."""
        asked = ocsp.load_der_ocsp_request(request).serial_number
        below = {self.intermediate.certificate.serial_number: (self.intermediate, self.root)}
        below |= {self.leaf.certificate.serial_number: (self.leaf, self.intermediate)}
        if asked not in below:
            raise ValueError("no certificate of ours")
        about, issuer = below[asked]
        now = datetime.now(UTC)
        answer = ocsp.OCSPResponseBuilder().add_response(
            cert=about.certificate,
            issuer=issuer.certificate,
            algorithm=hashes.SHA256(),
            cert_status=ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD,
            this_update=now,
            next_update=now + _TOLD_FOR,
            revocation_time=now if revoked else None,
            revocation_reason=None,
        )
        signer = answer.responder_id(ocsp.OCSPResponderEncoding.HASH, issuer.certificate)
        return signer.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def make_root() -> Pair:
    """A root of our own."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Pair(_certificate("SoulSeer local root", key, None, authority=True), key)


def make_chain(
    root: Pair,
    ocsp_url: str | None = None,
    *,
    leaf_until: datetime = END,
    leaf_oid: str | None = LEAF_OID,
    intermediate_oid: str | None = INTERMEDIATE_OID,
) -> Chain:
    """A chain below ``root``, with whatever is wrong about it; ``ocsp_url`` answers whether it was revoked."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    intermediate = Pair(
        _certificate(
            "SoulSeer local relations", keys[0], root, authority=True, marks=(intermediate_oid,), ocsp_url=ocsp_url
        ),
        keys[0],
    )
    leaf = Pair(
        _certificate(
            "SoulSeer local store", keys[1], intermediate, marks=(leaf_oid,), ocsp_url=ocsp_url, until=leaf_until
        ),
        keys[1],
    )
    return Chain(root, intermediate, leaf)


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: Pair | None,
    *,
    authority: bool = False,
    marks: Sequence[str | None] = (),
    ocsp_url: str | None = None,
    until: datetime = END,
) -> x509.Certificate:
    """A certificate that Apple's library takes as strictly as it takes Apple's own; ``issuer`` None signs itself."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = issuer.key if issuer else key
    identity = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGINNING)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(_usage(authority=authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(identity, critical=False)
    )
    for mark in marks:
        if mark:
            extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(mark), _ASN1_NULL)
            builder = builder.add_extension(extension, critical=False)
    if ocsp_url:
        responder = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp_url))
        builder = builder.add_extension(x509.AuthorityInformationAccess([responder]), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
