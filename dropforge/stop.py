"""`dropforge stop`: end a run that goes on, with its nested executions and its jobs."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError
from dropforge_core.aws_errors import error_code
from dropforge_core.endpoints import endpoint_state, is_settled
from dropforge_core.failures import STOPPED
from dropforge_core.naming import aws_name, preprocess_jobs
from dropforge_core.records import Run
from dropforge_core.removal import names_of

from dropforge import output
from dropforge.errors import CommandError, InputError
from dropforge.runs import find_run
from dropforge.target import Target
from dropforge.waiting import watching

_LONGEST_COMMENT = 1024


def stop(target: Target, run_id: str, comment: str | None) -> Run:
    """Stop a run's execution and what it started; the run itself is closed by the stack.

    Raises:
        InputError: there is no such run, it does not go on, or the comment is too long.
        CommandError: it is only being started, or its endpoint is being changed already.
    """
    if comment is not None and len(comment) > _LONGEST_COMMENT:
        raise InputError(f"--comment: {len(comment)} characters; at most {_LONGEST_COMMENT}.")
    run = find_run(target, run_id)
    if run.status == "WAITING_FOR_APPROVAL":
        raise InputError(
            f"Run {run_id} waits for a person: turn it down: dropforge approve {run_id} --reject"
        )
    if run.status != "RUNNING":
        raise InputError(f"Run {run_id} does not go on: it ended {run.status}.")
    _check_endpoint(target, run)
    try:
        target.stepfunctions.stop_execution(
            executionArn=run.execution, error=STOPPED, cause=comment or ""
        )
    except target.stepfunctions.exceptions.ExecutionDoesNotExist as err:
        raise CommandError(f"Run {run_id} is only being started: try again in a moment.") from err
    _end_what_it_started(target, run)
    return run


def wait(target: Target, run: Run, timeout: float) -> Run:
    """Wait until the stack has closed the run.

    Raises:
        CommandError: time is up, or the run had ended by itself before.
        KeyboardInterrupt: the person would not wait.
    """
    with watching(target, run.pipeline, timeout) as watch:
        ended = watch.until_ended(run)
    if ended.status != "FAILED":
        raise CommandError(f"Run {run.run_id} had ended {ended.status} before it was stopped.")
    return ended


def _check_endpoint(target: Target, run: Run) -> None:
    """Refuse once the endpoint is changing: nobody can stop that, and the run must not deny it."""
    if not _is_running(target, _nested(target, run, "Deploy")):
        return
    state = endpoint_state(target.client("sagemaker"), str(run.endpoint["name"]))
    if not is_settled(state) or state.config in names_of(run):
        raise CommandError(
            f"Run {run.run_id} is changing its endpoint already, which cannot be stopped: wait for"
            f" its end, then go back: dropforge rollback {run.pipeline}"
        )


def _end_what_it_started(target: Target, run: Run) -> None:
    """Stop what the run's attempt started; Step Functions does it too, as well as it can."""
    sagemaker, stepfunctions = target.client("sagemaker"), target.stepfunctions
    for machine in ("Approve", "Judge", "Deploy"):
        execution = _nested(target, run, machine)
        if _is_running(target, execution):
            stepfunctions.stop_execution(executionArn=execution, error=STOPPED)
            output.say(f"Stopped the execution {execution.rpartition(':')[2]}.")
    name, attempt = aws_name(run.run_id), run.attempt
    evaluations = [f"{name}-evaluate-{attempt}", f"{name}-evaluate-{attempt}-2"]
    for job in (*preprocess_jobs(run.run_id, attempt), *evaluations):
        _stop_job(job, lambda job: sagemaker.stop_processing_job(ProcessingJobName=job))
    _stop_job(
        f"{name}-train-{attempt}", lambda job: sagemaker.stop_training_job(TrainingJobName=job)
    )


def _stop_job(name: str, stop_job: Callable[[str], Any]) -> None:
    """Stop a job; one that is not there or has ended already refuses it."""
    try:
        stop_job(name)
    except ClientError as err:
        if error_code(err) not in {"ResourceNotFound", "ValidationException"}:
            raise
        return
    output.say(f"Stopped the job {name}.")


def _nested(target: Target, run: Run, machine: str) -> str:
    """Return the ARN that an execution of a nested machine has, if the run's attempt started it."""
    arn = target.output("RetrainStateMachineArn").removesuffix("retrain") + machine.lower()
    executions = arn.replace(":stateMachine:", ":execution:")
    return f"{executions}:{run.run_id}-{machine.lower()}-{run.attempt}"


def _is_running(target: Target, execution: str) -> bool:
    try:
        found = target.stepfunctions.describe_execution(executionArn=execution)
    except target.stepfunctions.exceptions.ExecutionDoesNotExist:
        return False
    return found["status"] == "RUNNING"
