"""The baseline: the same work by state machines that look every 30 seconds, as is usual.

Either jobs and endpoint are polled, or the jobs are `.sync` and only the endpoint is, as published
pipelines do. Both in JSONata, so that one interpreter runs them and the shipped machines.
"""

from typing import Any

SECONDS = 30


def machine(*, poll_jobs: bool) -> dict[str, Any]:
    """Return the definition: three jobs, then model, config, endpoint, all waited for."""
    jobs = [
        ("Preprocess", "Processing", {"ProcessingJobName": "preprocess"}),
        ("Train", "Training", {"TrainingJobName": "train"}),
        ("Evaluate", "Processing", {"ProcessingJobName": "evaluate"}),
    ]
    states: dict[str, Any] = {}
    for (name, kind, request), following in zip(
        jobs, ["Train", "Evaluate", "CreateModel"], strict=True
    ):
        states |= (
            _polled(name, kind, request, following)
            if poll_jobs
            else {name: _task(f"sagemaker:create{kind}Job.sync", request, following)}
        )
    states |= {
        "CreateModel": _task("aws-sdk:sagemaker:createModel", {"ModelName": "m"}, "CreateConfig"),
        "CreateConfig": _task(
            "aws-sdk:sagemaker:createEndpointConfig", {"EndpointConfigName": "c"}, "CreateEndpoint"
        ),
        "CreateEndpoint": _task(
            "aws-sdk:sagemaker:createEndpoint",
            {"EndpointName": "e", "EndpointConfigName": "c"},
            "WaitEndpoint",
        ),
    }
    describe = _task("aws-sdk:sagemaker:describeEndpoint", {"EndpointName": "e"}, "ChooseEndpoint")
    in_service = "{% $states.input.EndpointStatus = 'InService' %}"
    states |= _loop("Endpoint", describe, in_service, "Done")
    return {
        "QueryLanguage": "JSONata",
        "StartAt": "Preprocess",
        "States": states | {"Done": {"Type": "Succeed"}},
    }


def _polled(name: str, kind: str, request: dict[str, str], following: str) -> dict[str, Any]:
    start = {name: _task(f"aws-sdk:sagemaker:create{kind}Job", request, f"Wait{name}")}
    describe = _task(f"aws-sdk:sagemaker:describe{kind}Job", request, f"Choose{name}")
    ended = f"{{% $states.input.{kind}JobStatus = 'Completed' %}}"
    return start | _loop(name, describe, ended, following)


def _loop(name: str, describe: dict[str, Any], ended: str, following: str) -> dict[str, Any]:
    """Wait, describe, choose, and again."""
    return {
        f"Wait{name}": {"Type": "Wait", "Seconds": SECONDS, "Next": f"Describe{name}"},
        f"Describe{name}": describe,
        f"Choose{name}": {
            "Type": "Choice",
            "Choices": [{"Condition": ended, "Next": following}],
            "Default": f"Wait{name}",
        },
    }


def _task(resource: str, arguments: dict[str, str], following: str) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{resource}",
        "Arguments": arguments,
        "Next": following,
    }
