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


@pytest.mark.parametrize("uri", ["iris:2", "../../etc:passwd", "iris:../../etc", "", "Iris:1"])
def test_an_image_that_is_not_there(tmp_path: Path, uri: str) -> None:
    """What has no folder below ours is an error that names it."""
    with pytest.raises(AwsError) as caught:
        Images(tmp_path).folder(uri)
    assert caught.value.code == "ValidationException"
    assert uri in caught.value.message
