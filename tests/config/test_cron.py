"""Crontab expressions: what crontab(5) says, what other schedulers say and we refuse, and nothing that hangs."""

from calendar import monthrange
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.cron import Cron, parse
from config.errors import ConfigError, CronError

EVERY = {
    "minutes": tuple(range(60)),
    "hours": tuple(range(24)),
    "days": tuple(range(1, 32)),
    "months": tuple(range(1, 13)),
    "weekdays": tuple(range(7)),
}


def values(text: str) -> dict[str, tuple[int, ...]]:
    """The fields of an expression that do not hold all values."""
    cron = parse(text)
    return {name: found for name, every in EVERY.items() if (found := getattr(cron, name)) != every}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("* * * * *", {}),
        ("*/1 * * * *", {}),
        ("0 7 * * 1", {"minutes": (0,), "hours": (7,), "weekdays": (1,)}),
        ("0 7 * * 0", {"minutes": (0,), "hours": (7,), "weekdays": (0,)}),
        ("0 7 * * 7", {"minutes": (0,), "hours": (7,), "weekdays": (0,)}),
        ("0 7 * * 0,7", {"minutes": (0,), "hours": (7,), "weekdays": (0,)}),
        ("* * * * 0-7", {}),
        ("* * * * 5-7", {"weekdays": (0, 5, 6)}),
        ("* * * * fri-sun", {"weekdays": (0, 5, 6)}),
        ("* * * * Fri-SUN", {"weekdays": (0, 5, 6)}),
        ("* * * * sun-tue", {"weekdays": (0, 1, 2)}),
        ("* * * * sun-sun", {"weekdays": (0,)}),
        ("* * * * 7-sun", {"weekdays": (0,)}),
        ("* * * * mon-fri", {"weekdays": (1, 2, 3, 4, 5)}),
        ("* * * * 5-7/2", {"weekdays": (0, 5)}),
        ("* * * * */7", {"weekdays": (0,)}),
        ("* * * * mon,wed-thu", {"weekdays": (1, 3, 4)}),
        ("*/20 * * * *", {"minutes": (0, 20, 40)}),
        ("10-50/20 * * * *", {"minutes": (10, 30, 50)}),
        ("10-49/20 * * * *", {"minutes": (10, 30)}),
        ("05,0,5 * * * *", {"minutes": (0, 5)}),
        ("* 1-5/2,23 * * *", {"hours": (1, 3, 5, 23)}),
        ("* * */10 * *", {"days": (1, 11, 21, 31)}),
        ("* * * jan,APR-jun *", {"months": (1, 4, 5, 6)}),
        ("* * * jan-dec/6 *", {"months": (1, 7)}),
        ("* * 9,* * *", {}),
        ("\t0   7\t*  * 1 ", {"minutes": (0,), "hours": (7,), "weekdays": (1,)}),
        ("@hourly", {"minutes": (0,)}),
        ("@daily", {"minutes": (0,), "hours": (0,)}),
        ("@midnight", {"minutes": (0,), "hours": (0,)}),
        ("@weekly", {"minutes": (0,), "hours": (0,), "weekdays": (0,)}),
        ("@Monthly", {"minutes": (0,), "hours": (0,), "days": (1,)}),
        ("@yearly", {"minutes": (0,), "hours": (0,), "days": (1,), "months": (1,)}),
        ("@annually", {"minutes": (0,), "hours": (0,), "days": (1,), "months": (1,)}),
    ],
)
def test_an_expression_means_what_crontab_means(text: str, expected: dict[str, tuple[int, ...]]) -> None:
    assert values(text) == expected
    assert parse(text).text == text.strip()


