"""What can be wrong with settings and data files."""


class ConfigError(Exception):
    """A file, a setting or an environment variable is wrong; the message says which and what is allowed.

    One clear sentence a mistake, and one line each where there are several.
    """
