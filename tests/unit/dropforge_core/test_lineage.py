import pytest
from dropforge_core.lineage import standing
from dropforge_core.records import Run

from tests.unit.dropforge_core.test_ledger import a_run


def history(*told: str) -> list[Run]:
    """Make runs, newest first, from such as "3" or "3 REJECTED" or "3 restores 1"."""
    runs = []
    for line in told:
        number, *words = line.split()
        changes = {"status": "DEPLOYED"}
        if words and words[0] == "restores":
            changes |= {"kind": "ROLLBACK", "restores": a_run(int(words[1])).run_id}
        elif words:
            changes |= {"status": words[0]}
        if len(words) > 2:
            changes |= {"status": words[2]}
        runs.append(a_run(int(number), **changes))
    return runs


@pytest.mark.parametrize(
    ("told", "stand"),
    [
        ([], []),
        (["3", "2", "1"], [3, 2, 1]),
        (["4 RUNNING", "3", "2 REJECTED", "1"], [3, 1]),
        (["3 restores 1", "2", "1"], [1]),
        (["4", "3 restores 1", "2", "1"], [4, 1]),
        (["4 restores 2", "3", "2", "1"], [2, 1]),
        (["5 restores 1", "4 restores 2", "3", "2", "1"], [1]),
        (["5 restores 3", "4 restores 1", "3", "2", "1"], [3, 2, 1]),
        (["4 restores 1 FAILED", "3", "2", "1"], [3, 2, 1]),
        (["3 restores 2", "2 ROLLED_BACK", "1"], [2, 1]),
    ],
)
def test_the_models_that_were_not_taken_back(told: list[str], stand: list[int]) -> None:
    """Newest first; a rollback stands for the run that it restored, and skips those between."""
    expected = [a_run(number).run_id for number in stand]
    assert [run.run_id for run in standing(history(*told))] == expected
