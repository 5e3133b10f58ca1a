"""How people look further: commands to type, and pages of AWS's console."""

from dataclasses import dataclass
from urllib.parse import quote

from dropforge_core.contracts import RunNews
from dropforge_core.naming import aws_name, evaluated

_CONSOLES = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}
_CONSOLE = "console.aws.amazon.com"
_ARN_PARTS = 8
# The tool's own default, which need not be typed.
_STACK = "dropforge"


@dataclass(frozen=True, kw_only=True)
class Guide:
    """Knows a stack; ``on_aws`` is False in an embedded AWS, which has no console."""

    stack: str
    artifacts_bucket: str
    on_aws: bool

    def command(self, words: str) -> str:
        """Return a command of the tool's that acts on this stack."""
        stack = "" if self.stack == _STACK else f" --stack {self.stack}"
        return f"dropforge {words}{stack}{' --target aws' if self.on_aws else ''}"

    def links(self, news: RunNews) -> list[tuple[str, str]]:
        """List pages of the console about a run, as label and address; [] without any.

        What comes from a run is quoted, so that an address holds nothing but an address.
        """
        parts = news.execution.split(":")
        if not self.on_aws or len(parts) != _ARN_PARTS:
            return []
        region = _safe(parts[3])
        console = f"https://{region}.{_CONSOLES.get(parts[1], _CONSOLE)}"
        execution = f"#/v2/executions/details/{_safe(news.execution)}"
        pages = [("Execution", f"{console}/states/home?region={region}{execution}")]
        if news.metrics:
            key = _safe(evaluated(news.run_id, "report.html"))
            bucket = f"{console}/s3/object/{self.artifacts_bucket}"
            pages.append(("Report", f"{bucket}?region={region}&prefix={key}"))
        what, group = _log(news)
        logs = f"{console}/cloudwatch/home?region={region}#logsV2:log-groups/log-group"
        return [*pages, (f"Log of {what}", f"{logs}/{group}")]


def _log(news: RunNews) -> tuple[str, str]:
    """Return whose log is of interest: what failed, else training; and its place in the console."""
    step = news.error.step if news.error else ""
    if step == "Deploy" or news.status == "ROLLED_BACK":
        return "the endpoint", _logged(f"/aws/sagemaker/Endpoints/{news.endpoint.name}")
    kind, job = {
        "Prepare": ("Processing", "preprocess"),
        "Evaluate": ("Processing", "evaluate"),
    }.get(step, ("Training", "train"))
    name = _safe(f"{aws_name(news.run_id)}-{job}-{news.attempt}")
    return job, _logged(f"/aws/sagemaker/{kind}Jobs") + _twice(f"?logStreamNameFilter={name}")


def _logged(group: str) -> str:
    return _twice(_safe(group))


def _twice(text: str) -> str:
    """Quote once more as CloudWatch's console does, which writes $ for the percent sign."""
    return _safe(text).replace("%", "$")


def _safe(text: str) -> str:
    return quote(text, safe="")
