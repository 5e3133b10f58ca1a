"""Requests through an endpoint's swap from one model to another: every one is answered."""

from datetime import datetime

from .stack import Stack
from .traffic import EACH, REQUESTS, drop_meanwhile


def test_no_request_fails_through_a_swap(stack: Stack) -> None:
    """Each is answered by one of both models, and by the new one from the swap on."""
    stack.publish("swap", answer="1", serve="slow")
    assert stack.run("swap", "1\n")["status"] == "DEPLOYED"
    stack.publish("swap", answer="2", serve="slow")
    run, answers = drop_meanwhile(stack, "swap")
    assert (run["status"], run["endpoint"]["action"]) == ("DEPLOYED", "UPDATED")

    assert len(answers) >= REQUESTS
    assert {(answer.status, answer.body) for answer in answers} == {(200, "1"), (200, "2")}
    for body in "12":
        assert sum(answer.body == body for answer in answers) >= EACH
    # In one step: who asks after anybody has had the new model's answer gets the new model.
    swapped = min(answer.there for answer in answers if answer.body == "2")
    assert {answer.body for answer in answers if answer.asked > swapped} == {"2"}
    deployed = datetime.fromisoformat(run["ended_at"]).timestamp()
    assert swapped < deployed


def test_no_request_fails_through_an_update_that_is_rolled_back(stack: Stack) -> None:
    """The old model answers all of them."""
    stack.publish("swap_back", answer="1", serve="slow")
    assert stack.run("swap_back", "1\n")["status"] == "DEPLOYED"
    stack.publish("swap_back", answer="2", serve="broken")
    run, answers = drop_meanwhile(stack, "swap_back")
    assert run["status"] == "ROLLED_BACK"
    assert len(answers) >= REQUESTS
    assert {(answer.status, answer.body) for answer in answers} == {(200, "1")}
