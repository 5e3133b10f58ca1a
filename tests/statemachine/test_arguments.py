"""Each task's Arguments, with every optional part on and off, against AWS's own models."""

import itertools
import re
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
import regex
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from dropforge_core import contracts
from dropforge_core.after_config import Transform
from dropforge_core.rollout import Rollout, Size

from .conftest import MACHINES, evaluate, load_machine, states_of

RUN_ID = "iris_two-20261121t052011-1a2b3c4d"
MACHINE = {"instance_type": "ml.m5.large", "instance_count": 1, "volume_gb": 10}
KEY = "arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/dropforge/iris:1a2b3c4d5e6f"
ROLE = "arn:aws:iam::123456789012:role/dropforge-SageMakerRole-ABC"

DATA = {"objects": 2, "bytes": 4608, "manifest": "s3://dropforge-data/runs/x/manifest.json"}
CHAMPION = {
    "model_data": "s3://dropforge-artifacts-123456789012-us-east-1/runs/older/model.tar.gz",
    "run_id": "iris_two-20261120t052011-1a2b3c4d",
}

# By machine: the state of retrain that starts it, and what it reads.
NESTED: dict[str, tuple[str, Any]] = {
    "adopt": ("AdoptTrain", contracts.AdoptInput),
    "prepare": ("PrepareOnGlue", contracts.PrepareStart),
    "judge": ("Judge", contracts.JudgeStart),
    "approve": ("Approve", contracts.ApproveInput),
    "deploy": ("Deploy", contracts.DeployInput),
}
SAMPLE = {"data": "5.1,3.5,1.4,0.2", "content_type": "text/csv", "expect": {"a": [1, None]}}
ROLLOUT = Rollout(
    type="canary", size=Size(percent=25), wait_interval_seconds=60, alarms=("errors", "latency")
).resolved()

# Each by itself, each pair, none and all: parts meet in twos where they meet at all.
PARTS = ("vpc", "key", "isolated", "spot", "serverless", "channels", "champion", "script")
GLUE = {
    "job": "dropforge-iris-two-preprocess",
    "script": "preprocess.py",
    "arguments": {"--seed": "1"},
    "worker_type": "G.1X",
    "workers": 2,
}
CHAIN = [
    {"name": "before", "image": IMAGE, "model": "preprocess/before", "environment": {"A": "b"}},
    {"name": "model", "image": IMAGE, "model": "train"},
    {"name": "after", "image": IMAGE},
]

OPTIONS = [
    {part: part in chosen for part in PARTS}
    for count in (0, 1, 2, len(PARTS))
    for chosen in itertools.combinations(PARTS, count)
]


def substitute(value: Any, options: dict[str, bool]) -> Any:
    """Fill in ${Name} as CloudFormation would."""
    texts = {
        "Partition": "aws",
        "StackName": "dropforge",
        "DataBucket": "dropforge-data-123456789012-us-east-1",
        "ArtifactsBucket": "dropforge-artifacts-123456789012-us-east-1",
        "SageMakerRoleArn": ROLE,
        "SubnetIds": "subnet-0a1b,subnet-2c3d" if options["vpc"] else "",
        "SecurityGroupIds": "sg-0a1b" if options["vpc"] else "",
        "NetworkIsolation": "true" if options["isolated"] else "false",
        "KmsKeyArn": KEY if options["key"] else "",
    }
    if isinstance(value, dict):
        return {key: substitute(item, options) for key, item in value.items()}
    if isinstance(value, list):
        return [substitute(item, options) for item in value]
    if isinstance(value, str):
        return re.sub(r"\$\{(\w+)\}", lambda m: texts.get(m[1], f"arn:{m[1]}"), value)
    return value


