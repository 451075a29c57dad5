"""The few pages of our own that somebody sees between a link and Stripe's page, or after it."""

from html import escape

from fastapi.responses import HTMLResponse

_STYLE = """\
:root{color-scheme:light dark;--ink:#17202a;--soft:#5d6b7a;--page:#f6f8f9;--card:#fff;--line:#dfe5ea}
@media (prefers-color-scheme:dark){:root{--ink:#e8edf2;--soft:#9aa8b7;--page:#10171e;--card:#18222c;--line:#2b3846}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--page);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,'Segoe UI',sans-serif;padding:1.25rem}
main{max-width:28rem;padding:2rem;background:var(--card);border:1px solid var(--line);border-radius:12px}
h1{margin:0 0 .5rem;font-size:1.4rem;line-height:1.2;letter-spacing:-.01em}
p{margin:0;color:var(--soft)}
"""

_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # Stripe adds a client secret to the address that it returns to
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
}

CLOSE = "You can close this window."

DONE = {
    "setup": ("Your card is saved", f"It is ready to fund milestones. {CLOSE}"),
    "setup-cancelled": ("No card was saved", f"Nothing was changed. {CLOSE}"),
    "onboarding": (
        "Thank you",
        f"Stripe checks what you entered; your payout account shows when it is ready. {CLOSE}",
    ),
    "payment": ("Thank you", f"The milestone shows the payment in a moment. {CLOSE}"),
}


def page(title: str, text: str, status: int = 200) -> HTMLResponse:
    """A page with a title and a sentence."""
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1><p>{escape(text)}</p></main></body></html>"
    )
    return HTMLResponse(html, status, headers=_HEADERS)
