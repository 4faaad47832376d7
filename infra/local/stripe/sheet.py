"""What the pages have in common: their look, plain and without scripts, and how their forms are read."""

from html import escape
from typing import Final
from urllib.parse import parse_qs

from infra.local.stripe.errors import StripeError
from infra.local.web import Request

LONGEST_FIELD: Final = 200
_MOST_FIELDS: Final = 20
_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; background: #f5f4fa; color: #23203a; margin: 0; }
main { max-width: 24rem; margin: 10vh auto; padding: 2rem; background: #fff; border-radius: 12px;
  box-shadow: 0 8px 32px #23203a1a; }
h1 { margin: 0 0 1rem; font-size: 1.9rem; }
label { display: block; margin-bottom: 1rem; font-size: .9rem; }
input { display: block; box-sizing: border-box; width: 100%; padding: .6rem .7rem; margin-top: .25rem; font: inherit;
  border: 1px solid #8a86a3; border-radius: 6px; }
button { width: 100%; padding: .75rem; margin-bottom: .5rem; font: inherit; font-weight: 600; color: #fff;
  background: #5536c9; border: 0; border-radius: 6px; cursor: pointer; }
button.plain { color: #5536c9; background: #fff; border: 1px solid #5536c9; }
table { width: 100%; margin-bottom: 1rem; border-collapse: collapse; }
td { padding: .25rem 0; border-bottom: 1px solid #e4e1f0; } td + td { text-align: right; white-space: nowrap; }
.error { color: #a3122f; background: #fdecef; padding: .6rem .8rem; border-radius: 6px; }
.badge { color: #6b6785; font-size: .8rem; }
a { color: #5536c9; } dt { font-family: ui-monospace, monospace; } dd { margin: 0 0 .4rem; color: #55516e; }
"""


def fields(request: Request) -> dict[str, str]:
    try:
        parsed = parse_qs(request.body.decode(), max_num_fields=_MOST_FIELDS)
    except (ValueError, UnicodeDecodeError):
        raise StripeError(400, "This form cannot be read.") from None
    if any(len(values[-1]) > LONGEST_FIELD for values in parsed.values()):
        raise StripeError(400, f"A field takes at most {LONGEST_FIELD} characters.")
    return {name: values[-1] for name, values in parsed.items()}


def link(address: str, text: str) -> str:
    return f'<p><a href="{escape(address, quote=True)}">{text}</a></p>'


def money(cents: int, currency: str = "usd") -> str:
    """``$1,234.50 USD``, a minus before it where it is owed."""
    dollars, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}${dollars:,}.{rest:02d} {escape(currency.upper())}"


def document(title: str, content: str, what: str = "Checkout") -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f'<body><main><p class="badge">Local {what}. No real money moves here.</p>{content}</main></body></html>'
    )
