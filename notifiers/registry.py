"""Every format a report can be rendered in. A new one is a module in render/ and a line here."""

from collections.abc import Mapping

from notifiers.errors import UnknownFormatError
from notifiers.interface import Renderer
from notifiers.render import as_html, as_json, as_markdown, as_text

RENDERERS: Mapping[str, Renderer] = {
    "markdown": Renderer(as_markdown.render, ".md", "text/markdown; charset=utf-8"),
    "html": Renderer(as_html.render, ".html", "text/html; charset=utf-8"),
    "json": Renderer(as_json.render, ".json", "application/json"),
    "text": Renderer(as_text.render, ".txt", "text/plain; charset=utf-8"),
}


def renderer(name: str) -> Renderer:
    """The renderer of that name.

    Raises:
        UnknownFormatError: there is none.
    """
    try:
        return RENDERERS[name]
    except KeyError:
        known = ", ".join(RENDERERS)
        raise UnknownFormatError(f"no report format is called {name!r}; there are {known}") from None
