"""The embedded AWS as it ships, but for retries and Wait states, which take no time.

The same command line as `python -m embedded_aws`.
"""

import sys
from typing import Any

from embedded_aws import __main__ as embedded

LONGEST_PAUSE_SECONDS = 0.02

serve = vars(embedded)["_serve"]


def serve_hurried(*parts: Any) -> None:
    """Shorten the pauses, then serve."""
    # Imports moto, which is to find its environment set.
    from embedded_aws.gaps import stepfunctions_waiting  # noqa: PLC0415

    pause = stepfunctions_waiting.pause

    def pause_shortly(env: Any, seconds: float) -> None:
        pause(env, min(seconds, LONGEST_PAUSE_SECONDS))

    vars(stepfunctions_waiting)["pause"] = pause_shortly
    serve(*parts)


if __name__ == "__main__":
    vars(embedded)["_serve"] = serve_hurried
    sys.exit(embedded.main())
