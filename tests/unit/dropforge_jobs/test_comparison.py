import random

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from dropforge_jobs.comparison import Comparison, compare_classes

RANDOM = random.Random(0)  # noqa: S311  test data
CLASSES = ["setosa", "versicolor", "virginica"]
ACTUAL = RANDOM.choices(CLASSES, [5, 3, 2], k=300)
WORSE, BETTER = (
    [RANDOM.choice(CLASSES) if RANDOM.random() < wrong else each for each in ACTUAL]
    for wrong in (0.3, 0.2)
)


def compared(metric: str, **options: object) -> Comparison:
    """Compare the better with the worse answers."""
    found = compare_classes(ACTUAL, BETTER, WORSE, metric=metric, **options)  # type: ignore[arg-type]
    assert found
    return found


def macro_f1(actual: object, predicted: object) -> float:
    """Return what scikit-learn says."""
    return float(metrics.f1_score(actual, predicted, average="macro"))


def test_the_interval_of_macro_f1_is_that_of_rows_drawn_one_by_one() -> None:
    """Resampling with scikit-learn's metric, slow and plain, comes to the same interval."""
    generator = np.random.default_rng(1)
    columns = np.array([ACTUAL, BETTER, WORSE])
    differences = []
    for _ in range(400):
        actual, new, old = columns[:, generator.integers(300, size=300)]
        differences.append(macro_f1(actual, new) - macro_f1(actual, old))
    found = compared("macro_f1")
    assert found.difference == pytest.approx(macro_f1(ACTUAL, BETTER) - macro_f1(ACTUAL, WORSE))
    low, high = np.quantile(differences, [0.025, 0.975])
    assert [found.low, found.high] == pytest.approx([low, high], abs=0.02)
    assert found.minimum_detectable == pytest.approx(2.8 * np.std(differences), rel=0.12)


def test_the_interval_of_accuracy_is_that_of_the_rows_differences() -> None:
    """It is paired: on 300 rows it agrees with Student's interval of the mean difference."""
    right = [
        (label == new) - (label == old)
        for label, new, old in zip(ACTUAL, BETTER, WORSE, strict=True)
    ]
    low, high = stats.t.interval(0.95, 299, loc=np.mean(right), scale=stats.sem(right))
    found = compared("accuracy")
    assert found.difference == pytest.approx(np.mean(right))
    assert [found.low, found.high] == pytest.approx([low, high], abs=0.006)
    assert found.rows == 300


def test_less_can_be_better() -> None:
    """A difference that is positive always means that the challenger is better."""
    higher, lower = compared("accuracy"), compared("accuracy", higher_is_better=False)
    assert lower.difference == -higher.difference
    assert lower.low == pytest.approx(-higher.high, abs=0.007)


def test_a_recall_is_compared_on_the_rows_of_its_class() -> None:
    """What it can detect follows from these rows only."""
    recall, accuracy = compared("recall_virginica"), compared("accuracy")
    assert recall.minimum_detectable
    assert accuracy.minimum_detectable
    assert recall.minimum_detectable > 1.5 * accuracy.minimum_detectable


def test_rows_of_one_day_are_not_counted_as_if_they_were_many() -> None:
    """When each row comes ten times, whole days give the interval of the rows without copies."""
    days = [day for day in range(60) for _ in range(10)]
    copied = [[column[day] for day in days] for column in (ACTUAL, BETTER, WORSE)]
    by_day = compare_classes(*copied, metric="accuracy", groups=days)
    by_row = compare_classes(*copied, metric="accuracy")
    plain = compare_classes(ACTUAL[:60], BETTER[:60], WORSE[:60], metric="accuracy")
    assert by_day
    assert by_row
    assert plain
    assert [by_day.low, by_day.high] == pytest.approx([plain.low, plain.high], abs=0.02)
    assert by_day.high - by_day.low > 2.5 * (by_row.high - by_row.low)
    assert by_day.minimum_detectable
    assert by_day.minimum_detectable == pytest.approx(2.8 * (by_day.high - by_day.low) / 4, rel=0.1)


def test_models_that_agree_differ_by_nothing() -> None:
    """The interval is a point, and what such rows could have shown is not nothing."""
    found = compare_classes(ACTUAL, BETTER, BETTER, metric="accuracy")
    assert found
    assert (found.difference, found.low, found.high) == (0, 0, 0)
    assert found.minimum_detectable
    assert found.minimum_detectable > 0.02
    other = compare_classes(ACTUAL, BETTER, BETTER, metric="macro_f1")
    assert other
    assert other.minimum_detectable is None


@pytest.mark.parametrize("metric", ["rmse", "rows", "recall_rosa", ""])
def test_an_unknown_metric_is_not_compared(metric: str) -> None:
    """No number stands for what cannot be computed."""
    assert compare_classes(ACTUAL, BETTER, WORSE, metric=metric) is None


def test_a_class_with_one_row_has_no_interval() -> None:
    """A third of all resamples would lack it."""
    actual = ["a"] * 50 + ["b"]
    assert compare_classes(actual, actual, ["a"] * 51, metric="recall_b") is None


def test_columns_that_do_not_match_are_a_fault() -> None:
    """They would pair answers to different rows."""
    with pytest.raises(ValueError, match="do not match"):
        compare_classes(["a", "b"], ["a"], ["a", "b"], metric="accuracy")


def test_the_document_has_what_the_judge_reads() -> None:
    """Plain numbers under the agreed names."""
    document = compared("accuracy").document()
    assert set(document) == {
        "metric", "difference", "low", "high", "confidence", "minimum_detectable", "rows",
    }  # fmt: skip
    assert document["confidence"] == 0.95
    assert type(document["low"]) is float
