"""Items come back as they were written, of every type."""

from typing import Any

from tests.conftest import Embedded

ITEM: dict[str, Any] = {
    "pk": {"S": "k"},
    "empty": {"S": ""},
    "number": {"N": "1.5"},
    "truth": {"BOOL": False},
    "nothing": {"NULL": True},
    "bytes": {"B": b"\x00\xff"},
    "names": {"SS": ["a", "b"]},
    "list": {"L": [{"S": "x"}, {"N": "1"}, {"L": []}]},
    "map": {"M": {"S": {"S": "a key like a type"}, "deep": {"M": {"n": {"NULL": True}}}}},
}


def test_every_type_comes_back(embedded: Embedded) -> None:
    """By each operation that reads."""
    dynamodb = embedded.client("dynamodb")
    dynamodb.create_table(
        TableName="answers",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    dynamodb.put_item(TableName="answers", Item=ITEM)
    (queried,) = dynamodb.query(
        TableName="answers",
        KeyConditionExpression="pk = :k",
        ExpressionAttributeValues={":k": {"S": "k"}},
    )["Items"]
    got = dynamodb.get_item(TableName="answers", Key={"pk": {"S": "k"}})["Item"]
    (scanned,) = dynamodb.scan(TableName="answers")["Items"]
    updated = dynamodb.update_item(
        TableName="answers",
        Key={"pk": {"S": "k"}},
        UpdateExpression="SET more = :v",
        ExpressionAttributeValues={":v": {"S": "v"}},
        ReturnValues="ALL_NEW",
    )["Attributes"]
    assert queried == got == scanned == ITEM
    assert updated == ITEM | {"more": {"S": "v"}}


def test_a_query_comes_in_the_keys_order(embedded: Embedded) -> None:
    """Numbers as numbers, page by page, of one partition among others."""
    dynamodb = embedded.client("dynamodb")
    dynamodb.create_table(
        TableName="ordered",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "N"},
        ],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
    )
    for number in ("10", "9", "-1", "1.5"):
        for partition in ("b", "a", "c"):
            dynamodb.put_item(
                TableName="ordered", Item={"pk": {"S": partition}, "sk": {"N": number}}
            )
    pages = dynamodb.get_paginator("query").paginate(
        TableName="ordered",
        KeyConditionExpression="pk = :k",
        ExpressionAttributeValues={":k": {"S": "a"}},
        PaginationConfig={"PageSize": 3},
    )
    assert [[item["sk"]["N"] for item in page["Items"]] for page in pages] == [
        ["-1", "1.5", "9"],
        ["10"],
    ]
