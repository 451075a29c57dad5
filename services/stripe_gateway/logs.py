"""Nothing that opens something is in a log, or kept of a webhook: keys, client secrets, addresses of hosted pages,
links of ours."""

import logging
import re

_SECRETS = (
    (re.compile(r"\b(sk|rk|pk)_(test|live)_[A-Za-z0-9]+"), r"\1_\2_***"),
    (re.compile(r"\bwhsec_[A-Za-z0-9]+"), "whsec_***"),
    (re.compile(r"\b((?:pi|seti|cs)_[A-Za-z0-9_]*?)_secret_[A-Za-z0-9]+"), r"\1_secret_***"),
    (re.compile(r"(/v1/hosted/)(?!done/)[A-Za-z0-9_.-]+"), r"\1***"),
    (re.compile(r"https?://(?:[a-z]+\.)?(?:checkout|connect|hooks)\.stripe\.com/\S+"), "https://***.stripe.com/***"),
    (re.compile(r"(https?://[^\s/]+)/(c/pay|3ds|setup)/[^\s\"']+"), r"\1/\2/***"),
)


def hide(text: str) -> str:
    """A text without its secrets."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


class HidingFormatter(logging.Formatter):
    """Wraps another formatter, so that messages, arguments and tracebacks are covered alike."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """The line as the inner formatter makes it, without secrets."""
        return hide(self._inner.format(record))


def hide_secrets() -> None:
    """On every handler of the root logger."""
    for handler in logging.getLogger().handlers:
        if not isinstance(handler.formatter, HidingFormatter):
            handler.setFormatter(HidingFormatter(handler.formatter or logging.Formatter()))
