"""AWS Signature Version 4: who sent a request, and is it as it was sent.

It stands before a service's actions, and only where access keys are configured. The rule kept
here: a request is accepted only when its signature, made again from what arrived, is the same.
"""

import hashlib
import hmac
from calendar import timegm
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from postroad.limits import PRESIGNED_S_MAX, SIGNATURE_AGE_MS_MAX, SIGNING_KEYS_MAX
from postroad.model.value import value
from postroad.protocols.aws.faults import (
    BAD_SIGNATURE,
    INCOMPLETE_SIGNATURE,
    INVALID_TOKEN,
    MISSING_TOKEN,
    Fault,
)
from postroad.protocols.http.wire import Request

ALGORITHM: Final = "AWS4-HMAC-SHA256"
_UNRESERVED: Final = "-_.~"


@value
class Claim:
    """What a request says about its own signature. `expires_s`: of a presigned one, else `None`."""

    access_key: str
    day: str
    region: str
    service: str
    stamp: str
    signed_headers: tuple[str, ...]
    signature: str
    expires_s: int | None = None


class Keyring:
    """The access keys of a server, and the signing keys derived from them."""

    def __init__(self, secrets: Mapping[str, str], service: str) -> None:
        self._secrets = dict(secrets)
        self._service = service
        self._derived: dict[tuple[str, str, str], bytes] = {}

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def check(self, request: Request, now_ms: int) -> Fault | None:
        """What is wrong with a request's signature, or `None`."""
        claim = read_claim(request)
        if isinstance(claim, Fault):
            return claim
        secret = self._secrets.get(claim.access_key)
        if secret is None:
            return Fault(INVALID_TOKEN, "The security token included in the request is invalid.")
        if claim.service != self._service:
            return Fault(
                BAD_SIGNATURE, f"Credential should be scoped to correct service: '{self._service}'."
            )
        late = _bad_time(claim, now_ms)
        if late is not None:
            return Fault(BAD_SIGNATURE, late)
        key = self._signing_key(claim, secret)
        expected = hmac.new(key, text_to_sign(request, claim), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), claim.signature.encode()):
            return Fault(
                BAD_SIGNATURE,
                "The request signature we calculated does not match the signature you provided."
                " Check your AWS Secret Access Key and signing method.",
            )
        return None

    def _signing_key(self, claim: Claim, secret: str) -> bytes:
        name = (claim.access_key, claim.day, claim.region)
        key = self._derived.get(name)
        if key is None:
            key = ("AWS4" + secret).encode()
            for part in (claim.day, claim.region, claim.service, "aws4_request"):
                key = hmac.new(key, part.encode(), hashlib.sha256).digest()
            if len(self._derived) >= SIGNING_KEYS_MAX:
                self._derived.clear()
            self._derived[name] = key
        return key


def read_claim(request: Request) -> Claim | Fault:
    """The claim in a request's Authorization header or, presigned, in its query."""
    authorization = request.headers.get(b"authorization")
    if authorization is not None:
        return _header_claim(request, authorization.decode("latin-1"))
    if b"X-Amz-Signature=" in request.query:
        return _query_claim(dict(_query_pairs(request.query)))
    return Fault(MISSING_TOKEN, "Request is missing Authentication Token")


def region_of(request: Request) -> str | None:
    """The region in a request's credential scope, if it has one; nothing is checked."""
    authorization = request.headers.get(b"authorization")
    if authorization is None:
        return None
    scope = authorization.partition(b"Credential=")[2].partition(b",")[0].split(b"/")
    if len(scope) != 5:
        return None
    region = scope[2].decode("latin-1")
    return region if region.replace("-", "").isalnum() and len(region) <= 64 else None


def text_to_sign(request: Request, claim: Claim) -> bytes:
    """What both sides sign: algorithm, time, scope and the hash of the canonical request."""
    canonical = "\n".join(
        (
            request.method,
            quote(request.path, safe="/" + _UNRESERVED) or "/",
            _canonical_query(request.query),
            *(f"{name}:{_header_text(request, name)}" for name in claim.signed_headers),
            "",
            ";".join(claim.signed_headers),
            hashlib.sha256(request.body).hexdigest(),
        )
    )
    scope = f"{claim.day}/{claim.region}/{claim.service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return f"{ALGORITHM}\n{claim.stamp}\n{scope}\n{digest}".encode()


