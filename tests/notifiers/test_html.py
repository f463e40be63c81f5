import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifiers.registry import RENDERERS
from notifiers.render import as_html, as_json
from notifiers.render.as_html import bars
from notifiers.render.document import Headline, VerdictLine
from notifiers.rows import Verdict
from tests.notifiers.conftest import MakeReport

GOLDEN = Path(__file__).parents[1] / "golden" / "reports"
STYLE = Path(as_html.__file__).parent / "templates" / "style.css"
SPITEFUL = st.text(st.sampled_from("ab1 <>/\"'`=&;:-!{}%#\\\n\u202e\ud800onclickscript"), max_size=60)
INJECTIONS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><script>",
    "</title><script>",
    "<!--",
    "-->",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt;&#60;b&#62;",
    "javascript:alert(1)",
    "https://evil.example/?a=<b>",
    "data:text/html,x",
    "]]><svg onload=alert(1)>",
]
ADDRESSES = {"href", "src", "action", "srcset", "data", "poster", "formaction", "background", "xlink:href"}


class Page(HTMLParser):
    """What a browser would build: elements, attributes, texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.attributes: Counter[str] = Counter()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        for name, value in attrs:
            self.attributes[name] += 1
            if name in ADDRESSES:
                self.links.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("text", INJECTIONS)
def test_injections_stay_text(make_report: MakeReport, text: str) -> None:
    check_harmless(make_report, text)
    page = Page(as_html.render(make_report(text)))
    assert text in page.text


@given(SPITEFUL.filter(str.strip))
@settings(max_examples=60, deadline=None)
def test_no_string_adds_an_element(make_report: MakeReport, text: str) -> None:
    check_harmless(make_report, text)


def check_harmless(make_report: MakeReport, text: str) -> None:
    page, usual = Page(as_html.render(make_report(text))), Page(as_html.render(make_report("/")))
    names = {"a", "code", "bdi"}  # a good address has a link, and a good language tag is named
    assert {tag: n for tag, n in page.elements.items() if tag not in names} == {
        tag: n for tag, n in usual.elements.items() if tag not in names
    }
    assert not [name for name in page.attributes if name.startswith("on")]
    assert "script" not in page.elements
    assert "img" not in page.elements
    for link in page.links:
        assert re.fullmatch(r"data:,|#[a-z0-9-]+|https?://[^\s<>\"']+", link)


@pytest.mark.parametrize("case", sorted(path.name for path in GOLDEN.iterdir()))
def test_a_page_is_self_contained_and_accessible(case: str) -> None:
    html = as_html.render(as_json.parse((GOLDEN / case / "report.json").read_bytes()))
    page = Page(html)
    assert html.startswith("<!DOCTYPE html>\n")
    assert not {"script", "img", "iframe", "object", "embed", "form", "base"} & set(page.elements)
    assert page.elements["link"] == 1  # the empty icon, which keeps browsers from asking for one
    assert "@import" not in html
    assert "url(" not in html
    assert page.elements["h1"] == 1
    assert page.elements["caption"] == page.elements["table"]
    assert page.attributes["scope"] == page.elements["th"]
    assert page.elements["title"] == 1 + page.elements["svg"]
    assert page.attributes["lang"] >= 1
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)


def test_links_go_to_the_hub_only_where_it_has_pages() -> None:
    full = as_json.parse((GOLDEN / "full" / "report.json").read_bytes())
    links = Page(as_html.render(full)).links
    assert "https://huggingface.co/edge-lab/kws-1m" in links
    assert all(link.startswith(("#", "data:,", "https://huggingface.co/", "https://example.org/")) for link in links)
    hostile = as_json.parse((GOLDEN / "hostile" / "report.json").read_bytes())
    assert not [link for link in Page(as_html.render(hostile)).links if link.startswith("javascript")]


def headline(*counts: int) -> Headline:
    lines = [
        VerdictLine(verdict, verdict.value, count, count, "", "", "", ())
        for verdict, count in zip(Verdict, counts, strict=True)
    ]
    return Headline(sum(counts), tuple(lines), "")


@pytest.mark.parametrize("counts", [(1, 0, 0), (1, 1, 1), (3_000_000, 1, 1), (0, 2, 0)])
def test_bars_are_full_and_show_whatever_is_there(counts: tuple[int, int, int]) -> None:
    _, said, segments = bars(headline(*counts))[0]
    assert sum(width for _, _, width in segments) == pytest.approx(100, abs=0.01)
    assert all(width > 0.5 for _, _, width in segments)
    assert len(segments) == sum(count > 0 for count in counts)
    assert f"{counts[0]:,} in_scope" in said


def test_an_empty_bar_has_no_segments() -> None:
    assert bars(headline(0, 0, 0))[0][2] == []


def luminance(colour: str) -> float:
    channels = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ink", ["ink", "soft", "link", "in", "out", "undecided"])
@pytest.mark.parametrize("ground", ["paper", "sheet", "faint"])
def test_contrast(theme: int, ink: str, ground: str) -> None:
    """WCAG 2.2, 1.4.3: at least 4.5 to 1 for text, whatever it stands on."""
    blocks = re.findall(r":root \{(.*?)\}", STYLE.read_text(encoding="utf-8"), re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", blocks[theme]))
    light, dark = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_html_is_registered() -> None:
    assert RENDERERS["html"].suffix == ".html"