def run_input(options: dict[str, bool]) -> dict[str, Any]:
    """Return the retrain machine's input, as the trigger gives it."""
    script: dict[str, Any] = {
        "image": IMAGE,
        "entrypoint": ["python3", "/opt/ml/processing/input/code/preprocess.py", "--seed", "1"],
        "environment": {},
        "machine": MACHINE,
        "timeout_seconds": 60,
    }
    train: dict[str, Any] = {
        "image": IMAGE,
        "hyperparameters": {"max_depth": "3"},
        "channels": ["train", "validation"] if options["channels"] else ["train"],
        "environment": {"A": "b"},
        "machine": MACHINE,
        "timeout_seconds": 60,
    } | ({"max_wait_seconds": 120} if options["spot"] else {})
    train |= {"script": "train.py"} if options["script"] else {}
    variant: dict[str, Any] = {"VariantName": "AllTraffic"}
    if options["serverless"]:
        variant["ServerlessConfig"] = {"MemorySizeInMB": 2048, "MaxConcurrency": 3}
    else:
        variant |= {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    serve: dict[str, Any] = {"image": IMAGE, "environment": {}, "variant": variant}
    if options["channels"] and not options["serverless"]:
        serve = {"containers": CHAIN, "mode": "Serial", "variant": variant}
    serve["smoke_test"] = [SAMPLE]
    if not options["serverless"]:
        serve["deployment"] = ROLLOUT
    given = contracts.RetrainInput.model_validate(
        {
            "run_id": RUN_ID,
            "pipeline": "iris_two",
            "attempt": 1,
            "data": DATA,
            "first_event_at": "2026-11-21T05:20:01.000Z",
            "config": {
                "name": "iris_two",
                "version": "1a2b3c4d5e6f",
                "endpoint": "dropforge-iris-two",
                "preprocess": script | {"glue": GLUE},
                "train": train,
                "evaluate": script,
                "serve": serve,
                "after_deploy": Transform().resolved().dump(),
                "approval_timeout_seconds": 3600,
                "judge": {
                    "metric": "accuracy",
                    "thresholds": [{"metric": "accuracy", "bound": "minimum", "value": 0.9}],
                },
            },
        }
    )
    return given.model_dump(mode="json", exclude_none=True, by_alias=True)


def nested_input(name: str, options: dict[str, bool]) -> dict[str, Any]:
    """Return a nested machine's input, as retrain's own Arguments make it."""
    state, contract = NESTED[name]
    given: dict[str, Any] = dict(arguments_of("retrain", options))[state]["Input"]
    contract.model_validate(given)
    return given


def arguments_of(name: str, options: dict[str, bool]) -> Iterator[tuple[str, Any]]:
    """Yield every task of a machine with its rendered Arguments."""
    machine = substitute(load_machine(name), options)
    context = {
        "Execution": {"Id": "arn:aws:states:us-east-1:123456789012:execution:dropforge-retrain:x"},
        "Task": {"Token": "token"},
    }
    given = run_input(options) if name == "retrain" else nested_input(name, options)
    states = {"input": given, "context": context}
    variables: dict[str, Any] = {"states": states, "run": given}
    if "Begin" in machine["States"]:
        variables |= evaluate(machine["States"]["Begin"]["Assign"], variables)
    champion = {"champion": CHAMPION} if options["champion"] else {}
    variables |= {
        "model_data": "s3://dropforge-artifacts-123456789012-us-east-1/runs/x/model.tar.gz",
        "outcome": {"status": "REJECTED", "reason": "accuracy 0.5 is below 0.9."},
        "champion": champion,
        "refusal": {"reason": "Nobody approved the model.", "rejected_by": "TIMEOUT"},
        "phase": "DEPLOYING",
        "wanted": variables.get("name", ""),
        "now": {"status": "InService"},
        "evaluation": {"metrics": {"accuracy": 0.95}},
        "verdict": {"promoted": True, "reason": "accuracy 0.95 is good enough."},
        "judgement": {
            "model_package": "arn:aws:sagemaker:us-east-1:123456789012:model-package/a/1"
        },
    }
    if name == "retrain":
        prepared = [
            {"told": {"hyperparameters": {"num_class": "4"}, "trained_on": "1a2b"}, "jobs": []},
            {"champion": CHAMPION} if options["champion"] else {},
        ]
        variables |= evaluate(
            machine["States"]["Prepare"]["Assign"],
            variables | {"states": states | {"result": prepared}},
        )
    failed = {"outcome": {"status": "FAILED", "error": {"step": "Prepare", "error": "Broken"}}}
    for state_name, state, _ in states_of(machine):
        if state["Type"] == "Task":
            more = failed if state_name == "RestoreInputs" else {}
            yield state_name, evaluate(state["Arguments"], variables | more)


def all_arguments(options: dict[str, bool]) -> dict[str, Any]:
    """Return the rendered Arguments of every task of all machines by its name."""
    return {state: each for name in MACHINES for state, each in arguments_of(name, options)}


def problems(value: Any, shape: Any, where: str) -> Iterator[str]:
    """Yield what botocore's own validator does not look at: enums, patterns, upper limits."""
    size = len(value) if isinstance(value, list | dict | str) else value
    limit = shape.metadata.get("max")
    if limit is not None and size > limit:
        yield f"{where}: {size} is above {limit}"
    if shape.type_name == "structure":
        for key, item in value.items():
            yield from problems(item, shape.members[key], f"{where}.{key}")
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from problems(item, shape.value, f"{where}.{key}")
    elif shape.type_name == "list":
        for number, item in enumerate(value):
            yield from problems(item, shape.member, f"{where}.{number}")
    elif shape.type_name == "string":
        yield from text_problems(value, shape.metadata, where)


def text_problems(value: str, limits: dict[str, Any], where: str) -> Iterator[str]:
    """Yield what is wrong with a text."""
    if limits.get("enum") and value not in limits["enum"]:
        yield f"{where}: {value} is none of {limits['enum']}"
    # Java's pairs of surrogates are one character here.
    pattern = limits.get("pattern", ".*").replace(
        r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF"
    )
    if not regex.fullmatch(pattern, value, regex.DOTALL):  # Java's syntax, \p{L} and the like
        yield f"{where}: {value} does not match {pattern}"


def service_model(service: str) -> ServiceModel:
    """Return botocore's model of a service, loaded once."""
    return botocore.session.get_session().get_service_model(service)


SERVICES = ("sagemaker", "glue", "s3", "lambda", "stepfunctions")
MODELS = {name: service_model(name) for name in SERVICES}


def check(resource: str, arguments: dict[str, Any], state: str) -> None:
    """Hold one task's Arguments against botocore's model of the call that its Resource names."""
    parts = resource.split(":::")[1].split(":")
    service, call = parts[-2:] if parts[0] == "aws-sdk" else parts[:2]
    service = {"states": "stepfunctions"}.get(service, service)
    operation = call.split(".")[0]
    model = MODELS[service].operation_model(operation[0].upper() + operation[1:])
    given = dict(arguments)
    for encoded in {"Payload", "Input", "input"} & set(given):
        given[encoded] = "{}"
    if service == "stepfunctions":  # Step Functions writes every API's fields in PascalCase.
        given = {key[0].lower() + key[1:]: value for key, value in given.items()}
    assert model.input_shape is not None
    report = ParamValidator().validate(given, model.input_shape)
    assert not report.has_errors(), f"{state}: {report.generate_report()}"
    assert list(problems(given, model.input_shape, state)) == []


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(k for k in o if o[k]) or "bare")
@pytest.mark.parametrize("name", MACHINES)
def test_arguments_fit_the_service_models(name: str, options: dict[str, bool]) -> None:
    """What every task sends is what its service takes: fields, enums, lengths and patterns."""
    resources = {
        n: s["Resource"]
        for n, s, _ in states_of(substitute(load_machine(name), options))
        if s["Type"] == "Task"
    }
    for state, arguments in arguments_of(name, options):
        check(resources[state], arguments, state)


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(k for k in o if o[k]) or "bare")
def test_optional_parts_reach_every_job_and_model(options: dict[str, bool]) -> None:
    """VPC, isolation, key and spot are in the requests exactly when they are asked for."""
    tasks = all_arguments(options)
    for name in ("Preprocess", "Evaluate"):
        network = tasks[name]["NetworkConfig"]
        assert ("VpcConfig" in network) == options["vpc"]
        assert network["EnableNetworkIsolation"] == options["isolated"]
        cluster = tasks[name]["ProcessingResources"]["ClusterConfig"]
        assert ("VolumeKmsKeyId" in cluster) == options["key"]
        assert ("KmsKeyId" in tasks[name]["ProcessingOutputConfig"]) == options["key"]
    train = tasks["Train"]
    assert ("VpcConfig" in train) == ("VpcConfig" in tasks["CreateModel"]) == options["vpc"]
    assert train["EnableNetworkIsolation"] == options["isolated"]
    assert tasks["CreateModel"]["EnableNetworkIsolation"] == options["isolated"]
    assert ("VolumeKmsKeyId" in train["ResourceConfig"]) == options["key"]
    assert ("KmsKeyId" in train["OutputDataConfig"]) == options["key"]
    assert train.get("EnableManagedSpotTraining", False) == options["spot"]
    assert ("CheckpointConfig" in train) == options["spot"]
    named = [each["ChannelName"] for each in train["InputDataConfig"]]
    data = ["train", "validation"] if options["channels"] else ["train"]
    assert named == [*data, *(["code"] if options["script"] else [])]
    keyed = options["key"] and not options["serverless"]
    assert ("KmsKeyId" in tasks["CreateEndpointConfig"]) == keyed


