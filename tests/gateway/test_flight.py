"""What is under way: counted, limited, given up in time, and never thought to be elsewhere than it is."""

from gateway.flight import EVENT, FLIGHTS_MAX, LATE, LIVE, NOBODY_PATIENCE, UNCONFIRMED_MAX, Flight, Flights
from gateway.ranges import Ranges

KEY, OTHER = (b"board..1", 1), (b"board..2", 1)


def flight(flights, first=1, last=5, leaf=LIVE, sent_s=0.0, confirmed=True):
    made = Flight(leaf, [(KEY, Ranges([(first, last)])), (OTHER, Ranges([(first, first)]))], sent_s)
    flights.add(made)
    if confirmed:
        flights.confirm(made, sent_s)
    return made


def test_what_is_carried_is_known_by_log():
    flights = Flights()
    flight(flights, 1, 5)
    flight(flights, 9, 9)
    assert list(flights.carried(KEY)) == [(1, 5), (9, 9)]
    assert list(flights.carried(OTHER)) == [(1, 1), (9, 9)]
    assert not flights.carried((b"board..3", 1))


def test_a_message_has_landed_when_all_of_it_is_acknowledged():
    flights = Flights()
    flight(flights, 1, 5)
    assert flights.land({KEY: Ranges([(1, 5)])}, 1.0) == []
    assert flights.land({KEY: Ranges([(1, 4)]), OTHER: Ranges([(1, 1)])}, 1.0) == []
    assert len(flights.land({KEY: Ranges([(1, 9)]), OTHER: Ranges([(1, 1)])}, 1.0)) == 1
    assert len(flights) == 0


def test_room_is_limited_by_kind_with_and_without_the_brokers_word():
    for leaf in (EVENT, LIVE, LATE):
        flights = Flights()
        waiting = [flight(flights, leaf=leaf, confirmed=False) for _ in range(UNCONFIRMED_MAX[leaf])]
        assert not flights.has_room(leaf)
        assert all(flights.has_room(other) for other in (EVENT, LIVE, LATE) if other != leaf)
        for one in waiting:
            flights.confirm(one, 0.0)
        for _ in range(FLIGHTS_MAX[leaf] - len(waiting)):
            assert flights.has_room(leaf)
            flight(flights, leaf=leaf)
        assert not flights.has_room(leaf)


def test_all_kinds_together_stay_below_what_brokers_take_at_once():
    assert sum(UNCONFIRMED_MAX.values()) < 20


def test_a_flight_is_given_up_after_its_time_and_much_later_where_nobody_listens():
    flights = Flights()
    heard, unheard = flight(flights, sent_s=100.0), flight(flights, sent_s=100.0)
    unheard.nobody_listens()
    assert flights.next_s(30.0) == 130.0
    assert flights.give_up(129.9, 30.0) == []
    assert flights.give_up(130.0, 30.0) == [heard]
    assert flights.next_s(30.0) == 100.0 + 30.0 * NOBODY_PATIENCE
    assert flights.give_up(100.0 + 30.0 * NOBODY_PATIENCE, 30.0) == [unheard]
    assert flights.next_s(30.0) is None


def test_somebodys_first_word_releases_what_reached_nobody():
    flights = Flights()
    flight(flights)
    unheard = flight(flights)
    unheard.nobody_listens()
    assert flights.give_up_unheard() == [unheard]
    assert len(flights) == 1


def test_a_lost_link_leaves_everything_in_doubt_and_no_room_taken_by_it():
    flights = Flights()
    lost = [flight(flights, confirmed=False) for _ in range(UNCONFIRMED_MAX[LIVE])]
    lost[0].nobody_listens()
    flights.lose_link()
    assert flights.has_room(LIVE)
    assert flights.next_s(30.0) == 30.0
    assert flights.give_up_unheard() == lost


def test_the_time_out_runs_only_once_nothing_sent_before_is_waited_for():
    flights = Flights()
    slow = [flight(flights, seq, seq, sent_s=seq / 10, confirmed=False) for seq in (1, 2, 3)]

    def confirm(one, now_s):
        flights.confirm(one, now_s)
        flights.carry_on(one.sent_s, now_s)

    confirm(slow[0], 20.0)  # A slow link: each takes 20 s.
    assert [f.since_s for f in slow] == [20.0, 20.0, 20.0]
    confirm(slow[1], 40.0)
    assert flights.give_up(49.9, 30.0) == []
    assert flights.give_up(50.0, 30.0) == [slow[0]], "the center had its time"
    flights.land({KEY: Ranges([(2, 2)]), OTHER: Ranges([(2, 2)])}, 55.0)
    confirm(slow[2], 60.0)
    assert flights.next_s(30.0) == 90.0


def test_a_center_that_works_off_a_heap_in_order_is_not_sent_the_end_of_it_again():
    flights = Flights()
    first, second = flight(flights, 1, 1), flight(flights, 2, 2)
    flights.land({KEY: Ranges([(1, 1)]), OTHER: Ranges([(1, 1)])}, 29.0)
    assert first not in flights
    assert flights.give_up(58.9, 30.0) == []
    assert flights.give_up(59.0, 30.0) == [second]


def test_what_was_sent_later_and_is_there_already_gives_no_more_time_to_what_is_missing():
    flights = Flights()
    missing, _ = flight(flights, 1, 1), flight(flights, 2, 2)
    flights.land({KEY: Ranges([(2, 2)]), OTHER: Ranges([(2, 2)])}, 29.0)
    assert flights.give_up(30.0, 30.0) == [missing]


def test_a_large_message_on_a_slow_link_is_allowed_the_time_that_it_takes():
    flights = Flights()
    large = Flight(LATE, [(KEY, Ranges([(1, 9)]))], 0.0, size=4_000, allowance_s=50.0)
    flights.add(large)
    assert (flights.unconfirmed_bytes(), flights.waiting_rows()) == (4_000, 9)
    assert flights.give_up(79.9, 30.0) == []
    flights.confirm(large, 79.9)
    assert (flights.unconfirmed_bytes(), flights.waiting_rows()) == (0, 9)
    assert flights.next_s(30.0) == 79.9 + 30.0, "that was for the link, not for the center"
