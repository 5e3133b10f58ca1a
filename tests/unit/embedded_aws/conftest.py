"""What the tests of the embedded AWS share."""

import io
import zipfile

import pytest

from tests.conftest import Embedded

CODE = """
def lambda_handler(event, context):
    print("got", event["say"])
    if event["say"] == "fail":
        raise ValueError("as asked")
    return {"said": event["say"]}
"""


@pytest.fixture(scope="session")
def echo(embedded: Embedded) -> str:
    """Give the name of a Lambda function that answers what it is sent."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", CODE)
    role = embedded.client("iam").create_role(RoleName="echo", AssumeRolePolicyDocument="{}")
    embedded.client("lambda").create_function(
        FunctionName="echo",
        Runtime="python3.13",
        Handler="app.lambda_handler",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": code.getvalue()},
    )
    return "echo"