@pytest.mark.parametrize(
    ("text", "day", "weekday", "time"),
    [
        ("0 7 * * 1", False, True, False),
        ("0 7 1 * *", True, False, False),
        ("0 7 1 * 1", True, True, False),
        ("0 7 */2 * 1", False, True, False),
        ("0 7 1 * */2", True, False, False),
        ("0 7 1-31 * 0-7", True, True, False),
        ("0 7 1,* * *", True, False, False),
        ("* 7 * * *", False, False, True),
        ("0 */2 * * *", False, False, True),
        ("0-59 0-23 * * *", False, False, False),
        ("@hourly", False, False, True),
        ("@daily", False, False, False),
    ],
)
def test_a_field_that_starts_with_a_star_restricts_nothing(text: str, day: bool, weekday: bool, time: bool) -> None:
    cron = parse(text)
    assert (cron.day_restricted, cron.weekday_restricted, cron.wildcard_time) == (day, weekday, time)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("61 * * * *", ["the minute of", "is '61', but", "0 to 59"]),
        ("* 24 * * *", ["the hour of", "is '24', but", "0 to 23"]),
        ("* * 0 * *", ["the day of the month of", "is '0', but", "1 to 31"]),
        ("* * 32 * *", ["the day of the month of", "is '32', but", "1 to 31"]),
        ("* * * 0 *", ["the month of", "is '0', but", "1 to 12 or jan-dec"]),
        ("* * * 13 *", ["the month of", "is '13', but", "1 to 12"]),
        ("* * * * 8", ["the day of the week of", "is '8', but", "0 to 7 or sun-sat"]),
        ("* * * * mon-8", ["the day of the week of", "is 'mon-8', but", "0 to 7"]),
        ("* * * mon *", ["the month of", "is 'mon', but", "jan-dec"]),
        ("jan * * * *", ["the minute of", "is 'jan', but", "0 to 59"]),
        ("0 0 * * monday", ["the day of the week of", "is 'monday', but", "write mon"]),
        ("0 0 1 March *", ["the month of", "is 'March', but", "write mar"]),
        ("1,,2 * * * *", ["the minute of", "has '' in '1,,2', but"]),
        (", * * * *", ["the minute of", "has '' in ',', but"]),
        ("1, * * * *", ["the minute of", "has '' in '1,', but"]),
        ("1-70,2 * * * *", ["the minute of", "has '1-70' in '1-70,2', but"]),
        ("-5 * * * *", ["the minute of", "is '-5', but"]),
        ("5- * * * *", ["the minute of", "is '5-', but"]),
        ("1-2-3 * * * *", ["the minute of", "is '1-2-3', but"]),
        ("*-5 * * * *", ["the minute of", "is '*-5', but"]),
        ("** * * * *", ["the minute of", "is '**', but"]),
        ("1.5 * * * *", ["the minute of", "is '1.5', but"]),
        ("+5 * * * *", ["the minute of", "is '+5', but"]),
        ("1_0 * * * *", ["the minute of", "is '1_0', but"]),
        ("5/10 * * * *", ["the minute of", "is '5/10', but", "write 5-59/10"]),
        ("* * * * tue/2", ["the day of the week of", "is 'tue/2', but", "write 2-7/2"]),
        ("*/0 * * * *", ["the minute of", "is '*/0', but", "the step must be a number from 1 to 59"]),
        ("*/90 * * * *", ["the minute of", "is '*/90', but", "the step must be a number from 1 to 59"]),
        ("*/x * * * *", ["the minute of", "is '*/x', but", "the step must be"]),
        ("*/ * * * *", ["the minute of", "is '*/', but"]),
        ("*/2/2 * * * *", ["the minute of", "is '*/2/2', but"]),
        ("* 22-6 * * *", ["the hour of", "is '22-6', but", "write 22-23,0-6"]),
        ("* 23-0 * * *", ["the hour of", "is '23-0', but", "write 23,0"]),
        ("* * * nov-feb *", ["the month of", "is 'nov-feb', but", "write 11-12,1-2"]),
        ("* * * * fri-mon", ["the day of the week of", "is 'fri-mon', but", "write 5-7,1"]),
        ("* * * * 5-0", ["the day of the week of", "is '5-0', but", "write 5-7"]),
        ("* * * * 6-3", ["the day of the week of", "is '6-3', but", "write 6-7,1-3"]),
        ("0 0 ? * 1", ["the day of the month of", "is '?', but", "write `*`"]),
        ("0 0 L * *", ["the day of the month of", "is 'L', but", "no last day"]),
        ("0 0 l-3 * *", ["the day of the month of", "is 'l-3', but", "no last day"]),
        ("0 0 * * 5L", ["the day of the week of", "is '5L', but", "no last day"]),
        ("0 0 15W * *", ["the day of the month of", "is '15W', but", "no nearest weekday"]),
        ("0 0 LW * *", ["the day of the month of", "is 'LW', but", "no nearest weekday"]),
        ("0 0 * * fri#2", ["the day of the week of", "is 'fri#2', but", "which weekday of a month"]),
        ("0~59 * * * *", ["the minute of", "is '0~59', but", "write one number"]),
        ("H/15 * * * *", ["the minute of", "is 'H/15', but", "write one number"]),
        ("0 7 * *", ["has 4 fields", "five (minute, hour, day of the month, month, day of the week)"]),
        ("0 0 7 * * 1", ["has 6 fields", "no seconds and no years"]),
        ("0 0 7 * * 1 2027", ["has 7 fields", "no seconds and no years"]),
        ("", ["has 0 fields"]),
        (" \t ", ["has 0 fields"]),
        ("0\n7\n*\n*\n1", ["has 1 fields"]),
        ("0 7 * *\u00a01", ["has 4 fields"]),
        ("@reboot", ["'@reboot' names no time"]),
        ("@wekly", ["'@wekly' is not a word of crontab", "did you mean @weekly?", "@hourly"]),
        ("@every 5m", ["is not a word of crontab"]),
        ("0 0 30 2 *", ["'0 0 30 2 *' never comes", "29 days", "from day 30"]),
        ("0 0 31 2,4,6,9,11 *", ["never comes", "30 days", "from day 31"]),
        ("0 0 30-31 feb */2", ["never comes"]),
        ("\u0663 * * * *", ["the minute of", "is '\u0663', but"]),
        ("\u00b2 * * * *", ["the minute of", "is '\u00b2', but"]),
        ("\uff11 * * * *", ["the minute of"]),
        ("* * * * \u017fun", ["the day of the week of"]),
    ],
)
def test_what_is_no_expression_is_refused_in_a_sentence_that_helps(text: str, parts: list[str]) -> None:
    with pytest.raises(CronError) as caught:
        parse(text)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    for part in parts:
        assert part in message


