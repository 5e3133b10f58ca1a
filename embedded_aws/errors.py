"""Errors as AWS's APIs answer them."""


class AwsError(Exception):
    """An error answer: AWS's error code, its message, and the HTTP status it comes with.

    Without a message the answer's is null, as with SageMaker's throttles.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        """Keep the three parts of the answer."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class HangUpError(OSError):
    """A call is to be given no answer: its connection is closed."""
