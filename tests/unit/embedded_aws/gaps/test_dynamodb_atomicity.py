"""Conditional writes: of several at once, one wins."""

import contextlib
import threading

from tests.conftest import Embedded


def test_one_of_several_writers_wins(embedded: Embedded) -> None:
    """Of four threads that each write an item unless it is there, exactly one succeeds."""
    dynamodb = embedded.client("dynamodb")
    dynamodb.create_table(
        TableName="atomicity",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    won: list[str] = []

    def write(key: str) -> None:
        with contextlib.suppress(dynamodb.exceptions.ConditionalCheckFailedException):
            dynamodb.put_item(
                TableName="atomicity",
                Item={"pk": {"S": key}},
                ConditionExpression="attribute_not_exists(pk)",
            )
            won.append(key)

    keys = [str(number) for number in range(40)]
    for key in keys:
        threads = [threading.Thread(target=write, args=(key,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert won == keys
