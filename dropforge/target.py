"""Where commands act: boto3 clients for the embedded AWS or for AWS, and the stack's outputs."""

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError
from dropforge_core.ledger import Ledger

from dropforge import embedded
from dropforge.errors import CommandError, InputError, UnreachableError
from dropforge.options import Options, Where
from dropforge.project import find_project

if TYPE_CHECKING:
    from botocore.model import OperationModel
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

_REFUSED = {
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_NO_CREDENTIALS = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
_NO_ANSWER = (BotoConnectionError, HTTPClientError)
# A proxy of the user's is for the internet, not for this machine. And what is gone from here does
# not come back: boto3's ten attempts for DynamoDB would take half a minute to say so.
_LOCAL = Config(proxies={}, retries={"mode": "standard", "total_max_attempts": 3})


class Target:
    """A stack in the embedded AWS or on AWS."""

    def __init__(
        self,
        session: boto3.Session,
        stack: str,
        endpoint_url: str | None = None,
        runtime: str | None = None,
    ) -> None:
        """Act on `stack` with the session's credentials.

        `endpoint_url` is the embedded AWS's, and `runtime` what runs its jobs.
        """
        session.events.register("before-parse", _refuse_incomplete)
        self._session = session
        self._clients: dict[str, Any] = {}
        self.stack = stack
        self.endpoint_url = endpoint_url
        self.runtime = runtime

    @property
    def is_local(self) -> bool:
        """Whether this is the embedded AWS."""
        return self.endpoint_url is not None

    @property
    def poll_seconds(self) -> float:
        """How often to ask while something goes on: AWS throttles, the embedded AWS does not."""
        return 0.3 if self.is_local else 3.0

    @property
    def region(self) -> str:
        """The region's name."""
        return str(self.cloudformation.meta.region_name)

    @cached_property
    def account(self) -> str:
        """The account's number."""
        return str(self.client("sts").get_caller_identity()["Account"])

    def client(self, service: str) -> Any:
        """Return the client of a service, made once."""
        if service not in self._clients:
            config = _LOCAL if self.is_local else None
            self._clients[service] = self._session.client(
                service,  # type: ignore[call-overload]
                endpoint_url=self.endpoint_url,
                config=config,
            )
        return self._clients[service]

    def client_in(self, region: str, service: str) -> Any:
        """Make the client of a service of AWS's in another region than the target's."""
        return self._session.client(service, region_name=region)  # type: ignore[call-overload]

    @property
    def cloudformation(self) -> "CloudFormationClient":
        """CloudFormation's client."""
        return self.client("cloudformation")  # type: ignore[no-any-return]

    @property
    def s3(self) -> "S3Client":
        """S3's client."""
        return self.client("s3")  # type: ignore[no-any-return]

    @property
    def stepfunctions(self) -> "SFNClient":
        """Step Functions' client."""
        return self.client("stepfunctions")  # type: ignore[no-any-return]

    @cached_property
    def ledger(self) -> Ledger:
        """The stack's ledger."""
        return Ledger(self.client("dynamodb"), self.output("LedgerTableName"))

    def output(self, name: str) -> str:
        """Return one of the stack's outputs.

        Raises:
            UnreachableError: there is no such stack, or it is no Dropforge stack.
        """
        if name not in self._outputs:
            raise UnreachableError(
                f"Stack {self.stack!r} has no output {name}: it is not ready or no Dropforge stack."
            )
        return self._outputs[name]

    def parameter(self, name: str) -> str:
        """Return the value of one of the stack's parameters; "" when it has no such parameter.

        Raises:
            UnreachableError: there is no such stack.
        """
        given = {p["ParameterKey"]: p["ParameterValue"] for p in self._stack.get("Parameters", [])}
        return given.get(name, "")

    @cached_property
    def _outputs(self) -> dict[str, str]:
        return {o["OutputKey"]: o["OutputValue"] for o in self._stack.get("Outputs", [])}

    @cached_property
    def _stack(self) -> "StackTypeDef":
        try:
            stacks = self.cloudformation.describe_stacks(StackName=self.stack)["Stacks"]
        except ClientError as err:
            if "does not exist" not in str(err):
                raise
            raise UnreachableError(self._no_stack()) from err
        return stacks[0]

    def _no_stack(self) -> str:
        if self.is_local:
            todo = f"deploy it with 'dropforge local up --stack {self.stack}'"
            return f"The embedded AWS has no stack {self.stack!r}: {todo}."
        todo = "deploy it with 'sam build && sam deploy --guided', or name another with --stack"
        return f"There is no stack {self.stack!r} in {self.region}: {todo}."


def open_target(options: Options) -> Target:
    """Open the target that the options name.

    Raises:
        UnreachableError: it is the embedded AWS and that is not running, or the profile is unknown.
    """
    if options.target is Where.LOCAL:
        return open_local(options)
    session = boto3.Session(profile_name=options.profile, region_name=options.region)
    return Target(session, options.stack)


def open_local(options: Options) -> Target:
    """Open the embedded AWS of this project.

    Raises:
        InputError: a profile or another region is asked for.
        UnreachableError: it is not running.
    """
    if options.profile:
        raise InputError("--profile: the embedded AWS needs none; add --target aws to act on AWS.")
    found = embedded.find(find_project().state)
    if found is None:
        raise UnreachableError("The embedded AWS is not running: start it: dropforge local up")
    if options.region not in {None, found.region}:
        raise InputError(
            f"--region: the embedded AWS is in {found.region}; add --target aws to act on AWS."
        )
    return local_target(found.endpoint_url, options.stack, found.region, found.runtime)


def local_target(endpoint_url: str, stack: str, region: str, runtime: str = "process") -> Target:
    """Open an embedded AWS by its address, with nothing of the user's own AWS configuration."""
    forget_user_configuration()
    session = boto3.Session("embedded", "embedded", region_name=region)
    return Target(session, stack, endpoint_url, runtime)


def forget_user_configuration() -> None:
    """Take AWS's variables and files out of this process's reach.

    boto3 reads profiles, regions, endpoints and retries from many places; none may leak into
    calls to the embedded AWS.
    """
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _refuse_incomplete(
    operation_model: "OperationModel", response_dict: dict[str, Any], **_: object
) -> None:
    """Take no answer that was cut off: botocore would, and find all in it missing.

    Raises:
        UnreachableError: the body is shorter than its length says.
    """
    body, length = response_dict["body"], response_dict["headers"].get("content-length")
    streamed = not isinstance(body, bytes)
    if streamed or length is None or operation_model.http.get("method") == "HEAD":
        return
    if len(body) < int(length):
        msg = f"The target cannot be reached: its answer to {operation_model.name} was cut off."
        raise UnreachableError(msg)


def explain(err: BotoCoreError | ClientError) -> CommandError:
    """Word an error of AWS's that no command expected, in one line."""
    text = " ".join(str(err).split()).rstrip(".")
    if isinstance(err, NoRegionError):
        return UnreachableError(f"{text}: give --region, or set AWS_DEFAULT_REGION.")
    if isinstance(err, _NO_CREDENTIALS):
        return UnreachableError(f"{text}: give --profile, or set up credentials for boto3.")
    if isinstance(err, _NO_ANSWER):
        return UnreachableError(f"The target cannot be reached: {text}")
    if isinstance(err, ClientError) and err.response["Error"]["Code"] in _REFUSED:
        return UnreachableError(f"The target refuses us: {text}")
    return CommandError(text)