def test_every_sagemaker_resource_carries_the_cost_tags() -> None:
    """Stack, pipeline and run are on every job, model, config and endpoint."""
    tasks = all_arguments(OPTIONS[0])
    creating = (
        "Preprocess",
        "Train",
        "Evaluate",
        "CreateModel",
        "CreateEndpointConfig",
        "CreateEndpoint",
    )
    for name in creating:
        tags = {tag["Key"]: tag["Value"] for tag in tasks[name]["Tags"]}
        assert tags == {
            "dropforge:stack": "dropforge",
            "dropforge:pipeline": "iris_two",
            "dropforge:run": RUN_ID,
        }


def test_payloads_are_the_contracts() -> None:
    """What the machines send to functions is what the functions' contracts read."""
    tasks = all_arguments(OPTIONS[0])
    contracts.CheckEndpointInput.model_validate(tasks["CheckEndpoint"]["Payload"])
    contracts.FailedPreparation.model_validate(tasks["RestoreInputs"]["Payload"])
    contracts.EndpointWait.model_validate(tasks["WaitForEndpoint"]["Payload"])
    contracts.ApprovalWait.model_validate(tasks["WaitForApproval"]["Payload"])
    contracts.JudgeStart.model_validate(tasks["JudgeAgain"]["Input"])
    contracts.SmokeTestInput.model_validate(tasks["SmokeTest"]["Payload"])
    contracts.RunNews.model_validate(tasks["Ask"]["Payload"])
    end = contracts.RunEnd.model_validate(tasks["Notify"]["Payload"])
    assert end.data.dump() == DATA
    assert (end.first_event_at, end.jobs) == ("2026-11-21T05:20:01.000Z", ())
    contracts.JudgeInput.model_validate(tasks["JudgeModel"]["Payload"])
    assert tasks["Notify"]["Payload"] == tasks["Finish"]["Payload"]


