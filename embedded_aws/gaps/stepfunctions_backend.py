"""Gap (moto 5.2.5): state machines are recorded, not run, unless a setting asks for it.

And those that CloudFormation makes land in the recording backend whatever the setting says.
"""

from moto.core.config import default_user_config
from moto.stepfunctions import models
from moto.stepfunctions.parser.models import stepfunctions_parser_backends


def apply() -> None:
    """Let every state machine be run by the interpreter."""
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    models.stepfunctions_backends = stepfunctions_parser_backends
