/* The floor: what the machine itself takes, by the shortest program that does the same.
 *
 *   floor hold N CMD...      N children: vfork and exec, one signalfd, started again at once; TERM ends
 *                            every group, then whatever was forked away (we are its subreaper)
 *   floor pipe FILE CMD...   one child whose output goes by a pipe into a file; prints nanoseconds
 *   floor serve SOCKET BYTES answers each connection with so many bytes
 *   floor ask SOCKET         connects, reads all, ends
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static sigset_t none;

static pid_t start(char **argv, int out) {
    pid_t pid = vfork();
    if (pid == 0) {
        setsid();
        sigprocmask(SIG_SETMASK, &none, 0);
        if (out >= 0) dup2(out, 1);
        execv(argv[0], argv);
        _exit(127);
    }
    return pid;
}

/* Kills what is left below us, until nothing is. */
static void sweep(void) {
    char path[64], word[32];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    for (;;) {
        FILE *list = fopen(path, "r");
        if (!list) return;
        while (fscanf(list, "%31s", word) == 1) kill((pid_t)atoi(word), SIGKILL);
        fclose(list);
        if (waitpid(-1, 0, 0) < 0) return;
        while (waitpid(-1, 0, WNOHANG) > 0) {}
    }
}

static int hold(int count, char **argv) {
    pid_t *pids = calloc((size_t)count, sizeof *pids);
    sigset_t set;
    sigemptyset(&none);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    for (int i = 0; i < count; i++) pids[i] = start(argv, -1);
    struct signalfd_siginfo info;
    while (read(fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGTERM) break;
        for (pid_t pid; (pid = waitpid(-1, 0, WNOHANG)) > 0;)
            for (int i = 0; i < count; i++)
                if (pids[i] == pid) pids[i] = start(argv, -1);
    }
    for (int i = 0; i < count; i++) kill(-pids[i], SIGTERM);
    for (int i = 0; i < count; i++) waitpid(pids[i], 0, 0);
    sweep();
    return 0;
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static int copy(const char *name, char **argv) {
    static char buffer[65536];
    int ends[2], file = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || pipe2(ends, O_CLOEXEC) < 0) return 1;
    fcntl(ends[0], F_SETPIPE_SZ, 1 << 20);
    uint64_t began = now();
    start(argv, ends[1]);
    close(ends[1]);
    for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
        if (write(file, buffer, (size_t)n) != n) return 1;
    printf("%llu\n", (unsigned long long)(now() - began));
    return 0;
}

static int meet(const char *path, int serve, size_t bytes) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    static char buffer[65536];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strncpy(at.sun_path, path, sizeof at.sun_path - 1);
    if (!serve) {
        if (connect(fd, (struct sockaddr *)&at, sizeof at) < 0) return 1;
        while (read(fd, buffer, sizeof buffer) > 0) {}
        return 0;
    }
    if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 16) < 0) return 1;
    for (;;) {
        int one = accept(fd, 0, 0);
        for (size_t left = bytes; left > 0;) {
            ssize_t n = write(one, buffer, left < sizeof buffer ? left : sizeof buffer);
            if (n <= 0) break;
            left -= (size_t)n;
        }
        close(one);
    }
}

int main(int argc, char **argv) {
    const char *mode = argc > 2 ? argv[1] : "";
    if (argc > 3 && !strcmp(mode, "hold")) return hold(atoi(argv[2]), argv + 3);
    if (argc > 3 && !strcmp(mode, "pipe")) return copy(argv[2], argv + 3);
    if (argc == 4 && !strcmp(mode, "serve")) return meet(argv[2], 1, (size_t)atol(argv[3]));
    if (argc == 3 && !strcmp(mode, "ask")) return meet(argv[2], 0, 0);
    return 2;
}
