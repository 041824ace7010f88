/* kernel/audit.h - what the log of ticks may not say, since it is of the host and of the moment:
 * when a supervisor ran a data folder, as whom, and what its sandbox was made of. Spec:  DESIGN
 * 8, 9.1, 11; docs/spec/audit.md. Layer: kernel (shell).
 *
 * Nothing here is in a state, a commit or anything that is hashed for them: the same run under
 * another sandbox has the same hashes. What concerns capabilities (what was asked, and what was
 * denied) is in the log of ticks, which replays; `jitos cap log` shows both.
 *
 * The file AUDIT: blocks of 256 bytes, the first a header, each other one entry, chained by hashes.
 * An entry is on the medium before the run goes on. A last block that does not verify was cut off
 * by a crash, and the next entry takes its place; any other one was changed. */
#ifndef JIT_KERNEL_AUDIT_H
#define JIT_KERNEL_AUDIT_H

#include "base/id.h"
#include "base/io.h"

#define AUDIT_FILE        "AUDIT"
#define AUDIT_BLOCK_BYTES 256u
#define AUDIT_GRADE_MAX   159u

#define AUDIT_KIND_MAP(X)                                                                          \
    X(AUDIT_BEGUN, 1, "begun") /* a supervisor serves the folder, from this tick on */             \
    X(AUDIT_ENDED, 2, "ended") /* it has ended, not by a crash; its last tick */
enum audit_kind {
#define X(name, value, text) name = (value),
    AUDIT_KIND_MAP(X)
#undef X
};
const char *audit_kind_text(enum audit_kind kind); /* "?" */

struct audit_entry {
    enum audit_kind kind;
    uint32_t user;    /* effective user id of the supervisor */
    uint64_t time_ms; /* since 1970, by the host's clock */
    uint64_t tick;
    struct jit_id head; /* its commit */
    char grade[AUDIT_GRADE_MAX + 1];
};

/* Where the next entry goes, and what it is chained to. */
struct audit {
    uint64_t count; /* entries that verify */
    struct jit_id chain;
    bool torn; /* behind them lies one that was cut off */
};

/* Every entry from the first on; visit may be NULL and ends it with an error of its own. *out is
 * also set after JIT_ECORRUPT: the entries before the damage. A folder without the file has none.
 * Errors: JIT_ECORRUPT (an entry that is not the last does not verify, or the header),
 * JIT_EVERSION, the seam's. */
typedef enum jit_err audit_visit(void *user, const struct audit_entry *entry);
JIT_MUST_CHECK enum jit_err audit_read(struct jit_io *io, audit_visit *visit, void *user,
                                       struct audit *out);

/* One entry more, on the medium when it comes back; synced false: when the host pleases. The file
 * is made with the first. Errors: the seam's. */
JIT_MUST_CHECK enum jit_err audit_add(struct jit_io *io, struct audit *audit,
                                      const struct audit_entry *entry, bool synced);

#endif
