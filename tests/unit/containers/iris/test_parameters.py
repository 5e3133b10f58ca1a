import pytest
from iris_image.parameters import ParameterError, cast_parameters
from sklearn.tree import DecisionTreeClassifier


def test_text_becomes_what_the_tree_takes() -> None:
    """SageMaker passes every hyperparameter as text."""
    texts = {
        "criterion": "entropy",
        "splitter": "random",
        "max_depth": "3",
        "max_leaf_nodes": "none",
        "min_samples_split": "4",
        "min_samples_leaf": " 2 ",
        "class_weight": "balanced",
        "random_state": "4294967295",
    }
    parameters = cast_parameters(texts)
    assert parameters == {
        "criterion": "entropy",
        "splitter": "random",
        "max_depth": 3,
        "max_leaf_nodes": None,
        "min_samples_split": 4,
        "min_samples_leaf": 2,
        "class_weight": "balanced",
        "random_state": 2**32 - 1,
    }
    DecisionTreeClassifier(**parameters).fit([[0], [1]], ["a", "b"])  # takes them all


def test_trainings_repeat_by_default() -> None:
    """Without hyperparameters the random state is still fixed."""
    assert cast_parameters({}) == {"random_state": 0}


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        (
            "max_depth",
            "three",
            "max_depth is 'three'; it must be a whole number of at least 1 or none",
        ),
        ("max_depth", "0", "at least 1"),
        ("max_leaf_nodes", "1", "at least 2"),
        ("max_leaf_nodes", "2.5", "at least 2"),
        ("min_samples_leaf", "none", "at least 1"),
        ("min_samples_leaf", "", "at least 1"),
        ("random_state", "4294967296", "one of 0 to 4294967295"),
        ("random_state", "-1", "one of 0 to 4294967295"),
        ("criterion", "Gini", "one of gini, entropy, log_loss"),
        ("class_weight", "{}", "one of none, balanced"),
        ("max_depth", 3, "max_depth is no text but 3"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(name: str, text: str, reason: str) -> None:
    """The error says which hyperparameter, its value, and what it has to be."""
    with pytest.raises(ParameterError, match=reason):
        cast_parameters({name: text})


def test_an_unknown_name_is_an_error_that_lists_the_known_ones() -> None:
    """A misspelt hyperparameter is not ignored."""
    with pytest.raises(
        ParameterError, match="unknown hyperparameter 'max_dept'; known are criterion, "
    ):
        cast_parameters({"max_dept": "3"})