def test_the_error_is_one_of_settings_and_one_of_values() -> None:
    assert issubclass(CronError, ConfigError)
    assert issubclass(CronError, ValueError)


@pytest.mark.parametrize("text", ["0 0 30 2 1", "0 0 29 2 *", "0 0 29 2 */6", "0 0 31 * *", "0 0 31 2,3 *"])
def test_what_comes_rarely_is_taken(text: str) -> None:
    assert parse(text).text == text


@pytest.mark.parametrize(
    "text",
    [
        "x" * 100_000,
        " " * 100_000,
        "1," * 50_000 + "1 * * * *",
        "9" * 100_000 + " * * * *",
        "*/" + "9" * 900 + " * * * *",
        "1" * 900 + " * * * *",
        "1-" * 400 + " * * * *",
        "-" * 900 + " * * * *",
        "@" * 100_000,
        "a?" * 300 + " * * * *",
        "\u0669" * 900 + " * * * *",
        "\x1b[2J\u202e * * * *",
        "\x00 * * * *",
        "\ud800 * * * *",
    ],
)
def test_hostile_text_is_refused_in_a_short_printable_sentence(text: str) -> None:
    with pytest.raises(CronError) as caught:
        parse(text)
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()


@given(st.text(alphabet="0123456789*,-/ @monfri?L#\n\u0663", max_size=60))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    try:
        cron = parse(text)
    except CronError:
        return
    for name, every in EVERY.items():
        found = getattr(cron, name)
        assert found
        assert set(found) <= set(every)
        assert list(found) == sorted(set(found))


