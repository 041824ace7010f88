/* base/limits.h - every bound of DESIGN 13, by name. Each has a test at the limit and one past it.
 */
#ifndef JIT_BASE_LIMITS_H
#define JIT_BASE_LIMITS_H

/* Graph */
#define JIT_LABEL_BYTES_MAX 1024u
#define JIT_NAME_BYTES_MAX  255u
#define JIT_ATTACHMENTS_MAX 256u
#define JIT_ATOM_BYTES_MAX  (1u << 20)
#define JIT_INSTANCES_MAX   65536u
#define JIT_DEPTH_MAX       64u
#define JIT_ARENA_BYTES_MAX (1ull << 36) /* 32-bit references of 16 bytes */

/* Rules */
#define JIT_PATTERN_ELEMENTS_MAX 32u
#define JIT_RULE_TEXT_BYTES_MAX  65536u
#define JIT_PROGRAM_BYTES_MAX    65536u
#define JIT_EXPR_DEPTH_MAX       64u
#define JIT_RULES_MAX            4096u
#define JIT_PARAMS_BYTES_MAX     4096u
#define JIT_VERIFY_SLOTS_MAX     4096u      /* budget of one verification */
#define JIT_VERIFY_TICK_MAX      (1u << 25) /* of all verifications of a process in a tick */
#define JIT_RETRY_MAX            100u       /* `on conflict retry n` */
#define JIT_DELAY_MAX            1000000u   /* `after n ticks` */

/* Requests */
#define JIT_REQUESTS_PER_TICK_MAX   (1u << 20)
#define JIT_REQUEST_BYTES_MAX       (16u << 20)
#define JIT_PATCH_BYTES_MAX         (64ull << 20)
#define JIT_PATCH_GENESIS_BYTES_MAX (8ull << 30)

/* Processes */
#define JIT_PROCESSES_MAX   1024u
#define JIT_CAP_SLOTS_MAX   65536u
#define JIT_CAP_DEPTH_MAX   16u
#define JIT_CAP_FAN_OUT_MAX 65536u

/* Branches of a worker */
#define JIT_BRANCHES_MAX     256u
#define JIT_BRANCH_DEPTH_MAX 16u
#define JIT_IN_SLOTS_MAX     65536u /* a collapse */
#define JIT_COLLAPSE_PLACES  64u    /* instances that a collapse looks at or changes */
#define JIT_COLLAPSE_CAPS    16u    /* capabilities that it names */
#define JIT_COLLAPSES_MAX    1024u  /* of a process in a tick */
#define JIT_KEEP_MAX         64u    /* versions that a process may have kept */
/* What they may come to: as much as its own graph may have. A version is charged with the ticks
 * that were made since: the bytes of their patches, and for each operation what it copies. */
#define JIT_KEEP_BYTES_MAX       (64ull << 20)
#define JIT_KEEP_OPERATION_BYTES 1024u

/* Process policies */
#define JIT_RESTARTS_MAX      1000u    /* of a process ... */
#define JIT_RESTART_TICKS_MAX 1000000u /* ... within so many ticks */
#define JIT_HANG_SECONDS_MAX  86400u

/* Log */
#define JIT_LOG_RECORD_BYTES_MAX (8u << 20)
#define JIT_LOG_SEGMENT_BYTES    (64ull << 20)

/* Input */
#define JIT_JSON_DEPTH_MAX 64u
#define JIT_LINE_BYTES_MAX (16u << 20)

#endif
