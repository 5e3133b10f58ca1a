"""What SageMaker's machines cost an hour, asked of the AWS Price List when a pipeline is published.

Estimates are for people: whatever goes wrong here is said once and leaves a price unknown.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError
from dropforge_core.published import ProcessingStep, PublishedPipeline, TrainingStep

from dropforge import output
from dropforge.target import Target

# The Price List is served in a few regions only, and knows of all
# (docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html).
_ASKED_IN = "us-east-1"

type Use = Literal["Train", "Processing"]


class Prices:
    """The on-demand prices of a target's region; each is asked for once."""

    def __init__(self, target: Target) -> None:
        """Ask with this target's credentials."""
        self._target = target
        self._hourly_usd = cache(self._ask)
        self._told = False

    def filled_in(self, config: PublishedPipeline) -> PublishedPipeline:
        """Add the prices that pipeline.yaml leaves open; the embedded AWS costs nothing."""
        if self._target.is_local:
            return config
        return config.model_copy(
            update={
                "preprocess": self._priced(config.preprocess, "Processing"),
                "train": self._priced(config.train, "Train"),
                "evaluate": self._priced(config.evaluate, "Processing"),
            }
        )

    def _priced[Step: (ProcessingStep, TrainingStep)](self, step: Step, use: Use) -> Step:
        machine = step.machine
        # Glue's workers are in another list.
        if machine.hourly_usd is not None or getattr(step, "glue", None):
            return step
        price = self._hourly_usd(use, machine.instance_type)
        priced = machine.model_copy(update={"hourly_usd": price})
        return step.model_copy(update={"machine": priced})

    def _ask(self, use: Use, instance_type: str) -> float | None:
        try:
            found = set(self._found(use, instance_type))
        except (BotoCoreError, ClientError, KeyError, ValueError) as err:
            self._say(f"the AWS Price List cannot be read: {' '.join(str(err).split())}")
            return None
        if len(found) != 1:
            where = f"{instance_type} ({use}) in {self._target.region}"
            self._say(f"the AWS Price List has {len(found) or 'no'} prices of {where}.")
            return None
        return found.pop()

    def _found(self, use: Use, instance_type: str) -> Iterator[float]:
        """Find the prices of what SageMaker calls, say, ``USE1-Train:ml.m5.large``."""
        wanted = {"regionCode": self._target.region, "instanceName": instance_type}
        products = self._target.client_in(_ASKED_IN, "pricing").get_paginator("get_products")
        pages = products.paginate(
            ServiceCode="AmazonSageMaker",
            Filters=[
                {"Type": "TERM_MATCH", "Field": field, "Value": value}
                for field, value in wanted.items()
            ],
        )
        usage = re.compile(rf"[A-Z0-9]+-{use}:{re.escape(instance_type)}")
        for page in pages:
            for product in map(json.loads, page["PriceList"]):
                if usage.fullmatch(product["product"]["attributes"].get("usagetype", "")):
                    yield from _on_demand(product)

    def _say(self, problem: str) -> None:
        if not self._told:
            self._told = True
            output.say(f"Costs are told as unknown: {problem}")


def _on_demand(product: dict[str, Any]) -> Iterator[float]:
    for term in product["terms"].get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            price = float(dimension["pricePerUnit"].get("USD", 0))
            if price > 0:
                yield price
