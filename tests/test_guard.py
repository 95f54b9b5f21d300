"""The guard of conftest.py is itself tested: without it 'no network in tests' would be a hope."""

from __future__ import annotations

import os
import socket

import pytest

from mle_star.context import resolve
from tests.conftest import OutsideCall


def test_an_outside_connection_is_refused_and_recorded(no_network: list[str]) -> None:
    with socket.socket() as outside, pytest.raises(OutsideCall, match=r"192\.0\.2\.1"):
        outside.connect(("192.0.2.1", 80))
    assert no_network == ["connect to 192.0.2.1"]
    no_network.clear()


@pytest.mark.parametrize("lookup", [socket.gethostbyname, socket.gethostbyname_ex])
def test_a_name_look_up_is_refused(no_network: list[str], lookup: object) -> None:
    name = getattr(lookup, "__name__", "")
    with pytest.raises(OutsideCall):
        getattr(socket, name)("example.org")
    with pytest.raises(OutsideCall):
        socket.create_connection(("example.org", 443), timeout=1)
    assert no_network == ["look up example.org"] * 2
    no_network.clear()


def test_loopback_is_free() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(("localhost", server.getsockname()[1]), timeout=5) as client,
    ):
        assert client.getpeername()[0] == "127.0.0.1"


def test_no_key_and_no_setting_reaches_a_test() -> None:
    left = {n for n in os.environ if "API_KEY" in n or n.startswith("MLE_STAR_")}
    assert left == {"MLE_STAR_RUNS_DIR"}
    assert resolve().runs_dir == os.environ["MLE_STAR_RUNS_DIR"]
