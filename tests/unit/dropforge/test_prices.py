import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from dropforge_core.published import JobMachine, PublishedPipeline

from dropforge.prices import Prices
from dropforge.target import Target
from tests.unit.dropforge_core.stack import published

ASKED = {
    "ServiceCode": "AmazonSageMaker",
    "Filters": [
        {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "eu-west-1"},
        {"Type": "TERM_MATCH", "Field": "instanceName", "Value": "ml.m5.large"},
    ],
}


def product(usage: str, usd: str) -> str:
    """A product as the Price List has it, with what is read of it."""
    dimension = {"unit": "Hrs", "pricePerUnit": {"USD": usd}}
    return json.dumps(
        {
            "product": {"attributes": {"usagetype": usage, "instanceName": "ml.m5.large"}},
            "terms": {"OnDemand": {"a": {"priceDimensions": {"b": dimension}}}},
        }
    )


class Asked(Target):
    """A target on AWS whose Price List answers what it is told to."""

    def __init__(self) -> None:
        """Begin without answers."""
        session = boto3.Session("AKID", "SECRET", region_name="eu-west-1")
        super().__init__(session, "df")
        self.pricing = session.client("pricing", region_name="us-east-1")
        self.stub = Stubber(self.pricing)
        self.stub.activate()

    def client_in(self, region: str, service: str) -> Any:
        """Give the client that answers."""
        assert (region, service) == ("us-east-1", "pricing")
        return self.pricing

    def answer(self, *products: str) -> None:
        """Answer the next question."""
        self.stub.add_response("get_products", {"PriceList": list(products)}, ASKED)


@pytest.fixture
def asked() -> Asked:
    """A target on AWS."""
    return Asked()


@pytest.fixture
def priced(asked: Asked) -> Callable[[], PublishedPipeline]:
    """Fill in the prices of a pipeline that has none."""
    return lambda: Prices(asked).filled_in(published())


def prices_of(config: PublishedPipeline) -> list[float | None]:
    """The prices of the three jobs' machines."""
    steps = (config.preprocess, config.train, config.evaluate)
    return [step.machine.hourly_usd for step in steps]


def test_each_kind_of_job_has_its_price(
    asked: Asked, priced: Callable[[], PublishedPipeline], capsys: pytest.CaptureFixture[str]
) -> None:
    """Asked once for each, by its name on the bill; other uses and free tiers are not it."""
    products = (
        product("EU-Host:ml.m5.large", "9"),
        product("EU-Train:ml.m5.large", "0.128"),
        product("EU-Train:ml.m5.large", "0.0"),
        product("EU-Train:ml.m5.large.x", "9"),
        product("EU-Processing:ml.m5.large", "0.13"),
        product("EU-Processing_DW:ml.m5.large", "9"),
    )
    asked.answer(*products)
    asked.answer(*products)
    assert prices_of(priced()) == [0.13, 0.128, 0.13]
    asked.stub.assert_no_pending_responses()
    assert capsys.readouterr().err == ""


def test_what_pipeline_yaml_says_stays(asked: Asked) -> None:
    """Nothing is asked about it."""
    machine = JobMachine(instance_type="ml.m5.large", instance_count=1, volume_gb=1, hourly_usd=7.0)
    config = published()
    told = config.model_copy(
        update={
            name: getattr(config, name).model_copy(update={"machine": machine})
            for name in ("preprocess", "train", "evaluate")
        }
    )
    assert Prices(asked).filled_in(told) == told


@pytest.mark.parametrize(
    ("products", "says"),
    [
        ([], "has no prices of ml.m5.large (Processing) in eu-west-1."),
        (
            [product("EU-Processing:ml.m5.large", "1"), product("EU-Processing:ml.m5.large", "2")],
            "has 2 prices of ml.m5.large (Processing) in eu-west-1.",
        ),
        (["no JSON"], "cannot be read"),
        (['{"product": {}}'], "cannot be read"),
    ],
)
def test_a_price_that_is_not_to_be_had_is_unknown(
    asked: Asked,
    priced: Callable[[], PublishedPipeline],
    capsys: pytest.CaptureFixture[str],
    products: list[str],
    says: str,
) -> None:
    """Said once, and published all the same."""
    asked.answer(*products)
    asked.answer(*products)
    assert prices_of(priced()) == [None, None, None]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Costs are told as unknown: the AWS Price List")
    assert says in line


def test_a_price_list_that_may_not_be_asked(
    asked: Asked, priced: Callable[[], PublishedPipeline], capsys: pytest.CaptureFixture[str]
) -> None:
    """A person without that permission publishes, too."""
    for _ in range(2):
        asked.stub.add_client_error("get_products", "AccessDeniedException")
    assert prices_of(priced()) == [None, None, None]
    assert "AccessDeniedException" in capsys.readouterr().err


def test_the_embedded_aws_costs_nothing(target: Target) -> None:
    """Nobody is asked, and the price stays what pipeline.yaml says."""
    config = published()
    assert Prices(target).filled_in(config) is config
