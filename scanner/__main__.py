"""The way in: the console script `hubscope`, or `python -P -m scanner`.

Model folders contain hostile `config.py`, `scanner.py`, `json.py`. With plain `python -m scanner` the interpreter puts
the working directory first on the path, so it is taken off again before anything else is imported.
"""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]

from scanner.cli import main

if __name__ == "__main__":
    main()