def test_a_rollback_needs_nothing_of_what_it_skips() -> None:
    """What Deploy, Notify and Finish read is there after Begin and Resume alone."""
    machine = substitute(load_machine("retrain"), OPTIONS[0])
    restore = contracts.Restore(
        run_id=CHAMPION["run_id"],
        model_data=CHAMPION["model_data"],
        reason="The model came back.",
        metrics={"accuracy": 0.9},
    )
    context = {"Execution": {"Id": "arn:execution"}}
    given = run_input(OPTIONS[0]) | {"restore": restore.dump()}
    variables: dict[str, Any] = {"states": {"input": given, "context": context}}
    begin, resume = machine["States"]["Begin"], machine["States"]["Resume"]
    variables |= evaluate(begin["Assign"], variables)
    assert begin["Next"] == "Resume"
    *ended, rule, redrive, _ = resume["Choices"]
    for other in (*ended, redrive):
        assert evaluate(other["Condition"], variables) is False
    assert evaluate(rule["Condition"], variables) is True
    variables |= evaluate(rule["Assign"], variables)
    deploy = machine["States"][rule["Next"]]
    asked = contracts.DeployInput.read(evaluate(deploy["Arguments"], variables)["Input"])
    assert (asked.run_id, asked.model_data) == (RUN_ID, restore.model_data)
    served = {
        "status": "DEPLOYED",
        "action": "UPDATED",
        "config": "c",
        "reason": "It serves.",
        "called_at": 1,
        "in_service_at": 2,
    }
    states = {**variables["states"], "result": {"Output": served}}
    variables |= evaluate(deploy["Assign"], {**variables, "states": states})
    for name in ("Notify", "Finish"):
        payload = evaluate(machine["States"][name]["Arguments"], variables)["Payload"]
        end = contracts.RunEnd.read(payload)
        assert (end.status, end.restores) == ("DEPLOYED", restore.run_id)
        assert end.reason == "The model came back. It serves."
        assert (end.model_data, end.metrics) == (restore.model_data, restore.metrics)


