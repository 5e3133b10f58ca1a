from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from dropforge_core.removal import (
    Served,
    names_of,
    remove_config,
    remove_model,
    remove_package,
    served_by,
)

from tests.unit.dropforge_core.sagemaker import FakeSageMaker, artifact
from tests.unit.dropforge_core.test_ledger import a_run

OLDER, NEWER = a_run(1, "iris_two"), a_run(2, "iris_two")
(OLD,), (NEW,) = names_of(OLDER), names_of(NEWER)
PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/dropforge-iris-two/1"
GONE = 'Could not find {} "arn:aws:sagemaker:us-east-1:123456789012:{}".'
REMOVE: dict[str, Callable[..., bool]] = {
    "endpoint_config": remove_config,
    "model": remove_model,
    "model_package": remove_package,
}


@pytest.fixture
def sagemaker() -> Any:
    """An endpoint that serves the newer of two deployments."""
    fake = FakeSageMaker()
    fake.deployed(OLDER)
    fake.deployed(NEWER)
    fake.serves("dropforge-iris-two", NEW)
    return fake


def test_the_names_of_each_attempt() -> None:
    """As the machine deploy makes them: without underscores, with the attempt."""
    assert names_of(a_run(1, "iris_two", attempt=2)) == [
        "iris-two-20261121t052001-1a2b3c4d-1",
        "iris-two-20261121t052001-1a2b3c4d-2",
    ]


def test_what_an_endpoint_serves(sagemaker: Any) -> None:
    """Its config, the config's model, and the run that made the model."""
    served = served_by(sagemaker, "dropforge-iris-two")
    assert served == Served(
        configs=frozenset({NEW}), models=frozenset({NEW}), runs=frozenset({NEWER.run_id})
    )
    assert (served.needs(NEWER), served.needs(OLDER)) == (True, False)


def test_a_model_that_was_brought_back_needs_its_run(sagemaker: Any) -> None:
    """A rollback's model has a name of its own, and the earlier run's artifact."""
    sagemaker.deployed(NEWER, artifact(OLDER.run_id))
    served = served_by(sagemaker, "dropforge-iris-two")
    assert served.runs == {OLDER.run_id}
    assert served.needs(NEWER)
    assert served.needs(OLDER)


def test_what_is_on_its_way_into_service_is_needed(sagemaker: Any) -> None:
    """While an endpoint changes, what it had and what it gets; shadows, too."""
    config = {"ProductionVariants": [{"ModelName": OLD}]}
    sagemaker.there["endpoint-config"]["coming"] = config
    shadowed = {"ProductionVariants": [{}], "ShadowProductionVariants": [{"ModelName": NEW}]}
    sagemaker.there["endpoint-config"]["shadowed"] = shadowed
    sagemaker.serves(
        "dropforge-iris-two",
        "shadowed",
        "Updating",
        PendingDeploymentSummary={"EndpointConfigName": "coming"},
    )
    served = served_by(sagemaker, "dropforge-iris-two")
    assert served.configs == {"shadowed", "coming"}
    assert served.models == {OLD, NEW}


def test_what_is_gone_serves_nothing(sagemaker: Any) -> None:
    """No endpoint, or one whose config or model somebody deleted."""
    nothing = Served(configs=frozenset(), models=frozenset(), runs=frozenset())
    assert served_by(sagemaker, "dropforge-car") == nothing
    del sagemaker.there["model"][NEW]
    assert served_by(sagemaker, "dropforge-iris-two").runs == set()
    del sagemaker.there["endpoint-config"][NEW]
    assert served_by(sagemaker, "dropforge-iris-two").configs == {NEW}


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("describe_endpoint", "dropforge-iris-two"),
        ("describe_endpoint_config", NEW),
        ("describe_model", NEW),
    ],
)
@pytest.mark.parametrize("code", ["ThrottlingException", "ValidationException"])
def test_what_serves_must_be_known(sagemaker: Any, operation: str, name: str, code: str) -> None:
    """Any other error than that it is missing is one."""
    sagemaker.refuse(operation, name, code, "Could not find the time")
    with pytest.raises(ClientError):
        served_by(sagemaker, "dropforge-iris-two")


def test_something_is_removed_once(sagemaker: Any) -> None:
    """The second time there is nothing, and nothing is asked to be deleted."""
    sagemaker.there["model-package"][PACKAGE] = {}
    for remove, name in ((remove_config, OLD), (remove_model, OLD), (remove_package, PACKAGE)):
        assert remove(sagemaker, name)
        assert not remove(sagemaker, name)
    deletes = [name for operation, name in sagemaker.asked if operation.startswith("delete_")]
    assert deletes == [OLD, OLD, PACKAGE, PACKAGE], "packages are not described first"


@pytest.mark.parametrize("kind", ["endpoint_config", "model", "model_package"])
def test_what_another_removes_meanwhile_is_no_error(sagemaker: Any, kind: str) -> None:
    """Gone between the look and the deletion."""
    sagemaker.there["model-package"][OLD] = {}
    message = {
        "endpoint_config": GONE.format("endpoint configuration", f"endpoint-config/{OLD}"),
        "model": GONE.format("model", f"model/{OLD}"),
        "model_package": f"ModelPackage {PACKAGE} does not exist.",
    }[kind]
    sagemaker.refuse(f"delete_{kind}", OLD, "ValidationException", message)
    assert not REMOVE[kind](sagemaker, OLD)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("AccessDeniedException", GONE.format("model", "model/x")),
        ("ThrottlingException", "Rate exceeded"),
        ("ValidationException", "Could not find model data at s3://artifacts/model.tar.gz."),
        ("ValidationException", "Model is in use; ModelPackage x does not exist."),
        ("ValidationException", GONE.format("endpoint", "endpoint/x")),
    ],
)
@pytest.mark.parametrize("kind", ["endpoint_config", "model", "model_package"])
def test_every_other_error_is_one(sagemaker: Any, kind: str, code: str, message: str) -> None:
    """Only the exact messages say that something is gone."""
    sagemaker.there["model-package"][OLD] = {}
    sagemaker.refuse(f"delete_{kind}", OLD, code, message)
    with pytest.raises(ClientError):
        REMOVE[kind](sagemaker, OLD)
