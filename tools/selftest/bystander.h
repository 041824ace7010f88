/* tools/selftest/bystander.h - whoever must not notice: files, listeners, a process, a word of
 * memory, names and limits that stand beside an attacked sandbox, and the question whether any of
 * them was touched. Layer: tools. */
#ifndef JIT_TOOLS_SELFTEST_BYSTANDER_H
#define JIT_TOOLS_SELFTEST_BYSTANDER_H

#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/utsname.h>

#include "proc/host/memory.h"

struct bystander {
    char canary[64]; /* a file with a secret, that everybody may write to */
    char made[72];   /* one that is not there */
    char abstract[64];
    int listener; /* the abstract name */
    int packets;  /* UDP on the loopback */
    uint16_t port;
    pid_t victim; /* a process of the same user */
    volatile uint64_t word;
    struct stat canary_was;
    struct utsname host_was;
    struct rlimit files_was;
    int64_t clock_was; /* wall clock less the steady one, ms */
};

/* Errors: JIT_EIO: this machine did not let us stand here. */
JIT_MUST_CHECK enum jit_err bystander_init(struct bystander *by);
void bystander_release(struct bystander *by);
/* What has happened to it, or to the memories of the worker that the supervisor relies on: a line;
 * NULL: nothing. */
const char *bystander_harm(const struct bystander *by, const struct host_memory *ring,
                           const struct host_memory *graph, const struct host_memory *view);

#endif
