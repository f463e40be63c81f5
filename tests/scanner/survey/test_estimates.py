"""The estimators, by hand, by enumeration, and at their ends."""

import math
from itertools import combinations

import pytest

from scanner.survey.estimates import Estimate, Group, estimate, score_interval
from scanner.survey.quantiles import incomplete_beta, t_distribution, t_quantile


def group(total_models: int, *answers: bool | None, kin: str = "") -> Group:
    return Group(total_models, total_models, total_models, [(1.0, answer) for answer in answers], kin)


def found(*groups: Group, known: float = 0.0, total: float | None = None, shut: float = 0.0) -> Estimate:
    whole = sum(one.total for one in groups) + known + shut if total is None else total
    result = estimate(known, whole, groups, shut)
    assert result is not None
    return result


def test_the_stratified_mean_by_hand() -> None:
    # 50 known to be in and 50 to be out; 60 open with 3 of 4 in, 40 open with 1 of 2 in: (50 + 45 + 20) / 200.
    result = found(group(60, True, True, True, False), group(40, True, False), known=50, total=200)
    assert result.missing_at_random is not None
    assert result.missing_at_random.point == pytest.approx(115 / 200)
    assert result.bounds == pytest.approx((115 / 200, 115 / 200))
    assert result.missing_at_random.low < 115 / 200 < result.missing_at_random.high


def test_the_ratio_of_sizes_by_hand() -> None:
    # Of downloads 100 + 20 + 30 seen, 130 are in; the stratum holds 600, the frame 1000.
    stratum = Group(10, 600.0, 60_000.0, [(100.0, True), (20.0, False), (30.0, True)])
    result = found(stratum, total=1000.0)
    assert result.missing_at_random is not None
    assert result.missing_at_random.point == pytest.approx(600 * 130 / 150 / 1000)


def test_a_class_counts_once_whoever_of_it_is_drawn() -> None:
    # Two classes, of four repositories (all in) and of one (out): half of the weights are in.
    sizes = [(0.25, True)] * 4 + [(1.0, False)]
    result = found(Group(5, 2.0, 1.25, sizes), total=2.0)
    assert result.missing_at_random is not None
    assert (result.missing_at_random.point, result.missing_at_random.low, result.missing_at_random.high) == (0.5,) * 3


def test_a_census_gives_the_truth_and_no_width() -> None:
    answers = [True, False, True, True, False]
    result = found(group(5, *answers), group(2, True, True), known=3, total=12)
    assert result.missing_at_random is not None
    assert (result.missing_at_random.low, result.missing_at_random.high) == (8 / 12, 8 / 12)
    assert result.worst == (8 / 12, 8 / 12)


def test_over_all_samples_the_mean_is_unbiased_and_the_interval_holds_the_truth() -> None:
    """Every sample of 4 of one stratum of 9 beside every sample of 3 of one of 7."""
    first = [True] * 5 + [False] * 4
    second = [True] * 1 + [False] * 6
    truth = 6 / 16
    points, covered, count = 0.0, 0, 0
    for chosen in combinations(first, 4):
        for others in combinations(second, 3):
            result = found(group(9, *chosen), group(7, *others)).missing_at_random
            assert result is not None
            points += result.point
            covered += result.low <= truth <= result.high
            count += 1
    assert points / count == pytest.approx(truth)
    assert covered / count >= 0.93


@pytest.mark.parametrize("answer", [True, False])
def test_a_sample_that_agrees_does_not_show_that_everybody_does(answer: bool) -> None:
    result = found(group(1000, *[answer] * 20)).missing_at_random
    assert result is not None
    assert result.point == float(answer)
    width = result.high - result.low
    assert 0.1 < width < 0.4


@pytest.mark.parametrize("inside", [True, False])
def test_one_hit_of_many_leaves_room_for_much_less(inside: bool) -> None:
    # Of 1 in 100 the exact (Clopper and Pearson) limit is 0.00025; Wilson's is seven times that.
    result = found(group(1_000_000, inside, *[not inside] * 99)).missing_at_random
    assert result is not None
    limit = result.low if inside else 1 - result.high
    assert 0 < limit < 0.0003
    assert 0.05 < (result.high if inside else 1 - result.low) < 0.07


