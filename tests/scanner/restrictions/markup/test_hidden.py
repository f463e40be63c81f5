"""What of a text a reader sees, and what hides nothing."""

import pytest

from scanner.restrictions.markup.hidden import hide

SEEN = "Not in China."


def read(text: str, *, fences: bool = True) -> str:
    return hide(text, fences=fences).replace("\u200b", "")


@pytest.mark.parametrize(
    "before",
    [
        "Write `<!--` first.\n\n",
        "Write `` ` <!-- `` first.\n\n",
        r"Write \<!-- first." + "\n\n",
        "<!-->",
        "<!--->",
        "<!-- note --!>",
        "In a line <!-- that is not closed.\n\n",
        "Write `<pre>`. ",
        "Write `<del>`. ",
        "Write `<svg>`. ",
        "Write `<title>`. ",
        r"\~~",
        "~~ ",
        "`~~` ",
        "<code>\n",
        "It begins with <s>.\n\n",
        "<pre> is a tag, ",
        "- ```\n  code\n\n",
        "- Run:\n  ```\n  code\n\n",
        "1. Run:\n\n   ```\n   code\n",
        '<a title="',
        "A <? b\n\n",
        "A <!b\n\n",
        "a paragraph\n[a]: b (",
        "[a]: not (a) ",
        "<b>",
        '<p title="hidden">',
        '<p style="font-size:0.9em">',
    ],
)
@pytest.mark.parametrize("behind", [" ~~ `</pre>` `</del>` `</svg>` `</title>` `~~` x\n", " ~~\n</code>", "\n\n-->\n"])
def test_what_hides_nothing_leaves_the_rest_to_be_seen(before: str, behind: str) -> None:
    assert SEEN in read(before + SEEN + behind)


@pytest.mark.parametrize(
    "text", ["```\n<!--\n{}\n```\n", "~~~\n<del>\n~~~\n{}\n</del>", "```\n<!--\n```\n{}\n", "> ```\n> <!--\n> {}\n"]
)
def test_in_a_licence_what_is_written_in_a_fence_hides_nothing(text: str) -> None:
    assert SEEN in read(text.format(SEEN), fences=False)


def test_marks_of_a_fence_in_a_licence_are_no_words() -> None:
    assert read(f"```text\n{SEEN}\n  ```\nEnd", fences=False) == f"\n{SEEN}\n  \nEnd"


@pytest.mark.parametrize("opening", ["<!--", "<pre>", "<title>", "<p hidden>"])
def test_what_is_never_closed_hides_no_more_than_a_few_lines(opening: str) -> None:
    assert SEEN in read(f"{opening} not closed\n\na\n\nb\n\n{SEEN}\n\nc")


@pytest.mark.parametrize(
    "text",
    [
        "<!-- {} -->",
        "a <!-- {}\n{} --> b",
        "<!-- {}",
        "~~{}~~",
        "a <s>{}</s>",
        "<del>\n\n{}\n\n</del>",
        "~~a `~~` {}~~",
        "<p style='color:red; display: none'>{}</p>",
        '<span style="visibility:hidden">{}</span>',
        "<span style=font-size:0>{}</span>",
        '<span style="font-size:0px;">{}</span>',
        "<div hidden><div>a</div>{}</div>",
        "<div class=a HIDDEN>{}</div>",
        "[//]: # ({})",
        'a\n\n[comment]: <> ({})\n[b]: # "{}"',
        "# a\n[comment]: <> '{}\n{}'\n",
        '<img alt="a > b {}">',
        "<img\n  alt='{}>'>",
        "<title>{}</title>",
        "<textarea>{}</textarea>",
        "<noscript>{}</noscript>",
        "<?php {}?>",
        "<![CDATA[{}]]>",
        "<!DOCTYPE {}>",
        "<pre>{}</pre>",
        "- ```\n  {}\n  ```",
        "- a\n\n  ~~~\n\n  {}\n  ~~~",
        "- a\n\nb\n\n  ```\n{}\n  ```",
    ],
)
def test_what_a_reader_does_not_see_is_hidden(text: str) -> None:
    text = text.replace("{}", SEEN)
    assert SEEN not in read(text)
    assert len(hide(text, fences=True)) == len(text)


def test_a_long_attribute_is_hidden() -> None:
    assert SEEN not in read(f'<img alt="{SEEN * 100}">')


def test_a_fence_in_an_item_that_is_closed_ends_there() -> None:
    assert read(f"- ```\n  a\n  ```\n  {SEEN}") == f"- \n  {SEEN}"
