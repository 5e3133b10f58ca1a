"""What every contract is: frozen, without extras, without nulls.

A state machine and a function that disagree fail at the first test, not in production. What travels
has no nulls: JSONata has no use for a null that means "not there".
"""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from dropforge_core.errors import InvalidInputError


class Contract(BaseModel):
    """Something that passes between states."""

    # Deferred: a function that reads one contract does not pay for compiling all of them at its
    # cold start. Hidden: a validation error quotes no input, for a task token may be in it.
    model_config = ConfigDict(
        frozen=True, extra="forbid", defer_build=True, hide_input_in_errors=True
    )

    @classmethod
    def read(cls, event: Mapping[str, Any]) -> Self:
        """Validate what a state machine or a file gave.

        Raises:
            InvalidInputError: it does not fit; the message names the fields and quotes no value.
        """
        try:
            return cls.model_validate(event)
        except ValidationError as err:
            raise InvalidInputError(str(err)) from err

    def dump(self) -> dict[str, Any]:
        """Return what travels: JSON's own types, without the fields that are not there."""
        return self.model_dump(exclude_none=True, mode="json")
