"""The environment of a function, read once, inside the invocation, into one typed model."""

import os
from typing import Self

from pydantic import BaseModel, ConfigDict


class Environment(BaseModel):
    """Base of each function's settings: the field ``ledger_table`` is the variable LEDGER_TABLE."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=str.upper, hide_input_in_errors=True
    )

    @classmethod
    def read(cls) -> Self:
        """Read the process's environment.

        Raises:
            pydantic.ValidationError: a variable is missing: the template is wrong.
        """
        return cls.model_validate(os.environ)
