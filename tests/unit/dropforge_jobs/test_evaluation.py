import json
import random
from pathlib import Path

import pytest
from sklearn import metrics

from dropforge_jobs.champion import Champion
from dropforge_jobs.comparison import compare_classes
from dropforge_jobs.evaluation import evaluate_classes, evaluate_run, write_evaluation
from dropforge_jobs.jobs import JobError

RANDOM = random.Random(0)  # noqa: S311  test data
CLASSES = ["setosa", "versicolor", "virginica"]
ACTUAL = RANDOM.choices(CLASSES, [5, 3, 2], k=300)
PREDICTED = [RANDOM.choice(CLASSES) if RANDOM.random() < 0.4 else each for each in ACTUAL]
CHAMPIONS = [RANDOM.choice(CLASSES) if RANDOM.random() < 0.5 else each for each in ACTUAL]


def test_the_metrics_are_those_of_scikit_learn() -> None:
    """Each number agrees with an implementation that is not ours."""
    quality = evaluate_classes(ACTUAL, PREDICTED)["multiclass_classification_metrics"]
    for name, expected in {
        "accuracy": metrics.accuracy_score(ACTUAL, PREDICTED),
        "weighted_recall": metrics.recall_score(ACTUAL, PREDICTED, average="weighted"),
        "weighted_precision": metrics.precision_score(ACTUAL, PREDICTED, average="weighted"),
        "weighted_f0_5": metrics.fbeta_score(ACTUAL, PREDICTED, beta=0.5, average="weighted"),
        "weighted_f1": metrics.f1_score(ACTUAL, PREDICTED, average="weighted"),
        "weighted_f2": metrics.fbeta_score(ACTUAL, PREDICTED, beta=2, average="weighted"),
        "accuracy_best_constant_classifier": ACTUAL.count("setosa") / len(ACTUAL),
    }.items():
        assert quality[name]["value"] == pytest.approx(expected), name


def test_the_flat_metrics_are_plain_numbers_for_the_judge() -> None:
    """Accuracy, macro F1, rows, and the recall of each class that has rows."""
    flat = evaluate_classes(ACTUAL, PREDICTED)["metrics"]
    recalls = metrics.recall_score(ACTUAL, PREDICTED, average=None, labels=CLASSES)
    assert flat == {
        "accuracy": pytest.approx(metrics.accuracy_score(ACTUAL, PREDICTED)),
        "macro_f1": pytest.approx(metrics.f1_score(ACTUAL, PREDICTED, average="macro")),
        "rows": 300,
        **{f"recall_{c}": pytest.approx(r) for c, r in zip(CLASSES, recalls, strict=True)},
    }


def test_the_confusion_matrix_is_by_actual_then_predicted_class() -> None:
    """As in SageMaker's example: the outer key is what the row is, the inner what was said."""
    document = evaluate_classes(["a", "a", "b"], ["a", "c", "b"])
    assert document["multiclass_classification_metrics"]["confusion_matrix"] == {
        "a": {"a": 1, "b": 0, "c": 1},
        "b": {"a": 0, "b": 1, "c": 0},
        "c": {"a": 0, "b": 0, "c": 0},
    }


def test_a_class_that_is_only_predicted_counts_as_scikit_learn_counts_it() -> None:
    """It lowers macro F1, has no recall, and is no NaN."""
    flat = evaluate_classes(["a", "a", "b"], ["a", "c", "b"])["metrics"]
    expected = metrics.f1_score(["a", "a", "b"], ["a", "c", "b"], average="macro")
    assert flat["macro_f1"] == pytest.approx(expected)
    assert "recall_c" not in flat


def test_the_standard_deviation_is_that_of_the_estimate() -> None:
    """The accuracy's is near what the binomial distribution says, and repeats exactly."""
    one, two = (
        evaluate_classes(ACTUAL, PREDICTED)["multiclass_classification_metrics"] for _ in range(2)
    )
    accuracy = one["accuracy"]["value"]
    binomial = (accuracy * (1 - accuracy) / len(ACTUAL)) ** 0.5
    assert one["accuracy"]["standard_deviation"] == pytest.approx(binomial, rel=0.15)
    assert one == two


