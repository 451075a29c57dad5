"""Pages for people: what this is, and how to call it. Plain HTML; nothing is fetched from elsewhere."""

from collections.abc import Mapping
from html import escape
from importlib.resources import files

from starlette.responses import HTMLResponse, Response

_STYLE = """
:root{color-scheme:light dark;--ink:#16202c;--soft:#5b6878;--line:#dde3ea;--page:#f5f7f9;--card:#fff;--accent:#0f766e;
--good:#15803d;--bad:#b42318}
@media(prefers-color-scheme:dark){:root{--ink:#e8edf2;--soft:#9aa8b7;--line:#2b3846;--page:#10171e;--card:#18222c;
--accent:#4fd1c5;--good:#5bd08b;--bad:#ff8f80}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,'Segoe UI',sans-serif}
main{max-width:60rem;margin:0 auto;padding:clamp(1.5rem,5vw,4rem) 1.25rem}
h1{font-size:clamp(2rem,6vw,3rem);line-height:1.1;letter-spacing:-.03em;margin:0 0 .5rem}
h2{font-size:1rem;margin:2.5rem 0 .75rem}
.lead{font-size:1.15rem;color:var(--soft);max-width:42rem;margin:0 0 1.75rem}
a{color:var(--accent)}a:focus-visible{outline:3px solid var(--accent);outline-offset:3px;border-radius:4px}
.doors{display:flex;flex-wrap:wrap;gap:.75rem}
.doors a{padding:.65rem 1.1rem;border:1px solid var(--accent);border-radius:8px;text-decoration:none;font-weight:600}
.doors a.first{background:var(--accent);color:var(--page)}
ol{list-style:none;margin:0;padding:0;display:grid;grid-template-columns:repeat(auto-fit,minmax(12.5rem,1fr));gap:.75rem}
li,.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1rem 1.1rem}
li b{display:block;margin-bottom:.2rem}li span{color:var(--soft);font-size:.92rem}
table{width:100%;border-collapse:collapse}
td{padding:.5rem 0;border-top:1px solid var(--line);vertical-align:top}tr:first-child td{border-top:0}
td:last-child{text-align:right;white-space:nowrap;padding-left:1rem}td small{display:block;color:var(--soft)}
.ready{color:var(--good)}.away{color:var(--bad)}
pre{margin:0;overflow-x:auto;font:.875rem/1.6 ui-monospace,SFMono-Regular,Menlo,monospace}
footer{margin-top:2.5rem;color:var(--soft);font-size:.9rem}
"""

_STEPS = (
    ("Funded", "The employer pays a milestone up front. The money is held for that milestone alone."),
    ("Worked on", "The trainer does the work and asks for its release."),
    ("Approved", "The employer approves, or says what to change."),
    ("Paid", "Stripe pays the trainer's bank, and everybody sees how far it is."),
)

_WHAT = {
    "contracts": "Hires, milestones, the status everybody sees",
    "funding": "Payment methods, charges, the ledger of held money",
    "approvals": "The review of the work",
    "payouts": "Payout accounts and the way to the bank",
    "stripe_gateway": "Every call to Stripe, and every word from it",
    "analytics": "Figures over the stream of events",
}

_CALL = """\
tranche token --role employer --party emp_acme
curl -H "Authorization: Bearer $TOKEN" {url}/v1/contracts"""

_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Swagger UI sets styles on its elements and shows its icons as data.
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
}

_READER = files("fastapi_offline") / "static"
"""Swagger UI, as the package `fastapi-offline` brings it: the documentation is read without the internet."""
_START_JS = """\
window.ui = SwaggerUIBundle({
  url: "/v1/openapi.json",
  dom_id: "#reader",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: false,
  validatorUrl: null,
});
"""

_ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}


def start_page(states: Mapping[str, bool], public_url: str) -> HTMLResponse:
    """What this is. `states`: whether each service is ready."""
    steps = "".join(f"<li><b>{escape(name)}</b><span>{escape(text)}</span></li>" for name, text in _STEPS)
    body = (
        "<h1>Tranche</h1>"
        '<p class="lead">Milestone payments for a marketplace: money in, money held, money out, and each step a fact '
        "on a stream of events.</p>"
        '<div class="doors"><a class="first" href="/docs">Read the API</a>'
        '<a href="/v1/openapi.json">OpenAPI document</a>'
        '<a href="/v1/payout-countries">Where trainers are paid</a></div>'
        f"<h2>A milestone</h2><ol>{steps}</ol>"
        f'<h2 id="services">The services</h2><div class="card"><table>{_rows(states)}</table></div>'
        f'<h2>A first call</h2><div class="card"><pre>{escape(_CALL.format(url=public_url))}</pre></div>'
        '<footer>For operators: <a href="/health/ready">readiness</a>, <a href="/metrics">metrics</a>.</footer>'
    )
    return _page("Tranche", f"<style>{_STYLE}</style>", f"<main>{body}</main>")


def docs_page() -> HTMLResponse:
    """The joined OpenAPI document, readable."""
    head = '<link rel="stylesheet" href="/docs/swagger-ui.css">'
    scripts = '<script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script>'
    return _page("Tranche: the API", head, f'<div id="reader"></div>{scripts}')


def asset(name: str) -> Response | None:
    """A file of the documentation's reader; None: there is no such file."""
    if name == "start.js":
        return Response(_START_JS, media_type="text/javascript")
    kind = _ASSETS.get(name)
    if kind is None:
        return None
    # The name is one of ours, never what a caller made of it.
    return Response((_READER / name).read_bytes(), media_type=kind, headers={"Cache-Control": "max-age=86400"})


def _rows(states: Mapping[str, bool]) -> str:
    return "".join(
        f"<tr><td>{escape(name)}<small>{escape(_WHAT.get(name, ''))}</small></td>"
        + ('<td class="ready">● ready</td></tr>' if ready else '<td class="away">○ does not answer</td></tr>')
        for name, ready in states.items()
    )


def _page(title: str, head: str, body: str) -> HTMLResponse:
    return HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="icon" href="/docs/favicon.png">{head}</head>'
        f"<body>{body}</body></html>",
        headers=_HEADERS,
    )
