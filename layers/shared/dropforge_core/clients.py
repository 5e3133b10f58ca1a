"""The AWS clients of one boto3 session, each made when it is first used.

Making a client is most of a function's cold start (botocore reads a JSON model for each), so a
function makes only those that the invocation at hand needs. The garbage collector rests meanwhile:
what boto3 brings stays for ever, and looking through it again and again takes time.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient


@contextmanager
def _without_collector() -> Iterator[None]:
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()


with _without_collector():
    import boto3
    from botocore.auth import S3SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.config import Config
    from botocore.exceptions import NoCredentialsError

# Seconds. Four tries end within the functions' 30: a call that hangs is tried again.
_CONFIG = Config(
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 4},
    # TLS guards what travels; a checksum of its own costs each cold start of the trigger.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)
# A container has 60 seconds to answer; AWS advises to wait for 70.
_INVOCATIONS = _CONFIG.merge(
    Config(read_timeout=70, retries={"mode": "standard", "total_max_attempts": 3})
)


class Clients:
    """Clients of one session; nothing is read or made before the first use."""

    def __init__(self, session: boto3.session.Session | None = None) -> None:
        """Use this session, or boto3's own way to credentials and region."""
        self._given = session

    @cached_property
    def cloudwatch(self) -> Any:
        """What jobs say of their metrics."""
        with _without_collector():
            return self._session.client("cloudwatch", config=_CONFIG)

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """The ledger's table."""
        with _without_collector():
            return self._session.client("dynamodb", config=_CONFIG)

    @cached_property
    def lambda_(self) -> LambdaClient:
        """Other functions."""
        with _without_collector():
            return self._session.client("lambda", config=_CONFIG)

    @cached_property
    def s3(self) -> S3Client:
        """The buckets."""
        with _without_collector():
            return self._session.client("s3", config=_CONFIG)

    @cached_property
    def sagemaker(self) -> SageMakerClient:
        """Endpoints and jobs."""
        with _without_collector():
            return self._session.client("sagemaker", config=_CONFIG)

    @cached_property
    def sagemaker_runtime(self) -> SageMakerRuntimeClient:
        """What endpoints serve."""
        with _without_collector():
            return self._session.client("sagemaker-runtime", config=_INVOCATIONS)

    @cached_property
    def secretsmanager(self) -> Any:
        """The Slack webhook's URL, when it is kept there."""
        with _without_collector():
            return self._session.client("secretsmanager", config=_CONFIG)

    @cached_property
    def sns(self) -> Any:
        """The topic of announcements."""
        with _without_collector():
            return self._session.client("sns", config=_CONFIG)

    @cached_property
    def sqs(self) -> SQSClient:
        """The trigger's queue."""
        with _without_collector():
            return self._session.client("sqs", config=_CONFIG)

    @cached_property
    def ssm(self) -> Any:
        """The Slack webhook's URL, when it is kept there."""
        with _without_collector():
            return self._session.client("ssm", config=_CONFIG)

    @cached_property
    def stepfunctions(self) -> SFNClient:
        """Executions and task tokens."""
        with _without_collector():
            return self._session.client("stepfunctions", config=_CONFIG)

    def presigned(self, method: str, address: str, seconds: int) -> str:
        """Sign a request to S3: whoever has the link may make it, for so long.

        By version 4, without which S3 gives nothing that KMS encrypts. No client is made for it:
        that of S3 is one of the slowest to make.

        Raises:
            botocore.exceptions.NoCredentialsError: there is nobody to sign.
        """
        credentials = self._session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        request = AWSRequest(method=method, url=address)
        region = self._session.region_name
        S3SigV4QueryAuth(credentials, "s3", region, expires=seconds).add_auth(request)
        return str(request.url)

    @cached_property
    def _session(self) -> boto3.session.Session:
        return self._given or boto3.session.Session()
