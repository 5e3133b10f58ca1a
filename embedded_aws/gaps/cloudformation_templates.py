"""Gap: SAM's transform, rules and the constraints of parameters are ignored.

A template with SAM's resources makes an empty stack. What moto does not know of a template it
drops with a warning at most; here `embedded_aws.cloudformation` names it and refuses the template.
"""

from typing import Any

from moto.cloudformation import models, parsing, responses, utils
from moto.cloudformation.exceptions import ValidationError
from moto.s3.models import s3_backends

from embedded_aws.cloudformation import checks, parameters, template


def apply() -> None:
    """Read every template through `embedded_aws.cloudformation`."""
    start_stack = models.Stack.__init__

    def init(stack: Any, *, template: Any, parameters: Any, region_name: str, **more: Any) -> None:
        # `_parse_template`, which moto calls before it sets these, needs them.
        stack.parameters, stack.region_name = parameters, region_name
        start_stack(
            stack, template=template, parameters=parameters, region_name=region_name, **more
        )

    models.Stack.__init__ = init
    models.Stack._parse_template = _read_stack  # noqa: SLF001
    models.Stack.parse_template = staticmethod(template.read)
    models.Stack.has_template = _has_template
    models.Stack.parameter_list = property(_parameter_list)
    models.ChangeSet._parse_template = _read_change_set  # noqa: SLF001
    _complete_parameters()
    _check_rules()
    for module in (models, responses, utils):
        module.get_stack_from_s3_url = _fetch


def read(text: str, given: dict[str, Any], region: str) -> dict[str, Any]:
    """Give the plain template; raises ValidationError for what would not be applied."""
    plain = template.translate(text, given, region)
    parameters.check(plain, given)
    problems = checks.unsupported(plain)
    if problems:
        raise ValidationError(
            message="The embedded AWS cannot apply this template: " + "; ".join(problems)
        )
    return plain


def _read_stack(stack: Any) -> None:
    stack.template_dict = read(stack.template, stack.parameters, stack.region_name)


def _read_change_set(change_set: Any) -> None:
    change_set.template_dict = read(
        change_set.template, change_set.parameters, change_set.stack.region_name
    )


def _has_template(stack: Any, other: str) -> bool:
    return template.read(stack.template) == template.read(other)


def _parameter_list(stack: Any) -> list[dict[str, Any]]:
    """List the parameters; moto shows those that are not to be echoed."""
    declared = stack.template_dict.get("Parameters") or {}
    return [
        {"ParameterKey": name, "ParameterValue": _shown(value, declared[name])}
        for name, value in stack.resource_map.resolved_parameters.items()
    ]


def _shown(value: Any, declared: dict[str, Any]) -> str:
    if str(declared.get("NoEcho")).lower() == "true":
        return "****"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _complete_parameters() -> None:
    load = parsing.ResourceMap.load_parameters

    def load_parameters(resources: Any) -> None:
        given = resources.input_parameters
        resources.input_parameters = parameters.complete(resources._template, given)  # noqa: SLF001
        load(resources)
        resources.input_parameters = given

    parsing.ResourceMap.load_parameters = load_parameters


def _check_rules() -> None:
    load = parsing.ResourceMap.load_conditions

    def load_conditions(resources: Any) -> None:
        load(resources)
        for name, rule in (resources._template.get("Rules") or {}).items():  # noqa: SLF001
            if not _holds(rule.get("RuleCondition", True), resources):
                continue
            for assertion in rule["Assertions"]:
                if not _holds(assertion["Assert"], resources):
                    reason = assertion.get("AssertDescription", "an assertion failed")
                    raise ValidationError(message=f"Rule {name}: {reason}")

    parsing.ResourceMap.load_conditions = load_conditions


def _holds(condition: Any, resources: Any) -> bool:
    return bool(parsing.parse_condition(condition, resources, resources.lazy_condition_map))


def _fetch(template_url: str, account_id: str, partition: str) -> str:
    """Fetch a template from S3; moto's own finds it only where the host is called localhost."""
    bucket, _, key = utils.urlparse(template_url).path.lstrip("/").partition("/")
    host = utils.urlparse(template_url).hostname or ""
    if host.endswith(".amazonaws.com") and not host.startswith("s3"):
        bucket, key = host.split(".")[0], f"{bucket}/{key}".rstrip("/")
    stored = s3_backends[account_id][partition].get_object(bucket, key)
    if stored is None:
        raise ValidationError(message=f"S3 error: there is no {template_url}")
    text: str = stored.value.decode()
    return text
