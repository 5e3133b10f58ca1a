import threading
import time

from embedded_aws.sagemaker.changes import Changes


def test_a_change_between_looking_and_waiting_is_not_missed() -> None:
    """What happened since the thread's last call makes the next call return at once."""
    changes = Changes()
    changes.wait(10)
    changes.happened()
    begun = time.monotonic()
    changes.wait(10)
    assert time.monotonic() - begun < 5


def test_a_change_wakes_every_waiter() -> None:
    """All threads that wait return when something happens, long before their time is over."""
    changes = Changes()
    waiting = threading.Barrier(4)

    def wait() -> None:
        changes.wait(30)
        waiting.wait(20)
        changes.wait(30)

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    waiting.wait(20)
    begun = time.monotonic()
    changes.happened()
    for thread in threads:
        thread.join(20)
    assert time.monotonic() - begun < 20
    assert not any(thread.is_alive() for thread in threads)


def test_waiting_ends() -> None:
    """Without a change the call returns after its time."""
    changes = Changes()
    changes.wait(10)
    begun = time.monotonic()
    changes.wait(0.05)
    assert 0.04 < time.monotonic() - begun < 10
