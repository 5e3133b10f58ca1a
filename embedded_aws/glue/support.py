"""What of each request this Glue honours; a field or an operation that is not here is refused."""

from collections.abc import Mapping
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker.support import unsupported
from embedded_aws.sagemaker.support_kinds import HONOURED, RECORDED, TAGS, Fields, Only

_JOB: Fields = {
    "Command": {
        "Name": Only(("glueetl",)),
        "PythonVersion": Only(("3",)),
        "ScriptLocation": HONOURED,
    },
    "DefaultArguments": HONOURED,
    "Description": RECORDED,
    "ExecutionProperty": {"MaxConcurrentRuns": HONOURED},
    "GlueVersion": HONOURED,
    "MaxRetries": Only((0,)),
    "NumberOfWorkers": RECORDED,
    "Role": RECORDED,
    "Timeout": HONOURED,
    "WorkerType": RECORDED,
}
SUPPORT: Mapping[str, Fields] = {
    "CreateJob": {**_JOB, "Name": HONOURED, "Tags": TAGS},
    "UpdateJob": {"JobName": HONOURED, "JobUpdate": _JOB},
    "GetJob": {"JobName": HONOURED},
    "DeleteJob": {"JobName": HONOURED},
    "StartJobRun": {
        "Arguments": HONOURED,
        "JobName": HONOURED,
        "NumberOfWorkers": RECORDED,
        "Timeout": HONOURED,
        "WorkerType": RECORDED,
    },
    "GetJobRun": {"JobName": HONOURED, "RunId": HONOURED},
    "GetJobRuns": {"JobName": HONOURED},
    "BatchStopJobRun": {"JobName": HONOURED, "JobRunIds": HONOURED},
}


def check(operation: str, request: Mapping[str, Any]) -> None:
    """Raise AwsError for a request that Glue would refuse, or that asks for what is not done."""
    if operation not in SUPPORT:
        raise _not_implemented(operation)
    shape = _MODEL.operation_model(operation).input_shape
    report = ParamValidator().validate(dict(request), shape) if shape else None
    if report and report.has_errors():
        raise AwsError("InvalidInputException", report.generate_report())
    # Tags are a plain map here.
    given = {name: value for name, value in request.items() if name != "Tags"}
    problems = list(unsupported(SUPPORT[operation], given, ""))
    if problems:
        raise _not_implemented(f"{operation} with {', '.join(problems)}")


def _not_implemented(what: str) -> AwsError:
    return AwsError("NotImplemented", f"The embedded AWS's Glue does not support {what}.", 501)


_MODEL = botocore.session.get_session().get_service_model("glue")