def test_a_run_that_never_trained_tells_of_no_model() -> None:
    """Prepare failed: what is not there does not travel."""
    machine = substitute(load_machine("retrain"), OPTIONS[0])
    context = {"Execution": {"Id": "arn:execution"}}
    given = run_input(OPTIONS[0])
    del given["config"]["preprocess"]["glue"]
    variables: dict[str, Any] = {"states": {"input": given, "context": context}}
    variables |= evaluate(machine["States"]["Begin"]["Assign"], variables)
    for rule in machine["States"]["Resume"]["Choices"]:
        assert evaluate(rule["Condition"], variables) is False
    variables["outcome"] = {"status": "FAILED", "error": {"step": "Prepare", "error": "Broken"}}
    payload = evaluate(machine["States"]["Notify"]["Arguments"], variables)["Payload"]
    end = contracts.RunEnd.read(payload)
    assert (end.model_data, end.restores) == (None, None)


@pytest.mark.parametrize("has_champion", [False, True])
def test_evaluate_gets_the_champion_when_there_is_one(*, has_champion: bool) -> None:
    """The champion's model and profile are inputs, and its run is named, only when one serves."""
    tasks = dict(arguments_of("judge", OPTIONS[0] | {"champion": has_champion}))
    names = [each["InputName"] for each in tasks["Evaluate"]["ProcessingInputs"]]
    assert ("champion" in names) == ("champion_profile" in names) == has_champion
    assert ("CHAMPION_RUN_ID" in tasks["Evaluate"]["Environment"]) == has_champion
    assert {"model", "holdout", "profile", "manifest", "code"} <= set(names)


def test_only_what_the_judge_reads_goes_on() -> None:
    """The rest of evaluation.json may be larger than a state's data."""
    state = load_machine("judge")["States"]["ReadEvaluation"]
    body = '{"metrics": {"accuracy": 0.5}, "champion": {}, "comparison": {}, "other": 1}'
    read = evaluate(state["Assign"]["evaluation"], {"states": {"result": {"Body": body}}})
    assert set(read) == {"metrics", "champion", "comparison"}


def test_metric_definitions_are_asked_for_when_there_are_any() -> None:
    """In SageMaker's own words; without any the request has none."""
    machine = substitute(load_machine("retrain"), OPTIONS[0])
    definitions = [{"name": "loss", "regex": 'loss="(.*)";'}, {"name": "a:b", "regex": "b=(.)"}]
    for given in (definitions, definitions[:1], []):
        train = run_input(OPTIONS[0])["config"]["train"] | {"metric_definitions": given}
        states = {"input": run_input(OPTIONS[0]), "context": {}}
        variables = evaluate(machine["States"]["Begin"]["Assign"], {"states": states})
        variables["config"] = variables["config"] | {"train": train}
        asked = evaluate(machine["States"]["Train"]["Arguments"], variables)
        check("arn:aws:states:::sagemaker:createTrainingJob.sync", asked, "Train")
        assert asked["AlgorithmSpecification"].get("MetricDefinitions", []) == [
            {"Name": each["name"], "Regex": each["regex"]} for each in given
        ]


