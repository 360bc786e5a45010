"""Signatures of envelopes: real ones, by a key that is kept, over what SNS signs."""

import asyncio
import base64
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509 import load_pem_x509_certificate

from postroad.net.signatures import KEY_FILE, Signatures, signed_text
from postroad.protocols.sns.push import PushRequest

NOTIFICATION: dict[str, object] = {
    "Type": "Notification",
    "MessageId": "1-2-3",
    "TopicArn": "arn:topic",
    "Subject": "greeting",
    "Message": "hello",
    "Timestamp": "2026-11-22T00:00:00.000Z",
    "SignatureVersion": "1",
    "Signature": "none",
}


def request(document: Mapping[str, object] | None) -> PushRequest:
    return PushRequest(
        "http://127.0.0.1/",
        {},
        json.dumps(document).encode(),
        None if document is None else dict(document),
    )


def check(certificate: bytes, document: dict[str, object], by: SHA1 | SHA256) -> None:
    key = load_pem_x509_certificate(certificate).public_key()
    assert isinstance(key, RSAPublicKey)
    signature = base64.b64decode(str(document["Signature"]))
    key.verify(signature, signed_text(document), PKCS1v15(), by)


def test_names_and_values_are_signed_in_order() -> None:
    assert signed_text(NOTIFICATION) == (
        b"Message\nhello\nMessageId\n1-2-3\nSubject\ngreeting\n"
        b"Timestamp\n2026-11-22T00:00:00.000Z\nTopicArn\narn:topic\nType\nNotification\n"
    )
    plain = {name: one for name, one in NOTIFICATION.items() if name != "Subject"}
    assert b"Subject" not in signed_text(plain)
    asked = {**plain, "Type": "SubscriptionConfirmation", "Token": "t", "SubscribeURL": "u"}
    assert signed_text(asked) == (
        b"Message\nhello\nMessageId\n1-2-3\nSubscribeURL\nu\n"
        b"Timestamp\n2026-11-22T00:00:00.000Z\nToken\nt\n"
        b"TopicArn\narn:topic\nType\nSubscriptionConfirmation\n"
    )


def test_the_certificate_proves_what_was_signed_also_after_a_restart(tmp_path: Path) -> None:
    async def signed(signatures: Signatures, version: str) -> dict[str, object]:
        made = await signatures.sign(request({**NOTIFICATION, "SignatureVersion": version}))
        assert made.document is not None
        assert json.loads(made.body) == made.document
        return made.document

    first = Signatures(tmp_path)
    assert first.certificate == b""
    document = asyncio.run(signed(first, "1"))
    check(first.certificate, document, SHA1())
    again = Signatures(tmp_path)
    assert again.certificate == first.certificate
    check(first.certificate, asyncio.run(signed(again, "2")), SHA256())
    assert again.certificate == first.certificate
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    with pytest.raises(InvalidSignature):
        check(first.certificate, {**document, "Message": "other"}, SHA1())


def test_what_is_no_envelope_is_not_signed(tmp_path: Path) -> None:
    for document in (None, {"Type": "Notification"}):
        asked = request(document)
        assert asyncio.run(Signatures(tmp_path).sign(asked)) is asked
    assert not (tmp_path / KEY_FILE).exists()


@pytest.mark.parametrize("left", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA"])
def test_a_key_that_cannot_be_read_is_replaced(tmp_path: Path, left: bytes) -> None:
    (tmp_path / KEY_FILE).write_bytes(left)
    signatures = Signatures(tmp_path)
    made = asyncio.run(signatures.sign(request(NOTIFICATION)))
    assert made.document is not None
    check(Signatures(tmp_path).certificate, made.document, SHA1())
