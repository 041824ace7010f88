/* tests/lib/sim_disk.h - struct jit_io in memory, with what a crash may do to it.
 * Spec:  RELIABILITY "Rules for files"; base/io.h.
 *
 * Shape:  of each file the disk keeps what the process sees, what is on the medium, and the writes
 * in between. A sync moves a file's writes to the medium; a durable write gets there when it is
 * reaped. Creating, renaming and unlinking are operations of their own, on the medium only after
 * syncdir of their folder: syncing a file does not save its name. A failed sync loses the writes it
 * was for, although the process goes on seeing them until it opens the file again (direct files,
 * and the page cache that the real backend drops at open).
 * A failed syncdir leaves its operations where they were: names go through a journal,
 * which stops at an error and does not forget.
 *
 * Crashes: sim_disk_crash() builds the disk that a machine finds after losing its power, for one
 * plan; sim_disk_plans() makes every plan of interest for the disk as it is. A plan of kind PROCESS
 * is the death of the process alone: the page cache survives and is still not on the medium.
 *
 * It is a test's tool: it asserts on misuse (an unaligned direct write, a folder that is not
 * there), and its memory is the C library's. */
#ifndef JIT_TESTS_SIM_DISK_H
#define JIT_TESTS_SIM_DISK_H

#include <stddef.h>

#include "base/io.h"
#include "base/random.h"

#define SIM_NAME_BYTES 80u
#define SIM_SECTOR     512u

struct sim_disk {
    struct jit_io io; /* first: hand out &disk->io */
    /* Called before each operation that changes something: the places where a crash differs. */
    void (*hook)(struct sim_disk *disk, void *user);
    void *hook_user;
    uint64_t changes; /* operations that change something, so far */
    uint64_t calls;   /* all operations, so far */

    /* The call with this number fails, and if sticky every one after it. fault_err JIT_OK: none. */
    uint64_t fault_at;
    enum jit_err fault_err;
    bool fault_sticky;
    bool fault_fired;

    /* Lies of a bad disk: each must be found out by the tests of whoever relies on it. */
    bool lie_sync;    /* sync says yes and does nothing */
    bool lie_syncdir; /* so does syncdir */

    struct jit_random random; /* when reap(false) finds a write finished */
    struct sim_state *state;
};

struct sim_disk *sim_disk_new(uint64_t seed);
void sim_disk_free(struct sim_disk *disk); /* disk may be NULL */

enum sim_crash_kind {
    SIM_DROP_ALL, /* nothing unsynced survives */
    SIM_KEEP_ALL,
    SIM_ONLY,    /* the write `index` alone */
    SIM_ALL_BUT, /* all but the write `index` */
    SIM_PREFIX,  /* the writes before `index`, and `cut` bytes of that one */
    SIM_SIZE,    /* files have grown, the bytes are zeros */
    SIM_SECTORS, /* each sector old, new, zero or garbage, as `seed` says */
    SIM_PROCESS  /* the process died, the machine did not */
};
struct sim_crash {
    enum sim_crash_kind kind;
    size_t index; /* of a pending write, in the order in which they were made */
    uint64_t cut;
    uint64_t dirs; /* bit i: the pending folder operation i survives */
    uint64_t seed;
};

/* The disk after the crash, with neither hook nor fault. */
struct sim_disk *sim_disk_crash(const struct sim_disk *disk, const struct sim_crash *plan);

/* Every plan for the disk as it is: all kinds, SIM_PREFIX with cuts at each sector and one byte
 * into it, `sectors` random SIM_SECTORS, each with every subset of the pending folder operations
 * (all prefixes, singles and all-but-ones when there are more than four). */
void sim_disk_plans(const struct sim_disk *disk, struct jit_random *random, unsigned sectors,
                    void (*visit)(void *user, const struct sim_crash *plan), void *user);

size_t sim_disk_pending(const struct sim_disk *disk);

/* The bytes of a file as the process sees them; NULL when there is none. */
const uint8_t *sim_disk_bytes(const struct sim_disk *disk, const char *name, uint64_t *size);
/* Damage by hand: what is there is there on the medium too. */
void sim_disk_damage(struct sim_disk *disk, const char *name, uint64_t offset, const void *bytes,
                     uint64_t size);
void sim_disk_resize(struct sim_disk *disk, const char *name, uint64_t size);
/* Names of all files, in order of creation; index from 0; NULL past the end. */
const char *sim_disk_name(const struct sim_disk *disk, size_t index);
void sim_disk_remove(struct sim_disk *disk, const char *name);

/* A plan in words, for the message of a failure. */
void sim_crash_text(const struct sim_crash *plan, char *text, size_t size);

#endif