def test_those_not_found_out_are_all_out_or_all_in_at_worst() -> None:
    result = found(group(8, True, True, False, None, True, False, None, True))
    # The whole stratum was drawn: 4 in, 2 out, 2 unknown.
    assert result.bounds == (4 / 8, 6 / 8)
    assert result.worst == (4 / 8, 6 / 8)
    assert result.missing_at_random is not None
    assert result.missing_at_random.point == pytest.approx(4 / 6)
    assert 4 / 8 <= result.missing_at_random.low < 4 / 6 < result.missing_at_random.high <= 6 / 8


def test_a_stratum_without_any_answer_goes_by_the_others() -> None:
    result = found(group(50, *[True] * 10), group(50, None, None))
    assert result.missing_at_random is not None
    assert result.missing_at_random.point == pytest.approx(1.0)
    assert result.missing_at_random.low < 0.75
    assert result.worst[0] < 0.5
    unreached = found(group(50, *[True] * 10), group(50))
    assert unreached.worst[0] < 0.5
    assert unreached.worst[1] == 1.0


def test_where_nobody_was_found_out_only_bounds_are_left() -> None:
    result = found(group(20, None, None), known=60, total=100)
    assert result.missing_at_random is None
    assert result.bounds == (0.6, 0.8)
    assert result.worst[0] == 0.6
    assert result.worst[1] == 0.8
    assert found(known=70, total=100, shut=10).bounds == (0.7, 0.8)


def test_nothing_to_be_a_share_of_and_nothing_left_open() -> None:
    assert estimate(0.0, 0.0, []) is None
    result = found(known=3, total=4)
    assert result.missing_at_random is not None
    assert (result.missing_at_random.low, result.missing_at_random.high) == (0.75, 0.75)
    # Models that nobody downloads are no part of a share of downloads.
    idle = Group(5, 0.0, 0.0, [(0.0, True)])
    assert found(idle, known=1, total=2).worst == (0.5, 0.5)


def test_more_models_make_narrower_intervals() -> None:
    widths = []
    for n in (4, 16, 64, 256, 1000):
        result = found(group(1000, *[i % 3 == 0 for i in range(n)])).missing_at_random
        assert result is not None
        widths.append(result.high - result.low)
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] == 0.0


def test_the_score_interval_of_a_share_is_nearly_wilson_s() -> None:
    n, p = 400, 0.1
    low, high = score_interval(p, p * (1 - p) / n, (1 - 2 * p) / n, 1e9)
    # Wilson's interval for 40 of 400, from Brown, Cai and DasGupta's formula.
    c = 1.959964**2
    centre, half = (p + c / (2 * n)) / (1 + c / n), math.sqrt(c * p * (1 - p) / n + c * c / (4 * n * n)) / (1 + c / n)
    assert (low, high) == pytest.approx((centre - half, centre + half), abs=0.001)


@pytest.mark.parametrize(
    ("freedom", "value"),
    [(1, 12.7062), (2, 4.30265), (4, 2.77645), (10, 2.22814), (30, 2.04227), (120, 1.97993), (1e9, 1.95996)],
)
def test_quantiles_of_t_are_those_of_the_tables(freedom: float, value: float) -> None:
    assert t_quantile(0.975, freedom) == pytest.approx(value, rel=1e-5)
    assert t_distribution(-value, freedom) == pytest.approx(0.025, rel=1e-4)


def test_the_incomplete_beta_function_where_it_is_known_in_closed_form() -> None:
    for x in (0.0, 0.1, 0.5, 0.93, 1.0):
        assert incomplete_beta(1, 1, x) == pytest.approx(x)
        assert incomplete_beta(3, 1, x) == pytest.approx(x**3)
        assert incomplete_beta(0.5, 0.5, x) == pytest.approx(2 / math.pi * math.asin(math.sqrt(x)))
        assert incomplete_beta(2.5, 7, x) == pytest.approx(1 - incomplete_beta(7, 2.5, 1 - x))
