import numpy as np
import pytest

from dropforge_jobs.readings import ObjectReadings, merge

HOUR = 3600
NAN = float("nan")


def an_object(*rows: tuple[int, float | None], series: str = "") -> ObjectReadings:
    """Return readings of hours."""
    readings = ObjectReadings(HOUR)
    for hour, value in rows:
        readings.add(series, hour * HOUR, value)
    return readings


def test_objects_are_put_together_in_the_order_of_time() -> None:
    """Whatever order they and their rows come in; rows that were out of order are counted."""
    merged = merge([an_object((5, 50), (4, 40), (6, None)), an_object((1, 10), (2, 20))])
    assert merged.series[""].times.tolist() == [1, 2, 4, 5]
    assert merged.series[""].values.tolist() == [10, 20, 40, 50]
    assert merged.series[""].rows.tolist() == [1, 2, 4, 5, 6]
    assert merged.counts == {
        "rows": 5,
        "empty": 1,
        "out_of_order": 1,
        "repeated": 0,
        "replaced": 0,
    }


def test_the_newest_arrival_wins() -> None:
    """A later object's value replaces an earlier one's; a row without a value replaces nothing."""
    merged = merge([an_object((1, 10), (2, 20), (3, 30)), an_object((1, 10), (2, 21), (3, None))])
    assert merged.series[""].values.tolist() == [10, 21, 30]
    assert (merged.counts["repeated"], merged.counts["replaced"]) == (1, 1)


def test_series_do_not_mix() -> None:
    """The same times in another series are other times."""
    merged = merge([an_object((1, 10), series="a"), an_object((1, 20), series="b")])
    assert {name: each.values.tolist() for name, each in merged.series.items()} == {
        "a": [10],
        "b": [20],
    }
    assert merged.counts["repeated"] == merged.counts["replaced"] == 0


@pytest.mark.parametrize(
    ("readings", "fault"),
    [
        (an_object((1, None), (2, None)), "None of its 2 rows has a value."),
        (an_object(*((hour, 3.5) for hour in range(24))), "All 24 values are 3.5: is the sensor"),
        (
            an_object((1, 1.0), (2, 2.0), (2, 2.5), (3, 3.0)),
            "1 times come twice with different values, the first 1970-01-01 02:00:00: was",
        ),
    ],
)
def test_an_object_that_makes_no_sense_says_why(readings: ObjectReadings, fault: str) -> None:
    """No value at all, a sensor that is stuck, an hour that comes twice."""
    assert readings.fault(longest_flat=24).startswith(fault)


def test_what_is_odd_but_right_is_no_fault() -> None:
    """A flat hour, a time that comes twice with the same value, and rows out of order."""
    readings = an_object((3, 1.0), (1, 1.0), (2, 1.0), (2, 1.0), (4, None))
    assert readings.fault(longest_flat=24) == ""
    assert np.isnan(readings.series()[""][1][-1])
