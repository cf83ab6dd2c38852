"""Engines: they hand out the numbers of chunks and know nothing else of a scan."""

from __future__ import annotations

import abc
import os
import queue
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any

import jax


class EngineError(RuntimeError):
    """The machines of an engine fail again and again; what is finished is in the store."""


class AbstractEngine(abc.ABC):
    """Runs a task, a function of a number, for each of many numbers."""

    @abc.abstractmethod
    def run(
        self, task: Callable[[int], Any], numbers: Iterable[int], stopped: Callable[[], bool]
    ) -> Iterator[Any]:
        """The results in the order in which they arrive.

        Once `stopped()`, no new number is handed out, and what is under way is finished.
        """


class LocalEngine(AbstractEngine):
    """The default: this process, with a thread for each core, or two for each accelerator.

    While one thread of an accelerator waits for numbers, the other one writes.
    """

    def __init__(self, threads: int | None = None):
        self.threads = threads

    def run(self, task, numbers, stopped):
        """See `AbstractEngine.run`."""
        devices = jax.local_devices()
        if self.threads is not None:
            threads = self.threads
        else:
            threads = usable_cores() if devices[0].platform == "cpu" else 2 * len(devices)
        free: queue.SimpleQueue = queue.SimpleQueue()
        for k in range(threads):
            free.put(devices[k % len(devices)])

        def on_device(number):
            device = free.get()
            try:
                with jax.default_device(device):
                    return task(number)
            finally:
                free.put(device)

        remaining = iter(numbers)
        with ThreadPoolExecutor(threads) as pool:
            waiting: set = set()
            while True:
                while len(waiting) < threads and not stopped():
                    number = next(remaining, None)
                    if number is None:
                        break
                    waiting.add(pool.submit(on_device, number))
                if not waiting:
                    return
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()


class DaskEngine(AbstractEngine):
    """The workers of a Dask cluster, which must see the store under the same path.

    address  of the scheduler ("tcp://…"), or a `distributed.Client`
    ahead    chunks handed out for each thread of the cluster: one to do, others to go on with

    The chunks of a worker that dies go to another one.
    """

    def __init__(self, address: Any, ahead: int = 3, timeout: float = 30.0):
        try:
            import distributed  # noqa: F401
        except ImportError:
            raise ImportError("Dask is missing: pip install 'nujax[cluster]'.") from None
        self.address, self.ahead, self.timeout = address, ahead, timeout

    def run(self, task, numbers, stopped):
        """See `AbstractEngine.run`."""
        import distributed

        own = not isinstance(self.address, distributed.Client)
        client = self._connect() if own else self.address
        try:
            yield from self._run(client, task, iter(numbers), stopped)
        finally:
            if own:
                client.close()

    def _connect(self):
        import distributed

        try:
            return distributed.Client(self.address, timeout=self.timeout, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise ValueError(
                f"Argument `dask` must be the address of a Dask scheduler, but {self.address} "
                f"does not answer ({error})."
            ) from None

    def _run(self, client, task, remaining, stopped):
        import distributed

        results = distributed.as_completed(loop=client.loop)
        under_way, left = 0, True
        while True:
            threads = max(1, sum(client.nthreads().values()))
            while left and under_way < self.ahead * threads and not stopped():
                number = next(remaining, None)
                if number is None:
                    left = False
                    break
                key = f"chunk-{number}-{uuid.uuid4().hex}"
                results.add(client.submit(task, number, key=key, pure=False))
                under_way += 1
            if not under_way:
                return
            future = next(results)
            under_way -= 1
            try:
                result = future.result()
            except distributed.KilledWorker as error:
                raise EngineError(
                    f"The cluster gave up on a chunk, whose workers died: {error}. Resume the scan."
                ) from error
            yield result


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
