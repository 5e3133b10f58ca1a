import pytest

from dropforge import aws_images
from dropforge.errors import InputError


@pytest.mark.parametrize(
    ("name", "place", "machine", "region", "address"),
    [
        # https://docs.aws.amazon.com/sagemaker/latest/dg-ecr-paths/ecr-us-east-1.html, -cn-north-1
        (
            "aws:xgboost:1.7-1",
            "training",
            "ml.m5.large",
            "us-east-1",
            "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
        ),
        (
            "aws:sklearn:1.2-1",
            "processing",
            "ml.m5.large",
            "cn-north-1",
            "450853457545.dkr.ecr.cn-north-1.amazonaws.com.cn/sagemaker-scikit-learn:1.2-1-cpu-py3",
        ),
        (
            "aws:tensorflow:2.19",
            "training",
            "ml.g5.xlarge",
            "eu-west-1",
            "763104351884.dkr.ecr.eu-west-1.amazonaws.com/tensorflow-training:2.19.0-gpu-py312",
        ),
        (
            "aws:tensorflow:2.19",
            "inference",
            None,
            "eu-west-1",
            "763104351884.dkr.ecr.eu-west-1.amazonaws.com/tensorflow-inference:2.19.0-cpu",
        ),
    ],
)
def test_an_image_of_aws_has_an_address_in_each_region(
    name: str, place: aws_images.Place, machine: str | None, region: str, address: str
) -> None:
    """By place, processor and region, as AWS's documentation lists them."""
    assert aws_images.find(name, place, machine).address(region) == address


@pytest.mark.parametrize(
    ("name", "place", "machine", "message"),
    [
        ("aws:caffe:1", "training", "ml.m5.large", "no framework.*sklearn, spark, tensorflow"),
        ("aws:xgboost:9.9", "training", "ml.m5.large", "for training AWS has 1.7-1, "),
        ("aws:xgboost:", "training", "ml.m5.large", "for training AWS has 1.7-1, "),
        ("aws:xgboost", "training", "ml.m5.large", "for training AWS has 1.7-1, "),
        ("aws:tensorflow:2.1", "training", "ml.m5.large", "for training AWS has 2.16.2, "),
        ("aws:spark:3.5", "inference", "ml.m5.large", "for inference AWS has none"),
        ("aws:sklearn:1.2-1", "training", "ml.p3.2xlarge", "none for ml.p3.2xlarge"),
    ],
)
def test_an_image_that_aws_does_not_have_is_bad_input(
    name: str, place: aws_images.Place, machine: str, message: str
) -> None:
    """The message says which there are."""
    with pytest.raises(InputError, match=message):
        aws_images.find(name, place, machine)


def test_a_region_without_a_registry_is_bad_input() -> None:
    """AWS does not put every image everywhere."""
    with pytest.raises(InputError, match="no registry of it in mars-north-1"):
        aws_images.find("aws:xgboost:3.0-5", "training", "ml.m5.large").address("mars-north-1")


@pytest.mark.parametrize(
    ("name", "place", "python"),
    [
        ("aws:tensorflow:2.18", "training", "3.10"),
        ("aws:tensorflow:2.19", "training", "3.12"),
        ("aws:spark:3.3", "processing", "3.9"),
        ("aws:sklearn:1.4-2", "processing", "3.10"),
        ("aws:sklearn:1.4-2-py312", "processing", "3.12"),
        ("aws:tensorflow:2.18", "inference", None),
        ("aws:xgboost:3.2-0", "training", None),
    ],
)
def test_an_image_of_aws_tells_its_python(
    name: str, place: aws_images.Place, python: str | None
) -> None:
    """By its tag, or by the recipe that AWS has published; none is guessed."""
    assert aws_images.find(name, place, "ml.m5.large").python == python
