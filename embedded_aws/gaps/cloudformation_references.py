"""Gap: `AWS::NoValue` as an item of a list leaves a null in the list."""

from typing import Any

from moto.cloudformation import parsing


def apply() -> None:
    """Leave such items out."""
    clean = parsing.clean_json

    def clean_json(resource_json: Any, resources_map: Any) -> Any:
        # It calls itself by its module's name, hence comes by here at each level.
        cleaned = clean(resource_json, resources_map)
        if isinstance(resource_json, list):
            return [item for item in cleaned if item is not None]
        return cleaned

    parsing.clean_json = clean_json
