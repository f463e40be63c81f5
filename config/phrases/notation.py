"""The notation of grammars: patterns over kinds of words, and the lexicon that tells the kinds.

A sentence becomes a row of symbols, one for each word of the lexicon, one for each territory or list of territories,
one for any other word. A pattern says which rows it is about:

    MODEL .. BE NOT PERMIT ... IN PLACE

NAME stands for a kind of word (or a macro in its place); `..` for up to 4 and `...` for up to 12 words that may be
skipped, unless their kind is hard; `~` for up to 16, unless their kind is blocking; `.` for any one symbol; `!NAME` for
"not followed by"; `@( )` for the name that a definition gives. Brackets, `|`, `?`, `*`, `+`, `{m,n}`, `^` and `$` are
those of regular expressions. Gaps are bounded and every word is one symbol, so a pattern takes a time proportional to
the sentence.
Method: cascaded finite-state grammars, as in Hobbs et al., FASTUS (1997).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from config.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

# Symbols that every grammar has. Places: inside territories, outside them, everywhere but there; people likewise.
INSIDE, OUTSIDE, WORLD_EXCEPT, PEOPLE, PEOPLE_OUTSIDE, DEMONYM = "T", "O", "W", "H", "J", "D"
PLACES = frozenset({INSIDE, OUTSIDE, WORLD_EXCEPT, PEOPLE, PEOPLE_OUTSIDE})
# A word that no grammar knows; the name of a model, by its form or by the title of the text; punctuation.
WORD, NAME = "w", "N"
NOUN = "n"  # a word that no grammar knows, where the language tells nouns by a capital
COMMA, BREAK, COLON, OPEN, CLOSE, QUOTE, BAR, ASK, DASH = ",", ";", ":", "(", ")", '"', "|", "?", "-"
STANDARD: Mapping[str, str] = {
    "T": INSIDE, "O": OUTSIDE, "W": WORLD_EXCEPT, "H": PEOPLE, "J": PEOPLE_OUTSIDE, "D": DEMONYM,
    "WORD": WORD, "NAME": NAME, "NOUN": NOUN, "COMMA": COMMA, "BREAK": BREAK, "COLON": COLON, "OPEN": OPEN,
    "CLOSE": CLOSE, "QUOTE": QUOTE, "BAR": BAR, "ASK": ASK, "DASH": DASH,
}  # fmt: skip
GROUPS: Mapping[str, str] = {"PLACE": "TOW", "WHO": "HJ"}
HARD = frozenset({INSIDE, OUTSIDE, WORLD_EXCEPT, PEOPLE, PEOPLE_OUTSIDE, DEMONYM, BREAK, COLON, BAR, ASK})
"""What no gap skips."""

SHORT_GAP, LONG_GAP, CLAUSE_GAP = 4, 12, 16  # words
MAX_EXPANSIONS = 8  # macros within macros
_NOT_WITHIN_LATIN = r"(?:(?<![a-zA-Z0-9])|(?![a-zA-Z0-9]))"
_SHORTEST_PART, _LONGEST_NOUN = 3, 60  # letters of compound nouns
_LONGEST_STEM = 60  # letters of an entry that ends in `*`
_FIRST_SYMBOL = 0x4E00  # symbols of a grammar's own kinds: characters that mean nothing in a regular expression
_PART = re.compile(r"[A-Z][A-Z0-9_]*|\.{1,3}|~|@\(|[()|?*+^$]|\{[0-9]+(?:,[0-9]*)?\}|!|\s+")


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The words of one language by kind.

    Attributes:
        symbols: kind to symbol, the standard ones included.
        pattern: finds the next word, sign or entry of the lexicon in a text.
        exact: entry to symbol.
        stems: beginning of a word to symbol, for entries that end in `*`.
    """

    symbols: Mapping[str, str]
    pattern: re.Pattern[str]
    exact: Mapping[str, str]
    stems: Mapping[str, str]

    def symbol(self, entry: str) -> str:
        """Return the symbol of words that the lexicon's pattern has found."""
        small = entry.casefold()
        found = self.exact.get(small)
        if found is not None:
            return found
        for end in range(min(len(small), _LONGEST_STEM), 0, -1):
            found = self.stems.get(small[:end])
            if found is not None:
                return found
        return WORD

    def head(self, noun: str, symbols: Collection[str]) -> str:
        """Return the symbol of a compound noun by its last part (Ausgangslizenz, Handy-App); NOUN if it has none."""
        if len(noun) > _LONGEST_NOUN:
            return NOUN
        for start in range(_SHORTEST_PART, len(noun) - _SHORTEST_PART + 1):
            symbol = self.symbol(noun[start:])
            if symbol in symbols and (len(noun) - start > _SHORTEST_PART or noun[start - 1] == "-"):
                return symbol
        return NOUN

    def names(self, row: str) -> str:
        """Write a row of symbols in words, to be read by a person."""
        by_symbol = {symbol: name for name, symbol in self.symbols.items()}
        return " ".join(by_symbol[symbol] for symbol in row)


