"""Verdicts on tables whose truth is known, and their statistics against scipy's and against brute force."""

import itertools
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from fastfcn.reporting.per_image import Counts
from fastfcn.reporting.verdicts.bootstrap import Resampling, class_iou, mean_iou
from fastfcn.reporting.verdicts.judging import Judgement, judge, judge_classes, judge_published
from fastfcn.reporting.verdicts.significance import Differences, holm, pooled_variance
from tests.reporting.verdicts.synthetic import CLASSES, counts_of, table, truth_of


def judged(truth: np.ndarray, runs: dict[str, list[Counts]], *, draws: int = 200, **options: float) -> Judgement:
    resampling = Resampling(truth, draws=draws)
    samples = {row: resampling.sample(each) for row, each in runs.items()}
    return judge(samples, images=len(truth), **options)


def two_hundred(points: float) -> tuple[Counter[str], float]:
    """Judge 200 tables of two rows `points` apart: the words for the first row, and the mean of what is detectable."""
    rng = np.random.default_rng(3)
    words: Counter[str] = Counter()
    detectable = 0.0
    for _ in range(200):
        verdict = judged(*table({"a": 0, "b": points}, seeds=4, images=400, spread=0.2, rng=rng)).verdicts[0]
        words[verdict.word if verdict.one == "a" else verdict.word.replace("better", "worse")] += 1
        detectable += verdict.detectable / 200
    return words, detectable


def test_a_planted_point_is_found_as_often_as_promised() -> None:
    words, detectable = two_hundred(1.0)
    assert detectable == pytest.approx(1.0, abs=0.05)
    assert 0.72 <= words["better"] / 200 <= 0.88  # 80 % promised, within three deviations of 200 draws
    assert words["worse"] == 0


def test_equal_rows_are_called_different_in_at_most_a_twentieth() -> None:
    words, _ = two_hundred(0.0)
    assert words["better"] + words["worse"] <= 10
    assert words["equivalent"] > 100


def miou_of(counts: Counts, chosen: np.ndarray) -> float:
    return float(
        mean_iou(class_iou(*(each[chosen].sum(0) for each in (counts.correct, counts.truth, counts.predicted))))
    )


def one_seed_each(images: int, points: float, seed: int) -> tuple[np.ndarray, dict[str, list[Counts]]]:
    return table({"a": 0, "b": points}, seeds=1, images=images, rng=np.random.default_rng(seed))


def test_the_bootstrap_is_scipys() -> None:
    truth, runs = one_seed_each(80, 1.5, 0)
    verdict = judged(truth, runs, draws=4000).verdicts[0]
    (one,), (other,) = runs[verdict.one], runs[verdict.other]

    def difference(index: np.ndarray) -> float:
        return 100 * (miou_of(one, index) - miou_of(other, index))

    theirs = stats.bootstrap(
        (np.arange(80),), difference, vectorized=False, n_resamples=4000, method="percentile", rng=1
    )
    assert verdict.difference == pytest.approx(difference(np.arange(80)), abs=1e-9)
    scale = float(theirs.standard_error)
    assert (verdict.high - verdict.low) / 2 / stats.t.ppf(0.975, 79) == pytest.approx(scale, rel=0.05)
    assert (verdict.low, verdict.high) == pytest.approx(tuple(theirs.confidence_interval), abs=0.2 * scale)


@pytest.mark.parametrize("points", [0.0, 1.5, 3.0])
def test_p_is_that_of_all_permutations(points: float) -> None:
    """Under no difference it does not matter which row an image's prediction is of: 4,096 ways for 12 images."""
    truth, runs = one_seed_each(12, points, 1)
    verdict = judged(truth, runs, draws=4000).verdicts[0]
    swapped = np.array(list(itertools.product((0, 1), repeat=12)))
    (a,), (b,) = runs["a"], runs["b"]

    def scores(first: Counts, second: Counts) -> np.ndarray:
        correct, predicted = (
            (1 - swapped) @ getattr(first, name) + swapped @ getattr(second, name) for name in ("correct", "predicted")
        )
        return mean_iou(class_iou(correct, truth.sum(0), predicted))

    differences = np.abs(scores(a, b) - scores(b, a))
    p = (differences >= differences[0] - 1e-12).mean()
    assert verdict.p == pytest.approx(p, abs=0.02 + 0.1 * p)


def test_a_run_of_all_images_is_scored_as_the_whole_split() -> None:
    truth, runs = table({"a": 0}, seeds=2, images=30, rng=np.random.default_rng(0))
    sample = Resampling(truth, draws=10).sample(runs["a"])
    assert sample.miou.tolist() == [miou_of(counts, np.arange(30)) for counts in runs["a"]]


def test_a_class_that_a_draw_lacks_is_left_out_of_its_mean() -> None:
    truth = truth_of(20, np.random.default_rng(0))
    truth[:, 2] = 0
    truth[7, 2] = 100  # in one image only, which every third draw is without
    counts = counts_of(truth, np.full(20, 0.0))
    sample = Resampling(truth, draws=300).sample([counts])
    assert sample.draws == pytest.approx(np.ones(300))  # what is all right stays so
    assert 0.25 < np.isnan(sample.iou_draws[:, 2]).mean() < 0.47


