"""One frame for all hosted pages, and their fields. Everything that comes from outside is escaped here."""

from dataclasses import dataclass
from html import escape

from starlette.responses import HTMLResponse, RedirectResponse

STYLE = """
:root{color-scheme:light;--ink:#1a1f36;--soft:#697386;--line:#d5dbe1;--accent:#4f46e5;--bad:#b3093c;--bg:#f6f8fa}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif}
main{max-width:28rem;margin:3rem auto;padding:0 1rem}
.badge{display:inline-block;background:#ffde92;color:#5b3a00;border-radius:4px;padding:.1rem .5rem;font-size:.75rem;
font-weight:600;letter-spacing:.02em}
.card{background:#fff;border:1px solid var(--line);border-radius:10px;padding:1.5rem;margin-top:.75rem;
box-shadow:0 2px 8px rgba(60,66,87,.08)}
h1{font-size:1.35rem;margin:.25rem 0 .5rem}p{margin:.25rem 0 1rem;color:var(--soft)}
label{display:block;font-weight:600;font-size:.9rem;margin:.75rem 0 .25rem}
input{width:100%;font:inherit;padding:.6rem .7rem;border:1px solid #8792a2;border-radius:6px;
background:#fff;color:inherit}
input:focus-visible,button:focus-visible,a:focus-visible{outline:3px solid #a5a1f5;outline-offset:1px}
.row{display:grid;grid-template-columns:1fr 1fr;gap:.75rem}.row.three{grid-template-columns:1fr 1fr 1.4fr}
fieldset{border:0;padding:0;margin:.5rem 0 0}legend{font-weight:600;font-size:.9rem;padding:0}
button{width:100%;font:inherit;font-weight:600;padding:.7rem;border-radius:6px;border:1px solid transparent;
cursor:pointer;margin-top:1rem;background:var(--accent);color:#fff}
button.second{background:#fff;color:var(--ink);border-color:var(--line);margin-top:.5rem}
.error{border:1px solid var(--bad);color:var(--bad);background:#fff5f7;border-radius:6px;padding:.6rem .8rem;
margin:.5rem 0}
.hint{font-size:.8rem;color:var(--soft);margin:.25rem 0 0}
table{width:100%;border-collapse:collapse}td{padding:.35rem 0;border-bottom:1px solid var(--line)}
td:last-child{text-align:right;white-space:nowrap}
.back{display:inline-block;margin-top:1rem;color:var(--soft)}
"""


@dataclass(frozen=True)
class Field:
    """A text field with its label."""

    name: str
    label: str
    value: str = ""
    kind: str = "text"
    inputmode: str = "text"
    autocomplete: str = "off"
    required: bool = True
    placeholder: str = ""
    hint: str = ""

    def html(self) -> str:
        """The field; its id equals its name."""
        hint = f'<p class="hint" id="{self.name}-hint">{escape(self.hint)}</p>' if self.hint else ""
        described = f' aria-describedby="{self.name}-hint"' if self.hint else ""
        required = " required" if self.required else ""
        return (
            f'<div><label for="{self.name}">{escape(self.label)}</label>'
            f'<input id="{self.name}" name="{self.name}" type="{self.kind}" inputmode="{self.inputmode}"'
            f' autocomplete="{self.autocomplete}" value="{escape(self.value)}" placeholder="{escape(self.placeholder)}"'
            f"{described}{required}>{hint}</div>"
        )


def frame(title: str, body: str, *, error: str = "", status: int = 200) -> HTMLResponse:
    """A page. `body` is HTML already; title and error are text."""
    problem = f'<div class="error" role="alert" id="error">{escape(error)}</div>' if error else ""
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body><main>"
        f'<span class="badge">SANDBOX: no real money</span><div class="card"><h1>{escape(title)}</h1>'
        f"{problem}{body}</div></main></body></html>",
        status,
        {"Cache-Control": "no-store"},
    )


def message(title: str, text: str, *, status: int = 200) -> HTMLResponse:
    """A page that only says something."""
    return frame(title, f"<p>{escape(text)}</p>", status=status)


def redirect(url: str) -> RedirectResponse:
    """On to another page, by GET."""
    return RedirectResponse(url, 303)
