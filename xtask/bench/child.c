/* The measured child: as little as can be between exec and its word.
 *
 *   child stamp FIFO         says "I am in main() at T" and rests
 *   child tree FIFO ALIVE    a leader, a child in its group, a grandchild with its own session
 *   child lines COUNT        COUNT lines of 100 bytes, one write each
 *   child crash MEAN_MS      prints, and ends at a random time in a random way
 *   child tick MS            prints a numbered line every MS milliseconds
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

struct stamp {
    uint64_t pid, ns;
};

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void say(const char *fifo, uint64_t ns) {
    struct stamp stamp = {(uint64_t)getpid(), ns};
    int fd = open(fifo, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, &stamp, sizeof stamp) != sizeof stamp) _exit(9);
    close(fd);
}

static void rest(void) {
    for (;;) pause();
}

static void nap(uint64_t ms) {
    struct timespec t = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    nanosleep(&t, 0);
}

/* Both descendants hold ALIVE open for writing: who reads it sees the end of the last one. */
static void tree(const char *fifo, const char *alive, uint64_t began) {
    int ready[2];
    char byte;
    if (open(alive, O_WRONLY) < 0 || pipe2(ready, O_CLOEXEC) < 0) _exit(9);
    if (fork() == 0) rest();
    if (fork() == 0) {
        if (fork() == 0) {
            setsid();
            if (write(ready[1], "", 1) != 1) _exit(9);
            rest();
        }
        _exit(0);
    }
    if (read(ready[0], &byte, 1) != 1) _exit(9);
    say(fifo, began);
    rest();
}

static void lines(long count) {
    char line[101];
    for (long i = 0; i < count; i++) {
        int head = snprintf(line, sizeof line, "line %09ld ", i);
        memset(line + head, 'a' + (int)(i % 26), (size_t)(99 - head));
        line[99] = '\n';
        if (write(1, line, 100) != 100) _exit(9);
    }
}

static void tick(long ms) {
    for (unsigned long i = 0;; i++) {
        dprintf(1, "tick %lu\n", i);
        nap((uint64_t)ms);
    }
}

static void crash(long mean) {
    uint32_t chance[2];
    if (getrandom(chance, sizeof chance, 0) != sizeof chance) _exit(9);
    uint64_t left = 5 + chance[0] % (uint32_t)(2 * mean);
    dprintf(1, "alive for %lu ms\n", (unsigned long)left);
    /* Some leave a child behind, which must not outlive them. */
    if (chance[1] % 5 == 0 && fork() == 0) {
        if (chance[1] % 2) setsid();
        rest();
    }
    while (left > 1000) {
        nap(1000);
        left -= 1000;
        dprintf(1, "still alive, %lu ms left\n", (unsigned long)left);
    }
    nap(left);
    dprintf(2, "going\n");
    switch (chance[1] % 4) {
    case 0: _exit(0);
    case 1: _exit((int)(1 + chance[1] / 4 % 250));
    case 2: kill(getpid(), SIGKILL); rest(); break;
    default: abort();
    }
}

int main(int argc, char **argv) {
    uint64_t began = now();
    const char *mode = argc > 1 ? argv[1] : "";
    if (argc == 3 && !strcmp(mode, "stamp")) {
        say(argv[2], began);
        rest();
    }
    if (argc == 4 && !strcmp(mode, "tree")) tree(argv[2], argv[3], began);
    if (argc == 3 && !strcmp(mode, "lines")) {
        lines(atol(argv[2]));
        return 0;
    }
    if (argc == 3 && !strcmp(mode, "crash")) crash(atol(argv[2]));
    if (argc == 3 && !strcmp(mode, "tick")) tick(atol(argv[2]));
    return 2;
}
