/* Goal:   a trusted loader as small as can be, so that the sandbox is tried from the inside.
 * Method: map the four descriptors, take the filter from the program, lock down, then do what the
 *         arguments say. "call NR ARG..." makes one system call; "early" before it: without the
 * last steps; "native": as a program that nobody vouches for, which has none. The exit status is 0
 * when what was tried worked, else its errno; a ring word says how far the loader got, for deaths
 * that have no status. */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "proc/guest/lockdown.h"
#include "syscall/abi.h"
#include "tools/selftest/attacker.h"

static uint8_t *maps[4]; /* ring, graph, view, program */
static struct attacker_ring *ring;

static void say(uint32_t state)
{
    atomic_store(&ring->state, state);
    (void)syscall(SYS_futex, &ring->state, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static int map_all(bool native)
{
    static const size_t sizes[4] = {ATTACKER_RING_BYTES, ATTACKER_GRAPH_BYTES_MAX,
                                    ATTACKER_VIEW_BYTES_MAX, 0};
    for (int i = 0; i < 4; i++) {
        struct stat st;
        size_t size = sizes[i];
        if (size == 0 && native) {
            size = ((struct attacker_ring *)(void *)maps[0])->program_bytes;
        } else if (size == 0) {
            if (fstat(SYS_FD_RING + i, &st) != 0) {
                return -1;
            }
            size = (size_t)st.st_size;
        }
        int prot = i < 2 ? PROT_READ | PROT_WRITE : PROT_READ;
        void *map = mmap(NULL, size, prot, MAP_SHARED, SYS_FD_RING + i, 0);
        if (map == MAP_FAILED) {
            return -1;
        }
        maps[i] = map;
    }
    ring = (struct attacker_ring *)(void *)maps[0];
    return 0;
}

static int lock_down(void)
{
    const struct guest_range ranges[] = {{maps[0], ATTACKER_RING_BYTES},
                                         {maps[1], ATTACKER_GRAPH_BYTES_MAX},
                                         {maps[2], ATTACKER_VIEW_BYTES_MAX}};
    uint16_t count;
    memcpy(&count, maps[3], sizeof count);
    const struct guest_lockdown what = {
        .ranges = ranges,
        .ranges_count = 3,
        .filter = maps[3],
        .filter_size = 8 + (size_t)count * 8,
        .mseal_required = ring->mseal_required != 0,
    };
    return guest_lockdown(&what) == JIT_OK ? 0 : -1;
}

/* An argument: the address of a map (and how far into it), of our own code, of something the call
 * wants to be pointed at, of the text behind s:, or a number. */
static long argument(const char *text)
{
    static const uint64_t lots[2] = {UINT64_MAX, UINT64_MAX};
    static const uint64_t one[2] = {1, 0};
    static const uint32_t descriptor[4] = {0, 0, 0xfffff, 0x51};
    static const char *const names[] = {"ring", "graph", "view", "program"};
    for (int i = 0; i < 4; i++) {
        size_t size = strlen(names[i]);
        if (strncmp(text, names[i], size) == 0 && (text[size] == '\0' || text[size] == '+')) {
            long more = text[size] == '+' ? strtol(text + size + 1, NULL, 0) : 0;
            return (long)(intptr_t)maps[i] + more;
        }
    }
    if (strcmp(text, "private") == 0) {
        return (long)(intptr_t)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                                    -1, 0);
    }
    if (strcmp(text, "empty") == 0 || strcmp(text, "new") == 0) {
        return (long)(intptr_t)(text[0] == 'n' ? "/new" : "");
    }
    if (strncmp(text, "s:", 2) == 0) {
        return (long)(intptr_t)(text + 2);
    }
    if (strcmp(text, "lots") == 0 || strcmp(text, "one") == 0) {
        return (long)(intptr_t)(text[0] == 'l' ? lots : one);
    }
    if (strcmp(text, "descriptor") == 0) {
        return (long)(intptr_t)descriptor;
    }
    if (strcmp(text, "path") == 0) {
        return (long)(intptr_t) "/etc/passwd";
    }
    if (strcmp(text, "code") == 0) {
        return (long)(intptr_t)&argument & -4096L;
    }
    char *end = NULL;
    long value = (long)strtoull(text, &end, 0);
    if (*end != '\0' || end == text) {
        _exit(ATTACKER_EXIT_UNKNOWN);
    }
    return value;
}

static int try_call(char **argv, long *value)
{
    long values[7] = {0};
    for (int i = 0; i < 7 && argv[i] != NULL; i++) {
        values[i] = argument(argv[i]);
    }
    long result =
        syscall(values[0], values[1], values[2], values[3], values[4], values[5], values[6]);
    *value = result;
    return result < 0 && result >= -4095 ? errno : 0;
}

/* The old way into the kernel; its numbers are another architecture's. */
static int try_int80(long number)
{
#ifdef __x86_64__
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(number), "b"(maps[2]), "c"(0), "d"(0)
                     : "memory", "r8", "r9", "r10", "r11");
    return result < 0 ? (int)-result : 0;
#else
    (void)number;
    return ENOSYS;
#endif
}

