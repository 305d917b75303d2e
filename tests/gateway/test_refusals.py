"""What a broker refuses: by topic, longer each time, and never for ever."""

from gateway.refusals import FIRST_S, MOST_S, PLAY, QUOTA, Refusals

NOT_AUTHORISED = 0x87


def test_a_refusal_holds_its_own_topic_for_some_seconds_and_says_why():
    refusals = Refusals()
    refusals.refuse("live", NOT_AUTHORISED, 100.0)
    assert FIRST_S * (1 - PLAY) <= refusals.free_s("live", 100.0) <= FIRST_S * (1 + PLAY)
    assert refusals.free_s("event", 100.0) == 0
    assert refusals.free_s("live", 100.0 + 2 * FIRST_S) == 0
    assert refusals.told == {"live": "not authorised (0x87)"}
    assert refusals.next_s(100.0) == refusals.free_s("live", 100.0)


def test_each_further_refusal_holds_longer_up_to_a_limit():
    refusals = Refusals()
    now_s, pauses = 0.0, []
    for _ in range(12):
        refusals.refuse("live", NOT_AUTHORISED, now_s)
        pauses.append(refusals.free_s("live", now_s))
        now_s += pauses[-1]
    assert pauses[0] < 2 * FIRST_S
    assert MOST_S * (1 - PLAY) <= pauses[-1] <= MOST_S * (1 + PLAY)


def test_several_that_were_under_way_together_count_once():
    refusals = Refusals()
    for _ in range(10):
        refusals.refuse("live", NOT_AUTHORISED, 0.0)
    assert refusals.free_s("live", 0.0) <= FIRST_S * (1 + PLAY)


def test_an_exceeded_quota_holds_the_whole_station_and_is_forgotten_with_the_first_message_that_is_taken():
    refusals = Refusals()
    refusals.refuse("late", QUOTA, 0.0)
    assert refusals.free_s("event", 0.0) > 0
    assert refusals.told == {"all": "quota exceeded (0x97)"}
    refusals.take("event")
    assert (refusals.free_s("late", 0.0), refusals.told, refusals.next_s(0.0)) == (0, {}, None)


def test_what_is_taken_says_nothing_about_another_topic():
    refusals = Refusals()
    refusals.refuse("live", NOT_AUTHORISED, 0.0)
    refusals.take("event")
    assert refusals.free_s("live", 0.0) > 0
    refusals.refuse("state", 0xFF, 0.0)
    assert refusals.told["state"] == "refused (0xff)"
