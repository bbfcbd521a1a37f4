/* A peer of the tests of message queues: does through the C library what its arguments say.
 *
 *   queue create NAME MAX_MESSAGES MAX_MESSAGE_SIZE MODE   creates it exclusively, with exactly this mode
 *   queue send NAME                                        sends all that `expect` expects
 *   queue expect NAME                                      receives it and checks order, priorities and lengths
 *   queue attributes NAME                                  prints sizes and the number of messages
 *   queue timeout NAME                                     waits 30 ms for a message of an empty queue
 *   queue wait NAME                                        waits for one message and prints it
 *   queue unlink NAME                                      removes the name
 *
 * Ends with 0 if all is as it should be; else prints the line that failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define CHECK(condition)                                                                 \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            fprintf(stderr, "queue.c:%d: %s (errno %d)\n", __LINE__, #condition, errno); \
            exit(1);                                                                     \
        }                                                                                \
    } while (0)

struct message {
    const char *text;
    unsigned priority;
};

/* As they are sent, and the order in which they must arrive. */
static const struct message messages[] = {{"low", 0}, {"high one", 32767}, {"", 5}, {"high two", 32767}, {"five", 5}};
static const int order[] = {1, 3, 2, 4, 0};
enum { COUNT = sizeof order / sizeof *order };

static mqd_t queue_of(const char *name, int flags)
{
    mqd_t queue = mq_open(name, flags);
    CHECK(queue != (mqd_t)-1);
    return queue;
}

static void create(char **arguments)
{
    struct mq_attr attributes = {.mq_maxmsg = atol(arguments[1]), .mq_msgsize = atol(arguments[2])};
    mode_t mode = (mode_t)strtol(arguments[3], NULL, 8);
    umask(0);
    mqd_t queue = mq_open(arguments[0], O_CREAT | O_EXCL | O_RDWR, mode, &attributes);
    CHECK(queue != (mqd_t)-1);
    CHECK(mq_close(queue) == 0);
}

static void send_all(const char *name)
{
    mqd_t queue = queue_of(name, O_WRONLY);
    for (int at = 0; at < COUNT; at++)
        CHECK(mq_send(queue, messages[at].text, strlen(messages[at].text), messages[at].priority) == 0);
    CHECK(mq_close(queue) == 0);
}

static void expect_all(const char *name)
{
    mqd_t queue = queue_of(name, O_RDONLY);
    char buffer[8192];
    for (int at = 0; at < COUNT; at++) {
        const struct message *message = &messages[order[at]];
        unsigned priority = 99999;
        ssize_t length = mq_receive(queue, buffer, sizeof buffer, &priority);
        CHECK(length == (ssize_t)strlen(message->text));
        CHECK(memcmp(buffer, message->text, (size_t)length) == 0);
        CHECK(priority == message->priority);
    }
    CHECK(mq_close(queue) == 0);
}

static void print_attributes(const char *name)
{
    mqd_t queue = queue_of(name, O_RDONLY | O_NONBLOCK);
    struct mq_attr attributes;
    CHECK(mq_getattr(queue, &attributes) == 0);
    CHECK(attributes.mq_flags == O_NONBLOCK);
    printf("%ld %ld %ld", attributes.mq_maxmsg, attributes.mq_msgsize, attributes.mq_curmsgs);
    CHECK(mq_close(queue) == 0);
}

static void time_out(const char *name)
{
    mqd_t queue = queue_of(name, O_RDWR);
    char buffer[8192];
    struct timespec start, deadline, end;
    CHECK(clock_gettime(CLOCK_REALTIME, &deadline) == 0);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &start) == 0);
    deadline.tv_nsec += 30 * 1000 * 1000;
    deadline.tv_sec += deadline.tv_nsec / 1000000000;
    deadline.tv_nsec %= 1000000000;
    CHECK(mq_timedreceive(queue, buffer, sizeof buffer, NULL, &deadline) == -1 && errno == ETIMEDOUT);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &end) == 0);
    long waited = (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000;
    CHECK(waited >= 20);
    CHECK(mq_close(queue) == 0);
}

static void wait_for_one(const char *name)
{
    mqd_t queue = queue_of(name, O_RDONLY);
    char buffer[8192];
    unsigned priority;
    ssize_t length = mq_receive(queue, buffer, sizeof buffer, &priority);
    CHECK(length >= 0);
    printf("%u %.*s", priority, (int)length, buffer);
    CHECK(mq_close(queue) == 0);
}

int main(int count, char **arguments)
{
    CHECK(count >= 3);
    const char *command = arguments[1], *name = arguments[2];
    if (strcmp(command, "create") == 0 && count == 6)
        create(arguments + 2);
    else if (strcmp(command, "send") == 0)
        send_all(name);
    else if (strcmp(command, "expect") == 0)
        expect_all(name);
    else if (strcmp(command, "attributes") == 0)
        print_attributes(name);
    else if (strcmp(command, "timeout") == 0)
        time_out(name);
    else if (strcmp(command, "wait") == 0)
        wait_for_one(name);
    else if (strcmp(command, "unlink") == 0)
        CHECK(mq_unlink(name) == 0);
    else
        CHECK(!"a known command");
    return 0;
}
