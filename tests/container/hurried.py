"""The embedded AWS of the loop's tests, which waits less for programs that do not answer or end."""

import functools
import sys

from embedded_aws import __main__ as embedded
from tests.loop.hurried import serve_hurried

LIMITS = {"startup": 20.0, "stop_grace": 3.0, "serving_grace": 3.0}


def serve(*parts: object) -> None:
    """Shorten the waits, then serve."""
    # Imports what is to find its environment set.
    from embedded_aws import sagemaker  # noqa: PLC0415

    vars(sagemaker)["Limits"] = functools.partial(sagemaker.Limits, **LIMITS)
    serve_hurried(*parts)


if __name__ == "__main__":
    vars(embedded)["_serve"] = serve
    sys.exit(embedded.main())
