"""Images as folders."""

from pathlib import Path

import pytest

from embedded_aws.errors import AwsError
from embedded_aws.images import Images


@pytest.mark.parametrize(
    "uri",
    [
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/iris:1.0",
        "localhost:5000/team/iris:1.0",
        "team/iris:1.0",
    ],
)
def test_an_image_is_a_folder(tmp_path: Path, uri: str) -> None:
    """Repository and tag name the folder; the registry does not matter."""
    folder = tmp_path / "team" / "iris" / "1.0"
    folder.mkdir(parents=True)
    assert Images(tmp_path).folder(uri) == folder


def test_no_tag_means_latest(tmp_path: Path) -> None:
    """Docker's own default applies."""
    (tmp_path / "iris" / "latest").mkdir(parents=True)
    assert Images(tmp_path).folder("iris") == tmp_path / "iris" / "latest"


def test_a_link_names_what_stands_in(tmp_path: Path) -> None:
    """An engine is asked for the image that the link leads to, else for repository and tag."""
    (tmp_path / "ours" / "boost" / "abc").mkdir(parents=True)
    (tmp_path / "sagemaker-xgboost").mkdir()
    (tmp_path / "sagemaker-xgboost" / "3.0-5").symlink_to(tmp_path / "ours" / "boost" / "abc")
    registry = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
    images = Images(tmp_path)
    assert images.name(f"{registry}/sagemaker-xgboost:3.0-5") == "ours/boost:abc"
    assert images.name(f"{registry}/sagemaker-xgboost:1.7-1") == "sagemaker-xgboost:1.7-1"


@pytest.mark.parametrize("uri", ["iris:2", "../../etc:passwd", "iris:../../etc", "", "Iris:1"])
def test_an_image_that_is_not_there(tmp_path: Path, uri: str) -> None:
    """What has no folder below ours is an error that names it."""
    with pytest.raises(AwsError) as caught:
        Images(tmp_path).folder(uri)
    assert caught.value.code == "ValidationException"
    assert uri in caught.value.message
