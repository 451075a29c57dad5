"""A wire passes what it is given, until it is cut, silent or slow; and again when that is over."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.chaos.network import Network

_PATIENCE_S = 5.0


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that says what it hears; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer(connection: socket.socket) -> None:
            with connection:
                try:
                    while data := connection.recv(4096):
                        connection.sendall(data)
                except OSError:
                    return

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def network(echo: int) -> Iterator[Network]:
    network = Network()
    network.lay("wire", lambda: echo)
    yield network
    network.close()


def call(network: Network) -> socket.socket:
    return socket.create_connection(("127.0.0.1", network.wires["wire"].port), timeout=_PATIENCE_S)


def said(connection: socket.socket, word: bytes) -> bytes:
    """What the server answers. Raises ConnectionError when the connection ends instead."""
    connection.sendall(word)
    if not (answer := connection.recv(4096)):
        raise ConnectionResetError("the connection ended")
    return answer


def test_it_passes_both_ways(network: Network) -> None:
    with call(network) as connection:
        assert said(connection, b"one") == b"one"
        assert said(connection, b"two") == b"two"


def test_a_cut_ends_what_is_open_and_refuses_what_is_new(network: Network) -> None:
    with call(network) as connection:
        assert said(connection, b"one") == b"one"
        network.suffer("wire", "cut")
        with pytest.raises(ConnectionError):
            said(connection, b"two")
    with call(network) as late, pytest.raises(ConnectionError):
        said(late, b"three")
    network.suffer("wire", "none")
    with call(network) as after:
        assert said(after, b"four") == b"four"


def test_silence_holds_everything_back_and_loses_nothing(network: Network) -> None:
    with call(network) as connection:
        network.suffer("wire", "silent")
        connection.sendall(b"held")
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(4096)
        connection.settimeout(_PATIENCE_S)
        network.suffer("wire", "none")
        assert connection.recv(4096) == b"held"


def test_silence_may_end_with_the_loss_of_what_was_open(network: Network) -> None:
    with call(network) as connection:
        assert said(connection, b"one") == b"one"
        network.suffer("wire", "silent")
        network.suffer("wire", "none", drop=True)
        with pytest.raises(ConnectionError):
            said(connection, b"two")


def test_a_slow_wire_passes_all_the_same(network: Network) -> None:
    network.suffer("wire", "slow")
    with call(network) as connection:
        assert said(connection, b"late") == b"late"


def test_nobody_behind_the_wire_is_a_connection_that_ends(network: Network) -> None:
    network.lay("nowhere", lambda: 1)
    place = ("127.0.0.1", network.wires["nowhere"].port)
    with socket.create_connection(place, timeout=_PATIENCE_S) as connection, pytest.raises(ConnectionError):
        said(connection, b"hello")
