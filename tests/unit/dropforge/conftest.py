"""A small project on disk, and a stack of its kind in moto."""

import os
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from dropforge import cli
from dropforge.project import Project
from dropforge.target import Target, local_target
from tests.unit.dropforge.deployments import History, deploy
from tests.unit.dropforge_core.sagemaker import FakeSageMaker

PIPELINE = """\
name: iris
image: iris
preprocess: { script: preprocess.py, arguments: ["--holdout", "0.3"] }
train: { hyperparameters: { max_leaf_nodes: 8 } }
evaluate: { script: evaluate.py }
serve: { instance: { type: ml.m5.large } }
judge: { metric: accuracy, thresholds: { accuracy: { minimum: 0.9 } } }
"""
STACK = """\
Resources:
  Data: { Type: "AWS::S3::Bucket", Properties: { BucketName: df-data } }
  Artifacts: { Type: "AWS::S3::Bucket", Properties: { BucketName: df-artifacts } }
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: df-ledger
      BillingMode: PAY_PER_REQUEST
      KeySchema: [{ AttributeName: pk, KeyType: HASH }, { AttributeName: sk, KeyType: RANGE }]
      AttributeDefinitions:
        - { AttributeName: pk, AttributeType: S }
        - { AttributeName: sk, AttributeType: S }
  Machine:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      StateMachineName: df-retrain
      RoleArn: arn:aws:iam::123456789012:role/retrain
      DefinitionString: "{}"
Outputs:
  DataBucketName: { Value: !Ref Data }
  ArtifactsBucketName: { Value: !Ref Artifacts }
  LedgerTableName: { Value: !Ref Table }
  RetrainStateMachineArn: { Value: !Ref Machine }
"""


@dataclass(frozen=True)
class Done:
    """How a command ended: its exit status, and what it wrote."""

    status: int
    out: str
    err: str


type Command = Callable[..., Done]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with one pipeline and its image; the working directory is in it."""
    root = tmp_path / "project"
    files = {
        "template.yaml": "Resources: {}\n",
        "pipelines/iris/pipeline.yaml": PIPELINE,
        "pipelines/iris/preprocess.py": "print('preprocess')\n",
        "pipelines/iris/evaluate.py": "print('evaluate')\n",
        "pipelines/iris/README.md": "For people.\n",
        "pipelines/iris/data/rows.csv": "setosa,1,2,3,4\n",
        "dropforge_jobs/__init__.py": "",
        "dropforge_jobs/numbers.py": "ONE = 1\n",
        "containers/iris/Dockerfile": "FROM scratch\n",
        "containers/iris/train": "#!/usr/bin/env python3\n",
        "containers/iris/model/tree.py": "TREE = 1\n",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "containers/iris/train").chmod(0o755)
    monkeypatch.chdir(root)
    return Project(root, tmp_path / "state")


@pytest.fixture
def dropforge(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run the command line in this process, with an embedded AWS of its own that is not up."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(project.root))
    monkeypatch.setenv("DROPFORGE_STATE", str(project.state))

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["dropforge", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        written = capsys.readouterr()
        return Done(int(ended.value.code or 0), written.out, written.err)

    return run


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """The address of a moto server of our own."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def target(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> Target:
    """A stack that holds what the tool needs: two buckets, one of them versioned, and a ledger."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED"):
        # Opening a local target sets these; let them be as they were afterwards.
        monkeypatch.setenv(name, "")
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    direct.open(f"{moto_url}/moto-api/reset", b"", timeout=10).close()
    opened = local_target(moto_url, "df", "us-east-1")
    opened.cloudformation.create_stack(StackName="df", TemplateBody=STACK)
    opened.s3.put_bucket_versioning(Bucket="df-data", VersioningConfiguration={"Status": "Enabled"})
    return opened


@pytest.fixture
def sagemaker(target: Target, monkeypatch: pytest.MonkeyPatch) -> FakeSageMaker:
    """The target's SageMaker, in memory: moto's messages are not AWS's."""
    fake = FakeSageMaker()
    client = target.client

    def choose(service: str) -> Any:
        return fake if service == "sagemaker" else client(service)

    monkeypatch.setattr(target, "client", choose)
    return fake


@pytest.fixture
def history(target: Target, sagemaker: FakeSageMaker) -> History:
    """Make runs of these statuses, oldest first; the last of them serves."""
    return partial(deploy, target, sagemaker)
