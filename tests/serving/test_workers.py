"""Several processes that serve: signals, and one of them killed."""

import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from test_serve_command import get, png, post, start, wait_for


def pids_of_workers(process):
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(process.pid)], capture_output=True
    )
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if b"spawn_main" in line]


@pytest.mark.parametrize(
    "number, code, processes",
    [
        (signal.SIGINT, 130, 1),
        (signal.SIGINT, 130, 2),
        pytest.param(signal.SIGTERM, 0, 2, marks=pytest.mark.slow),
    ],
)
def test_signals_end_workers_with_their_code(photos_file, number, code, processes):
    process = start(photos_file, "--port", 0, "--workers", processes, start_new_session=True)
    try:
        port = wait_for(process)
        workers = pids_of_workers(process)
        assert len(workers) == (0 if processes == 1 else processes) and post(port, png())[0] == 200
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does
        else:
            process.send_signal(number)
        output, errors = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == code
    assert (output, errors) == ("", "Interrupted.\n" if code else "")
    assert not any(os.path.exists(f"/proc/{worker}") for worker in workers)


@pytest.mark.slow
def test_what_a_killed_worker_had_pending_is_no_longer_counted(photos_file):
    process = start(photos_file, "--port", 0, "--workers", 2)
    try:
        port = wait_for(process)
        workers = pids_of_workers(process)
        with ThreadPoolExecutor(16) as clients:
            sent = [clients.submit(post, port, png()) for _ in range(600)]
            while 'cnnlab_pending_images{network="photos"} 0.0' in get(port, "/metrics")[1].decode():
                pass
            for worker in workers:
                os.kill(worker, signal.SIGSTOP)  # so that what it has pending stays so
            os.kill(workers[0], signal.SIGKILL)
            os.kill(workers[1], signal.SIGCONT)
            wait(sent)
        end = time.monotonic() + 30
        while len(pids_of_workers(process)) < 2 or pids_of_workers(process)[0] == workers[0]:
            assert time.monotonic() < end
        time.sleep(2)
        assert 'cnnlab_pending_images{network="photos"} 0.0' in get(port, "/metrics")[1].decode()
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_killed_worker_is_replaced(photos_file):
    process = start(photos_file, "--port", 0, "--workers", 2)
    try:
        port = wait_for(process)
        workers = pids_of_workers(process)
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGKILL)
        answers = [post(port, png())[0] for _ in range(20)]
        assert answers == [200] * 20
        counted = get(port, "/metrics")[1].decode()
        assert 'cnnlab_images_total{network="photos"} 20.0' in counted
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=30) == ("", "")
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()