def items(low: int, high: int) -> st.SearchStrategy[tuple[str, frozenset[int]]]:
    """One item of a list and the values that it stands for."""
    number = st.integers(low, high)
    ranges = st.tuples(number, number).map(sorted)
    steps = st.integers(1, high - low)
    stepped = st.tuples(ranges, steps).map(
        lambda given: (
            f"{given[0][0]}-{given[0][1]}/{given[1]}",
            frozenset(range(given[0][0], given[0][1] + 1, given[1])),
        )
    )
    return st.one_of(
        number.map(lambda value: (str(value), frozenset({value}))),
        ranges.map(lambda ends: (f"{ends[0]}-{ends[1]}", frozenset(range(ends[0], ends[1] + 1)))),
        stepped,
        steps.map(lambda step: (f"*/{step}", frozenset(range(low, high + 1, step)))),
        st.just(("*", frozenset(range(low, high + 1)))),
    )


def lists(low: int, high: int) -> st.SearchStrategy[tuple[str, frozenset[int]]]:
    """A field and the values that it stands for."""
    return st.lists(items(low, high), min_size=1, max_size=4).map(
        lambda parts: (",".join(text for text, _ in parts), frozenset().union(*(values for _, values in parts)))
    )


@given(st.tuples(lists(0, 59), lists(0, 23), lists(1, 31), lists(1, 12), lists(0, 7)))
def test_every_combination_of_lists_ranges_and_steps(fields: tuple[tuple[str, frozenset[int]], ...]) -> None:
    minutes, hours, days, months, weekdays = fields
    text = " ".join(written for written, _ in fields)
    only_days = days[0][0] != "*" and weekdays[0][0] == "*"
    if only_days and not comes(days[1], months[1]):
        with pytest.raises(CronError, match="never comes"):
            parse(text)
        return
    assert parse(text) == Cron(
        text,
        tuple(sorted(minutes[1])),
        tuple(sorted(hours[1])),
        tuple(sorted(days[1])),
        tuple(sorted(months[1])),
        tuple(sorted({day % 7 for day in weekdays[1]})),
        day_restricted=days[0][0] != "*",
        weekday_restricted=weekdays[0][0] != "*",
        wildcard_time="*" in (minutes[0][0], hours[0][0]),
    )


def comes(days: frozenset[int], months: frozenset[int]) -> bool:
    """Whether any day of a leap year is one of these days in one of these months."""
    return any(day <= monthrange(2024, month)[1] for month in months for day in days)


def test_a_leap_day_comes_on_every_weekday_within_400_years() -> None:
    """Why an expression over days and weekdays is refused for its days and months alone."""
    first = date(2000, 1, 1)
    length = (date(2400, 1, 1) - first).days
    found = {(day.month, day.day, day.weekday()) for day in (first + timedelta(number) for number in range(length))}
    assert len(found) == 366 * 7


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("0 7 * * 1", "0 7 * * mon", True),
        ("0 7 * * 0", "00 07 * * 7", True),
        ("@weekly", "0 0 * * sun", True),
        ("0 7 1-31 * 1", "0 7 * * 1", False),  # either day is enough for the one, both must fit for the other
        ("0-59 7 * * *", "* 7 * * *", False),  # while clocks change
        ("0 7 * * 1", "0 7 * * 2", False),
    ],
)
def test_expressions_that_mean_the_same_are_known_for_it(one: str, other: str, same: bool) -> None:
    assert (parse(one).meaning == parse(other).meaning) is same


def test_the_longest_meaning_fits_its_column() -> None:
    assert len(parse("* * * * *").meaning) < 1000
