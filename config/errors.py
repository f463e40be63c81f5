"""What can be wrong with settings and data files."""


class ConfigError(Exception):
    """A file, a setting or an environment variable is wrong; the message says which and what is allowed.

    One clear sentence a mistake, and one line each where there are several.
    """


class Told(ValueError):
    """A value is wrong in a way that only its own rule can say; pydantic collects it as any ValueError.

    Attributes:
        keys: the keys inside the value that the sentence is about; none where it is about the value itself.
    """

    def __init__(self, sentence: str, *keys: str | int) -> None:
        super().__init__(sentence)
        self.keys = keys


class CronError(ConfigError, Told):
    """An expression is none of crontab(5), or says more than crontab can."""