def read_lexicon(words: Mapping[str, Iterable[str]], *, spaced: bool) -> Lexicon:
    """Make a lexicon of lists of words by kind; where two kinds have the same entry, the first one has it.

    Args:
        words: kind to entries, in any case; `*` behind an entry stands for any ending.
        spaced: whether the script puts spaces between words, so that an entry must stand alone.
    """
    symbols = dict(STANDARD)
    exact: dict[str, str] = {}
    stems: dict[str, str] = {}
    written: dict[str, None] = {}
    for number, (kind, entries) in enumerate(words.items()):
        symbols[kind] = chr(_FIRST_SYMBOL + number)
        for entry in entries:
            table = stems if entry.endswith("*") else exact
            table.setdefault(entry.removesuffix("*").casefold(), symbols[kind])
            written[entry.lower()] = None
    tree = _tree(written) if written else "(?!)"
    # Between letters that no space parts, an entry may stand anywhere but within a Latin word ("app" in "apple").
    before, behind = (r"(?<![^\W_])", r"(?![^\W_])") if spaced else (_NOT_WITHIN_LATIN, _NOT_WITHIN_LATIN)
    other = r"[^\W_]+(?:['\u2019.-][^\W_]+)*" if spaced else r"[a-zA-Z0-9]+(?:[-.][a-zA-Z0-9]+)*|[^\W_]"
    return Lexicon(symbols, re.compile(rf"(?P<entry>{before}(?:{tree}){behind})|(?P<word>{other})|(?P<sign>[^\w\s])",
                                       re.IGNORECASE), exact, stems)  # fmt: skip


def _tree(entries: Iterable[str]) -> str:
    """Write entries as nested alternatives by common beginnings; the longest one wins."""
    root: dict[str, Any] = {}
    for entry in entries:
        node = root
        for character in entry:
            node = node.setdefault(character, {})
        node[""] = {}
    return _branch(root)


def _branch(node: Mapping[str, Any]) -> str:
    literal = [_letter(character) + _branch(after) for character, after in node.items() if character not in ("", "*")]
    if "*" in node:
        literal.append(r"[^\W_]*")
    if not literal:
        return ""
    joined = literal[0] if len(literal) == 1 and "" not in node else f"(?:{'|'.join(literal)})"
    return joined + ("?" if "" in node else "")


def _letter(character: str) -> str:
    # Swiss writers have ss for ß.
    return {" ": r"\s", "'": "['\u2019]", "ß": "(?:ß|ss)"}.get(character, re.escape(character))


@dataclass(frozen=True, slots=True)
class Notation:
    """Compiles the patterns of one grammar.

    Attributes:
        symbols: kind to symbol.
        macros: name to pattern.
        hard: kinds of words that short and long gaps do not skip, beside the standard ones.
        blocking: kinds of words that the gap within a clause does not skip, beside the standard ones.
    """

    symbols: Mapping[str, str]
    macros: Mapping[str, str]
    hard: Collection[str]
    blocking: Collection[str] = ()

    def compile(self, pattern: str, place: str) -> re.Pattern[str]:
        """Compile a pattern.

        Raises:
            ConfigError: it uses a kind that is not there, or is no pattern.
        """
        try:
            return re.compile(self._expand(pattern, place, 0))
        except re.error as exc:
            raise ConfigError(f"{place}: {pattern!r} is not a valid pattern ({exc}).") from None

    def _expand(self, pattern: str, place: str, depth: int) -> str:
        if depth > MAX_EXPANSIONS:
            raise ConfigError(f"{place}: macros within macros, more than {MAX_EXPANSIONS} deep.")
        parts: list[str] = []
        position = 0
        while position < len(pattern):
            part = _PART.match(pattern, position)
            if part is None:
                raise ConfigError(f"{place}: {pattern!r} has {pattern[position]!r} where a kind of word should stand.")
            if part[0] == "!":
                following = _PART.match(pattern, part.end())
                if following is None or not following[0][0].isupper():
                    raise ConfigError(f"{place}: {pattern!r} has an exclamation mark that no kind of word follows.")
                parts.append(f"(?!{self._symbol(following[0], place, depth)})")
                position = following.end()
                continue
            parts.append(self._part(part[0], place, depth))
            position = part.end()
        return "".join(parts)

    def _part(self, part: str, place: str, depth: int) -> str:
        if part.isspace():
            return ""
        if part == "@(":
            return "(?P<name>"
        if part == "(":
            return "(?:"
        if part == "~":
            return f"{self._soft(self.blocking)}{{0,{CLAUSE_GAP}}}?"
        if part[0] == ".":
            return {".": f"[^{BREAK}]", "..": f"{self._soft(self.hard)}{{0,{SHORT_GAP}}}?",
                    "...": f"{self._soft(self.hard)}{{0,{LONG_GAP}}}?"}[part]  # fmt: skip
        return self._symbol(part, place, depth) if part[0].isupper() else part

    def _symbol(self, name: str, place: str, depth: int) -> str:
        if name in self.macros:
            return f"(?:{self._expand(self.macros[name], place, depth + 1)})"
        if name in GROUPS:
            return f"[{GROUPS[name]}]"
        if name not in self.symbols:
            known = ", ".join(sorted({*self.symbols, *self.macros, *GROUPS}))
            raise ConfigError(f"{place}: {name} is not a kind of word of this file; known are {known}.")
        return re.escape(self.symbols[name])

    def _soft(self, kinds: Collection[str]) -> str:
        hard = {*HARD, *(self.symbols[name] for name in kinds)}
        return f"[^{''.join(re.escape(symbol) for symbol in sorted(hard))}]"
