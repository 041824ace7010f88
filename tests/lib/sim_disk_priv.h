/* tests/lib/sim_disk_priv.h - the inside of a simulated disk. */
#ifndef JIT_TESTS_SIM_DISK_PRIV_H
#define JIT_TESTS_SIM_DISK_PRIV_H

#include "tests/lib/sim_disk.h"

struct pending {
    int file;
    uint64_t offset;
    uint64_t size;
    uint8_t *bytes;
    struct jit_io_write *write; /* a durable write under way; NULL: waits for a sync */
};
struct file {
    uint8_t *seen; /* as the process reads it */
    uint64_t seen_size;
    uint8_t *kept; /* on the medium */
    uint64_t kept_size;
    uint64_t capacity; /* of both */
    bool direct;
};
struct entry {
    char name[SIM_NAME_BYTES];
    int file; /* -1: a folder */
};
enum dirop_kind { OP_LINK, OP_RENAME, OP_UNLINK };
struct dirop {
    enum dirop_kind kind;
    char name[SIM_NAME_BYTES];
    char to[SIM_NAME_BYTES];
    int file;
};
struct names {
    struct entry *at;
    size_t count;
};
struct sim_state {
    struct file *files;
    size_t file_count;
    struct pending *pending;
    size_t pending_count;
    struct dirop *dirops;
    size_t dirop_count;
    struct names seen;
    struct names kept;
    struct jit_io_write *failed[8]; /* finished with an error, or not durable: to be reaped */
    size_t failed_count;
};

void sim_dir_of(const char *name, char dir[SIM_NAME_BYTES]);
struct entry *sim_names_find(const struct names *names, const char *name);
void sim_names_drop(struct names *names, const char *name);
void sim_dirop_apply(struct names *names, const struct dirop *op);
void sim_file_room(struct file *file, uint64_t size);

#endif
