#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "kernel/supervisor_priv.h"

/* That this supervisor serves the folder, and under what protection: docs/spec/audit.md. */

static enum jit_err add(struct shell_supervisor *s, enum audit_kind kind)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct audit_entry entry = {.kind = kind,
                                .user = (uint32_t)geteuid(),
                                .time_ms =
                                    (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u,
                                .tick = kern_core_tick(s->core),
                                .head = kern_core_commit(s->core)};
    snprintf(entry.grade, sizeof entry.grade, "%.*s", (int)AUDIT_GRADE_MAX,
             s->options.probe->grade);
    return audit_add(s->system.io, &s->audit, &entry, s->options.durability != LOG_DURABILITY_NONE);
}

enum jit_err supervisor_audit_begin(struct shell_supervisor *s, char *message, size_t size)
{
    enum jit_err err = audit_read(s->system.io, NULL, NULL, &s->audit);
    if (err == JIT_ECORRUPT || err == JIT_EVERSION) {
        snprintf(message, size,
                 "%s/" AUDIT_FILE ": the audit log %s; keep it, and set it aside: "
                 "mv " AUDIT_FILE " " AUDIT_FILE ".kept",
                 s->options.data,
                 err == JIT_ECORRUPT ? "was changed after it was written"
                                     : "is of a version that is not known here");
        return err;
    }
    err = err == JIT_OK ? add(s, AUDIT_BEGUN) : err;
    if (err != JIT_OK) {
        snprintf(message, size, "%s/" AUDIT_FILE ": the audit log cannot be written: %s",
                 s->options.data, jit_err_text(err));
    }
    s->audited = err == JIT_OK;
    return err;
}

void supervisor_audit_end(struct shell_supervisor *s)
{
    if (s->audited && add(s, AUDIT_ENDED) != JIT_OK) {
        fprintf(stderr, "jitosd: the audit log does not say that this run has ended\n");
    }
    s->audited = false;
}
