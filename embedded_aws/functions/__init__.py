"""Lambda functions as processes, their invocation, and their event sources."""

from embedded_aws.functions.environment import Invocation
from embedded_aws.functions.invoke import Functions

__all__ = ["Functions", "Invocation"]
