from __future__ import annotations

import threading
import time

import pytest

from mle_star.nodes.turns import GRACE, Turns


def crowd(
    turns: Turns, tickets: list[tuple[int, int]], seconds: float = 0.05
) -> tuple[list[tuple[int, int]], int]:
    """Take a turn for each ticket in a thread of its own; the order of entry, most inside."""
    order: list[tuple[int, int]] = []
    inside, most, lock = 0, 0, threading.Lock()

    def one(place: int, solution: int) -> None:
        nonlocal inside, most
        with turns.take(place, solution):
            with lock:
                order.append((place, solution))
                inside += 1
                most = max(most, inside)
            time.sleep(seconds)
            with lock:
                inside -= 1

    threads = [threading.Thread(target=one, args=ticket) for ticket in tickets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    return order, most


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_the_first_of_each_solution_begin_and_no_more_than_fit(slots: int) -> None:
    tickets = [(place, solution) for solution in (0, 1) for place in (3, 2, 1, 0)]
    order, most = crowd(Turns(slots, lambda: False), tickets)
    assert most == slots
    if slots == 1:
        assert order == sorted(tickets)
    assert set(order[:2]) == {(0, 0), (0, 1)} or slots == 3
    assert {place for place, _ in order[-2:]} <= {2, 3}


def test_whoever_comes_later_is_not_waited_for() -> None:
    turns = Turns(1, lambda: False)
    begun = time.monotonic()
    for place in (2, 0):  # one after the other, as in a run that is resumed
        with turns.take(place, 0):
            pass
    assert GRACE <= time.monotonic() - begun < 5


def test_a_turn_is_given_back_when_its_holder_fails() -> None:
    turns = Turns(1, lambda: False)
    with pytest.raises(ValueError, match="broken"), turns.take(0, 0):
        raise ValueError("broken")
    assert crowd(turns, [(0, 0)])[0] == [(0, 0)]


def test_nobody_waits_once_the_run_is_stopped() -> None:
    stopped = threading.Event()
    turns = Turns(1, stopped.is_set)
    with turns.take(0, 0):
        threading.Timer(0.2, stopped.set).start()
        with turns.take(1, 0):
            assert stopped.is_set()