def _header_claim(request: Request, authorization: str) -> Claim | Fault:
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != ALGORITHM:
        return Fault(INCOMPLETE_SIGNATURE, f"Unsupported AWS 'algorithm': '{algorithm[:64]}'.")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    stamp = request.headers.get(b"x-amz-date", b"").decode("latin-1")
    absent = [name for name in ("Credential", "Signature", "SignedHeaders") if not parts.get(name)]
    if absent:
        return Fault(
            INCOMPLETE_SIGNATURE, f"Authorization header requires '{absent[0]}' parameter."
        )
    if not stamp:
        return Fault(
            INCOMPLETE_SIGNATURE, "Authorization header requires existence of 'X-Amz-Date' header."
        )
    return _claim(parts["Credential"], stamp, parts["SignedHeaders"], parts["Signature"], None)


def _query_claim(query: Mapping[str, str]) -> Claim | Fault:
    for name in ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders"):
        if not query.get(name):
            return Fault(
                INCOMPLETE_SIGNATURE, f"AWS query-string parameters must include '{name}'."
            )
    if query["X-Amz-Algorithm"] != ALGORITHM:
        return Fault(INCOMPLETE_SIGNATURE, "Unsupported AWS 'algorithm'.")
    expires = query.get("X-Amz-Expires", "900")
    if not expires.isascii() or not expires.isdigit() or len(expires) > 9:
        return Fault(INCOMPLETE_SIGNATURE, "X-Amz-Expires should be a number.")
    return _claim(
        query["X-Amz-Credential"],
        query["X-Amz-Date"],
        query["X-Amz-SignedHeaders"],
        query["X-Amz-Signature"],
        int(expires),
    )


def _claim(
    credential: str, stamp: str, signed: str, signature: str, expires_s: int | None
) -> Claim | Fault:
    scope = credential.split("/")
    if len(scope) != 5 or scope[4] != "aws4_request":
        return Fault(
            INCOMPLETE_SIGNATURE,
            "Credential must have exactly 5 slash-delimited elements, e.g."
            f" keyid/date/region/service/term, got '{credential[:128]}'.",
        )
    names = tuple(signed.split(";"))
    if "host" not in names:
        return Fault(BAD_SIGNATURE, "'Host' must be a 'SignedHeader' in the AWS Authorization.")
    access_key, day, region, service, _ = scope
    return Claim(access_key, day, region, service, stamp, names, signature, expires_s)


def _bad_time(claim: Claim, now_ms: int) -> str | None:
    signed_ms = _stamp_ms(claim.stamp)
    if signed_ms is None:
        return f"Date must be in ISO-8601 'basic format'. Got '{claim.stamp[:64]}'."
    if not claim.stamp.startswith(claim.day):
        return "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date."
    if signed_ms > now_ms + SIGNATURE_AGE_MS_MAX:
        return f"Signature not yet current: {claim.stamp} is in the future."
    life_ms = SIGNATURE_AGE_MS_MAX
    if claim.expires_s is not None:
        life_ms = min(claim.expires_s, PRESIGNED_S_MAX) * 1_000
    if now_ms > signed_ms + life_ms:
        return f"Signature expired: {claim.stamp} is too long ago."
    return None


def _stamp_ms(stamp: str) -> int | None:
    """`20260131T235959Z` as milliseconds since 1970."""
    digits = stamp[:8] + stamp[9:15]
    if len(stamp) != 16 or stamp[8] != "T" or stamp[15] != "Z":
        return None
    if not digits.isascii() or not digits.isdigit():
        return None
    month, day = int(stamp[4:6]), int(stamp[6:8])
    if not 1 <= month <= 12 or not 1 <= day <= 31:
        return None
    clock = (int(stamp[9:11]), int(stamp[11:13]), int(stamp[13:15]))
    year = int(stamp[:4])
    return timegm((year, month, day, *clock)) * 1_000 if year >= 1970 else None


def _header_text(request: Request, name: str) -> str:
    content = request.headers.get(name.encode("latin-1", "replace"), b"")
    return " ".join(content.decode("latin-1").split())


def _query_pairs(query: bytes) -> list[tuple[str, str]]:
    pairs = []
    for part in query.split(b"&"):
        if part:
            name, _, content = part.partition(b"=")
            pairs.append((_decoded(name), _decoded(content)))
    return pairs


def _decoded(part: bytes) -> str:
    return unquote_to_bytes(part.replace(b"+", b" ")).decode("latin-1")


def _canonical_query(query: bytes) -> str:
    if not query:
        return ""
    encoded = [
        (_encoded(name), _encoded(content))
        for name, content in _query_pairs(query)
        if name != "X-Amz-Signature"
    ]
    return "&".join(f"{name}={content}" for name, content in sorted(encoded))


def _encoded(part: str) -> str:
    return quote(part.encode("latin-1"), safe=_UNRESERVED)
