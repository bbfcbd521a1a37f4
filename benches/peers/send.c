// A program that sends one message: `send QUEUE MESSAGE`. With ALONE it has no C library, but its calls and its
// beginning.

static unsigned long length(const char *text) {
    unsigned long length = 0;
    while (text[length])
        length++;
    return length;
}

#ifdef ALONE

#define MQ_OPEN 240
#define MQ_TIMEDSEND 242
#define EXIT 231
#define O_WRONLY 1

static long call(long number, long a, long b, long c, long d, long e) {
    register long fourth __asm__("r10") = d;
    register long fifth __asm__("r8") = e;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
                     : "rcx", "r11", "memory");
    return result;
}

__asm__(".globl _start\n_start: mov %rsp, %rdi\n call begin");

void begin(long *stack) {
    char **arguments = (char **)(stack + 1);
    long queue = call(MQ_OPEN, (long)(arguments[1] + 1), O_WRONLY, 0, 0, 0);
    long sent = call(MQ_TIMEDSEND, queue, (long)arguments[2], length(arguments[2]), 0, 0);
    call(EXIT, sent != 0, 0, 0, 0, 0);
}

#else

#include <fcntl.h>
#include <mqueue.h>

int main(int count, char **arguments) {
    (void)count;
    mqd_t queue = mq_open(arguments[1], O_WRONLY);
    return mq_send(queue, arguments[2], length(arguments[2]), 0) != 0;
}

#endif
