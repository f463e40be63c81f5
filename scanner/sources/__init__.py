"""Where facts come from: a Hub over HTTP, or a folder. Gathers and translates; never judges."""
