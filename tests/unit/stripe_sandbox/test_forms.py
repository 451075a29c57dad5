"""The v1 wire format."""

import pytest

from services.stripe_sandbox.forms import MalformedFormError, decode


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("a=1&b=", {"a": "1", "b": ""}),
        ("a[b][c]=1", {"a": {"b": {"c": "1"}}}),
        ("e[0]=x&e[1]=y", {"e": {"0": "x", "1": "y"}}),
        ("e[]=x&e[]=y", {"e": {"0": "x", "1": "y"}}),
        ("i[0][n]=1&i[0][m]=2&i[1][n]=3", {"i": {"0": {"n": "1", "m": "2"}, "1": {"n": "3"}}}),
        ("d=a%20b%26c+d", {"d": "a b&c d"}),
        ("metadata[6735]=x", {"metadata": {"6735": "x"}}),
    ],
)
def test_fields_become_nested(text: str, expected: object) -> None:
    assert decode(text) == expected


@pytest.mark.parametrize("text", ["[a]=1", "a[b=1", "a]b=1", "a=1&a[b]=2", "a[b]=1&a=2", "a" + "[x]" * 11 + "=1"])
def test_what_is_malformed_is_refused(text: str) -> None:
    with pytest.raises(MalformedFormError):
        decode(text)
