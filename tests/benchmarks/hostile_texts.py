"""What texts made to hurt cost: `python tests/benchmarks/hostile_texts.py`. Needs an editable install, or PYTHONPATH=.

Each text is read at 256 KiB, 512 KiB and 1 MiB, the most that is read of one text. Printed are seconds of CPU and how
the time grows when the length doubles: about 2 is linear, 1 is a text that is left before its end, and said to be.
Last, a typical card, in milliseconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

from scanner.restrictions.reader import TextFile, read_repository

KIB = 1024
SIZES = (256 * KIB, 512 * KIB, 1024 * KIB)
ROUNDS = 20  # readings of the typical card
UNITS: Mapping[str, str] = {
    "one endless sentence": "The model may not be used in China and the EU or ",
    "no territory at all": "You may not use the model where it is not available. ",
    "a list without end": "China, ",
    "items": "- China\n",
    "items behind a lead-in": "Not available in:\n- China\n- use of it in Russia\n",
    "cells": "| China ",
    "rows": "| China | not available |\n",
    "definitions": '"Territory" means worldwide, excluding China. ',
    "names of definitions": '"Area" means China. The model is not licensed in the Area. ',
    "refusals without place": "not model use not licence no grant ",
    "places without refusal": "users in, or from, China, of the model and in Japan; ",
    "questions": "Can I use it in China? No. ",
    "a name of many endings": '"Abcd' + "en" * 31 + 'q Area" means China. ',
    "commas": "China" + "," * 3400 + "Japan\n\n",
    "one long word": "China A" + "1" * 3800 + "é. ",
    "one long German word": "Die Nutzung in China ist X" + "a" * 3900 + " nicht gestattet. ",
    "one paragraph": "No china users. " * 30 + "Filler words. " * 60,
    "empty paragraphs": "a\n\n",
    "Chinese": "本模型不得在中国大陆使用，",
    "Chinese without places": "本模型不得使用，禁止下载，仅限授权，",
    "Japanese": "中国では利用できません、",
    "Korean": "중국에서는 사용할 수 없습니다, ",
    "German": "Die Nutzung in China ist nicht gestattet und ",
    "quotes": "> ",
    "brackets": "[](",
    "tags": "<b><i>",
    "comments": "<!-- -->",
    "open comments": "<!--",
    "fences": "```\n",
    "stars": "**a* ",
    "headings": "# China\n",
    "full stops": "U.S. ",
    "entities": "&#x4e2d;",
    "zero width": "Chi\u200bna not ",
    "look-alikes": "\u0421hina is not ",
}
CARD = """---
license: apache-2.0
language: [en, zh]
---
# Kestrel-7B

Kestrel-7B is a model of seven billion parameters for text in English and Chinese.

## Use

```python
from transformers import pipeline
```

The model was trained on data from Europe and China. It is not evaluated on French.

## Limits

The weights are not available in mainland China. Questions go to our office in Berlin, Germany.
"""


def seconds(text: str) -> tuple[float, bool]:
    """Read a text as a card; the second value says whether it was read to its end."""
    start = time.process_time()
    restrictions = read_repository(card_data={}, gated=False, card=TextFile("README.md", text))
    return time.process_time() - start, "card" in {str(place) for place in restrictions.read}


def main() -> int:
    """Print the table; 1 where a text of 1 MiB took more than 2 seconds."""
    worst = 0.0
    seconds(CARD)  # loads the grammars
    print(f"{'text':28} {'256 KiB':>8} {'512 KiB':>8} {'1 MiB':>8}  growth  read to its end")
    for name, unit in UNITS.items():
        taken = [seconds((unit * (size // len(unit) + 1))[:size]) for size in SIZES]
        first, second, third = (each for each, _ in taken)
        worst = max(worst, third)
        growth = f"{second / max(first, 1e-6):.1f} {third / max(second, 1e-6):.1f}"
        print(f"{name:28} {first:8.3f} {second:8.3f} {third:8.3f}  {growth}  {'yes' if taken[-1][1] else 'no'}")
    card = min(seconds(CARD)[0] for _ in range(ROUNDS))
    print(f"worst of 1 MiB: {worst:.2f} s; a card of {len(CARD)} characters: {card * 1000:.2f} ms")
    return 1 if worst > 2 else 0


if __name__ == "__main__":
    sys.exit(main())
