"""Bearer tokens and links: ours, in time, and for what they were made."""

from datetime import UTC, datetime, timedelta

import pytest

from services.runtime.problems import Problem
from services.runtime.tokens import Caller, HostedLink, issue, read_bearer, read_link, sign_link

_SECRET = "a-secret-for-tests-of-at-least-32-bytes"
_OTHER = "another-secret-for-tests-of-32-bytes-or-more"


def _now() -> datetime:
    return datetime.now(UTC)


def test_a_token_names_its_caller() -> None:
    header = f"Bearer {issue(_SECRET, 'employer', 'emp_1', _now())}"
    assert read_bearer(_SECRET, header) == Caller("employer", "emp_1")


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "unauthenticated"),
        ("Basic abc", "unauthenticated"),
        ("Bearer ", "unauthenticated"),
        ("Bearer nonsense", "unauthenticated"),
        (f"Bearer {issue(_OTHER, 'employer', 'emp_1', _now())}", "unauthenticated"),
        (f"Bearer {issue(_SECRET, 'king', 'emp_1', _now())}", "unauthenticated"),  # type: ignore[arg-type]
        (f"Bearer {issue(_SECRET, 'employer', 'emp_1', _now() - timedelta(hours=13))}", "expired"),
    ],
)
def test_no_other_token_is_let_in(header: str | None, code: str) -> None:
    with pytest.raises(Problem) as caught:
        read_bearer(_SECRET, header)
    assert (caught.value.status, caught.value.document["code"]) == (401, code)


def test_a_link_leads_where_it_was_made_for() -> None:
    link = HostedLink("setup", "emp_1", "emp_1")
    assert read_link(_SECRET, sign_link(_SECRET, link, _now())) == link


def test_a_link_ends_after_23_hours() -> None:
    link = HostedLink("setup", "emp_1", "emp_1")
    read_link(_SECRET, sign_link(_SECRET, link, _now() - timedelta(hours=22, minutes=59)))
    with pytest.raises(Problem, match="this link has expired"):
        read_link(_SECRET, sign_link(_SECRET, link, _now() - timedelta(hours=23, minutes=1)))


def test_a_bearer_token_is_no_link_and_a_link_is_no_bearer_token() -> None:
    with pytest.raises(Problem):
        read_link(_SECRET, issue(_SECRET, "employer", "emp_1", _now()))
    with pytest.raises(Problem):
        read_bearer(_SECRET, f"Bearer {sign_link(_SECRET, HostedLink('setup', 'emp_1', 'emp_1'), _now())}")
