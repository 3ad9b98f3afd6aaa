"""How much of its share a node is given that has just come back."""

# Envoy's `min_weight_percent` of a slow start: less, and too few requests would warm it up.
LEAST = 0.1


def factor(elapsed: float, length: float) -> float:
    """The part of its share for a node that came back `elapsed` seconds ago, from 0.1 to 1 over `length` seconds.

    It grows with time, as HAProxy's `slowstart` and Envoy's with an aggression of 1; without a length it is 1.
    """
    return 1.0 if elapsed >= length else max(LEAST, elapsed / length)
