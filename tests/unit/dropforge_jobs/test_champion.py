import pytest

from dropforge_jobs.champion import ask_champion
from dropforge_jobs.jobs import JobError


def test_a_champion_answers_every_row() -> None:
    """Its answers are kept as they came, and there is nothing to explain."""
    champion = ask_champion("iris-1", 2, lambda: ["a", "b"])
    assert (champion.run_id, champion.answers, champion.reason) == ("iris-1", ["a", "b"], "")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (JobError("model.tar.gz holds no usable model"), "model.tar.gz holds no usable model"),
        (KeyError("depth"), "KeyError: 'depth'"),
        (RecursionError("too deep"), "RecursionError: too deep"),
        (JobError("x" * 1000), "x" * 300),
    ],
)
def test_whatever_goes_wrong_makes_it_unusable(error: Exception, reason: str) -> None:
    """The reason is kept, and the run goes on."""

    def fail() -> list[str]:
        raise error

    champion = ask_champion("iris-1", 2, fail)
    assert (champion.answers, champion.reason) == (None, reason)


def test_an_answer_too_few_makes_it_unusable() -> None:
    """Answers that do not match the rows would be compared with the wrong ones."""
    assert ask_champion("iris-1", 2, lambda: ["a"]).reason == "it gave 1 answers to 2 rows"


def test_being_stopped_is_no_fault_of_the_champion() -> None:
    """Only errors are; a job that is told to end ends."""

    def stopped() -> list[str]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask_champion("iris-1", 2, stopped)
