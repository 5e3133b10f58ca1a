"""What a command ends with when it cannot do what was asked: one line, and an exit status."""


class CommandError(Exception):
    """The command did not end as asked; one line says what, where, and what to do."""

    status = 1


class InputError(CommandError):
    """Wrong use or bad input."""

    status = 2


class UnreachableError(CommandError):
    """The target cannot be reached: not running, no credentials, no such stack."""

    status = 3
