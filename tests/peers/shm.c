// The other process of the tests of shared memory, by the C library: `shm COMMAND NAME [ARGUMENT…]`.
//
// Bytes of the pattern: each is its number modulo 251, plus 1.

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void must(int holds, const char *what) {
    if (!holds) {
        perror(what);
        exit(1);
    }
}

static uint8_t *map(const char *name, size_t *size) {
    int descriptor = shm_open(name, O_RDWR, 0);
    must(descriptor >= 0, "shm_open");
    struct stat status;
    must(fstat(descriptor, &status) == 0, "fstat");
    *size = status.st_size;
    uint8_t *bytes = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    must(bytes != MAP_FAILED, "mmap");
    must(close(descriptor) == 0, "close");
    return bytes;
}

static void create(const char *name, const char *size) {
    umask(0);
    int descriptor = shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
    must(descriptor >= 0, "shm_open");
    must(ftruncate(descriptor, atoll(size)) == 0, "ftruncate");
}

static void describe(const char *name) {
    int descriptor = shm_open(name, O_RDONLY, 0);
    must(descriptor >= 0, "shm_open");
    struct stat status;
    must(fstat(descriptor, &status) == 0, "fstat");
    printf("%lld %o", (long long)status.st_size, (unsigned)status.st_mode & 0777);
}

int main(int count, char **arguments) {
    must(count >= 3, "usage: shm COMMAND NAME [ARGUMENT…]");
    const char *command = arguments[1], *name = arguments[2];
    size_t size;
    if (strcmp(command, "create") == 0) {
        create(name, arguments[3]);
    } else if (strcmp(command, "unlink") == 0) {
        must(shm_unlink(name) == 0, "shm_unlink");
    } else if (strcmp(command, "describe") == 0) {
        describe(name);
    } else if (strcmp(command, "fill") == 0) {
        uint8_t *bytes = map(name, &size);
        for (size_t at = 0; at < size; at++)
            bytes[at] = at % 251 + 1;
    } else if (strcmp(command, "expect") == 0) {
        uint8_t *bytes = map(name, &size);
        for (size_t at = 0; at < size; at++)
            must(bytes[at] == at % 251 + 1, "the bytes differ");
    } else if (strcmp(command, "resize") == 0) {
        int descriptor = shm_open(name, O_RDWR, 0);
        must(descriptor >= 0, "shm_open");
        must(ftruncate(descriptor, atoll(arguments[3])) == 0, "ftruncate");
    } else if (strcmp(command, "add") == 0) {
        uint64_t *number = (uint64_t *)(map(name, &size) + atoll(arguments[3]));
        for (long long left = atoll(arguments[4]); left > 0; left--)
            __atomic_fetch_add(number, 1, __ATOMIC_RELAXED);
    } else {
        must(0, "unknown command");
    }
    return 0;
}
