from s3edge.health.verdict import Sign, bad, draining, good, refused


def test_each_verdict_has_the_sign_of_its_name_and_only_a_good_one_tells_the_load() -> None:
    verdicts = [good("r", 7), bad("r"), draining("r"), refused("r")]
    assert [verdict.sign for verdict in verdicts] == [Sign.GOOD, Sign.BAD, Sign.DRAINING, Sign.REFUSED]
    assert [verdict.load for verdict in verdicts] == [7, None, None, None]
