"""A person at the hosted pages, without a browser: opens the page, fills in its form, presses a button.

For demonstrations and tests. It reads the real HTML, so a page whose form is broken fails here too.
"""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import httpx

MAX_REDIRECTS = 5


class PageError(RuntimeError):
    """The page is not what a person expected: no such field or button, or an error is shown."""


@dataclass
class Form:
    """A form as found in a page: its fields with their values, and its buttons by id."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, tuple[str, str]] = field(default_factory=dict)


class _FormParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.form: Form | None = None
        self.error = ""
        self._in_error = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.form = Form(given.get("action", ""))
        elif tag == "input" and self.form is not None:
            self.form.fields[given["name"]] = given.get("value", "")
        elif tag == "button" and self.form is not None:
            self.form.buttons[given.get("id", "")] = (given.get("name", ""), given.get("value", ""))
        self._in_error = self._in_error or given.get("role") == "alert"

    def handle_endtag(self, tag: str) -> None:
        if tag == "div":
            self._in_error = False

    def handle_data(self, data: str) -> None:
        if self._in_error:
            self.error += data


@dataclass(frozen=True)
class Page:
    """Where a visit ended: the address, and the page if it is one of the sandbox's."""

    url: str
    status: int
    text: str
    form: Form | None
    error: str

    @property
    def left(self) -> bool:
        """Whether the visit ended at the platform's own address."""
        return self.status == 0


class Visitor:
    """Visits pages of the sandbox and stops where they lead away from it."""

    def __init__(self) -> None:
        self._http = httpx.Client(timeout=10, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def open(self, url: str) -> Page:
        """Open a page of the sandbox."""
        return self._follow(self._http.get(url), url)

    def press(self, page: Page, button: str, **values: str) -> Page:
        """Fill in fields of the page's form and press a button by its id. Raises PageError when one is not there."""
        if page.form is None or button not in page.form.buttons:
            raise PageError(f"there is no button {button!r} at {page.url}: {page.error or page.text[:200]}")
        unknown = set(values) - set(page.form.fields)
        if unknown:
            raise PageError(f"there are no fields {sorted(unknown)} at {page.url}")
        data = {**page.form.fields, **values}
        name, value = page.form.buttons[button]
        if name:
            data[name] = value
        target = urljoin(page.url, page.form.action)
        return self._follow(self._http.post(target, data=data), target)

    def save_card(self, url: str, number: str, *, authenticate: str = "complete") -> Page:
        """Save a card, or pay with it, on a checkout page; where 3D Secure is asked, `complete` or `fail` it."""
        page = self.press(self.open(url), "submit", cardNumber=number, cardExpiry="12 / 34", cardCvc="123")
        if page.form is not None and authenticate in page.form.buttons:
            page = self.press(page, authenticate)
        return page

    def authenticate(self, url: str, outcome: str = "complete") -> Page:
        """Press `complete` or `fail` on a 3D Secure page."""
        return self.press(self.open(url), outcome)

    def onboard(self, url: str, button: str = "submit", **values: str) -> Page:
        """Submit the onboarding form as it is filled in, or with other values; `save` is for later."""
        return self.press(self.open(url), button, **values)

    def _follow(self, answer: httpx.Response, url: str) -> Page:
        home = urlsplit(url).netloc
        for _ in range(MAX_REDIRECTS):
            if not answer.is_redirect:
                parser = _FormParser()
                parser.feed(answer.text)
                return Page(url, answer.status_code, answer.text, parser.form, parser.error.strip())
            url = urljoin(url, answer.headers["location"])
            if urlsplit(url).netloc != home:
                return Page(url, 0, "", None, "")
            answer = self._http.get(url)
        raise PageError(f"too many redirects, last to {url}")
