"""What retrain does when preprocessing fails: again, from copies, or told as it was."""

import re
from typing import Any

import pytest
from dropforge_core import contracts, naming

from .conftest import evaluate, load_machine
from .test_arguments import DATA, OPTIONS, RUN_ID, run_input, substitute

ERROR = {"step": "Prepare", "error": "States.TaskFailed", "cause": "{}"}
RESTORED = DATA | {"restored": 1}
LONGEST = f"{'a' * naming.PIPELINE_LENGTH}-20261121t052011-1a2b3c4d"


class Retrain:
    """The machine, as far as it is followed, and its variables."""

    def __init__(self, *, glue: bool, **given: Any) -> None:
        """Go as far as the first state that does something."""
        self.machine = substitute(load_machine("retrain"), OPTIONS[0])
        run = run_input(OPTIONS[0]) | given
        if not glue:
            del run["config"]["preprocess"]["glue"]
        context = {"Execution": {"Id": "arn:execution"}}
        self.variables: dict[str, Any] = {"states": {"input": run, "context": context}}
        self.variables |= evaluate(self.machine["States"]["Begin"]["Assign"], self.variables)
        self.state = self.chosen("Resume")

    def fail(self, error: str = "States.TaskFailed") -> None:
        """Let the state fail, and be caught."""
        [catch] = self.machine["States"][self.state]["Catch"]
        told = {"errorOutput": {"Error": error, "Cause": "{}"}}
        states = {**self.variables["states"], **told}
        self.variables |= evaluate(catch["Assign"], {**self.variables, "states": states})
        self.state = catch["Next"]

    def answer(self, payload: dict[str, Any]) -> None:
        """Let the function RestoreInputs answer, having asked it what it takes."""
        contracts.RestoredInputs.read(payload)
        given = self.arguments()["Payload"]
        contracts.FailedPreparation.read(given)
        state = self.machine["States"][self.state]
        states = {**self.variables["states"], "result": {"Payload": payload}}
        self.variables |= evaluate(state["Assign"], {**self.variables, "states": states})
        self.state = self.chosen(state["Next"])

    def arguments(self) -> Any:
        """Return what the state sends."""
        return evaluate(self.machine["States"][self.state]["Arguments"], self.variables)

    def jobs(self) -> list[str]:
        """Name what preprocesses: the job or the nested execution, and what would be adopted."""
        if self.state == "PrepareOnGlue":
            return [self.arguments()["Name"]]
        branch = self.machine["States"][self.state]["Branches"][0]["States"]
        created = evaluate(branch["Preprocess"]["Arguments"], self.variables)
        adopted = evaluate(branch["AdoptPreprocess"]["Arguments"], self.variables)
        return [created["ProcessingJobName"], adopted["Input"]["name"]]

    def chosen(self, state: str) -> str:
        """Go through choices; return the first state that is none."""
        while (found := self.machine["States"][state])["Type"] == "Choice":
            rules = (one for one in found["Choices"] if evaluate(one["Condition"], self.variables))
            state = next((one["Next"] for one in rules), found["Default"])
        return state


@pytest.mark.parametrize("glue", [False, True])
def test_it_preprocesses_again_under_another_name(*, glue: bool) -> None:
    """Twice, with what is told of the data; then it goes on as if the first had done it."""
    retrain = Retrain(glue=glue)
    first, name = retrain.state, f"{RUN_ID}-prepare-1"
    names = [name] if glue else [f"{RUN_ID.replace('_', '-')}-preprocess-1"] * 2
    assert retrain.jobs() == names
    for again in (2, 3):
        retrain.fail()
        asked = contracts.FailedPreparation.read(retrain.arguments()["Payload"])
        assert (asked.round, asked.error.step) == (again - 1, first)
        retrain.answer({"data": RESTORED | {"restored": again}})
        assert retrain.state == first
        assert retrain.jobs() == [f"{one}-{again}" for one in names]
    payload = evaluate(
        retrain.machine["States"]["Notify"]["Arguments"],
        retrain.variables | {"outcome": {"status": "REJECTED", "reason": "So it was."}},
    )["Payload"]
    end = contracts.RunEnd.read(payload)
    assert (end.attempt, end.data.restored, end.error) == (1, 3, None)


@pytest.mark.parametrize("glue", [False, True])
def test_what_is_not_for_want_of_data_fails_the_run(*, glue: bool) -> None:
    """It is told as the function answers it: the step's own error, or that nothing is left."""
    retrain = Retrain(glue=glue)
    retrain.fail()
    retrain.answer({"data": DATA, "error": ERROR})
    assert retrain.state == "Notify"
    end = contracts.RunEnd.read(retrain.arguments()["Payload"])
    assert (end.status, end.error) == ("FAILED", contracts.StepError(**ERROR))


def test_a_function_that_fails_leaves_the_error_as_it_was() -> None:
    """Nobody can tell, so the run fails for the reason that it had."""
    retrain = Retrain(glue=False)
    retrain.fail()
    [catch] = retrain.machine["States"]["RestoreInputs"]["Catch"]
    assert (catch["ErrorEquals"], catch["Next"]) == (["States.ALL"], "Notify")
    assert "Assign" not in catch
    assert retrain.variables["outcome"]["error"]["error"] == "States.TaskFailed"


@pytest.mark.parametrize(("status", "end"), [("FAILED", "Failed"), ("REJECTED", "Succeeded")])
def test_the_hub_ends_a_run_that_is_over(status: str, end: str) -> None:
    """A failed run is a failed execution, also when the ledger could not be closed."""
    retrain = Retrain(glue=False)
    finish = retrain.machine["States"]["Finish"]
    outcome = {"status": status, "error": ERROR}
    retrain.variables |= {"outcome": outcome} | evaluate(finish["Assign"], retrain.variables)
    assert retrain.chosen(finish["Next"]) == end
    told = {"errorOutput": {"Error": "E", "Cause": "C"}}
    caught = evaluate(finish["Catch"][0]["Assign"], {"states": told})
    retrain.variables |= caught
    assert retrain.chosen(finish["Catch"][0]["Next"]) == "Failed"


def test_names_fit_and_are_those_that_the_tool_looks_for() -> None:
    """The longest run id, in its last attempt and round."""
    assert len(LONGEST) == naming.RUN_ID_LENGTH
    retrain = Retrain(glue=False, run_id=LONGEST, attempt=99)
    seen = []
    for number in range(naming.PREPARATIONS):
        seen.append(retrain.jobs()[0])
        retrain.fail()
        retrain.answer({"data": RESTORED | {"restored": number + 1}})
    assert naming.preprocess_jobs(LONGEST, 99) == seen[::-1]
    assert max(map(len, seen)) == naming.SAGEMAKER_NAME_LENGTH
    assert all(re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*", name) for name in seen)
