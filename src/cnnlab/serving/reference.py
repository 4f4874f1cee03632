"""`GET /docs`: the OpenAPI document as a page; complete in itself: no script, no font, nothing loaded."""

import json
from collections.abc import Iterator
from html import escape
from typing import Any

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_LONGEST, _MOST = 64, 10
"""Characters of a text, and entries of a list, in an answer: images and classes would fill the page."""

_STYLE = """
:root { color-scheme: light dark; --line: #8885; --soft: #8882; --mark: #b34700 }
@media (prefers-color-scheme: dark) { :root { --mark: #ffa264 } }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 52rem; padding: 1rem }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.15rem; margin: 2.5rem 0 0; overflow-wrap: anywhere }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem }
h2 b, a { color: var(--mark) }
code, pre { font-family: ui-monospace, monospace; font-size: .875rem }
pre { background: var(--soft); border-radius: .4rem; overflow-x: auto; padding: .7rem; white-space: pre-wrap;
  overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid var(--line); overflow-wrap: anywhere; padding: .3rem .6rem .3rem 0;
  text-align: left; vertical-align: top }
th:first-child { width: 7rem; font-weight: 600 }
nav ul { list-style: none; padding: 0 } nav li { padding: .2rem 0 }
"""


def reference_page(document: dict[str, Any], address: str, *, has_token: bool) -> str:
    """Return the page.

    Args:
        document: of OpenAPI, with an example for each body and answer that is shown.
        address: of the server as the reader has written it, such as `http://127.0.0.1:8000`.
        has_token: whether examples must send one.
    """
    routes = [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    routes.sort(key=lambda route: "networks" not in route[2]["tags"])  # probes are for few readers
    links = "".join(
        f'<li><a href="#{_anchor(method, path)}"><code>{method.upper()} {escape(path)}</code></a> '
        f"{escape(operation['summary'])}</li>"
        for method, path, operation in routes
    )
    parts = "".join(_route(*route, address, has_token) for route in routes)
    info = document["info"]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])}: what the server answers</title><style>{_STYLE}</style></head><body>"
        f"<header><h1>What this server answers</h1><p>{escape(info['title'])} {escape(info['version'])}. For "
        f'programs: <a href="openapi.json">openapi.json</a>.</p></header>'
        f'<nav aria-label="Routes"><ul>{links}</ul></nav><main>{parts}</main></body></html>'
    )


def _anchor(method: str, path: str) -> str:
    return f"{method}{path.replace('/', '-')}"


def _route(method: str, path: str, operation: dict[str, Any], address: str, has_token: bool) -> str:
    found = [
        f'<section id="{_anchor(method, path)}"><h2><b>{method.upper()}</b> <code>{escape(path)}</code></h2>',
        f"<p>{escape(operation['summary'])}{'' if operation['summary'].endswith('?') else '.'}</p>",
    ]
    if parameters := operation.get("parameters"):
        rows = "".join(
            f"<tr><th scope=row><code>{escape(one['name'])}</code></th>"
            f"<td>{escape(one.get('description', ''))} {escape(_choices(one['schema']))}</td></tr>"
            for one in parameters
        )
        found.append(f"<h3>Fields, of the URL or of the body</h3><table>{rows}</table>")
    commands = "\n\n".join(_commands(method, address + path, operation, has_token))
    found.append(f"<h3>Ask</h3><pre>{escape(commands)}</pre>")
    for kind, content in operation["responses"].get("200", {}).get("content", {}).items():
        if "example" in content:
            text = json.dumps(_shortened(content["example"]), indent=2, ensure_ascii=False)
            found.append(f"<h3>Answer ({escape(kind)})</h3><pre>{escape(text)}</pre>")
    rows = "".join(
        f"<tr><th scope=row>{escape(code)}</th><td>{escape(answer['description'])}</td></tr>"
        for code, answer in operation["responses"].items()
    )
    found.append(f"<h3>Status</h3><table>{rows}</table></section>")
    return "".join(found)


def _choices(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return f"One of {', '.join(schema['enum'])}."
    if "minimum" in schema:
        return f"{schema['minimum']} to {schema['maximum']:,}; {schema['default']} if not given."
    return ""


def _commands(method: str, url: str, operation: dict[str, Any], has_token: bool) -> Iterator[str]:
    """Yield commands that ask a route: a file as it is, then each example in JSON."""
    access = " \\\n  --header 'Authorization: Bearer TOKEN'" if has_token else ""
    if method == "get":
        yield f"curl {url}{access}"
        return
    yield f"curl {url}{access} \\\n  --header 'Content-Type: image/png' --data-binary @picture.png"
    yield f"curl {url}{access} \\\n  --form images=@picture.png"
    for example in operation["requestBody"]["content"]["application/json"]["examples"].values():
        text = json.dumps(example["value"], ensure_ascii=False).replace("'", "'\\''")
        yield (
            f"# {example['summary']}\ncurl {url}{access} \\\n  --header 'Content-Type: application/json' "
            f"--data '{text}'"
        )


def _shortened(value: Any) -> Any:
    """Return an answer with long texts and lists cut; requests are not cut: they are there to be tried."""
    if isinstance(value, dict):
        return {key: _shortened(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_shortened(one) for one in value[:_MOST]] + ["..."] * (len(value) > _MOST)
    return f"{value[:_LONGEST]}..." if isinstance(value, str) and len(value) > _LONGEST else value
