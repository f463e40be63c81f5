"""Strata and samples: the same whatever the order of rows, prefixes of each other, within what there is."""

import random

import pytest

from scanner.catalogue.frame import FrameRow
from scanner.survey.population import Denominator, Population, build, random_number
from scanner.survey.results import Answered, Sample, shares, undecided
from scanner.survey.sampling import Drawn, draw, reading_order
from scanner.survey.strata import LEAST_EXPECTED, Design, certainty_cut, make_design
from tests.scanner.survey.frames import IN, OPEN, OUT, THRESHOLD, many, row


def sampled(
    rows: list[FrameRow], seed: int, most: int = 200, expected: int = 100
) -> tuple[Population, Design, list[Drawn]]:
    population = build(rows, [THRESHOLD], seed)
    design = make_design(population, expected)
    return population, design, draw(population.open, design, most)


def test_the_same_seed_draws_the_same_models_in_any_order_of_rows() -> None:
    rows = list(many())
    shuffled = rows[:]
    random.Random(5).shuffle(shuffled)
    one, other = sampled(rows, 7), sampled(shuffled, 7)
    assert one[1].strata == other[1].strata
    assert one[2] == other[2]
    assert sampled(rows, 8)[1].strata == one[1].strata  # strata do not hang on the seed
    assert {d.random for d in sampled(rows, 8)[2]} != {d.random for d in one[2]}


def test_a_sample_is_the_beginning_of_every_larger_one() -> None:
    population = build(many(), [THRESHOLD], 1)
    design = make_design(population, 150)
    whole = draw(population.open, design, len(population.open) + 5)
    assert len(whole) == len(population.open)
    assert sorted(d.random for d in whole) == sorted(population.open.random)
    for n in (0, 1, 2, 17, 149, 150, 151, 700):
        assert draw(population.open, design, n) == whole[:n]


def test_within_a_stratum_models_come_by_their_permanent_random_numbers() -> None:
    _, design, drawn = sampled(list(many()), 2)
    for number in range(len(design.strata)):
        mine = [d for d in drawn if d.stratum == number]
        assert [d.rank for d in mine] == list(range(len(mine)))
        assert [d.random for d in mine] == sorted(d.random for d in mine)
    assert random_number(1, "a") == random_number(1, "a") != random_number(2, "a")


def test_the_heaviest_are_all_taken_first_and_each_stratum_gets_two() -> None:
    population, design, drawn = sampled(list(many()), 3)
    assert design.cut is not None
    heavy = sorted((d for d in population.open.downloads if d >= design.cut), reverse=True)
    assert heavy
    assert sorted((d.sizes[2] for d in drawn[: len(heavy)]), reverse=True) == heavy
    rest = [number for number, stratum in enumerate(design.strata) if not stratum.certain]
    first = [d.stratum for d in drawn[len(heavy) : len(heavy) + 2 * len(rest)]]
    assert sorted(first) == sorted(rest * 2)


def test_strata_cover_every_open_model_once_and_are_no_smaller_than_need_be() -> None:
    population, design, _ = sampled(list(many()), 3)
    opened = population.open
    counts = [0] * len(design.strata)
    downloads = [0.0] * len(design.strata)
    for index in range(len(opened)):
        number = design.stratum_of(opened, index)
        counts[number] += 1
        downloads[number] += opened.downloads[index]
    assert counts == [stratum.models for stratum in design.strata]
    assert downloads == [stratum.totals[2] for stratum in design.strata]
    planned = sum(stratum.planned for stratum in design.strata)
    assert planned == pytest.approx(100, abs=len(design.strata))
    assert len(design.strata) <= 100 / LEAST_EXPECTED + 2
    assert all(stratum.planned <= stratum.models for stratum in design.strata)