def test_no_rows_are_no_evaluation() -> None:
    """An empty hold-out is an error, never an accuracy."""
    with pytest.raises(JobError, match="the hold-out has no rows"):
        evaluate_classes([], [])


def test_each_row_has_one_prediction() -> None:
    """Numbers that do not match are a fault of the script."""
    with pytest.raises(ValueError, match="1 predictions for 2 rows"):
        evaluate_classes(["a", "b"], ["a"])


def test_without_a_champion_there_is_nothing_to_compare_with() -> None:
    """The evaluation is that of the challenger, and says so."""
    document = evaluate_run(ACTUAL, PREDICTED, None, "accuracy")
    assert document == {
        **evaluate_classes(ACTUAL, PREDICTED),
        "champion": None,
        "comparison": None,
    }


def test_the_champion_is_scored_on_the_same_rows() -> None:
    """Its metrics are those that it would have alone, and the difference is between both."""
    document = evaluate_run(ACTUAL, PREDICTED, Champion("iris-1", CHAMPIONS), "accuracy")
    assert document["metrics"] == evaluate_classes(ACTUAL, PREDICTED)["metrics"]
    assert document["champion"] == {
        "run_id": "iris-1",
        "status": "scored",
        "reason": "",
        "metrics": evaluate_classes(ACTUAL, CHAMPIONS)["metrics"],
    }
    comparison = compare_classes(ACTUAL, PREDICTED, CHAMPIONS, metric="accuracy")
    assert comparison
    assert document["comparison"] == comparison.document()
    assert document["comparison"]["difference"] == pytest.approx(
        document["metrics"]["accuracy"] - document["champion"]["metrics"]["accuracy"]
    )


def test_an_unusable_champion_is_reported() -> None:
    """It has a reason and no metric, and nothing is compared."""
    champion = Champion("iris-1", None, "it was made for other columns")
    document = evaluate_run(ACTUAL, PREDICTED, champion, "accuracy")
    assert document["champion"] == {
        "run_id": "iris-1",
        "status": "unusable",
        "reason": "it was made for other columns",
        "metrics": {},
    }
    assert document["comparison"] is None


@pytest.mark.parametrize("metric", [None, "auc"])
def test_what_cannot_be_compared_is_null(metric: str | None) -> None:
    """Without a metric, or with one that is not there, both are still scored."""
    document = evaluate_run(ACTUAL, PREDICTED, Champion("iris-1", CHAMPIONS), metric)
    assert document["comparison"] is None
    assert document["champion"]["metrics"]


def test_less_is_better_when_the_judge_says_so() -> None:
    """The difference turns round."""
    champion = Champion("iris-1", CHAMPIONS)
    higher = evaluate_run(ACTUAL, PREDICTED, champion, "accuracy")
    lower = evaluate_run(ACTUAL, PREDICTED, champion, "accuracy", higher_is_better=False)
    assert lower["comparison"]["difference"] == -higher["comparison"]["difference"]


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    """The file is strict JSON in a folder that need not exist."""
    document = evaluate_run(ACTUAL, PREDICTED, Champion("iris-1", CHAMPIONS), "accuracy")
    write_evaluation(document, tmp_path / "evaluation" / "evaluation.json")
    assert json.loads((tmp_path / "evaluation" / "evaluation.json").read_text("utf-8")) == document


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_json_does_not_have_are_refused(tmp_path: Path, value: float) -> None:
    """The error names the metric, and nothing is written that a judge could misread."""
    path = tmp_path / "evaluation.json"
    with pytest.raises(JobError, match=r"no finite number: metrics\.accuracy"):
        write_evaluation({"metrics": {"rows": 3, "accuracy": value}}, path)
    assert not path.exists()
