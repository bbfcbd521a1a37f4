"""A peer that uses semaphores as a Python program does: by `multiprocessing` or by `posix_ipc`.

    semaphore.py LIBRARY create NAME VALUE
    semaphore.py LIBRARY value|post|wait NAME
    semaphore.py LIBRARY mutex|timed|produce|consume NAME ARENA INDEX OPERATIONS SEED INTERVAL

The last line plays a part of the stress tests; tests/it/semaphore_stress.rs says what each part does and what the
arena's numbers are.
"""

import mmap
import os
import random
import resource
import sys

COUNTER, GO, FIRST, EACH = 0, 1, 8, 8
READY, DONE, SLEEPS, INTERRUPTED, TIMED_OUT = range(5)
MAXIMUM = 0x7FFFFFFF


class Multiprocessing:
    """What `multiprocessing.Semaphore` is made of, under a name of one's own choice."""

    def __init__(self, name, create=None):
        from _multiprocessing import SemLock

        counting = 1
        if create is None:
            self.semaphore = SemLock._rebuild(0, counting, MAXIMUM, name)
        else:
            self.semaphore = SemLock(counting, create, MAXIMUM, name, False)
        self.take = self.semaphore.acquire
        self.give = self.semaphore.release
        self.value = self.semaphore._get_value

    def take_soon(self, seconds):
        return self.semaphore.acquire(True, seconds)


class PosixIpc:
    def __init__(self, name, create=None):
        import posix_ipc

        self.busy = posix_ipc.BusyError
        if create is None:
            self.semaphore = posix_ipc.Semaphore(name)
        else:
            self.semaphore = posix_ipc.Semaphore(name, posix_ipc.O_CREX, 0o600, create)
        self.take = self.semaphore.acquire
        self.give = self.semaphore.release
        self.value = lambda: self.semaphore.value

    def take_soon(self, seconds):
        try:
            self.semaphore.acquire(seconds)
            return True
        except self.busy:
            return False


def play(semaphores, arena, mine, part, name, operations, seed):
    numbers = random.Random(seed)
    if part in ("mutex", "timed"):
        mutex = semaphores(name)
        for _ in range(operations):
            if part == "mutex":
                mutex.take()
            elif not mutex.take_soon(numbers.randrange(300) / 1e6):
                arena[mine + TIMED_OUT] += 1
                continue
            number = arena[COUNTER]
            if numbers.randrange(64) == 0:
                os.sched_yield()
            arena[COUNTER] = number + 1
            arena[mine + DONE] += 1
            mutex.give()
        return
    items, slots = semaphores(name + "i"), semaphores(name + "s")
    source, target = (slots, items) if part == "produce" else (items, slots)
    for _ in range(operations):
        source.take()
        arena[mine + DONE] += 1
        target.give()


def stress(semaphores, part, name, path, index, operations, seed, interval):
    with open(path, "r+b") as file:
        arena = memoryview(mmap.mmap(file.fileno(), 8192)).cast("Q")
    mine = FIRST + EACH * int(index)
    arena[mine + READY] = 1
    while not arena[GO]:
        os.sched_yield()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
    play(semaphores, arena, mine, part, name, int(operations), int(seed))
    arena[mine + SLEEPS] = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before


def main(library, command, name, *rest):
    semaphores = {"multiprocessing": Multiprocessing, "posix_ipc": PosixIpc}[library]
    if command == "create":
        semaphores(name, int(rest[0]))
    elif command == "value":
        print(semaphores(name).value())
    elif command == "post":
        semaphores(name).give()
    elif command == "wait":
        semaphores(name).take()
    else:
        stress(semaphores, command, name, *rest)


main(*sys.argv[1:])
