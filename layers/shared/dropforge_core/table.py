"""A DynamoDB table with the keys ``pk`` and ``sk``: consistent reads, conditional writes."""

from __future__ import annotations

import random
import time
from itertools import batched
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, ConditionBase, ConditionExpressionBuilder, Key
from botocore.exceptions import ClientError

from dropforge_core.aws_errors import error_code
from dropforge_core.errors import ServiceUnavailableError
from dropforge_core.items import from_item, to_item

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

type Values = dict[str, Any]

# Limits of one call (docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html).
_BATCH_WRITE = 25
TRANSACT_WRITE = 100
_ATTEMPTS = 8
_FIRST_PAUSE = 0.05
NEW = Attr("pk").not_exists()


class ConditionFailedError(Exception):
    """A conditional write did not find what it asked for, and changed nothing."""


class Table:
    """Plain values in and out; the attributes ``pk`` and ``sk`` are in every item."""

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        """Use a table by its name."""
        self._client = client
        self._name = name

    def get(self, pk: str, sk: str) -> Values | None:
        """Read one item."""
        answer = self._client.get_item(
            TableName=self._name, Key=to_item({"pk": pk, "sk": sk}), ConsistentRead=True
        )
        return from_item(answer["Item"]) if "Item" in answer else None

    def query(self, pk: str, prefix: str = "") -> Iterator[Values]:
        """Read all items of a partition whose sort keys begin so, page by page, in order."""
        condition: ConditionBase = Key("pk").eq(pk)
        if prefix:
            condition &= Key("sk").begins_with(prefix)
        built = ConditionExpressionBuilder().build_expression(condition, is_key_condition=True)
        pages = self._client.get_paginator("query").paginate(
            TableName=self._name,
            ConsistentRead=True,
            KeyConditionExpression=built.condition_expression,
            ExpressionAttributeNames=built.attribute_name_placeholders,
            ExpressionAttributeValues=to_item(built.attribute_value_placeholders),
        )
        for page in pages:
            yield from map(from_item, page["Items"])

    def put(self, values: Mapping[str, Any]) -> None:
        """Write one item, whatever was there."""
        self._client.put_item(TableName=self._name, Item=to_item(values))

    def put_all(self, items: Iterable[Mapping[str, Any]]) -> None:
        """Write many items, whatever was there, in batches; what a batch leaves is tried again.

        Raises:
            ServiceUnavailableError: DynamoDB left items unprocessed again and again.
        """
        for batch in batched(items, _BATCH_WRITE, strict=False):
            left: Mapping[str, Any] = {
                self._name: [{"PutRequest": {"Item": to_item(values)}} for values in batch]
            }
            pauses = _pauses()
            while left := self._client.batch_write_item(RequestItems=left)["UnprocessedItems"]:
                _pause(pauses, "left items of a batch unprocessed")

    def put_all_new(self, items: Iterable[Values]) -> list[Values]:
        """Write each item unless its key is taken; return those that were written.

        Raises:
            ServiceUnavailableError: another transaction was in the way again and again.
        """
        unique = {(values["pk"], values["sk"]): values for values in items}
        written: list[Values] = []
        for batch in batched(unique.values(), TRANSACT_WRITE, strict=False):
            written += self._put_batch_new(list(batch))
        return written

    def update(self, pk: str, sk: str, changes: Values, condition: ConditionBase) -> Values:
        """Set attributes of one item and return the whole item.

        Raises:
            ConditionFailedError: the condition does not hold.
        """
        try:
            answer = self._client.update_item(
                **self.updating(pk, sk, changes, condition), ReturnValues="ALL_NEW"
            )
        except ClientError as err:
            raise _condition_failed(err) from err
        return from_item(answer["Attributes"])

    def delete(self, pk: str, sk: str, condition: ConditionBase) -> None:
        """Delete one item.

        Raises:
            ConditionFailedError: the condition does not hold.
        """
        try:
            self._client.delete_item(**self.deleting(pk, sk, condition))
        except ClientError as err:
            raise _condition_failed(err) from err

    def transact(self, writes: Sequence[Any]) -> None:
        """Make several writes, all or none.

        Raises:
            ConditionFailedError: a condition does not hold.
            ServiceUnavailableError: another transaction was in the way again and again.
        """
        pauses = _pauses()
        while "TransactionConflict" in (reasons := self._transact(writes)):
            _pause(pauses, "refused a transaction for another's sake")
        if reasons:
            raise ConditionFailedError(", ".join(reasons))

    def updating(self, pk: str, sk: str, changes: Values, condition: ConditionBase) -> Any:
        """Return an update as one of a transaction's writes holds it."""
        names = {f"#set{index}": name for index, name in enumerate(changes)}
        values = {f":set{index}": value for index, value in enumerate(changes.values())}
        request = _conditional(condition)
        sets = ", ".join(f"#set{index} = :set{index}" for index in range(len(changes)))
        request["ExpressionAttributeNames"].update(names)
        request.setdefault("ExpressionAttributeValues", {}).update(to_item(values))
        key = to_item({"pk": pk, "sk": sk})
        return {
            "TableName": self._name,
            "Key": key,
            "UpdateExpression": f"SET {sets}",
            **request,
        }

    def deleting(self, pk: str, sk: str, condition: ConditionBase) -> Any:
        """Return a delete as one of a transaction's writes holds it."""
        key = to_item({"pk": pk, "sk": sk})
        return {"TableName": self._name, "Key": key, **_conditional(condition)}

    def putting(self, values: Values, condition: ConditionBase | None = None) -> Any:
        """Return a put as one of a transaction's writes holds it."""
        request = _conditional(condition) if condition else {}
        return {"TableName": self._name, "Item": to_item(values), **request}

    def checking(self, pk: str, sk: str, condition: ConditionBase) -> Any:
        """Return a check as one of a transaction's writes holds it."""
        key = to_item({"pk": pk, "sk": sk})
        return {"TableName": self._name, "Key": key, **_conditional(condition)}

    def _put_batch_new(self, left: list[Values]) -> list[Values]:
        pauses = _pauses()
        while left:
            reasons = self._transact([{"Put": self.putting(values, NEW)} for values in left])
            if not reasons:
                break
            taken = [reason == "ConditionalCheckFailed" for reason in reasons]
            left = [values for values, is_taken in zip(left, taken, strict=True) if not is_taken]
            if not any(taken):
                _pause(pauses, "refused a transaction for another's sake")
        return left

    def _transact(self, writes: Sequence[Any]) -> list[str]:
        """Try a transaction; return why it was cancelled, one reason a write, or nothing."""
        try:
            self._client.transact_write_items(TransactItems=writes)
        except self._client.exceptions.TransactionCanceledException as err:
            return [reason.get("Code", "None") for reason in err.response["CancellationReasons"]]
        return []


def _conditional(condition: ConditionBase) -> Values:
    built = ConditionExpressionBuilder().build_expression(condition)
    request: Values = {
        "ConditionExpression": built.condition_expression,
        "ExpressionAttributeNames": dict(built.attribute_name_placeholders),
    }
    if built.attribute_value_placeholders:
        request["ExpressionAttributeValues"] = to_item(built.attribute_value_placeholders)
    return request


def _condition_failed(error: ClientError) -> Exception:
    if error_code(error) == "ConditionalCheckFailedException":
        return ConditionFailedError(str(error))
    return error


def _pauses() -> Iterator[float]:
    return (_FIRST_PAUSE * 2**attempt for attempt in range(_ATTEMPTS))


def _pause(pauses: Iterator[float], trouble: str) -> None:
    """Wait a little longer each time, at random so that rivals part; give up in the end."""
    pause = next(pauses, None)
    if pause is None:
        raise ServiceUnavailableError(f"DynamoDB {trouble}, {_ATTEMPTS} times.")
    time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
