"""Several processes answer on one port, and whichever dies is missed by nobody for long."""

import json
import os
import signal
import socket

import pytest

from tests.conftest import one_database
from tests.jobs.conftest import wait_for
from tests.processes import is_alive, serving


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_a_process_that_dies_is_replaced_and_none_outlives_the_one_above(settings):
    with serving(settings, "--workers", "2") as server:
        wait_for(lambda: len(server.request_processes()) == 2)
        what_one_process_stores_every_other_one_tells(server)
        before = set(server.request_processes())
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: len(set(server.request_processes()) - before) == 2)
        wait_for(server.answers)
        left = server.request_processes()
        server.process.kill()
        server.process.wait()
        wait_for(lambda: not any(map(is_alive, left)))


@one_database
@pytest.mark.parametrize("workers", [1, 2])
def test_told_to_stop_it_finishes_what_it_has_begun(settings, workers):
    body = json.dumps({"name": "birds"}).encode()
    with serving(settings, "--workers", str(workers)) as server:
        wait_for(lambda: workers == 1 or len(server.request_processes()) == 2)
        what_one_process_stores_every_other_one_tells(server)
        host, port = server.address.split(":")
        with socket.create_connection((host, int(port)), timeout=30) as client:
            head = f"POST /api/v1/pools HTTP/1.1\r\nHost: {server.address}\r\nContent-Length: {len(body)}\r\n"
            client.sendall(f"{head}Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n".encode())
            assert b"100 Continue" in client.recv(1024), "the request is under way"
            server.process.terminate()
            # The one that has nothing to do ends at once; where there is one alone, nobody is let in any more.
            wait_for(lambda: len(server.request_processes()) == 1 if workers == 2 else not server.answers())
            client.sendall(body)
            assert b"201 Created" in client.recv(1024)
        assert server.process.wait(20) == 0


def what_one_process_stores_every_other_one_tells(server):
    for number in range(8):
        assert server.ask("POST", "/api/v1/pools", {"name": f"birds {number}"})[0] == 201
        assert server.ask("GET", f"/api/v1/pools/birds%20{number}")[0] == 200
