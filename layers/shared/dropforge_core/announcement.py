"""What people are told of a run, whatever the channel."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dropforge_core import words
from dropforge_core.contracts import RunNews
from dropforge_core.costs import job_usd, total_usd
from dropforge_core.failures import describe
from dropforge_core.guide import Guide
from dropforge_core.redaction import redact
from dropforge_core.times import parsed, seconds_between

_TITLES = {
    ("DEPLOYED", "CREATED"): "✅ {pipeline}: deployed, endpoint created",
    ("DEPLOYED", "UPDATED"): "✅ {pipeline}: deployed, endpoint updated",
    "DEPLOYED": "✅ {pipeline}: deployed",
    "REJECTED": "🛑 {pipeline}: rejected, endpoint untouched",
    "ROLLED_BACK": "↩️ {pipeline}: rolled back, the old model serves",
    "UNDONE": "↩️ {pipeline}: rolled back, there is no endpoint",
    "SKIPPED": "⏭️ {pipeline}: skipped, nothing new to use",
    "FAILED": "❌ {pipeline}: failed",
    "WAITING_FOR_APPROVAL": "⏸️ {pipeline}: waits for approval",
    "RUNNING": "▶️ {pipeline}: runs",
}
# Of a rollback, which has its own words where it matters which model serves.
_ROLLBACK_TITLES = {
    "DEPLOYED": "↩️ {pipeline}: went back to the model of {run}",
    "ROLLED_BACK": "↩️ {pipeline}: the model of {run} did not hold, the one before serves",
    "FAILED": "❌ {pipeline}: going back to the model of {run} failed",
}
_SET_ASIDE = (
    "The objects that this run was the first to use are set aside: later runs do not read them."
)
_SETS_ASIDE = (None, "JUDGE", "APPROVER")


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """A run in words: a title that begins with a symbol, sentences, then pairs for people to scan.

    ``metrics``, ``facts`` and ``jobs`` are label and value; ``commands`` are what for and what to
    type; ``links`` are label and address, of AWS's console only.
    """

    title: str
    reason: str
    note: str
    metrics: list[tuple[str, str]]
    facts: list[tuple[str, str]]
    jobs: list[tuple[str, str]]
    commands: list[tuple[str, str]]
    links: list[tuple[str, str]]

    def fields(self) -> dict[str, Any]:
        """Return the same content as a log line's fields."""
        return {
            "title": self.title,
            "reason": self.reason,
            "note": self.note,
            "metrics": dict(self.metrics),
            "facts": dict(self.facts),
            "jobs": self.jobs,
            "commands": dict(self.commands),
            "links": dict(self.links),
        }


def announce(news: RunNews, guide: Guide, now: datetime) -> Announcement:
    """Word what there is to tell of a run."""
    return Announcement(
        title=_title(news),
        reason=redact(describe(news.error) if news.error else news.reason),
        note=_SET_ASIDE if _is_set_aside(news) else "",
        metrics=[
            (name, _metric(value, (news.champion_metrics or {}).get(name)))
            for name, value in news.metrics.items()
        ],
        facts=_facts(news, now),
        jobs=[(f"{job['step']} job", _job(job)) for job in _jobs(news)],
        commands=[(what, guide.command(typed)) for what, typed in _commands(news)],
        links=guide.links(news),
    )


def _title(news: RunNews) -> str:
    undone = news.status == "ROLLED_BACK" and news.endpoint.config is None
    status = "UNDONE" if undone else news.status
    title = _TITLES.get((status, news.endpoint.action)) or _TITLES[status]
    if news.restores:
        title = _ROLLBACK_TITLES.get(news.status, title)
    text = title.format(pipeline=news.pipeline, run=news.restores)
    return f"{text} in {news.error.step}" if news.error else text


def _is_set_aside(news: RunNews) -> bool:
    """Say whether the run's new objects are kept from later runs: somebody judged the model bad."""
    return news.status == "REJECTED" and news.rejected_by in _SETS_ASIDE


def _facts(news: RunNews, now: datetime) -> list[tuple[str, str]]:
    facts = [("Run", news.run_id), ("Endpoint", _endpoint(news))]
    if news.restores is None:  # a rollback waited for no data
        start = parsed(news.first_event_at) or now
        facts.append(("Data", words.data(news.data.dump() | news.rows.dump())))
        if told := words.meanwhile(news.data.dump()):
            facts.append(("Data meanwhile", told))
        facts.append(("Since the first object came", words.duration(seconds_between(start, now))))
    if news.quarantine is not None:
        facts.append(("In quarantine", news.quarantine))
    if news.jobs:
        facts.append(("Jobs' estimated cost", words.money(total_usd(_jobs(news)))))
    if news.model_package is not None:
        facts.append(("Model package", news.model_package))
    if news.waits_until is not None:
        facts.append(("Waits until", words.moment(news.waits_until)))
    if news.error is not None:
        facts.append(("Failed step", news.error.step))
    return facts


def _endpoint(news: RunNews) -> str:
    told = {"CREATED": "created", "UPDATED": "updated", "NONE": "untouched"}
    action = "rolled back" if news.status == "ROLLED_BACK" else told[news.endpoint.action]
    config = f", serves {news.endpoint.config}" if news.endpoint.config else ""
    return f"{news.endpoint.name}: {action}{config}"


def _jobs(news: RunNews) -> list[dict[str, Any]]:
    return [job.dump() for job in news.jobs]


def _job(job: dict[str, Any]) -> str:
    took, cost = words.duration(job["seconds"]), words.money(job_usd(job))
    return f"{took} on {words.machines(job)}, cost {cost}"


def _commands(news: RunNews) -> list[tuple[str, str]]:
    """List what may be typed next."""
    listed = []
    if news.status == "WAITING_FOR_APPROVAL":
        approve = f"approve {news.run_id}"
        listed += [("Approve it", approve), ("Reject it", f"{approve} --reject")]
    if _is_set_aside(news):
        listed.append(("Look at the objects", f"data {news.pipeline}"))
    if news.status == "FAILED" and news.restores:
        listed.append(("Try again", f"rollback {news.pipeline} --to {news.restores}"))
    elif news.status == "FAILED":
        listed.append(("Try again on the same data", f"redrive {news.run_id} --wait"))
    if news.metrics:
        listed.append(("Read the report", f"report {news.run_id}"))
    return [*listed, ("See the run", f"show {news.run_id}")]


def _metric(value: Any, champions: Any) -> str:
    """Word a metric and, if the champion has it too, the champion's and the difference."""
    if champions is None:
        return words.number(value)
    difference = words.difference(value, champions)
    told = f" ({difference})" if difference else ""
    return f"{words.number(value)}, champion {words.number(champions)}{told}"
