"""Ways to complete what moto makes of a resource."""

from collections.abc import Callable
from typing import Any

Step = Callable[[Any, dict[str, Any], str, str], None]


def finish(model: Any, step: Step) -> None:
    """Let `step(resource, properties, account, region)` follow creations and updates."""
    create = model.create_from_cloudformation_json
    update = model.update_from_cloudformation_json

    def created(
        _: Any, /, name: str, template: dict[str, Any], account: str, region: str, **more: Any
    ) -> Any:
        resource = create(name, template, account, region, **more)
        step(resource, template["Properties"], account, region)
        return resource

    def updated(
        _: Any,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Any:
        resource = update(
            original_resource, new_resource_name, cloudformation_json, account_id, region_name
        )
        step(resource, cloudformation_json["Properties"], account_id, region_name)
        return resource

    model.create_from_cloudformation_json = classmethod(created)
    if not hasattr(update, "__isabstractmethod__"):
        model.update_from_cloudformation_json = classmethod(updated)
