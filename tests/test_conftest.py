import socket

import pytest


def test_other_machines_are_out_of_reach():
    with pytest.raises(ConnectionRefusedError, match="do not use the network"):
        socket.create_connection(("203.0.113.1", 80), timeout=1)


def test_this_machine_is_within_reach():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=1).close()
