"""Signatures are made by botocore and checked by us, and the other way they are refused."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from postroad.limits import SIGNING_KEYS_MAX
from postroad.protocols.aws.faults import Fault
from postroad.protocols.aws.signature import Keyring, region_of
from postroad.protocols.http.wire import Request

SIGNED = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SIGNED_MS = int(SIGNED.timestamp()) * 1_000
KEYS = Keyring({"AKIDEXAMPLE": "a secret/with+signs"}, "sqs")

Sign = Callable[..., Request]


@pytest.fixture
def sign(monkeypatch: pytest.MonkeyPatch) -> Sign:
    """Signs a request as botocore does, at a fixed time."""
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: SIGNED)

    def signed(
        url: str = "http://localhost:9324/",
        body: bytes = b"{}",
        *,
        method: str = "POST",
        key: str = "AKIDEXAMPLE",
        secret: str = "a secret/with+signs",
        service: str = "sqs",
        presigned: bool = False,
        **headers: str,
    ) -> Request:
        wanted = {name.replace("_", "-"): text for name, text in headers.items()}
        request = AWSRequest(method, url, data=body, headers=wanted)
        kind: Any = botocore.auth.SigV4QueryAuth if presigned else botocore.auth.SigV4Auth
        kind(Credentials(key, secret), service, "eu-west-1").add_auth(request)
        prepared = request.prepare()
        parts = urlsplit(prepared.url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        lines = {name.lower().encode(): as_bytes(text) for name, text in prepared.headers.items()}
        arrived = Request(method, target.encode(), {b"host": parts.netloc.encode(), **lines})
        arrived.body = body
        return arrived

    return signed


def as_bytes(text: Any) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode()


def code_of(fault: Fault | None) -> str:
    assert fault is not None
    assert fault.text
    return fault.kind.code


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:9324/",
        "http://localhost:9324",
        "http://localhost:9324/000000000000/my%2Equeue",
        "http://localhost:9324/000000000000/a~b-c_d.e",
        "http://localhost:9324/?Action=ListQueues&QueueNamePrefix=a%20b%2Bc&Empty=",
        "http://localhost:9324/?b=2&a=1&a=0&B=3",
    ],
)
@pytest.mark.parametrize("presigned", [False, True])
def test_what_botocore_signs_is_accepted(sign: Sign, url: str, *, presigned: bool) -> None:
    method, body = ("GET", b"") if presigned else ("POST", b'{"a":"\xc3\xa9"}')
    request = sign(url, body, method=method, presigned=presigned)
    assert KEYS.check(request, SIGNED_MS) is None
    # The signing key is at hand the second time.
    assert KEYS.check(request, SIGNED_MS) is None


def test_headers_are_signed_with_their_spaces_made_one(sign: Sign) -> None:
    request = sign(X_Amz_Target="AmazonSQS.SendMessage", X_Amz_Note="  a   b ")
    assert KEYS.check(request, SIGNED_MS) is None


def test_any_change_on_the_way_breaks_the_signature(sign: Sign) -> None:
    def body(request: Request) -> None:
        request.body += b" "

    def path(request: Request) -> None:
        request.path = "/other"

    def query(request: Request) -> None:
        request.query = b"a=1"

    def method(request: Request) -> None:
        request.method = "GET"

    def header(request: Request) -> None:
        request.headers[b"x-amz-target"] = b"AmazonSQS.DeleteQueue"

    def signature(request: Request) -> None:
        authorization = request.headers[b"authorization"]
        last = b"1" if authorization.endswith(b"0") else b"0"
        request.headers[b"authorization"] = authorization[:-1] + last

    def odd_signature(request: Request) -> None:
        request.headers[b"authorization"] += b"\xe9"

    for change in (body, path, query, method, header, signature, odd_signature):
        request = sign(X_Amz_Target="AmazonSQS.ListQueues")
        change(request)
        assert code_of(KEYS.check(request, SIGNED_MS)) == "SignatureDoesNotMatch", change


def test_a_request_without_a_signature_is_told_so() -> None:
    request = Request("POST", b"/", {b"host": b"localhost"})
    assert code_of(KEYS.check(request, SIGNED_MS)) == "MissingAuthenticationToken"


def test_an_unknown_key_and_a_wrong_secret_are_two_errors(sign: Sign) -> None:
    assert code_of(KEYS.check(sign(key="OTHER"), SIGNED_MS)) == "InvalidClientTokenId"
    assert code_of(KEYS.check(sign(secret="x"), SIGNED_MS)) == "SignatureDoesNotMatch"
    assert code_of(KEYS.check(sign(service="sns"), SIGNED_MS)) == "SignatureDoesNotMatch"


@pytest.mark.parametrize("presigned", [False, True])
def test_clocks_may_differ_by_15_minutes(sign: Sign, *, presigned: bool) -> None:
    request = sign(presigned=True, method="GET", body=b"") if presigned else sign()
    ahead_ms = 900_000
    behind_ms = 3_600_000 if presigned else 900_000
    for now_ms in (SIGNED_MS - ahead_ms, SIGNED_MS + behind_ms):
        assert KEYS.check(request, now_ms) is None
    for now_ms in (SIGNED_MS - ahead_ms - 1, SIGNED_MS + behind_ms + 1):
        assert code_of(KEYS.check(request, now_ms)) == "SignatureDoesNotMatch"


def test_a_presigned_address_is_checked_whole(sign: Sign) -> None:
    request = sign("http://localhost/?Action=ListQueues", b"", method="GET", presigned=True)
    request.query = request.query.replace(b"ListQueues", b"DeleteQueue")
    assert code_of(KEYS.check(request, SIGNED_MS)) == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic YTpi",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=a",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=x",
        "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=x",
        "AWS4-HMAC-SHA256 ,,,=,=",
    ],
)
def test_a_broken_authorization_is_incomplete(sign: Sign, authorization: str) -> None:
    request = sign()
    request.headers[b"authorization"] = authorization.encode()
    assert code_of(KEYS.check(request, SIGNED_MS)) == "IncompleteSignature"


def test_the_host_must_be_signed(sign: Sign) -> None:
    request = sign()
    request.headers[b"authorization"] = request.headers[b"authorization"].replace(b"host;", b"")
    assert code_of(KEYS.check(request, SIGNED_MS)) == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "stamp",
    ["", "x", "20260304T050607", "20261304T050607Z", "20260355T050607Z", "2026-3-4T050607Z"],
)
def test_a_broken_date_is_refused(sign: Sign, stamp: str) -> None:
    request = sign()
    request.headers[b"x-amz-date"] = stamp.encode()
    assert code_of(KEYS.check(request, SIGNED_MS)) in (
        "SignatureDoesNotMatch",
        "IncompleteSignature",
    )


def test_a_date_of_another_day_than_the_scope_s_is_refused(sign: Sign) -> None:
    request = sign()
    request.headers[b"x-amz-date"] = b"20260303T235959Z"
    assert code_of(KEYS.check(request, SIGNED_MS - 6 * 3_600_000)) == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "name", [b"X-Amz-Algorithm", b"X-Amz-Credential", b"X-Amz-Date", b"X-Amz-SignedHeaders"]
)
def test_a_presigned_address_needs_all_its_parameters(sign: Sign, name: bytes) -> None:
    request = sign(presigned=True, method="GET", body=b"")
    request.query = request.query.replace(name, b"X-Other")
    assert code_of(KEYS.check(request, SIGNED_MS)) == "IncompleteSignature"


@pytest.mark.parametrize("expires", [b"x", b"", b"-5", b"9999999999"])
def test_a_presigned_address_expires_after_a_number_of_seconds(sign: Sign, expires: bytes) -> None:
    request = sign(presigned=True, method="GET", body=b"")
    request.query = request.query.replace(b"Expires=3600", b"Expires=" + expires)
    assert KEYS.check(request, SIGNED_MS) is not None


def test_signing_keys_at_hand_are_bounded(sign: Sign) -> None:
    keys = Keyring({"AKIDEXAMPLE": "a secret/with+signs"}, "sqs")
    request = sign()
    for number in range(SIGNING_KEYS_MAX + 10):
        region = b"/eu-west-%d/" % number
        other = Request("POST", b"/", dict(request.headers))
        other.headers[b"authorization"] = request.headers[b"authorization"].replace(
            b"/eu-west-1/", region
        )
        keys.check(other, SIGNED_MS)
    assert len(keys._derived) <= SIGNING_KEYS_MAX


def test_the_region_of_a_request_is_that_of_its_scope(sign: Sign) -> None:
    request = sign()
    assert region_of(request) == "eu-west-1"
    for authorization in (b"", b"Basic x", b"Credential=a/b/<c>/d/e", b"Credential=a/b/c/d"):
        request.headers[b"authorization"] = authorization
        assert region_of(request) is None
    assert region_of(Request("GET", b"/", {})) is None


def test_a_server_without_keys_has_nothing_to_check() -> None:
    assert not Keyring({}, "sqs")
    assert KEYS
