"""A small grammar, so that tests of the reader do not depend on what a language's file holds."""

from typing import Any

from config.phrases import Grammar, GrammarFile, compile_grammar

SMALL: dict[str, Any] = {
    "language": "en",
    "title": "Small English",
    "scripts": ["latin"],
    "spaced": True,
    "source": "made for tests",
    "date": "2026-11-26",
    "hard": ["NOT"],
    "words": {
        "AND": ["and", "or"],
        "THE": ["the"],
        "IN": ["in", "of"],
        "OUT": ["outside"],
        "BUT": ["except", "excluding"],
        "WITH": ["including"],
        "WORLD": ["worldwide"],
        "MEANS": ["means"],
        "NOT": ["not"],
        "NO": ["no"],
        "ONLY": ["only"],
        "USE": ["use", "used"],
        "PERSON": ["users", "residents"],
        "LAW": ["law"],
        "GRANT": ["licensed"],
    },
    "macros": {"AT": "(IN THE? PLACE|WHO|OUT? O)"},
    "places": [
        {"id": "law", "becomes": "nothing", "patterns": ["T LAW"]},
        {"id": "list", "becomes": "union", "patterns": ["T((COMMA|AND){1,2} THE? T)+"]},
        {"id": "but", "becomes": "minus", "patterns": ["T OPEN BUT T CLOSE"]},
        {"id": "with", "becomes": "union", "patterns": ["T OPEN WITH T CLOSE"]},
        {"id": "world", "becomes": "world-except", "patterns": ["WORLD COMMA? BUT THE? T"]},
        {"id": "out", "becomes": "outside", "patterns": ["OUT THE? PLACE"]},
        {"id": "people", "becomes": "people", "patterns": ["PERSON IN THE? T", "PERSON O", "D PERSON"]},
    ],
    "definitions": [{"id": "means", "patterns": ["@(QUOTE .{1,4} QUOTE) MEANS .{0,4}? PLACE"]}],
    "families": [
        {"id": "not", "effect": "excluded", "patterns": ["NOT USE .. AT", "WHO .. NOT USE"]},
        {"id": "only", "effect": "limited_to", "patterns": ["USE ONLY AT", "ONLY USE AT"]},
        {"id": "grant", "effect": "granted", "patterns": ["GRANT .. (PLACE|IN THE? PLACE)"]},
        {"id": "asked", "effect": "excluded", "patterns": ["USE .. AT ... ASK"], "answer": "NO"},
    ],
    "guards": [{"id": "law-guard", "against": ["excluded"], "scope": "clause", "patterns": ["LAW"]}],
}


def small(**changes: Any) -> Grammar:
    """Compile the grammar, with other tables where a test needs them."""
    return compile_grammar(GrammarFile.model_validate({**SMALL, **changes}), lambda path: str(path))
