"""Signatures of what is posted to HTTP subscriptions: the key, its certificate, the signing.

It stands between a request and the client that posts it. The rule kept here: a signature is real or
there is none; without the library that signs, an envelope says that it is not signed.
"""

import asyncio
import base64
import importlib.util
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from postroad.protocols.sns.push import NOTIFICATION, PushRequest

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

KEY_FILE: Final = "sns-signing.pem"
"""In the data directory: the private key and the certificate."""
CERTIFICATE_PATH: Final = "/SimpleNotificationService.pem"
"""Where the certificate is served."""
KEY_BITS: Final = 2_048

_OF_NOTIFICATION: Final = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_OF_CONFIRMATION: Final = (
    "Message",
    "MessageId",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
)
_BY_SHA256: Final = "2"

_encode = msgspec.json.Encoder().encode
_log = logging.getLogger("postroad.net")


def can_sign() -> bool:
    """Whether the library that signs is installed."""
    return importlib.util.find_spec("cryptography") is not None


def signed_text(document: dict[str, object]) -> bytes:
    """What is signed of an envelope: names and values, a line each."""
    names = _OF_NOTIFICATION if document.get("Type") == NOTIFICATION else _OF_CONFIRMATION
    lines = [f"{name}\n{document[name]}\n" for name in names if name in document]
    return "".join(lines).encode("utf-8", "surrogatepass")


class Signatures:
    """The key of a data directory; made when something is signed for the first time."""

    def __init__(self, folder: Path) -> None:
        """`folder`: where the key is kept."""
        self._file = folder / KEY_FILE
        self.certificate = _certificate(self._file.read_bytes()) if self._file.exists() else b""
        self._key: RSAPrivateKey | None = None
        self._loading = asyncio.Lock()

    async def sign(self, request: PushRequest) -> PushRequest:
        """Put a signature into an envelope; what is none stays as it is."""
        document = request.document
        if document is None or "Signature" not in document:
            return request
        async with self._loading:
            if self._key is None:
                # Making a key takes long, and so does loading the library.
                await asyncio.to_thread(self._load)
        signed = {**document, "Signature": self._signature(document)}
        return PushRequest(request.url, request.headers, _encode(signed), signed)

    def _signature(self, document: dict[str, object]) -> str:
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA1, SHA256

        assert self._key is not None, "it was loaded"
        # Version 1 is by SHA-1: the word of SNS, and what its clients check.
        by = SHA256() if document.get("SignatureVersion") == _BY_SHA256 else SHA1()  # noqa: S303
        signature = self._key.sign(signed_text(document), PKCS1v15(), by)
        return base64.b64encode(signature).decode()

    def _load(self) -> None:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            kept = self._file.read_bytes()
            key = load_pem_private_key(kept, None)
        except (OSError, ValueError) as error:
            if not isinstance(error, FileNotFoundError):
                _log.warning("a new key signs from now on, for there is none to be read: %s", error)
            kept = _new_key()
            self._keep(kept)
            key = load_pem_private_key(kept, None)
        assert isinstance(key, RSAPrivateKey), "no other key is made here"
        self.certificate = _certificate(kept)
        self._key = key

    def _keep(self, text: bytes) -> None:
        fresh = self._file.with_suffix(".new")
        try:
            fresh.touch(mode=0o600)
            with fresh.open("wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._file)
        except OSError as error:
            _log.warning("the key that signs is lost at the next stop: %s", error)


def _certificate(kept: bytes) -> bytes:
    return kept[kept.find(b"-----BEGIN CERTIFICATE-----") :]


def _new_key() -> bytes:
    """A private key and a certificate that it signed itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key = generate_private_key(65_537, KEY_BITS)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "postroad")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2000, 1, 1, tzinfo=UTC))
        # The date that stands for no end.
        .not_valid_after(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
        .sign(key, SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return secret + certificate.public_bytes(Encoding.PEM)
