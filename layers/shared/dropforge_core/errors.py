"""The errors that a state machine sees by class name; caller's fault and platform's apart."""


class InvalidInputError(Exception):
    """The caller's fault: an event, a name or a file that cannot be used. Never retried."""


class ServiceUnavailableError(Exception):
    """The platform's fault: an AWS service throttled or failed. The state machines retry it."""
