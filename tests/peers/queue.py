"""A peer of the tests of message queues: does through posix_ipc what queue.c does through the C library.

The commands and their arguments are those of queue.c. Ends with 0 if all is as it should be.
"""

import os
import sys
import time

import posix_ipc

# As they are sent, and the order in which they must arrive.
MESSAGES = [(b"low", 0), (b"high one", 32767), (b"", 5), (b"high two", 32767), (b"five", 5)]
ORDER = [1, 3, 2, 4, 0]


def create(name, max_messages, max_message_size, mode):
    os.umask(0)
    queue = posix_ipc.MessageQueue(
        name,
        posix_ipc.O_CREX,
        mode=int(mode, 8),
        max_messages=int(max_messages),
        max_message_size=int(max_message_size),
    )
    queue.close()


def send(name):
    queue = posix_ipc.MessageQueue(name, read=False)
    for message, priority in MESSAGES:
        queue.send(message, priority=priority)
    queue.close()


def expect(name):
    queue = posix_ipc.MessageQueue(name, write=False)
    for at in ORDER:
        received = queue.receive(timeout=20)
        assert received == MESSAGES[at], received
    queue.close()


def attributes(name):
    queue = posix_ipc.MessageQueue(name, write=False)
    queue.block = False
    assert not queue.block
    print(queue.max_messages, queue.max_message_size, queue.current_messages, end="")
    queue.close()


def timeout(name):
    queue = posix_ipc.MessageQueue(name)
    start = time.monotonic()
    try:
        queue.receive(timeout=0.03)
    except posix_ipc.BusyError:
        assert time.monotonic() - start >= 0.02
    else:
        raise AssertionError("there was a message")
    queue.close()


def wait(name):
    queue = posix_ipc.MessageQueue(name, write=False)
    message, priority = queue.receive()
    print(priority, message.decode(), end="")
    queue.close()


def unlink(name):
    posix_ipc.unlink_message_queue(name)


COMMANDS = [create, send, expect, attributes, timeout, wait, unlink]

if __name__ == "__main__":
    next(command for command in COMMANDS if command.__name__ == sys.argv[1])(*sys.argv[2:])
