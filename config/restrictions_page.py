"""The page that lists what declared restrictions are read by: grammars, licences, territories (docs/restrictions.md).

`python -m config.restrictions_page > docs/restrictions.md` writes the page anew; a test holds it to the tables.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from config.licences import read_licence_table
from config.phrases import grammar_files, read_grammar
from config.territories import load_territories

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from config.phrases import FamilyRule, GrammarFile

_HEAD = """# How declared restrictions are read, and by what

Generated from `config/phrases/*.toml`, `config/licences.toml` and `config/territories.toml`
(`python -m config.restrictions_page`).

A text is taken apart into passages (paragraphs, list items behind what introduces them, rows of tables) and sentences.
A sentence that names a territory becomes a row of symbols, its words by kind and its territories as places:

- `T` inside territories, `O` outside them, `W` everywhere but there, `PLACE` any of these;
- `H` people of territories, `J` people outside them, `WHO` either; `D` a word such as "Chinese".

Then, by the grammar of the sentence's language:

1. **places** join territories to lists and turn them round (`union`, `minus`, `outside`, `world-except`, `people`,
   `same`), take from the sentence's place or add to it (`except`, `with`), or say that a name means none (`nothing`);
2. **definitions** gather the names that a text gives to places ("Territory" means ...), also one by another;
3. **families** declare: `excluded`, `limited_to` (outside turns one into the other), `granted` (a limit only where the
   place is everywhere-but, or a territory that the text has defined), `embargo` (listed, never exempting);
4. **guards** take a match out of question. They look at the `match`, its `clause` (between semicolons), its `sentence`,
   its `block`, the `heading` above, the `previous-sentence` or the `next-sentence`.

How patterns are written is told in `config/phrases/notation.py`. Adding a language is adding a file to
`config/phrases/`; adding a licence is adding a row to `config/licences.toml`.
"""


def restrictions_markdown() -> str:
    """The page docs/restrictions.md."""
    grammars = [read_grammar(path)[0] for path in grammar_files()]
    return "\n".join((_HEAD, *_languages(grammars), *_grammars(grammars), *_licences(), *_territories()))


def _languages(grammars: Sequence[GrammarFile]) -> Iterator[str]:
    yield "## Languages\n"
    rows = (
        (f"`{one.language}`", one.title, str(len(one.families)), str(len(one.guards)), one.source, str(one.date))
        for one in grammars
    )
    yield from _table(("tag", "language", "families", "guards", "source", "date"), rows)


def _grammars(grammars: Sequence[GrammarFile]) -> Iterator[str]:
    for one in grammars:
        yield f"## {one.title}: families of phrases\n"
        rows = (
            (
                f"`{family.id}`",
                _effect(family),
                _code(family.patterns),
                family.source or "as the language",
                _date(family),
            )
            for family in one.families
        )
        yield from _table(("family", "effect", "patterns", "source", "date"), rows)
        yield f"{one.title}: guards\n"
        guards = (
            (
                f"`{guard.id}`",
                ", ".join(guard.against),
                guard.scope + (", where missing" if guard.unless else ""),
                _code(guard.patterns),
            )
            for guard in one.guards
        )
        yield from _table(("guard", "against", "looks at", "patterns"), guards)


def _effect(family: FamilyRule) -> str:
    where = f" (in {', '.join(family.kinds)})" if family.kinds else ""
    return f"{family.effect}{where}{', if answered so' if family.answer else ''}"


def _date(family: FamilyRule) -> str:
    return str(family.date) if family.date else "as the language"


def _code(patterns: Iterable[str]) -> str:
    return "<br>".join(f"`{pattern}`" for pattern in patterns)


def _licences() -> Iterator[str]:
    licences = read_licence_table()
    yield "## Licences known to limit territories\n"
    yield "A name does not fix a text: where the text was read it wins, and a difference is a finding.\n"
    limited = (
        (
            one.title,
            ", ".join(one.excluded) or f"limited to {', '.join(one.limited_to)}",
            one.stands_in,
            one.note,
            one.source,
            str(one.date),
        )
        for one in licences.limited
    )
    yield from _table(("licence", "excludes", "stands in its", "note", "source", "date"), limited)
    yield "## Licences that may limit territories, depending on what their name does not tell\n"
    unsure = ((one.title, one.why, one.source, str(one.date)) for one in licences.unsure)
    yield from _table(("licence", "depends on", "source", "date"), unsure)
    yield "## Licences whose text limits no territory\n"
    free = ((one.title or "several", ", ".join(one.ids), one.source, str(one.date)) for one in licences.open)
    yield from _table(("licence", "names in card data", "source", "date"), free)


def _territories() -> Iterator[str]:
    table = load_territories()
    yield "## Groups of territories\n"
    groups = (
        (
            name,
            ", ".join(group.members),
            "its own name" if group.as_written else "its members",
            group.source,
            str(group.date),
        )
        for name, group in table.groups.items()
    )
    yield from _table(("group", "members", "declarations carry", "source", "date"), groups)
    yield "## Names of territories beside those of CLDR\n"
    names = (
        (f"`{tag}`", str(sum(len(each) for each in one.names.values())), one.source, str(one.date))
        for tag, one in table.languages.items()
    )
    yield from _table(("language", "names", "source", "date"), names)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in row)} |"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(restrictions_markdown())
