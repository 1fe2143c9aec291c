"""Where blocks run: workers may come late, go, or forget; a run ends, and says why if it fails."""

import logging
import socket
import threading
import time
from contextlib import suppress

import dask.system
import pytest
from distributed import Client, Future, LocalCluster

from gridscan.scans import clients, runs, workers
from gridscan.scans.threads import on_threads
from gridscan.scans.workers import ScanFailed
from gridscan.storage import stores
from tests.test_cards import gridscan

BLOCKS = [(i,) for i in range(24)]


@pytest.fixture
def cluster(monkeypatch):
    """A cluster without workers, looked at often."""
    monkeypatch.setattr(workers, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(workers, "PATIENCE_SECONDS", 0.3)
    with LocalCluster(
        n_workers=0, threads_per_worker=1, processes=False, dashboard_address=":0"
    ) as cluster:
        yield cluster


def good(index):
    time.sleep(0.02)
    return index, None


def test_a_local_cluster_that_has_no_workers_left_ends_the_run(cluster):
    with Client(cluster) as client, pytest.raises(ScanFailed, match="no worker of the local"):
        workers.on_cluster(good, BLOCKS, client, print)


def test_workers_of_a_scheduler_are_waited_for_and_that_is_said_once(cluster, capsys):
    done, late = {}, threading.Timer(1.0, cluster.scale, [1])
    with Client(cluster.scheduler_address) as client:
        late.start()
        workers.on_cluster(good, BLOCKS, client, done.__setitem__)
    late.join()
    assert done == dict.fromkeys(BLOCKS)
    assert capsys.readouterr().err == "gridscan: no workers; waiting for some\n"


def test_a_cluster_that_grows_gets_more_to_do(cluster):
    """As many blocks in flight as its threads ask for now, not when the run began."""
    flying = []
    cluster.scale(1)
    with Client(cluster) as client:
        client.wait_for_workers(1)

        def report(index, failure):
            flying.append(len(client.futures))
            if index == BLOCKS[0]:
                cluster.scale(3)
                client.wait_for_workers(3)

        workers.on_cluster(good, BLOCKS, client, report)
    assert max(flying[:1]) <= workers.TASKS_PER_THREAD
    # what has been fetched is let go of a moment later
    most = 3 * workers.TASKS_PER_THREAD + workers.FETCHED_AT_ONCE
    assert 2 * workers.TASKS_PER_THREAD < max(flying) <= most


@pytest.mark.parametrize("times", [1, workers.SUBMISSIONS])
def test_blocks_that_a_cluster_forgets_are_given_to_it_again(times, cluster):
    """But not for ever: then they failed."""
    ended, left = {}, [times]
    cluster.scale(1)
    with Client(cluster) as client:
        submit = client.submit

        def forgetful(attempt, index, **how):
            future = submit(attempt, index, **how)
            if index == BLOCKS[3] and left[0]:
                left[0] -= 1
                client.cancel([Future(future.key, client)])
            return future

        client.submit = forgetful
        workers.on_cluster(good, BLOCKS, client, ended.__setitem__)
    assert left == [0]
    forgotten = "cancelled by the cluster" if times == workers.SUBMISSIONS else None
    assert ended == dict.fromkeys(BLOCKS) | {BLOCKS[3]: forgotten}


def test_an_error_of_a_block_is_reported_and_the_others_go_on(cluster):
    def bad(index):
        if index == BLOCKS[5]:
            raise ValueError("odd")
        return good(index)

    ended = {}
    cluster.scale(2)
    with Client(cluster) as client:
        workers.on_cluster(bad, BLOCKS, client, ended.__setitem__)
    assert ended == dict.fromkeys(BLOCKS) | {BLOCKS[5]: "ValueError: odd"}


def test_a_block_that_is_in_the_store_did_not_fail(small, tmp_path, monkeypatch):
    """Its worker may die after it wrote the block and before it says so."""

    def dies_too_late(store, index):
        stores.write(store, *runs.compute_block(store, index))
        return index, "KilledWorker"

    monkeypatch.setattr(runs, "_attempt", dies_too_late)
    path = runs.run(small, tmp_path)
    assert len(stores.complete_blocks(path)) == 1


def test_threads_are_as_many_as_cores_that_the_process_may_use(monkeypatch):
    """Not as many as the machine has: a job of a batch system has a few of them."""
    monkeypatch.setattr(dask.system, "CPU_COUNT", 1)
    running, most = [], []

    def attempt(index):
        running.append(index)
        most.append(len(running))
        time.sleep(0.01)
        running.remove(index)
        return index, None

    on_threads(attempt, BLOCKS[:6], None, lambda index, failure: None)
    assert max(most) == 1


def test_an_interrupted_local_cluster_says_nothing(capfd):
    """What is to be said is one line of the command's; afterwards logs are as they were."""
    logger = logging.getLogger("distributed")
    level = logger.level
    with suppress(KeyboardInterrupt), clients.local_client(1) as client:
        client.submit(time.sleep, 1)
        raise KeyboardInterrupt
    assert capfd.readouterr() == ("", "")
    assert logger.level == level


def test_a_scheduler_that_is_gone_ends_the_run(cluster):
    client = Client(cluster)
    client.close()
    with pytest.raises(ScanFailed, match="the scheduler does not answer"):
        workers.on_cluster(good, BLOCKS, client, print)


WRONG = ("tls://localhost:8786", "foo://x", "localhost", "tcp://localhost:99999", "inproc://x", "",
         "tcp://", "ucx://localhost:1", "http://a b", "bar:baz", "localhost:-1",
         "tcp://[::1]:1")  # fmt: skip


@pytest.mark.parametrize("address", WRONG)
def test_an_address_without_a_scheduler_is_told_in_one_line(address, monkeypatch, capsys):
    monkeypatch.setattr(clients, "ANSWER_SECONDS", 0.5)
    command = ("run", "csi-2021-ee-mumu", "--scheduler", address)
    status, out, err = gridscan(monkeypatch, capsys, *command)
    assert (status, out) == (2, "")
    assert err.startswith(f"gridscan: --scheduler {address}: cannot connect: ")
    assert err.count("\n") == 1
    assert ("certificates" in err) == address.startswith("tls:")
    assert dask.config.get("scheduler", None) is None, "nothing of it stays"


def test_what_listens_and_says_nothing_is_no_scheduler(monkeypatch):
    """Nor does anybody wait for it."""
    monkeypatch.setattr(clients, "ANSWER_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ConnectionError, match=r"no answer of a scheduler in 0\.5 s"):
            clients.client_of(address)