/* A name that somebody outside listens on. */
static int try_connect(const char *name)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    if (length >= sizeof to.sun_path) {
        return ENAMETOOLONG;
    }
    memcpy(to.sun_path + 1, name, length);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
    return fd < 0 || connect(fd, (struct sockaddr *)&to, size) != 0 ? errno : 0;
}

/* A datagram to a port of the loopback that somebody outside reads. */
static int try_packet(long port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    return fd < 0 || sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof to) < 0 ? errno : 0;
}

static int try_writev(long pid, long address)
{
    uint64_t word = 0;
    struct iovec ours = {.iov_base = &word, .iov_len = sizeof word};
    struct iovec theirs = {.iov_base = (void *)(intptr_t)address, .iov_len = sizeof word};
    return syscall(SYS_process_vm_writev, pid, &ours, 1, &theirs, 1, 0) < 0 ? errno : 0;
}

/* time() where the vsyscall page has always been. */
static int try_vsyscall(void)
{
#ifdef __x86_64__
    long (*volatile time_at)(long *) = (long (*)(long *))(uintptr_t)0xffffffffff600400ull;
    return time_at(NULL) > 0 ? 0 : ENOSYS;
#else
    return ENOSYS;
#endif
}

static void futex_wait(_Atomic uint32_t *word, uint32_t seen, const struct timespec *timeout)
{
    (void)syscall(SYS_futex, word, FUTEX_WAIT, seen, timeout, NULL, 0);
}

/* What an honest worker does: its heap, its ring, the view, also where it grew meanwhile. */
static int try_work(void)
{
    const struct timespec moment = {0, 1000000};
    _Atomic uint32_t zero = 0;
    for (size_t size = 16; size <= (8u << 20); size *= 4) {
        uint8_t *block = malloc(size);
        if (block == NULL) {
            return ENOMEM;
        }
        memset(block, 1, size);
        uint8_t *more = realloc(block, 2 * size);
        bool kept = more != NULL && more[size - 1] == 1;
        free(more != NULL ? more : block);
        if (!kept) {
            return ENOMEM;
        }
    }
    futex_wait(&zero, 0, &moment);
    maps[1][100] = 7;
    say(ATTACKER_RUNNING);
    while (atomic_load(&ring->bell) == 0) {
        futex_wait(&ring->bell, 0, NULL);
    }
    return maps[2][ATTACKER_VIEW_BYTES_MAX - 1] == 42 ? 0 : EBADMSG;
}

/* Sleep in a timed wait, so that a stop and a continue go through restart_syscall. */
static int try_nap(void)
{
    const struct timespec nap = {0, 300000000};
    _Atomic uint32_t zero = 0;
    say(ATTACKER_RUNNING);
    futex_wait(&zero, 0, &nap);
    return 0;
}

