"""Independent blocks of work on all cores, results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

T = TypeVar("T")
# Finished results that may wait for the caller, for each core: bounds the memory.
WAITING = 4


@cache
def _thread_pools() -> ThreadpoolController:
    """Finding the process's BLAS among hundreds of libraries takes 50 ms."""
    return ThreadpoolController()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(work: Callable[[int], T], tasks: Sequence[int]) -> Iterator[T]:
    """``work`` of each task, in order.  numpy and scipy release the interpreter where the time goes."""
    n_cores = cores()
    if len(tasks) == 1 or n_cores == 1:
        yield from map(work, tasks)
        return
    # BLAS threads inside of these would fight for the same cores.
    with ThreadPoolExecutor(n_cores) as pool, _thread_pools().limit(limits=1, user_api="blas"):
        running: deque[Future[T]] = deque()
        for task in tasks:
            running.append(pool.submit(work, task))
            if len(running) >= WAITING * n_cores:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
