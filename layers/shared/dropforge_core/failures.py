"""What failed and why, in one sentence, from the error that a state machine caught."""

from dropforge_core.contracts import StepError
from dropforge_core.cut_json import member
from dropforge_core.redaction import redact

LONGEST = 500
# The error that `dropforge stop` gives an execution.
STOPPED = "StoppedByPerson"
_TRACEBACK = "Traceback (most recent call last):"
_DEEPEST = 4
_JOB_NAMES = {
    "TrainingJobName": "training job",
    "ProcessingJobName": "processing job",
    "JobName": "Glue job",
}
# These names say only that something failed; a name that the cause holds says what.
_VAGUE = {"States.TaskFailed", "RunFailed", ""}


def describe(error: StepError) -> str:
    """Return one sentence of at most 500 characters that names step, error and reason.

    The cause may be SageMaker's Describe answer, a Lambda error, a nested execution's Describe
    answer, or plain text; the JSON may be cut. Tracebacks are reduced to their last line, web
    addresses are removed.
    """
    if error.error == STOPPED:
        why = _plain(error.cause)
        sentence = f"A person stopped it: {why}" if why else "A person stopped it"
        return shortened(redact(sentence), LONGEST - 1).rstrip(".") + "."
    name, reason, job = _look(error.error, error.cause)
    subject = f"{error.step} ({job})" if job else error.step
    sentence = f"{subject} failed with {name or 'an unnamed error'}"
    sentence += f": {reason}" if reason else ", without a reason"
    return shortened(redact(sentence), LONGEST - 1).rstrip(".") + "."


def shortened(text: str, longest: int) -> str:
    """Cut a text, and show that it was cut."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def _look(name: str, cause: str, depth: int = 0) -> tuple[str, str, str]:
    """Find the most telling name, reason and job in a cause, which may hold another cause."""
    if depth == _DEEPEST:
        return name, _plain(cause), ""
    inner = _text(cause, "Error"), _text(cause, "Cause")
    if any(inner):
        return _look(inner[0] or name, inner[1], depth + 1)
    lambda_error = _text(cause, "errorType"), _text(cause, "errorMessage")
    if any(lambda_error):
        return (lambda_error[0] if name in _VAGUE else name), _plain(lambda_error[1]), ""
    reasons = [_text(cause, name) for name in ("FailureReason", "ErrorMessage", "ExitMessage")]
    said = dict.fromkeys(_plain(reason) for reason in reasons if reason)
    if said:
        return name, "; ".join(said), _job(cause)
    if cause.lstrip().startswith("{"):
        status = _text(cause, "TrainingJobStatus") or _text(cause, "ProcessingJobStatus")
        # Of a job that was ended at its longest runtime only this tells it.
        further = _text(cause, "SecondaryStatus")
        reason = f"it ended as {status or _text(cause, 'Status') or 'failed'}"
        reason += f" ({further})" if further not in {"", status} else ""
        return name, reason, _job(cause)
    return name, _plain(cause), ""


def _job(cause: str) -> str:
    """Name the job that a Describe answer is of."""
    for field, kind in _JOB_NAMES.items():
        if job := _text(cause, field):
            return f"{kind} {job}"
    return ""


def _text(document: str, name: str) -> str:
    value = member(document, name)
    return value if isinstance(value, str) else ""


def _plain(text: str) -> str:
    """Make one line of a text, and of a traceback in it only the line that names the error."""
    before, found, trace = text.partition(_TRACEBACK)
    if found:
        lines = [line for line in trace.splitlines() if line and not line[0].isspace()]
        text = f"{before} {lines[-1] if lines else ''}"
    return " ".join(text.split())
