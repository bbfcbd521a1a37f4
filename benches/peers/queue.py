"""Measures posix_ipc's queues: queue.py THERE BACK MESSAGES SIZE, then an order a line; answers are nanoseconds."""

import os
import signal
import sys
from time import perf_counter_ns

import posix_ipc

PROCESSORS = sorted(os.sched_getaffinity(0))
MESSAGES, SIZE = int(sys.argv[3]), int(sys.argv[4])
THERE, BACK = (
    posix_ipc.MessageQueue(name, posix_ipc.O_CREAT, mode=0o600, max_messages=MESSAGES, max_message_size=SIZE)
    for name in sys.argv[1:3]
)


def message(number):
    return number.to_bytes(8, sys.byteorder) + b"\x5a" * (SIZE - 9) + bytes([number & 255])


def check(received, number):
    assert len(received[0]) == SIZE and received[0][:8] == number.to_bytes(8, sys.byteorder), "not the message sent"


def in_child(processor, function):
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        os.sched_setaffinity(0, {PROCESSORS[processor]})
        function()
        os._exit(0)
    return child


def succeed(child):
    os.sched_setaffinity(0, set(PROCESSORS))
    assert os.waitpid(child, 0)[1] == 0, "a child fails"


def pairs(queued, count):
    for number in range(queued):
        THERE.send(message(number))
    # The messages are made before the clock starts: it is the queue that is measured.
    messages = [message(number + queued) for number in range(count)]
    start = perf_counter_ns()
    for number in range(count):
        THERE.send(messages[number])
        received = THERE.receive()
    time = (perf_counter_ns() - start) / count
    check(received, count - 1)
    for number in range(queued):
        check(THERE.receive(), count + number)
    return [time]


def round_trips(processor, count):
    def answer():
        for number in range(count):
            received = THERE.receive()
            check(received, number)
            BACK.send(received[0])

    child = in_child(processor, answer)
    os.sched_setaffinity(0, {PROCESSORS[0]})
    times = []
    for number in range(count):
        asked = message(number)
        start = perf_counter_ns()
        THERE.send(asked)
        received = BACK.receive()
        times.append(perf_counter_ns() - start)
        check(received, number)
    succeed(child)
    return times


def one_way(processor, count):
    def send():
        for number in range(count + 1):
            THERE.send(message(number))

    child = in_child(processor, send)
    os.sched_setaffinity(0, {PROCESSORS[0]})
    check(THERE.receive(), 0)
    start = perf_counter_ns()
    for number in range(1, count + 1):
        received = THERE.receive()
    time = (perf_counter_ns() - start) / count
    check(received, count)
    succeed(child)
    return [time]


for line in sys.stdin:
    order, *numbers = line.split()
    print(*{"pairs": pairs, "round_trips": round_trips, "one_way": one_way}[order](*map(int, numbers)), flush=True)