PRICED = MACHINE | {"hourly_usd": 0.115}
CONFIG = {
    "preprocess": {"machine": MACHINE},
    "train": {"machine": PRICED},
    "evaluate": {"machine": MACHINE},
}
TIMES = [
    (1795238420000, 1795238483250),
    ("2026-11-21T05:20:20.000Z", "2026-11-21T05:21:23.250Z"),
]


def described(kind: str, start: Any, end: Any) -> dict[str, Any]:
    """What SageMaker says of a job that is done, as far as its times go."""
    return {f"{kind}StartTime": start, f"{kind}EndTime": end}


def evaluating(result: dict[str, Any]) -> Any:
    """What the machine `judge` gathers of its job."""
    gather = load_machine("judge")["States"]["Evaluate"]["Assign"]["jobs"]
    given = {"evaluate": CONFIG["evaluate"]}
    return evaluate(gather, {"states": {"input": given, "result": result}})


@pytest.mark.parametrize(("start", "end"), TIMES)
def test_each_jobs_time_is_gathered(start: Any, end: Any) -> None:
    """Whether SageMaker's times come as milliseconds or as text; each with its machine."""
    states = load_machine("retrain")["States"]
    variables: dict[str, Any] = {"config": CONFIG, "jobs": []}
    preprocess = states["Prepare"]["Branches"][0]["States"]["Preprocess"]
    result: Any = described("Processing", start, end)
    branch = evaluate(preprocess["Output"], variables | {"states": {"result": result}})
    for name, result in (
        ("Prepare", [branch, {"exists": False}]),
        ("Train", described("Training", start, end) | {"BillableTimeInSeconds": 19}),
        ("Judge", {"Output": {"jobs": evaluating(described("Processing", start, end))}}),
    ):
        gather = states[name]["Assign"]["jobs"]
        variables["jobs"] = evaluate(gather, variables | {"states": {"result": result}})
    assert variables["jobs"] == [
        {"step": "Preprocess", "seconds": 63.25} | MACHINE,
        {"step": "Train", "seconds": 63.25, "billable_seconds": 19} | PRICED,
        {"step": "Evaluate", "seconds": 63.25} | MACHINE,
    ]
    for job in variables["jobs"]:
        contracts.JobTime.model_validate(job)


def test_a_job_whose_times_are_not_told_is_left_out() -> None:
    """SageMaker need not give them, and no run fails for want of a figure."""
    states = load_machine("retrain")["States"]
    preprocess = states["Prepare"]["Branches"][0]["States"]["Preprocess"]
    variables: dict[str, Any] = {"config": CONFIG, "jobs": [], "states": {"result": {}}}
    branch = evaluate(preprocess["Output"], variables)
    assert branch == {"told": {}, "jobs": []}
    judged = {"Output": {"jobs": evaluating({})}}
    for name, result in (("Prepare", [branch, {}]), ("Train", {}), ("Judge", judged)):
        gather = states[name]["Assign"]["jobs"]
        assert evaluate(gather, variables | {"states": {"result": result}}) == []


