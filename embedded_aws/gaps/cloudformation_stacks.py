"""Gap: a stack that cannot be made fails the call itself and leaves half a stack behind.

Resources have no events, and a change set that makes a stack leaves it without outputs. Here the
stack tells, as on AWS: CREATE_FAILED with the reason for the resource, then ROLLBACK_COMPLETE.
"""

import copy
import logging
from typing import Any

from moto.cloudformation import models, parsing
from moto.cloudformation.exceptions import ValidationError

from embedded_aws.cloudformation.types import UPDATABLE

# Elsewhere, to look at an output would make the resource that it names.
_WITH_OUTPUTS = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
_log = logging.getLogger(__name__)


class ResourceFailedError(Exception):
    """A resource could not be made or updated."""

    def __init__(self, logical_id: str, resource_type: str, reason: str) -> None:
        """Say which and why."""
        super().__init__(reason)
        self.logical_id = logical_id
        self.resource_type = resource_type
        self.reason = reason


def apply() -> None:
    """Make stacks tell how they fare."""
    _tell_of_resources()
    create = models.Stack.create_resources

    def create_resources(stack: Any) -> None:
        try:
            create(stack)
        except ResourceFailedError as failed:
            _roll_back(stack, failed)

    models.Stack.create_resources = create_resources
    models.Stack.stack_resources = property(
        lambda stack: [made for made in stack.resource_map.values() if made is not None]
    )
    outputs = models.Stack.outputs.fget
    models.Stack.outputs = property(
        lambda stack: outputs(stack) if stack.status in _WITH_OUTPUTS else None
    )
    models.Stack.update = _update
    models.CloudFormationBackend.execute_change_set = _execute_change_set


def _tell_of_resources() -> None:
    create = parsing.parse_and_create_resource

    def make(
        logical_id: str,
        resource_json: dict[str, Any],
        resources_map: Any,
        account_id: str,
        region_name: str,
    ) -> Any:
        stacks = models.cloudformation_backends[account_id][region_name].stacks
        place = (account_id, region_name)
        old = getattr(resources_map, "previous", {}).get(logical_id)
        try:
            if old is not None:
                made = _updated(logical_id, old, resource_json, resources_map, place)
            else:
                made = create(logical_id, resource_json, resources_map, *place)
        except ResourceFailedError:
            raise
        except RecursionError:
            reason = "Circular dependency between resources"
            raise ResourceFailedError(logical_id, resource_json["Type"], reason) from None
        except Exception as err:
            _log.exception("%s could not be made", logical_id)
            raise ResourceFailedError(logical_id, resource_json["Type"], _reason(err)) from err
        resources_map.__dict__.setdefault("resolved", {})[logical_id] = resources_map.latest.get(
            logical_id
        )
        if made is not None and made is not old:
            status = "UPDATE_COMPLETE" if old else "CREATE_COMPLETE"
            _add_event(stacks[resources_map.stack_id], logical_id, made, status)
        return made

    parsing.parse_and_create_resource = make
    name_resource = parsing.parse_resource_and_generate_name

    def name_and_remember(logical_id: str, resource_json: Any, resources_map: Any) -> Any:
        model, resolved, name = name_resource(logical_id, resource_json, resources_map)
        resources_map.__dict__.setdefault("latest", {})[logical_id] = copy.deepcopy(resolved)
        return model, resolved, name

    parsing.parse_resource_and_generate_name = name_and_remember


def _updated(
    logical_id: str, old: Any, resource_json: dict[str, Any], resources_map: Any, place: Any
) -> Any:
    condition = resource_json.get("Condition")
    if condition and not resources_map.lazy_condition_map[condition]:
        return None
    before = resources_map.resolved_before[logical_id]
    model, resolved, name = parsing.parse_resource_and_generate_name(
        logical_id, resource_json, resources_map
    )
    if resolved.get("Properties") == before.get("Properties"):
        return old
    if resolved["Type"] != before["Type"] or resolved["Type"] not in UPDATABLE:
        raise NotImplementedError(
            f"The embedded AWS cannot update {before['Type']}: delete the stack and make it again."
        )
    # moto takes an invented name for a new one.
    named = resolved["Properties"].get(model.cloudformation_name_type() or "")
    made = model.update_from_cloudformation_json(
        old, named or getattr(old, "name", name), resolved, *place
    )
    made.cf_resource_type = resolved["Type"]
    made.logical_resource_id = logical_id
    return made


