/* A peer that uses semaphores as a C program does: by its C library, whichever it is compiled with.
 *
 *   semaphore create NAME VALUE      makes one, exclusively
 *   semaphore value NAME             prints the value
 *   semaphore post NAME
 *   semaphore wait NAME
 *   semaphore mutex|timed|produce|consume NAME ARENA INDEX OPERATIONS SEED INTERVAL
 *
 * The last line plays a part of the stress tests; tests/it/semaphore_stress.rs says what each part does and what the
 * arena's numbers are. INTERVAL is the time between two signals in microseconds, 0 for none.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>

enum { COUNTER = 0, GO = 1, FIRST = 8, EACH = 8 };
enum { READY = 0, DONE = 1, SLEEPS = 2, INTERRUPTED = 3, TIMED_OUT = 4 };

static volatile uint64_t *arena, *mine;
static uint64_t interrupted, timed_out, state;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static sem_t *opened(const char *name, const char *suffix)
{
    char whole[300];
    snprintf(whole, sizeof whole, "%s%s", name, suffix);
    sem_t *semaphore = sem_open(whole, 0);
    if (semaphore == SEM_FAILED)
        fail(whole);
    return semaphore;
}

static uint32_t below(uint32_t bound)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 0x2545f4914f6cdd1dULL) >> 33) % bound;
}

static void on_signal(int number)
{
    (void)number;
}

/* No SA_RESTART: every signal ends the call that it hits. */
static void interrupt_every(long microseconds)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGALRM, &action, NULL);
    struct itimerval timer = { { 0, microseconds }, { 0, microseconds } };
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void take(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0) {
        if (errno != EINTR)
            fail("sem_wait");
        interrupted++;
    }
}

static void give(sem_t *semaphore)
{
    if (sem_post(semaphore) != 0)
        fail("sem_post");
}

static int timed_wait(sem_t *semaphore, clockid_t clock, const struct timespec *until)
{
#ifdef __GLIBC__
    return sem_clockwait(semaphore, clock, until);
#else
    (void)clock;
    return sem_timedwait(semaphore, until);
#endif
}

/* Whether a token could be had within 0 to 300 microseconds. */
static int take_soon(sem_t *semaphore, int turn)
{
    clockid_t clock = CLOCK_REALTIME;
#ifdef __GLIBC__
    if (turn % 2)
        clock = CLOCK_MONOTONIC;
#endif
    (void)turn;
    struct timespec until;
    clock_gettime(clock, &until);
    until.tv_nsec += below(300) * 1000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    while (timed_wait(semaphore, clock, &until) != 0) {
        if (errno == ETIMEDOUT) {
            timed_out++;
            return 0;
        }
        if (errno != EINTR)
            fail("a timed wait");
        interrupted++;
    }
    return 1;
}

/* What only the one with the token may do: two steps, with another process's turn between them now and then. */
static void count(void)
{
    uint64_t number = arena[COUNTER];
    if (below(64) == 0)
        sched_yield();
    arena[COUNTER] = number + 1;
    mine[DONE]++;
}

static void play(const char *part, const char *name, long operations)
{
    if (strcmp(part, "mutex") == 0 || strcmp(part, "timed") == 0) {
        sem_t *mutex = opened(name, "");
        for (long turn = 0; turn < operations; turn++) {
            if (part[0] == 'm')
                take(mutex);
            else if (!take_soon(mutex, turn))
                continue;
            count();
            give(mutex);
        }
        return;
    }
    sem_t *items = opened(name, "i"), *slots = opened(name, "s");
    sem_t *from = part[0] == 'p' ? slots : items, *to = part[0] == 'p' ? items : slots;
    for (long turn = 0; turn < operations; turn++) {
        take(from);
        mine[DONE]++;
        give(to);
    }
}

static void stress(char **arguments)
{
    int file = open(arguments[3], O_RDWR);
    arena = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (arena == MAP_FAILED)
        fail(arguments[3]);
    mine = arena + FIRST + EACH * atoi(arguments[4]);
    state = strtoull(arguments[6], NULL, 10) | 1;
    mine[READY] = 1;
    while (!arena[GO])
        sched_yield();
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    if (atoi(arguments[7]) != 0)
        interrupt_every(atol(arguments[7]));
    play(arguments[1], arguments[2], atol(arguments[5]));
    interrupt_every(0);
    getrusage(RUSAGE_SELF, &after);
    mine[SLEEPS] = after.ru_nvcsw - before.ru_nvcsw;
    mine[INTERRUPTED] = interrupted;
    mine[TIMED_OUT] = timed_out;
}

int main(int count, char **arguments)
{
    const char *command = count > 2 ? arguments[1] : "";
    if (strcmp(command, "create") == 0 && count == 4) {
        if (sem_open(arguments[2], O_CREAT | O_EXCL, 0600, strtoul(arguments[3], NULL, 10)) == SEM_FAILED)
            fail(arguments[2]);
    } else if (strcmp(command, "value") == 0) {
        int value;
        sem_getvalue(opened(arguments[2], ""), &value);
        printf("%d\n", value);
    } else if (strcmp(command, "post") == 0) {
        give(opened(arguments[2], ""));
    } else if (strcmp(command, "wait") == 0) {
        take(opened(arguments[2], ""));
    } else if (count == 8) {
        stress(arguments);
    } else {
        fprintf(stderr, "semaphore.c tells how to call it\n");
        return 2;
    }
    return 0;
}