@pytest.mark.parametrize("values", [{}, {"loss": 0.25}, {"loss": 0.25, "train:accuracy": 1}])
def test_what_training_made_is_kept(values: dict[str, float]) -> None:
    """The model, and the last value of each metric definition."""
    final = [{"MetricName": name, "Value": value, "Timestamp": 1} for name, value in values.items()]
    result = {"ModelArtifacts": {"S3ModelArtifacts": "s3://model"}} | (
        {"FinalMetricDataList": final} if final else {}
    )
    train = load_machine("retrain")["States"]["Train"]
    made = evaluate(train["Assign"]["training"], {"states": {"result": result}})
    assert made == {"model_data": "s3://model", "training_metrics": values}


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        ('{"rows": 150, "rejected_rows": 0}', {"rows": 150, "rejected_rows": 0}),
        ('{"rows": 150, "more": {}}', {"rows": 150}),
        ('{"rows": null, "rejected_rows": 3.5}', {"rejected_rows": 3.5}),
        ('{"rows": "many", "rejected_rows": [3]}', {}),
        ('[{"rows": {}}]', {}),
        ('"text"', {}),
        ("null", {}),
    ],
)
def test_rows_are_taken_where_they_are_numbers(data: str, rows: dict[str, float]) -> None:
    """evaluation.json is the pipeline's own: whatever it holds, no run fails by it."""
    read = load_machine("judge")["States"]["ReadEvaluation"]["Assign"]["rows"]
    body = f'{{"metrics": {{"accuracy": 0.5}}, "data": {data}}}'
    assert evaluate(read, {"states": {"result": {"Body": body}}}) == rows
    contracts.RowCounts.model_validate(rows)


def test_without_rows_there_are_none() -> None:
    """A pipeline need not count them."""
    read = load_machine("judge")["States"]["ReadEvaluation"]["Assign"]["rows"]
    assert evaluate(read, {"states": {"result": {"Body": '{"metrics": {}}'}}}) == {}


def test_every_container_gets_its_artifact() -> None:
    """One of the training job, one of the preprocess job, one that has none; or one container."""
    several = next(each for each in OPTIONS if each["channels"] and not each["serverless"])
    tasks = all_arguments(several)
    model = tasks["CreateModel"]
    assert model["InferenceExecutionConfig"] == {"Mode": "Serial"}
    artifacts = [one.get("ModelDataUrl") for one in model["Containers"]]
    bucket = "s3://dropforge-artifacts-123456789012-us-east-1/runs"
    assert artifacts == [
        f"{bucket}/{RUN_ID}/preprocess/models/before/model.tar.gz",
        f"{bucket}/x/model.tar.gz",
        None,
    ]
    package = tasks["RegisterModel"]["InferenceSpecification"]["Containers"]
    assert package == model["Containers"]
    inputs = {
        one["InputName"]: one["S3Input"]["S3Uri"] for one in tasks["Evaluate"]["ProcessingInputs"]
    }
    assert inputs["models"] == f"{bucket}/{RUN_ID}/preprocess/models/"
    assert len(inputs) <= 10, "which is what SageMaker takes"
    alone = all_arguments(OPTIONS[0])["CreateModel"]
    assert alone["PrimaryContainer"]["ModelDataUrl"] == f"{bucket}/x/model.tar.gz"
    assert "Containers" not in alone


def test_what_was_trained_in_the_same_way_is_not_trained_again() -> None:
    """Image, hyperparameters and variables, the digest of the data among them, must be the same."""
    rules = load_machine("retrain")["States"]["Usable"]["Choices"]
    [reuse] = [rule for rule in rules if "reuse" in rule["Condition"]]
    same = {"image": "i", "hyperparameters": {"a": "1"}, "environment": {"TRAINED_ON": "1a2b"}}
    given = {
        "config": {"train": {"reuse": True}},
        "told": {"trained_on": "1a2b"},
        "train": same,
        "trained": same,
        "champion": {"champion": CHAMPION},
    }
    assert evaluate(reuse["Condition"], given) is True
    assert evaluate(reuse["Assign"]["model_data"], given) == CHAMPION["model_data"]
    others: list[dict[str, Any]] = [
        {"trained": {}},
        {"trained": same | {"image": "j"}},
        {"trained": same | {"hyperparameters": {"a": "2"}}},
        {"trained": same | {"environment": {"TRAINED_ON": "3c4d"}}},
        {"told": {}},
        {"config": {"train": {"reuse": False}}},
    ]
    for other in others:
        assert evaluate(reuse["Condition"], given | other) is False, other
