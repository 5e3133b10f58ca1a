import io
import json
import tarfile

import pytest
from dropforge_core.published import MetricDefinition, PublishedPipeline

from dropforge.errors import InputError
from dropforge.project import Project
from dropforge.publish import ensure_published, publish
from dropforge.target import Target


def keys(target: Target) -> list[str]:
    """List what lies in the artifacts bucket."""
    listed = target.s3.list_objects_v2(Bucket="df-artifacts")
    return [item["Key"] for item in listed.get("Contents", [])]


def test_a_pipeline_is_uploaded_and_told_to_the_ledger(project: Project, target: Target) -> None:
    """Code, the resolved config beside it, and a ledger that names both."""
    published = publish(project, target, [])[0]
    version = published.version
    assert published.document() == {
        "pipeline": "iris",
        "version": version,
        "uri": f"s3://df-artifacts/pipelines/iris/{version}/",
    }
    code = f"pipelines/iris/{version}/code"
    assert keys(target) == [
        f"{code}/dropforge_jobs/__init__.py",
        f"{code}/dropforge_jobs/numbers.py",
        f"{code}/evaluate.py",
        f"{code}/pipeline.yaml",
        f"{code}/preprocess.py",
        f"pipelines/iris/{version}/pipeline.json",
    ]
    config = target.ledger.published("iris")
    assert config is not None
    assert config.endpoint == "df-iris"
    assert config.preprocess.entrypoint == (
        "python3",
        "/opt/ml/processing/input/code/preprocess.py",
        "--holdout",
        "0.3",
    )
    assert config.train.hyperparameters == {"max_leaf_nodes": "8"}
    assert config.serve.variant["InstanceType"] == "ml.m5.large"
    key = f"pipelines/iris/{version}/pipeline.json"
    body = target.s3.get_object(Bucket="df-artifacts", Key=key)["Body"].read()
    assert PublishedPipeline.model_validate(json.loads(body)) == config


def test_metrics_and_prices_are_resolved(project: Project, target: Target) -> None:
    """What pipeline.yaml says of a training job's log and of a machine's price is in the ledger."""
    path = project.pipelines / "iris" / "pipeline.yaml"
    told = "train: { metrics: { loss: 'loss=(.*);' }, instance: { hourly_usd: 0.5 },"
    path.write_text(path.read_text().replace("train: {", told))
    publish(project, target, ["iris"])
    config = target.ledger.published("iris")
    assert config is not None
    assert config.train.metric_definitions == (MetricDefinition(name="loss", regex="loss=(.*);"),)
    assert config.train.machine.hourly_usd == 0.5
    assert config.preprocess.machine.hourly_usd is None


def test_a_training_script_is_published_as_script_mode_wants_it(
    project: Project, target: Target
) -> None:
    """Its source is an archive of all that the other jobs get, the same when nothing changed."""
    folder = project.pipelines / "iris"
    path = folder / "pipeline.yaml"
    path.write_text(path.read_text().replace("train: {", "train: { script: train.py,"))
    with pytest.raises(InputError, match=r"train\.script: there is no file train\.py"):
        publish(project, target, ["iris"])
    (folder / "train.py").write_text("print('trained')\n")
    published = publish(project, target, ["iris"])[0]
    key = f"pipelines/iris/{published.version}/source/sourcedir.tar.gz"
    packed = target.s3.get_object(Bucket="df-artifacts", Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert tar.getnames() == [
            "dropforge_jobs/__init__.py",
            "dropforge_jobs/numbers.py",
            "evaluate.py",
            "pipeline.yaml",
            "preprocess.py",
            "train.py",
        ]
        assert {member.mtime for member in tar} == {0}
    config = target.ledger.published("iris")
    assert config is not None
    assert config.train.script == "train.py"
    # Each value is JSON, as AWS's training toolkit reads hyperparameters.
    assert config.train.hyperparameters == {
        "max_leaf_nodes": "8",
        "sagemaker_program": '"train.py"',
        "sagemaker_submit_directory": '"/opt/ml/input/data/code/sourcedir.tar.gz"',
    }


def test_the_rules_for_rows_go_with_the_code(project: Project, target: Target) -> None:
    """As JSON, for no image can be relied upon to read YAML; they make a version of their own."""
    before = publish(project, target, ["iris"])[0]
    path = project.pipelines / "iris" / "pipeline.yaml"
    path.write_text(path.read_text() + "columns: [{ name: size, type: number, minimum: 0 }]\n")
    after = publish(project, target, ["iris"])[0]
    assert after.version != before.version
    key = f"pipelines/iris/{after.version}/code/rules.json"
    rules = json.loads(target.s3.get_object(Bucket="df-artifacts", Key=key)["Body"].read())
    assert rules["columns"] == [{"name": "size", "type": "number", "minimum": 0.0}]


def test_publishing_again_changes_nothing(project: Project, target: Target) -> None:
    """The same content is the same version, and is not uploaded again."""
    first = publish(project, target, ["iris"])[0]
    again = publish(project, target, ["iris", "iris"])
    assert [one.is_new for one in (first, *again)] == [True, False]
    assert again[0].version == first.version


@pytest.mark.parametrize(
    "name",
    [
        "pipelines/iris/evaluate.py",
        "pipelines/iris/pipeline.yaml",
        "dropforge_jobs/numbers.py",
        "containers/iris/train",
    ],
)
def test_whatever_a_run_depends_on_makes_a_new_version(
    project: Project, target: Target, name: str
) -> None:
    """Scripts, what they share, the config and the image: each counts."""
    first = publish(project, target, ["iris"])[0]
    path = project.root / name
    path.write_text(path.read_text() + "\n# changed\n")
    second = publish(project, target, ["iris"])[0]
    assert second.is_new
    assert second.version != first.version


def test_nothing_is_uploaded_when_one_of_several_is_wrong(project: Project, target: Target) -> None:
    """All are validated first."""
    with pytest.raises(InputError, match="no pipeline 'rose'"):
        publish(project, target, ["iris", "rose"])
    assert keys(target) == []
    assert target.ledger.published("iris") is None


def test_a_drop_publishes_what_is_new_or_changed_and_says_so(
    project: Project, target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once for a new pipeline, not again, and again once a script has changed."""
    ensure_published(project, target, "iris")
    assert "Published pipeline iris, version" in capsys.readouterr().err
    ensure_published(project, target, "iris")
    assert capsys.readouterr().err == ""
    (project.pipelines / "iris" / "evaluate.py").write_text("print('better')\n")
    ensure_published(project, target, "iris")
    assert "Published pipeline iris, version" in capsys.readouterr().err


def test_a_pipeline_of_another_checkout_is_taken_as_it_was_published(
    project: Project, target: Target
) -> None:
    """Data can be dropped without the pipeline's folder; an unknown name is still an error."""
    publish(project, target, ["iris"])
    (project.pipelines / "iris" / "pipeline.yaml").unlink()
    ensure_published(project, target, "iris")
    with pytest.raises(InputError, match="no pipeline 'rose'"):
        ensure_published(project, target, "rose")
