import pytest
from dropforge_core.contracts import StepError
from dropforge_core.guide import Guide

from tests.unit.dropforge_core.news import EXECUTION, HERE, HOSTILE, ON_AWS, RUN, some_news


def test_commands_act_where_the_stack_is() -> None:
    """What is the tool's default need not be typed."""
    assert HERE.command(f"show {RUN}") == f"dropforge show {RUN}"
    assert ON_AWS.command(f"show {RUN}") == f"dropforge show {RUN} --stack flowers --target aws"


def test_there_are_no_links_without_a_console() -> None:
    """The embedded AWS has none, and a skipped run no execution."""
    assert HERE.links(some_news()) == []
    assert ON_AWS.links(some_news("SKIPPED", execution="")) == []


def test_links_lead_to_execution_report_and_log() -> None:
    """Of the run's own region; CloudWatch's names are escaped as its console does."""
    links = dict(ON_AWS.links(some_news(metrics={"accuracy": 1})))
    console = "https://eu-west-1.console.aws.amazon.com"
    assert links == {
        "Execution": f"{console}/states/home?region=eu-west-1#/v2/executions/details/"
        + EXECUTION.replace(":", "%3A"),
        "Report": f"{console}/s3/object/flowers-artifacts?region=eu-west-1"
        f"&prefix=runs%2F{RUN}%2Fevaluate%2Freport.html",
        "Log of train": f"{console}/cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/"
        f"$252Faws$252Fsagemaker$252FTrainingJobs$3FlogStreamNameFilter$3D{RUN}-train-1",
    }


def test_a_run_that_was_not_evaluated_has_no_report() -> None:
    """A link that leads nowhere is worse than none."""
    assert "Report" not in dict(ON_AWS.links(some_news("FAILED", "NONE")))


@pytest.mark.parametrize(
    ("step", "label", "part"),
    [
        ("Prepare", "Log of preprocess", f"ProcessingJobs$3FlogStreamNameFilter$3D{RUN}-pre"),
        ("Evaluate", "Log of evaluate", f"ProcessingJobs$3FlogStreamNameFilter$3D{RUN}-eval"),
        ("Train", "Log of train", "TrainingJobs"),
        ("Deploy", "Log of the endpoint", "sagemaker$252FEndpoints$252Fdropforge-iris"),
    ],
)
def test_the_log_is_that_of_what_failed(step: str, label: str, part: str) -> None:
    """Where people have to look."""
    news = some_news("FAILED", "NONE", error=StepError(step=step, error="States.TaskFailed"))
    assert part in dict(ON_AWS.links(news))[label]


@pytest.mark.parametrize(
    ("partition", "host"),
    [
        ("aws-cn", "https://cn-north-1.console.amazonaws.cn/"),
        ("aws-us-gov", "https://cn-north-1.console.amazonaws-us-gov.com/"),
    ],
)
def test_each_partition_has_its_console(partition: str, host: str) -> None:
    """China and GovCloud have domains of their own."""
    execution = f"arn:{partition}:states:cn-north-1:123456789012:execution:a:b"
    assert ON_AWS.links(some_news(execution=execution))[0][1].startswith(host)


def test_nothing_of_a_run_ends_an_address() -> None:
    """Whatever names hold, an address has no space, quote, bracket or bar."""
    hostile = HOSTILE.replace(":", "")
    news = some_news(
        run_id=hostile,
        execution=f"arn:aws:states:{hostile}:1:execution:a:{hostile}",
        metrics={"a": 1},
    )
    for guide in (ON_AWS, Guide(stack="a", artifacts_bucket="b", on_aws=True)):
        for _, address in guide.links(news):
            assert not set(address) & set("<>|\"' \n")
