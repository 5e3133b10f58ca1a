"""Gap: CloudFormation drops most of a state machine's properties.

The definition's place in S3, its substitutions (`${Name}` stays in the definition), logging,
tracing and type are dropped without a word, and a machine has no attribute Arn.
"""

import json
import re
from typing import Any

from moto.s3.models import s3_backends
from moto.stepfunctions.models import StateMachine
from moto.stepfunctions.parser.models import stepfunctions_parser_backends
from moto.utilities.utils import get_partition

_SUBSTITUTION = re.compile(r"\$\{([A-Za-z0-9_-]+)\}")


def apply() -> None:
    """Create state machines from all of their properties."""
    StateMachine.create_from_cloudformation_json = classmethod(_create)
    StateMachine.update_from_cloudformation_json = classmethod(_update)
    StateMachine.cloudformation_name_type = staticmethod(lambda: "StateMachineName")
    StateMachine.has_cfn_attr = classmethod(lambda _, name: name in {"Arn", "Name"})
    StateMachine.get_cfn_attribute = lambda machine, name: {
        "Arn": machine.arn,
        "Name": machine.name,
    }[name]
    StateMachine.delete = lambda machine, account, region: stepfunctions_parser_backends[account][
        region
    ].delete_state_machine(machine.arn)


def _create(
    _: Any, /, name: str, template: dict[str, Any], account: str, region: str, **__: Any
) -> Any:
    properties = template["Properties"]
    return stepfunctions_parser_backends[account][region].create_state_machine(
        name=name,
        definition=_definition(properties, account, region),
        roleArn=properties["RoleArn"],
        tags=_tags(properties),
        loggingConfiguration=_logging(properties),
        tracingConfiguration=_tracing(properties),
        sm_type=properties.get("StateMachineType", "STANDARD"),
    )


def _update(
    _: Any,
    original_resource: Any,
    new_resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
) -> Any:
    properties = cloudformation_json["Properties"]
    if properties.get("StateMachineName", original_resource.name) != original_resource.name:
        raise NotImplementedError(f"{original_resource.name} cannot become {new_resource_name}")
    return stepfunctions_parser_backends[account_id][region_name].update_state_machine(
        original_resource.arn,
        definition=_definition(properties, account_id, region_name),
        role_arn=properties["RoleArn"],
        logging_configuration=_logging(properties),
        tracing_configuration=_tracing(properties),
    )


def _definition(properties: dict[str, Any], account: str, region: str) -> str:
    if "DefinitionS3Location" in properties:
        place = properties["DefinitionS3Location"]
        stored = s3_backends[account][get_partition(region)].get_object(
            place["Bucket"], place["Key"], place.get("Version")
        )
        if stored is None:
            raise FileNotFoundError(f"there is no s3://{place['Bucket']}/{place['Key']}")
        text = stored.value.decode()
    elif "Definition" in properties:
        text = json.dumps(properties["Definition"])
    else:
        text = properties["DefinitionString"]
    values = properties.get("DefinitionSubstitutions", {})
    return _SUBSTITUTION.sub(lambda match: _text(values, match), text)


def _text(values: dict[str, Any], match: re.Match[str]) -> str:
    if match[1] not in values:
        return match[0]
    value = values[match[1]]
    return json.dumps(value) if isinstance(value, bool | int | float) else str(value)


def _tags(properties: dict[str, Any]) -> list[dict[str, str]]:
    return [{"key": tag["Key"], "value": tag["Value"]} for tag in properties.get("Tags", [])]


def _logging(properties: dict[str, Any]) -> dict[str, Any] | None:
    """Give the setting as Step Functions' API has it: names begin with a small letter."""
    setting = properties.get("LoggingConfiguration")
    if setting is None:
        return None
    return {
        "level": setting.get("Level", "OFF"),
        "includeExecutionData": setting.get("IncludeExecutionData", False),
        "destinations": [
            {
                "cloudWatchLogsLogGroup": {
                    "logGroupArn": place["CloudWatchLogsLogGroup"]["LogGroupArn"]
                }
            }
            for place in setting.get("Destinations", [])
        ],
    }


def _tracing(properties: dict[str, Any]) -> dict[str, Any] | None:
    setting = properties.get("TracingConfiguration")
    return {"enabled": setting["Enabled"]} if setting else None
