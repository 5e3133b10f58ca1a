"""Ways to complete what moto makes of a resource, and to add types that it does not know."""

from collections.abc import Callable
from typing import Any, ClassVar

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


class NewType:
    """What moto asks of a type of resource; one that changes is made anew.

    To go before `CloudFormationModel` among the bases: moto knows what derives from that directly.
    """

    TYPE: ClassVar[str]
    # The property that names a resource, if there is one.
    NAME: ClassVar[str] = ""
    # What `Fn::GetAtt` may ask, and the resource's own name of it.
    ATTRIBUTES: ClassVar[dict[str, str]] = {}

    @classmethod
    def cloudformation_type(cls) -> str:
        """Name the type."""
        return cls.TYPE

    @classmethod
    def cloudformation_name_type(cls) -> str:
        """Name the property that names a resource."""
        return cls.NAME

    @classmethod
    def has_cfn_attr(cls, attribute: str) -> bool:
        """Say whether there is this attribute."""
        return attribute in cls.ATTRIBUTES

    def get_cfn_attribute(self, attribute: str) -> str:
        """Give an attribute."""
        return str(getattr(self, self.ATTRIBUTES[attribute]))

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Any:
        """Put a new one in the place of the old one."""
        original_resource.delete(account_id, region_name)
        make: Any = cls
        return make.create_from_cloudformation_json(
            new_resource_name, cloudformation_json, account_id, region_name
        )