def test_models_of_which_different_things_are_known_are_in_different_strata() -> None:
    rows = [row(f"a{i}") for i in range(50)] + [row(f"b{i}", ("out_of_scope", "undecided")) for i in range(50)]
    population, design, drawn = sampled(rows, 1, most=40, expected=20)
    assert {stratum.pattern for stratum in design.strata} == {(None, None), (False, None)}
    answered = [
        Answered(d, (True, True) if design.strata[d.stratum].pattern[0] is None else (False, True)) for d in drawn
    ]
    sample = Sample.of(design, answered)
    honoured, ignored = (shares(population, sample, question)[Denominator.REPOSITORIES] for question in (0, 1))
    assert honoured is not None
    assert ignored is not None
    assert honoured.missing_at_random is not None
    assert ignored.missing_at_random is not None
    assert honoured.missing_at_random.point == pytest.approx(0.5)
    assert honoured.missing_at_random.high == pytest.approx(0.5)  # those that are excluded anyway need no estimate
    assert ignored.missing_at_random.point == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("downloads", "most", "cut"),
    [
        ([], 5, None),
        ([0, 0, 0], 2, None),
        ([1000, 1, 1, 1, 1, 1], 3, 1000),
        ([1000, 900, 1, 1, 1, 1], 3, 900),
        ([1000, 1000, 1, 1], 1, None),  # equals are taken together or not at all
        ([5, 5, 5, 5, 5, 5, 5, 5], 2, None),
        ([7], 1, 7),
        ([1000, 1], 0, None),
    ],
)
def test_who_is_taken_for_certain(downloads: list[int], most: int, cut: int | None) -> None:
    assert certainty_cut(downloads, most) == cut


def test_what_lies_behind_a_model_that_was_not_reached_is_left_out() -> None:
    _, design, drawn = sampled(list(many()), 4)
    stratum = drawn[-1].stratum
    mine = [d for d in drawn if d.stratum == stratum]
    missed = mine[len(mine) // 2]
    answered = [Answered(d, (True, True)) for d in drawn if d is not missed]
    kept = Sample.of(design, answered).answered
    assert [a.drawn.rank for a in kept if a.drawn.stratum == stratum] == list(range(missed.rank))
    assert [a for a in kept if a.drawn.stratum != stratum] == [a for a in answered if a.drawn.stratum != stratum]


def test_a_census_of_the_open_models_gives_the_truth_for_each_denominator() -> None:
    rows = list(many(700))
    population, design, drawn = sampled(rows, 4, most=10_000, expected=200)
    truth = {random_number(4, one.key): int(one.key[1:]) % 5 < 3 for one in rows}
    sample = Sample.of(design, [Answered(d, (truth[d.random],) * 2) for d in drawn])
    result = shares(population, sample, 0)
    inside = [
        one for one in rows if one.statuses == (IN,) or (one.statuses == (OPEN,) and truth[random_number(4, one.key)])
    ]
    repositories, weights, downloads = (result[d] for d in result)
    for share, real in (
        (repositories, len(inside) / len(rows)),
        (downloads, sum(one.downloads for one in inside) / sum(one.downloads for one in rows)),
    ):
        assert share is not None
        assert share.missing_at_random is not None
        assert share.missing_at_random.point == pytest.approx(real)
        assert share.missing_at_random.low == pytest.approx(share.missing_at_random.high)
        assert share.worst == pytest.approx((real, real))
    assert weights is not None
    assert weights.missing_at_random is not None
    assert weights.missing_at_random.low == pytest.approx(weights.missing_at_random.high)
    left = undecided(population, sample, 0)[Denominator.REPOSITORIES]
    assert left is not None
    assert (left.point, left.low, left.high) == (0.0, 0.0, 0.0)


def test_frames_with_nothing_open_need_no_sample() -> None:
    for rows in ([], [row("a", IN)], [row("a", IN), row("b", OUT), row("c", looked=True)]):
        population, design, drawn = sampled(rows, 1)
        assert (drawn, design.strata) == ([], [])
        result = shares(population, Sample.of(design, []), 0)
        assert (result[Denominator.REPOSITORIES] is None) is (not rows)


def test_a_frame_of_one_open_model() -> None:
    population, design, drawn = sampled([row("a")], 1, most=1, expected=1)
    assert len(drawn) == 1
    answer = shares(population, Sample.of(design, [Answered(drawn[0], (True, True))]), 0)[Denominator.REPOSITORIES]
    assert answer is not None
    assert answer.worst == (1.0, 1.0)
    unread = shares(population, Sample.of(design, [Answered(drawn[0], (None, None))]), 0)[Denominator.REPOSITORIES]
    assert unread is not None
    assert (unread.missing_at_random, unread.worst) == (None, (0.0, 1.0))


def test_the_order_of_reading_holds_every_model_once() -> None:
    _, design, _ = sampled(list(many(400)), 1)
    order = list(reading_order(design.strata))
    assert len(order) == len(set(order)) == sum(stratum.models for stratum in design.strata)