def test_without_a_part_of_images_it_is_the_t_test() -> None:
    one, other = np.array([3.0, 4.5, 4.0]), np.array([2.0, 2.5])
    spread, freedom = pooled_variance([one, other])
    value = np.array([one.mean() - other.mean()])
    found = Differences(value, np.zeros(1), spread * np.array([1 / 3 + 1 / 2]), 99, freedom)
    theirs = stats.ttest_ind(one, other)
    assert found.p_values()[0] == pytest.approx(theirs.pvalue)
    ends = theirs.confidence_interval()
    assert [end[0] for end in found.interval()] == pytest.approx([ends.low, ends.high])
    assert found.p_not_worse(1.0)[0] == pytest.approx(stats.ttest_ind(one + 1, other, alternative="greater").pvalue)
    sides = [
        stats.ttest_ind(one - side, other, alternative=kind).pvalue for side, kind in ((3, "less"), (-3, "greater"))
    ]
    assert found.p_equivalent(3.0)[0] == pytest.approx(max(sides))


@pytest.mark.parametrize("level", [0.05, 0.001])
def test_what_is_detectable_is_found_with_a_power_of_80_per_cent(level: float) -> None:
    found = Differences(np.zeros(1), np.array([0.04]), np.array([0.09]), 200, 6)
    multiple = found.detectable(level)[0] / found.error[0]
    freedom = found.freedom[0]
    assert stats.nct.sf(stats.t.ppf(1 - level / 2, freedom), freedom, multiple) == pytest.approx(0.8, abs=1e-4)


def test_both_parts_share_their_degrees_of_freedom() -> None:
    found = Differences(np.ones(3), np.array([1.0, 0.0, 0.0]), np.array([1.0, 2.0, 0.0]), 50, 4)
    assert found.freedom == pytest.approx([4 / (1 / 50 + 1 / 4), 4, 50])
    assert found.error == pytest.approx([2**0.5, 2**0.5, 0])


def test_without_any_error_what_is_measured_is_certain() -> None:
    found = Differences(np.array([0.5, 0.0]), np.zeros(2), np.zeros(2), 9, 2)
    assert found.p_values().tolist() == [0, 1]
    assert found.p_equivalent(1.0).tolist() == [0, 0]


def test_holm_by_hand() -> None:
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.9, 0.8])).tolist() == [1, 1]
    assert holm(np.zeros(0)).tolist() == []


def test_one_seed_a_row_decides_nothing() -> None:
    verdict = judged(*one_seed_each(60, 20, 0)).verdicts[0]
    assert (verdict.word, verdict.seeds_needed, verdict.images_needed) == ("undecided", 2, None)
    assert verdict.low > 10


def test_the_seeds_that_were_said_to_decide_do() -> None:
    rng = np.random.default_rng(8)
    truth, runs = table({"a": 0, "b": 1.5}, seeds=3, images=900, spread=1.0, rng=rng)
    few = judged(truth, runs).verdicts[0]
    assert few.word == "undecided"
    assert few.seeds_needed is not None
    found = 0
    for _ in range(8):
        truth, runs = table({"a": 0, "b": few.difference}, seeds=few.seeds_needed, images=900, spread=1.0, rng=rng)
        found += judged(truth, runs).verdicts[0].word != "undecided"
    assert found >= 4


def test_classes_are_judged_each() -> None:
    """Only the last class differs, by the pixels that one of the rows takes for the first."""
    truth, runs = table({"a": 0, "b": 0}, seeds=3, images=200, rng=np.random.default_rng(4))
    for counts in runs["b"]:
        lost = np.round(0.1 * counts.correct[:, 3])
        counts.correct[:, 3] -= lost
        counts.predicted[:, 3] -= lost
        counts.predicted[:, 1] += lost
    judgement = judged(truth, runs)
    words = {name: each.word for name, each in judge_classes(judgement, "a", "b", "wxyz"[:CLASSES]).items()}
    assert words["z"] == words["x"] == "better"
    assert "better" not in (words["w"], words["y"])


def test_published_numbers_are_one_run_more() -> None:
    judgement = judged(*table({"a": 0, "b": 9}, seeds=4, images=300, spread=0.3, rng=np.random.default_rng(2)))
    miou = 100 * judgement.samples["a"].miou.mean()
    same, below = (judge_published(judgement, {"a": number})[0] for number in (miou, miou + 8))
    assert (same.word, below.word) == ("undecided", "worse")
    assert same.other == f"published {miou:.2f}"
    spread, _ = pooled_variance([each.miou for each in judgement.samples.values()])
    drawn = judgement.samples["a"].draws.var(ddof=1) * 300 / 299
    assert (same.high - same.low) / 2 > 1.9 * 100 * float(np.sqrt(drawn + spread * (1 + 1 / 4)))
