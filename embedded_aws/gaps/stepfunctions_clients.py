"""Gap (moto 5.2.5): the interpreter makes a boto3 client for every task, and asks `localhost`.

Making one costs 20 to 300 ms, boto3's default session must not be used by several threads at once,
and `localhost` may be tried as IPv6 first or, for S3, be taken as a domain for bucket names.
"""

import functools
import importlib
import threading
from typing import Any

from botocore.config import Config
from moto.settings import moto_server_port

from embedded_aws.gaps.stepfunctions_services import session

_USERS = [
    "lambda_eval_utils",
    *(
        f"service.state_task_service_{name}"
        for name in (
            "aws_sdk",
            "batch",
            "dynamodb",
            "ecs",
            "events",
            "glue",
            "sfn",
            "sns",
            "sqs",
        )
    ),
]
_PACKAGE = "moto.stepfunctions.parser.asl.component.state.exec.state_task"
_LONGEST_CALL_SECONDS = 24 * 3600.0
_making = threading.Lock()


@functools.lru_cache(maxsize=64)
def _client(service: str, region: str, port: str) -> Any:
    return session.create_client(
        service,
        region_name=region,
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="states",
        aws_secret_access_key="states",  # noqa: S106 - nobody checks it
        config=Config(
            # The service refuses what is wrong, and Step Functions does the retrying.
            parameter_validation=False,
            retries={"max_attempts": 0, "total_max_attempts": 1},
            connect_timeout=10,
            read_timeout=_LONGEST_CALL_SECONDS,
            max_pool_connections=100,
        ),
    )


def client_for(region: str, service: str, state_credentials: object = None) -> Any:
    """Give the kept boto3 client of `service` (botocore's name) for calls to our own port.

    Roles play no part: `state_credentials` is there because the interpreter passes it.
    """
    del state_credentials
    with _making:
        return _client(service, region, str(moto_server_port()))


def apply() -> None:
    """Let every task use a kept client."""
    for name in _USERS:
        module = importlib.import_module(f"{_PACKAGE}.{name}")
        module.boto_client_for = client_for  # type: ignore[attr-defined]