/* Address space, or memory that is there. */
static int try_memory(bool touched)
{
    const size_t size = 16u << 20;
    for (unsigned i = 0; i < 1024; i++) {
        volatile uint8_t *block =
            mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (block == MAP_FAILED) {
            return errno;
        }
        for (size_t at = 0; touched && at < size; at += 4096) {
            block[at] = 1;
        }
    }
    return 0;
}

/* Through a pointer that may change, so that no compiler makes a loop of it. */
static int try_stack(unsigned depth);
static int (*volatile deeper)(unsigned depth) = try_stack;
static int try_stack(unsigned depth)
{
    volatile uint8_t room[16384];
    __asm__ volatile("" ::"r"(room) : "memory"); /* all of it is needed */
    room[0] = (uint8_t)depth;
    return depth == 0 ? 0 : deeper(depth - 1) + room[0] - (uint8_t)depth;
}

static _Noreturn void try_loop(void)
{
    say(ATTACKER_RUNNING);
    for (;;) {
        __asm__ volatile("" ::: "memory");
    }
}

static _Noreturn void try_wait(void)
{
    for (;;) {
        say(ATTACKER_RUNNING);
        futex_wait(&ring->bell, 0, NULL);
    }
}

static int attempt(char **argv)
{
    const char *what = argv[0];
    long value = 0;
    if (strcmp(what, "call") == 0) {
        return try_call(argv + 1, &value);
    }
    if (strcmp(what, "value") == 0) { /* what the call answered, not whether it did */
        return try_call(argv + 1, &value) != 0 ? ATTACKER_EXIT_UNKNOWN : (int)(value & 0xff);
    }
    if (strcmp(what, "int80") == 0) {
        return try_int80(argument(argv[1]));
    }
    if (strcmp(what, "store") == 0) {
        *(volatile uint8_t *)(intptr_t)(argument(argv[1]) + argument(argv[2])) = 1;
        return 0;
    }
    if (strcmp(what, "writev") == 0) {
        return try_writev(argument(argv[1]), argument(argv[2]));
    }
    if (strcmp(what, "connect") == 0) {
        const char *name = (const char *)(intptr_t)argument(argv[1]);
        return try_connect(name);
    }
    if (strcmp(what, "packet") == 0) {
        return try_packet(argument(argv[1]));
    }
    if (strcmp(what, "illegal") == 0) {
        __builtin_trap();
    }
    if (strcmp(what, "abort") == 0) {
        abort();
    }
    if (strcmp(what, "loop") == 0) {
        try_loop();
    }
    if (strcmp(what, "wait") == 0) {
        try_wait();
    }
    return strcmp(what, "work") == 0       ? try_work()
           : strcmp(what, "nap") == 0      ? try_nap()
           : strcmp(what, "vsyscall") == 0 ? try_vsyscall()
           : strcmp(what, "memory") == 0   ? try_memory(false)
           : strcmp(what, "bomb") == 0     ? try_memory(true)
           : strcmp(what, "stack") == 0    ? try_stack(4096)
           : strcmp(what, "exit") == 0     ? (int)argument(argv[1])
                                           : ATTACKER_EXIT_UNKNOWN;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        return ATTACKER_EXIT_UNKNOWN;
    }
    if (strcmp(argv[1], "nothing") == 0) {
        return 0;
    }
    bool native = strcmp(argv[1], "native") == 0;
    if (map_all(native) != 0) {
        return ATTACKER_EXIT_MAPS;
    }
    if (native || strcmp(argv[1], "early") == 0) {
        say(ATTACKER_LOCKED);
        return attempt(argv + 2);
    }
    if (lock_down() != 0) {
        return ATTACKER_EXIT_LOCKDOWN;
    }
    say(ATTACKER_LOCKED);
    return attempt(argv + 1);
}
