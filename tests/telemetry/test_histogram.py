from s3edge.telemetry.histogram import Histogram


def test_a_value_counts_in_the_first_bucket_whose_bound_it_does_not_exceed_and_in_the_sum() -> None:
    histogram = Histogram((1.0, 2.5))
    for value in (0.5, 1.0, 1.5, 2.5, 3.0, 64.0):
        histogram.observe(value)
    assert histogram.numbers == [2, 2, 2, 72.5]