def _update(
    stack: Any,
    template: str,
    role_arn: str | None = None,
    parameters: dict[str, Any] | None = None,
    tags: dict[str, str] | None = None,
) -> None:
    given = stack.parameters if parameters is None else parameters
    if stack.has_template(template) and stack.has_parameters(given):
        raise ValidationError(message="No updates are to be performed.")
    old_map, before = stack.resource_map, (stack.template, stack.parameters, stack.template_dict)
    stack.template, stack.parameters = template, given
    try:
        stack._parse_template()  # noqa: SLF001
        new_map = stack._create_resource_map()  # noqa: SLF001
    except Exception:
        stack.template, stack.parameters, stack.template_dict = before
        raise
    new_map.previous = {
        name: made
        for name, made in old_map._parsed_resources.items()  # noqa: SLF001
        if name in old_map._resource_json_map  # noqa: SLF001
    }
    new_map.resolved_before = old_map.resolved
    stack.role_arn, stack.tags = role_arn, stack.tags if tags is None else tags
    stack.status = "UPDATE_IN_PROGRESS"
    stack._add_stack_event("UPDATE_IN_PROGRESS", resource_status_reason="User Initiated")  # noqa: SLF001
    stack.resource_map = new_map
    stack.output_map = stack._create_output_map()  # noqa: SLF001
    try:
        new_map.create(stack.template_dict)
        _remove_what_is_gone(stack, old_map, new_map)
    except ResourceFailedError as failed:
        # What was not reached is as it was; the next update begins from here.
        stack.template, stack.parameters = before[:2]
        new_map._parsed_resources = new_map.previous | new_map._parsed_resources  # noqa: SLF001
        new_map.resolved = old_map.resolved | new_map.__dict__.get("resolved", {})
        _add_event(stack, failed.logical_id, failed, "UPDATE_FAILED", failed.reason)
        _set_status(stack, "UPDATE_FAILED", _failed_to("update", failed))
        return
    _set_status(stack, "UPDATE_COMPLETE")


def _remove_what_is_gone(stack: Any, old_map: Any, new_map: Any) -> None:
    kept = {name for name in new_map if new_map[name] is not None}
    for name, made in reversed(list(new_map.previous.items())):
        if name in kept or made is None:
            continue
        resource_json = old_map._resource_json_map[name]  # noqa: SLF001
        if resource_json.get("DeletionPolicy") != "Retain":
            old_map._delete_resource(made, resource_json)  # noqa: SLF001
        _add_event(stack, name, made, "DELETE_COMPLETE")


def _execute_change_set(backend: Any, change_set_name: str, stack_name: str | None = None) -> None:
    change_set = next(
        (
            found
            for found in backend.change_sets.values()
            if change_set_name in {found.change_set_id, found.change_set_name}
            and stack_name in {None, found.stack_name, found.stack_id}
        ),
        None,
    )
    if change_set is None:
        raise ValidationError(message=f"ChangeSet [{change_set_name}] does not exist")
    stack = backend.stacks[change_set.stack_id]
    change_set.execution_status = "EXECUTE_COMPLETE"
    if change_set.change_set_type != "CREATE":
        stack.update(change_set.template, change_set.role_arn, change_set.parameters)
        return
    stack.template, stack.parameters = change_set.template, change_set.parameters
    stack._parse_template()  # noqa: SLF001
    stack.resource_map = stack._create_resource_map()  # noqa: SLF001
    stack.output_map = stack._create_output_map()  # noqa: SLF001
    stack._add_stack_event("CREATE_IN_PROGRESS", resource_status_reason="User Initiated")  # noqa: SLF001
    stack.create_resources()


def _roll_back(stack: Any, failed: ResourceFailedError) -> None:
    _add_event(stack, failed.logical_id, failed, "CREATE_FAILED", failed.reason)
    _set_status(stack, "ROLLBACK_IN_PROGRESS", _failed_to("create", failed))
    try:
        stack.resource_map.delete()
    except Exception as err:  # noqa: BLE001 - the stack tells of it
        _log.exception("stack %s could not be rolled back", stack.name)
        _set_status(stack, "ROLLBACK_FAILED", _reason(err))
    else:
        _set_status(stack, "ROLLBACK_COMPLETE", _failed_to("create", failed))


def _failed_to(do: str, failed: ResourceFailedError) -> str:
    return f"The following resource(s) failed to {do}: [{failed.logical_id}]."


def _set_status(stack: Any, status: str, reason: str | None = None) -> None:
    stack.status = status
    stack.stack_status_reason = reason
    stack._add_stack_event(status, resource_status_reason=reason)  # noqa: SLF001


def _add_event(
    stack: Any, logical_id: str, made: Any, status: str, reason: str | None = None
) -> None:
    kind = getattr(made, "resource_type", None) or stack.template_dict["Resources"].get(
        logical_id, {}
    ).get("Type", getattr(made, "cf_resource_type", ""))
    stack.events.append(
        models.Event(
            stack_id=stack.stack_id,
            stack_name=stack.name,
            logical_resource_id=logical_id,
            physical_resource_id=getattr(made, "physical_resource_id", ""),
            resource_type=kind,
            resource_status=status,
            resource_status_reason=reason,
            resource_properties=None,
        )
    )


def _reason(err: Exception) -> str:
    return str(getattr(err, "message", "") or err or type(err).__name__)
