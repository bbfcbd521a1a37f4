"""The other process of the tests of shared memory, by Python: `shm.py MODULE COMMAND NAME [ARGUMENT...]`.

MODULE is `posix_ipc` or `multiprocessing`. Bytes of the pattern: each is its number modulo 251, plus 1.
"""

import os
import sys


class PosixIpc:
    """`posix_ipc.SharedMemory`, mapped by `mmap`."""

    def __init__(self):
        import posix_ipc

        self.module = posix_ipc

    def create(self, name, size):
        self.module.SharedMemory(name, self.module.O_CREX, mode=0o600, size=size).close_fd()

    def open(self, name):
        import mmap

        memory = self.module.SharedMemory(name)
        mapping = mmap.mmap(memory.fd, memory.size)
        memory.close_fd()
        return mapping

    def describe(self, name):
        memory = self.module.SharedMemory(name)
        return memory.size, memory.mode & 0o777

    def resize(self, name, size):
        memory = self.module.SharedMemory(name)
        os.ftruncate(memory.fd, size)

    def unlink(self, name):
        self.module.unlink_shared_memory(name)


class Multiprocessing:
    """`multiprocessing.shared_memory.SharedMemory`."""

    def __init__(self):
        from multiprocessing import shared_memory

        self.kept = []
        self.module = shared_memory

    def memory(self, name, **arguments):
        # Left alone, its resource tracker removes the object when this process ends, whoever made it.
        if sys.version_info >= (3, 13):
            memory = self.module.SharedMemory(name.lstrip("/"), track=False, **arguments)
        else:
            from multiprocessing import resource_tracker

            memory = self.module.SharedMemory(name.lstrip("/"), **arguments)
            resource_tracker.unregister(memory._name, "shared_memory")
        self.kept.append(memory)
        return memory

    def create(self, name, size):
        self.memory(name, create=True, size=size)

    def open(self, name):
        return self.memory(name).buf

    def describe(self, name):
        memory = self.memory(name)
        return memory.size, os.fstat(memory._fd).st_mode & 0o777

    def resize(self, name, size):
        os.ftruncate(self.memory(name)._fd, size)

    def unlink(self, name):
        memory = self.memory(name)
        if sys.version_info < (3, 13):
            from multiprocessing import resource_tracker

            # It unregisters once more.
            resource_tracker.register(memory._name, "shared_memory")
        memory.unlink()


def main():
    module, command, name, *arguments = sys.argv[1:]
    peer = {"posix_ipc": PosixIpc, "multiprocessing": Multiprocessing}[module]()
    if command == "create":
        peer.create(name, int(arguments[0]))
    elif command == "unlink":
        peer.unlink(name)
    elif command == "describe":
        print("%d %o" % peer.describe(name), end="")
    elif command == "resize":
        peer.resize(name, int(arguments[0]))
    elif command in ("fill", "expect"):
        memory = peer.open(name)
        pattern = bytes(at % 251 + 1 for at in range(len(memory)))
        if command == "fill":
            memory[:] = pattern
        else:
            assert bytes(memory[:]) == pattern, "the bytes differ"
    else:
        sys.exit("unknown command")


main()
