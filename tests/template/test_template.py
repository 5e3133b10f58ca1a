"""What the template means, beyond what its linter sees."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]
FUNCTIONS = {
    "StartRetraining",
    "CheckEndpoint",
    "JudgeModel",
    "RestoreInputs",
    "AnswerEndpointWait",
    "AnswerApproval",
    "SweepPipelines",
    "SmokeTest",
    "NotifyMetrics",
    "FinishRun",
    "RemoveModels",
    "ReportProgress",
}
# Actions for which AWS knows no narrower resource than "*", each said so in the template.
WITHOUT_RESOURCE = {"LogDelivery", "Traces", "Metrics", "RegistryLogin", "NetworkInterfaces"}


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    """The template as CloudFormation reads it."""
    parsed: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text("utf-8"))
    return parsed


@pytest.fixture(scope="module")
def resources(template: dict[str, Any]) -> dict[str, Any]:
    """The template's resources."""
    found: dict[str, Any] = template["Resources"]
    return found


def of_type(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the properties of every resource of one type."""
    return {n: r["Properties"] for n, r in resources.items() if r["Type"] == kind}


def statements(value: Any) -> list[dict[str, Any]]:
    """Return every policy statement anywhere below a value."""
    if isinstance(value, dict):
        own = [value] if {"Effect", "Action"} <= set(value) else []
        return own + [s for item in value.values() for s in statements(item)]
    if isinstance(value, list):
        return [s for item in value for s in statements(item)]
    return []


@pytest.mark.parametrize("bucket", ["DataBucket", "ArtifactsBucket"])
def test_buckets_are_private_versioned_encrypted_and_tls_only(
    resources: dict[str, Any], bucket: str
) -> None:
    """No bucket can be read by strangers, over plain HTTP, or lose what was overwritten."""
    properties = resources[bucket]["Properties"]
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["BucketEncryption"]
    assert resources[bucket]["DeletionPolicy"] == "RetainExceptOnCreate"
    policy = resources[f"{bucket}Policy"]["Properties"]["PolicyDocument"]["Statement"]
    deny = [s for s in policy if s["Effect"] == "Deny"]
    assert deny[0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert len(deny[0]["Resource"]) == 2


def test_only_the_data_bucket_tells_eventbridge(resources: dict[str, Any]) -> None:
    """What the system writes for itself starts nothing."""
    data = resources["DataBucket"]["Properties"]["NotificationConfiguration"]
    assert data["EventBridgeConfiguration"]["EventBridgeEnabled"] is True
    assert "NotificationConfiguration" not in resources["ArtifactsBucket"]["Properties"]
    pattern = resources["IncomingRule"]["Properties"]["EventPattern"]
    assert pattern["detail"]["object"]["key"] == [{"prefix": "incoming/"}]


def test_only_jobs_write_to_quarantine_and_only_the_end_of_a_run_reads_it(
    resources: dict[str, Any],
) -> None:
    """And no job writes where objects are dropped: it would start itself.

    Before a second try what the first left is cleared, in quarantine too.
    """
    touching = [
        (name, statement)
        for name, resource in resources.items()
        for statement in statements(resource["Properties"])
        if "DataBucket.Arn}/quarantine/" in json.dumps(statement)
    ]
    assert [(name, s["Action"]) for name, s in touching] == [
        ("RestoreInputs", "s3:DeleteObject"),
        ("FinishRun", "s3:GetObject"),
        (
            "GlueRole",
            ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
        ),
        ("SageMakerRole", ["s3:PutObject", "s3:AbortMultipartUpload"]),
    ]
    assert "incoming/" not in json.dumps(touching)


def test_every_queue_admits_whoever_sends_to_it(resources: dict[str, Any]) -> None:
    """A queue or dead-letter queue without a policy loses events without a word."""
    senders: list[tuple[str, str, str]] = []
    for name, rule in of_type(resources, "AWS::Events::Rule").items():
        for target in rule["Targets"]:
            arns = [target["Arn"], target.get("DeadLetterConfig", {}).get("Arn")]
            senders += [
                (arn["Fn::GetAtt"][0], "events.amazonaws.com", name)
                for arn in arns
                if arn and resources[arn["Fn::GetAtt"][0]]["Type"] == "AWS::SQS::Queue"
            ]
    assert senders
    policies = of_type(resources, "AWS::SQS::QueuePolicy").values()
    for queue, service, rule_name in senders:
        admitted = [
            s
            for policy in policies
            if {"Ref": queue} in policy["Queues"]
            for s in policy["PolicyDocument"]["Statement"]
            if s["Effect"] == "Allow"
            and s["Principal"] == {"Service": service}
            and s["Action"] == "sqs:SendMessage"
            and s["Resource"] == {"Fn::GetAtt": [queue, "Arn"]}
            and s["Condition"]["ArnEquals"]["aws:SourceArn"] == {"Fn::GetAtt": [rule_name, "Arn"]}
        ]
        assert admitted, f"{queue} does not admit {rule_name}"


def test_a_sam_event_with_a_dead_letter_queue_makes_its_policy(resources: dict[str, Any]) -> None:
    """In SAM only `Type: SQS` makes a queue policy; a bare Arn delivers nothing, silently."""
    for name, function in of_type(resources, "AWS::Serverless::Function").items():
        for event in function.get("Events", {}).values():
            config = event["Properties"].get("DeadLetterConfig")
            assert config is None or config.get("Type") == "SQS", name


def test_the_trigger_queue_gives_the_trigger_its_time(template: dict[str, Any]) -> None:
    """AWS advises a visibility of six timeouts plus the longest window, and five tries."""
    resources = template["Resources"]
    queue = resources["IncomingQueue"]["Properties"]
    trigger = resources["StartRetraining"]["Properties"]
    timeout = trigger.get("Timeout", template["Globals"]["Function"]["Timeout"])
    window = template["Parameters"]["BatchingWindowSeconds"]["MaxValue"]
    assert queue["VisibilityTimeout"] >= 6 * timeout + window
    assert queue["RedrivePolicy"]["maxReceiveCount"] >= 5
    event = trigger["Events"]["Incoming"]["Properties"]
    assert event["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert event["ScalingConfig"]["MaximumConcurrency"] >= 2
    assert event["MaximumBatchingWindowInSeconds"] == {"Ref": "BatchingWindowSeconds"}
    dead = resources["IncomingDeadLetters"]["Properties"]["MessageRetentionPeriod"]
    assert dead >= queue["MessageRetentionPeriod"]


def test_functions_share_their_settings(template: dict[str, Any]) -> None:
    """Runtime, architecture, tracing and layer are said once, in Globals."""
    functions = of_type(template["Resources"], "AWS::Serverless::Function")
    assert set(functions) == FUNCTIONS
    shared = template["Globals"]["Function"]
    assert shared["Runtime"] == "python3.13"
    assert shared["Architectures"] == [{"Ref": "Architecture"}]
    assert shared["Tracing"] == "Active"
    for name, properties in functions.items():
        assert not {"Runtime", "Architectures", "Tracing", "Layers", "Handler"} & set(properties)
        folder = ROOT / properties["CodeUri"]
        assert [p.name for p in folder.glob("*.py")] == ["app.py"], name


def test_logs_are_kept_for_a_bounded_time(resources: dict[str, Any]) -> None:
    """Every function has a log group of ours, with the retention that the parameter says."""
    groups = of_type(resources, "AWS::Logs::LogGroup")
    assert {f"{name}Logs" for name in FUNCTIONS} < set(groups)
    assert all(g["RetentionInDays"] == {"Ref": "LogRetentionDays"} for g in groups.values())


def test_no_star_where_an_arn_can_be_built(resources: dict[str, Any]) -> None:
    """A statement on every resource is one that AWS gives no narrower one for."""
    for name, resource in resources.items():
        for statement in statements(resource["Properties"]):
            wide = statement.get("Resource") in ("*", ["*"])
            assert not wide or statement.get("Sid") in WITHOUT_RESOURCE, f"{name}: {statement}"
            actions = statement["Action"]
            actions = actions if isinstance(actions, list) else [actions]
            denies = statement["Effect"] == "Deny"
            assert denies or not any("*" in action for action in actions), f"{name}: {actions}"


def test_only_this_stacks_models_are_removed(resources: dict[str, Any]) -> None:
    """Their names tell no stack, so the tag that every deployment writes has to."""
    deletes = {
        action: statement
        for statement in statements(resources["RemoveModels"])
        for action in statement["Action"]
        if action.startswith("sagemaker:Delete")
    }
    assert set(deletes) == {"sagemaker:DeleteModel", "sagemaker:DeleteEndpointConfig"}
    for statement in deletes.values():
        tag = {"aws:ResourceTag/dropforge:stack": {"Ref": "AWS::StackName"}}
        assert statement["Condition"] == {"StringEquals": tag}
    (packages,) = (s for s in statements(resources["RemoveModels"]) if s["Sid"] == "RemovePackages")
    assert packages["Action"] == "sagemaker:DeleteModelPackage"
    assert packages["Resource"]["Fn::Sub"].endswith(":model-package/${AWS::StackName}-*")


def test_models_are_removed_after_a_deployment_only(resources: dict[str, Any]) -> None:
    """By the end of the machine deploy, outside of both machines."""
    event = resources["RemoveModels"]["Properties"]["Events"]["Deployed"]["Properties"]
    assert event["Pattern"]["detail"] == {
        "stateMachineArn": [{"Ref": "DeployStateMachine"}],
        "status": ["SUCCEEDED"],
    }
    for machine in ("retrain", "deploy"):
        text = (ROOT / f"statemachine/{machine}.asl.json").read_text("utf-8")
        assert "RemoveModels" not in text


def test_roles_pass_only_one_role_to_one_service(resources: dict[str, Any]) -> None:
    """iam:PassRole names the SageMaker role and SageMaker."""
    passing = [s for s in statements(resources) if s["Action"] == "iam:PassRole"]
    assert passing
    for statement in passing:
        assert statement["Resource"] == {"Fn::GetAtt": ["SageMakerRole", "Arn"]}
        assert statement["Condition"] == {
            "StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}
        }


def test_sync_integrations_may_use_their_managed_rules(resources: dict[str, Any]) -> None:
    """Every kind of .sync in the machine has its managed rule in the machine's role."""
    text = (ROOT / "statemachine/retrain.asl.json").read_text("utf-8")
    kinds = set(re.findall(r":::(\w+):(create\w+Job|startExecution)\.sync", text))
    rules = {
        ("sagemaker", "createTrainingJob"): "StepFunctionsGetEventsForSageMakerTrainingJobsRule",
        (
            "sagemaker",
            "createProcessingJob",
        ): "StepFunctionsGetEventsForSageMakerProcessingJobsRule",
        ("states", "startExecution"): "StepFunctionsGetEventsForStepFunctionsExecutionRule",
    }
    assert kinds == set(rules)
    managed = next(
        s for s in statements(resources["RetrainRole"]) if s.get("Sid") == "ManagedRulesOfSync"
    )
    assert set(managed["Action"]) == {"events:PutTargets", "events:PutRule", "events:DescribeRule"}
    given = json.dumps(managed["Resource"])
    assert all(rule in given for rule in rules.values())
    assert len(managed["Resource"]) == len(rules)


@pytest.mark.parametrize("machine", ["Retrain", "Adopt", "Prepare", "Judge", "Approve", "Deploy"])
def test_a_machine_may_call_what_it_calls(resources: dict[str, Any], machine: str) -> None:
    """Every SageMaker call and function of a definition is in its role, and nothing else."""
    properties = resources[f"{machine}StateMachine"]["Properties"]
    text = (ROOT / properties["DefinitionUri"]).read_text("utf-8")
    called = {
        f"sagemaker:{name[0].upper()}{name[1:]}"
        for name in re.findall(r"sagemaker:(create\w+|update\w+|delete\w+)", text)
    }
    allowed = statements(resources[f"{machine}Role"])
    listed = [s["Action"] if isinstance(s["Action"], list) else [s["Action"]] for s in allowed]
    changing = re.compile(r"sagemaker:(Create|Update|Delete)")
    may = {action for actions in listed for action in actions}
    assert {action for action in may if changing.match(action)} == called
    looks = re.findall(r"aws-sdk:sagemaker:d(escribe\w+)", text)
    assert {f"sagemaker:D{name}" for name in looks} <= may
    lists = [s["Resource"] for s in allowed if s["Action"] == "lambda:InvokeFunction"]
    given = properties["DefinitionSubstitutions"]
    invoked = [given[name] for name in re.findall(r'"FunctionName": "\$\{(\w+)\}"', text)]
    functions = [one for resources in lists for one in resources]
    assert {json.dumps(one) for one in functions} == {json.dumps(one) for one in invoked}


def test_the_smoke_test_asks_this_stacks_endpoints_only(resources: dict[str, Any]) -> None:
    """It may invoke them, and nothing else."""
    [statement] = statements(resources["SmokeTest"])
    assert statement["Action"] == "sagemaker:InvokeEndpoint"
    assert statement["Resource"]["Fn::Sub"].endswith(":endpoint/${AWS::StackName}-*")


def test_machines_log_and_trace(resources: dict[str, Any]) -> None:
    """The machines write errors to a log group, without the data, and are traced."""
    machines = of_type(resources, "AWS::Serverless::StateMachine")
    files = {path.name.partition(".")[0] for path in (ROOT / "statemachine").glob("*.asl.json")}
    assert set(machines) == {f"{name.title()}StateMachine" for name in files}
    for properties in machines.values():
        assert properties["Tracing"] == {"Enabled": True}
        assert properties["Logging"]["Level"] == "ERROR"
        assert properties["Logging"]["IncludeExecutionData"] is False
        assert properties["DefinitionUri"].startswith("statemachine/")


def test_the_ledger_is_on_demand_and_can_be_restored(resources: dict[str, Any]) -> None:
    """The ledger costs nothing at rest, survives a mistake, and is encrypted."""
    table = resources["LedgerTable"]["Properties"]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TimeToLiveSpecification"]["AttributeName"] == "expires_at"
    assert resources["LedgerTable"]["DeletionPolicy"] == "RetainExceptOnCreate"


def test_the_webhook_is_never_in_the_template(template: dict[str, Any]) -> None:
    """The template knows where the Slack URL is kept, never the URL."""
    parameters = template["Parameters"]
    assert parameters["SlackWebhookSource"]["AllowedValues"] == ["none", "ssm", "secretsmanager"]
    assert "hooks.slack.com" not in (ROOT / "template.yaml").read_text("utf-8")


def test_every_parameter_has_a_default(template: dict[str, Any]) -> None:
    """`sam deploy` works with what the template says."""
    assert [n for n, p in template["Parameters"].items() if "Default" not in p] == []


def test_whoever_starts_a_run_may_lay_down_its_data(resources: dict[str, Any]) -> None:
    """Write manifests and copies, read older versions and its own manifest, and nothing more."""
    functions = of_type(resources, "AWS::Serverless::Function")
    shared = {"Ref": "StartRunsPolicy"}
    starters = {name for name, one in functions.items() if shared in one["Policies"]}
    assert starters == {"StartRetraining", "FinishRun", "AnswerApproval", "SweepPipelines"}
    allowed = set()
    for statement in statements(resources["StartRunsPolicy"]):
        actions = statement["Action"]
        where = statement["Resource"]
        for action in [actions] if isinstance(actions, str) else actions:
            if action.startswith("s3:"):
                allowed.add((action, where.get("Fn::Sub", "the bucket")))
    assert allowed == {
        ("s3:PutObject", "${DataBucket.Arn}/runs/*"),
        ("s3:GetObject", "${DataBucket.Arn}/runs/*/manifest.json"),
        ("s3:GetObjectVersion", "${DataBucket.Arn}/incoming/*"),
        ("s3:ListBucket", "the bucket"),
        ("s3:ListBucketVersions", "the bucket"),
    }


@pytest.mark.parametrize("name", ["/dropforge/slack-webhook", "slack"])
def test_the_webhook_parameter_can_be_read_under_either_kind_of_name(
    resources: dict[str, Any], name: str
) -> None:
    """SSM's ARN has one slash after `parameter`, whether the name begins with one or not."""
    webhook = next(s for s in statements(resources["NotifyMetrics"]) if "ssm" in str(s["Action"]))
    text, values = webhook["Resource"]["Fn::Sub"]
    glue, split = values["Name"]["Fn::Join"]
    parts = split["Fn::Split"][1]["Fn::Sub"].replace("${SlackWebhookName}", name).split("//")
    arn = text.replace("${Name}", glue.join(parts))
    assert arn.endswith(f":parameter/{name.removeprefix('/')}")


def test_the_deploying_role_may_use_the_key(resources: dict[str, Any]) -> None:
    """An endpoint config with a key needs a grant from whoever creates the endpoint."""
    actions = [action for s in statements(resources["DeployRole"]) for action in s["Action"]]
    assert {"kms:CreateGrant", "kms:DescribeKey"} <= set(actions)


def test_announcements_are_published_by_one_role_over_tls(resources: dict[str, Any]) -> None:
    """Nobody else of the account is let in by the topic itself."""
    policy = resources["AnnouncementsPolicy"]["Properties"]
    assert policy["Topics"] == [{"Ref": "Announcements"}]
    deny, allow = policy["PolicyDocument"]["Statement"]
    assert (deny["Effect"], deny["Principal"]) == ("Deny", "*")
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert (allow["Effect"], allow["Action"]) == ("Allow", "sns:Publish")
    assert allow["Principal"] == {"AWS": {"Fn::GetAtt": ["NotifyMetricsRole", "Arn"]}}
    own = [s for s in statements(resources["NotifyMetrics"]) if s["Action"] == "sns:Publish"]
    assert [s["Resource"] for s in own] == [{"Ref": "Announcements"}]


def test_an_encrypted_topic_can_be_published_to(resources: dict[str, Any]) -> None:
    """SNS uses the key in the publisher's name: it needs both, and no grant."""
    key = resources["Announcements"]["Properties"]["KmsMasterKeyId"]
    assert key == {"Fn::If": ["HasKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]}
    actions = {a for s in statements(resources["NotifyMetrics"]) for a in s["Action"]}
    assert {"kms:Decrypt", "kms:GenerateDataKey"} <= actions


def test_mail_is_sent_only_when_an_address_is_given(template: dict[str, Any]) -> None:
    """An empty endpoint is no subscription."""
    subscription = template["Resources"]["AnnouncementsEmail"]
    assert subscription["Condition"] == "HasEmail"
    assert template["Parameters"]["NotificationEmail"]["Default"] == ""
    pattern = template["Parameters"]["NotificationEmail"]["AllowedPattern"]
    assert re.fullmatch(pattern, "")
    assert re.fullmatch(pattern, "flowers@example.com")
    assert not re.fullmatch(pattern, "flowers@example.com other")


def test_who_tells_reads_no_ledger(resources: dict[str, Any]) -> None:
    """NotifyMetrics gets all that it tells, but for the chart."""
    actions = [s["Action"] for s in statements(resources["NotifyMetrics"])]
    assert "dynamodb" not in json.dumps(actions)
    chart = next(s for s in statements(resources["NotifyMetrics"]) if s["Action"] == "s3:GetObject")
    assert chart["Resource"] == {"Fn::Sub": "${ArtifactsBucket.Arn}/runs/*/evaluate/chart.png"}
    variables = resources["NotifyMetrics"]["Properties"]["Environment"]["Variables"]
    assert "LEDGER_TABLE" not in variables
