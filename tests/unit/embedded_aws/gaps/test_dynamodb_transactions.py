"""Transactions: all writes or none, without a copy of the table."""

from typing import Any

import pytest

from tests.conftest import Embedded

TABLE = "transactions"


@pytest.fixture
def dynamodb(embedded: Embedded) -> Any:
    """A table that holds one item, which has a list."""
    client = embedded.client("dynamodb")
    client.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
    )
    client.put_item(TableName=TABLE, Item=item("old"))
    yield client
    client.delete_table(TableName=TABLE)


def item(name: str, *values: str) -> dict[str, Any]:
    """Return an item."""
    told = [{"S": value} for value in values]
    return {"pk": {"S": "p"}, "sk": {"S": name}, "told": {"L": told}}


def writes(condition: str) -> list[dict[str, Any]]:
    """Change the item, add one, delete one, and ask for something of another."""
    key = {"pk": {"S": "p"}, "sk": {"S": "old"}}
    change = {
        "TableName": TABLE,
        "Key": key,
        "UpdateExpression": "SET told = list_append(told, :more)",
        "ExpressionAttributeValues": {":more": {"L": [{"S": "x"}]}},
    }
    check = {
        "TableName": TABLE,
        "Key": {"pk": {"S": "other"}, "sk": {"S": "none"}},
        "ConditionExpression": condition,
    }
    return [
        {"Update": change},
        {"Put": {"TableName": TABLE, "Item": item("new")}},
        {"ConditionCheck": check},
    ]


def test_all_are_made(dynamodb: Any) -> None:
    """When every condition holds."""
    dynamodb.transact_write_items(TransactItems=writes("attribute_not_exists(pk)"))
    found = dynamodb.scan(TableName=TABLE)["Items"]
    assert sorted(found, key=lambda one: one["sk"]["S"]) == [item("new"), item("old", "x")]


def test_none_is_made(dynamodb: Any) -> None:
    """When one condition does not hold: what others changed, added or deleted is as it was."""
    delete = {"Delete": {"TableName": TABLE, "Key": {"pk": {"S": "p"}, "sk": {"S": "old"}}}}
    for transaction in (
        writes("attribute_exists(pk)"),
        [delete, *writes("attribute_exists(pk)")[1:]],
    ):
        with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
            dynamodb.transact_write_items(TransactItems=transaction)
        assert dynamodb.scan(TableName=TABLE)["Items"] == [item("old")]
