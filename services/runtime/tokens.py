"""Bearer tokens, and links to pages that Stripe hosts: both JWTs signed with TRANCHE_AUTH_SECRET (HS256)."""

from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, get_args

import jwt

from schemas.base import Role
from services.runtime.problems import Problem

_ALGORITHM = "HS256"
TOKEN_LIFE = timedelta(hours=12)
LINK_LIFE = timedelta(hours=23)
"""DOMAIN.md 4: a page address works for 23 hours; Stripe's own sessions live up to 24."""

HostedPage = Literal["setup", "authenticate", "onboarding"]


class Caller(NamedTuple):
    """Who calls: the role and the party's id in the token."""

    role: Role
    party_id: str


class HostedLink(NamedTuple):
    """Which hosted page a link leads to, and for whom."""

    page: HostedPage
    party_id: str
    about: str
    """The funding to authenticate; for the other pages the party itself."""


def issue(secret: str, role: Role, party_id: str, issued_at: datetime, life: timedelta = TOKEN_LIFE) -> str:
    """A bearer token. `issued_at` is the machine's time in UTC, never the movable clock's: a token must not die
    because a test moved on by a month."""
    claims = {"role": role, "sub": party_id, "iat": issued_at, "exp": issued_at + life}
    return jwt.encode(claims, secret, _ALGORITHM)


def read_bearer(secret: str, header: str | None) -> Caller:
    """The caller of a request. Raises a 401 Problem saying how to get a token."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Problem(
            401, "unauthenticated", "send a bearer token: Authorization: Bearer <token> (see `tranche token`)"
        )
    claims = _decode(secret, token, "the bearer token", ["exp", "sub", "role"])
    if claims["role"] not in get_args(Role):
        raise Problem(401, "unauthenticated", f"the bearer token has no role of {', '.join(get_args(Role))}")
    return Caller(claims["role"], claims["sub"])


def sign_link(secret: str, link: HostedLink, issued_at: datetime) -> str:
    """The token of a link to a hosted page, for whoever may see that page. `issued_at`: the machine's time, UTC."""
    claims = {"page": link.page, "sub": link.party_id, "about": link.about, "exp": issued_at + LINK_LIFE}
    return jwt.encode(claims, secret, _ALGORITHM)


def read_link(secret: str, token: str) -> HostedLink:
    """What a link leads to. Raises a 401 Problem when it is not ours or too old."""
    claims = _decode(secret, token, "this link", ["exp", "sub", "page", "about"])
    return HostedLink(claims["page"], claims["sub"], claims["about"])


def _decode(secret: str, token: str, what: str, required: list[str]) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(token, secret, [_ALGORITHM], options={"require": required})
    except jwt.ExpiredSignatureError:
        raise Problem(401, "expired", f"{what} has expired; ask for a new one") from None
    except jwt.InvalidTokenError as error:
        raise Problem(401, "unauthenticated", f"{what} is not valid: {error}") from None
    return claims
