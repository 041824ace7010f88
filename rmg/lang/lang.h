/* rmg/lang/lang.h - the text language of `.jitos` files: one file describes a whole system.
 * Spec:  DESIGN 6 (meaning), 4.1 (ids), 13 (limits), 14.2 and 14.4 (bytes); docs/spec/rules.md is
 *        the grammar of what is implemented and the list of what is refused.
 * Layer: rmg; base only. Input is bytes, output a struct and messages: no I/O.
 *
 * Guests and the kernel never parse text (DESIGN 14.5): this runs in the client, which hands on the
 * compiled programs. The same bytes give the same system and the same messages everywhere.
 *
 * Owns: everything in a struct lang_system lies in one block list of its own and lives until
 *       lang_system_free(); strings are zero-terminated, without zeros inside. */
#ifndef JIT_RMG_LANG_H
#define JIT_RMG_LANG_H

#include "base/buf.h"
#include "rmg/store/codec.h"
#include "rmg/rules/rule.h"
#include "rmg/schema/schema.h"
#include "rmg/engine/script.h"
#include "rmg/store/slot.h"

#define LANG_VERSION          1u          /* root atom `language` of /sys */
#define LANG_SOURCE_BYTES_MAX (16u << 20) /* one file */
#define LANG_ERRORS_MAX       20u         /* collected before giving up */
#define LANG_INVARIANTS_MAX   1024u
#define LANG_LIMIT_NONE       UINT64_MAX

/* Where a declaration stands, for messages about it that come later (a file that is not there). */
struct lang_pos {
    uint32_t line;   /* from 1 */
    uint32_t column; /* from 1, in characters */
};

/* A field is an attachment named like it (DESIGN 4.1). */
struct lang_field {
    const char *name;
    uint32_t name_size;
    enum rmg_codec codec;
    enum rmg_codec element; /* codec LIST: of each element; NONE: any bytes */
    enum rmg_join join;     /* NONE: only `set` may write it */
    bool has_default;
    const uint8_t *value; /* the default's canonical bytes; NULL without one */
    uint32_t value_size;
    struct lang_pos pos;
};

/* A type of nodes that an edge may leave or enter. */
struct lang_end {
    struct jit_id id;
    const char *name;
};

struct lang_type {
    const char *name;
    uint32_t name_size;
    bool is_edge;
    struct jit_id id;                /* BLAKE3("type:" || name) */
    const struct lang_field *fields; /* in declared order */
    uint32_t field_count;
    const struct lang_end *from; /* of an edge, ascending by id; none: any node */
    uint32_t from_count;
    const struct lang_end *to;
    uint32_t to_count;
    struct lang_pos pos; /* of an imported one: of the import */
};

struct lang_place {
    const char *path;       /* "/world", "/world/x" */
    struct jit_id instance; /* BLAKE3("warp:" || path) */
};

struct lang_import {
    bool apt; /* the package graph of this machine; then no files */
    const char *const *files;
    uint32_t file_count;
    struct lang_place into;
    struct lang_pos pos;
};

struct lang_rule {
    struct rmg_rule rule;
    const char *text; /* canonical form, as the formatter writes it */
    uint32_t text_size;
    const uint8_t *program; /* rmg_rule_encode(rule) */
    uint32_t program_size;
    const char *const *element_names; /* of the rule's elements; NULL: has none */
    const char *const *created_names; /* of what it creates; likewise */
    struct lang_pos pos;
};

/* One rule that a process runs, with its parameters bound. */
struct lang_run {
    uint32_t rule;         /* index into the system's rules */
    const uint8_t *params; /* as rmg_params_check wants them */
    uint32_t params_size;
    struct jit_id params_digest;
};

enum lang_apply {
    LANG_APPLY_ALL = 1, /* the parallel step: every match of the frozen version */
    LANG_APPLY_ONCE = 2,
    LANG_APPLY_UNTIL_NONE = 3,
    LANG_EXPLORE = 4 /* in branches; the best of them is collapsed */
};

/* A term of what a branch is worth. */
struct lang_score {
    bool sum;       /* of what the rule would add; else how many matches it has */
    int64_t weight; /* as it is written */
    struct lang_run run;
};
#define LANG_EXPLORE_MAX 256u
#define LANG_WEIGHT_MAX  1000000000

/* What is done when a member of a process dies or hangs (DESIGN 7.4, 7.5). */
enum lang_restart { LANG_RESTART_ON_FAILURE, LANG_RESTART_NEVER, LANG_RESTART_ALWAYS };
#define LANG_RESTARTS_DEFAULT      5u   /* restarts at most ... */
#define LANG_RESTART_TICKS_DEFAULT 100u /* ... within so many ticks */
struct lang_policy {
    enum lang_restart restart;
    uint32_t restarts;     /* at most so many ... */
    uint32_t ticks;        /* ... within so many ticks; both 0 for NEVER */
    bool then_stop;        /* after that: the run stops; else it goes on without the process */
    bool hang_kill;        /* a hang: it is killed and misses the tick; else the run stops */
    uint32_t hang_seconds; /* CPU time that counts as a hang; 0: the supervisor's own limit */
    uint32_t keep;         /* versions of what is mounted that branches may rest on; usually 1 */
    uint64_t nodes;        /* at most, in the graph that it keeps for itself; usually LANG_ANY */
    uint64_t edges;        /* likewise */
    uint64_t bytes;        /* of atoms, likewise */
};
#define LANG_ANY UINT64_MAX

struct lang_process {
    const char *name;
    const char *exec; /* a program of its own, a file beside the text; NULL: the rules loader */
    bool rerun;       /* that is brought forward by running it again */
    uint32_t count;   /* members: the n of w[n] */
    enum lang_apply apply;
    uint64_t ticks;         /* it takes part in at most so many; 0: no bound */
    struct lang_place over; /* sharded over its members by the scope's id */
    const struct lang_run *runs;
    uint32_t run_count;
    uint32_t explore;  /* futures a tick; 0: it asks for its matches */
    bool explore_min;  /* the one that is worth least */
    bool explore_stay; /* if it is worth more than the present */
    const struct lang_score *scores;
    uint32_t score_count;
    struct lang_policy policy;
    struct lang_pos pos;
};

enum lang_right_kind {
    LANG_RIGHT_MAP = 1,
    LANG_RIGHT_READ = 2,
    LANG_RIGHT_WRITE = 3,
    LANG_RIGHT_INVOKE = 4
};

/* A parameter that a grant binds. */
struct lang_bound {
    uint32_t param;       /* its number, in declared order */
    const uint8_t *bytes; /* canonical */
    uint32_t size;
};
struct lang_invoke {
    const struct lang_bound *bound; /* ascending by parameter */
    uint32_t bound_count;           /* 0: as the process runs it */
};

struct lang_right {
    enum lang_right_kind kind;
    struct lang_place place;
    const uint32_t *rules;            /* INVOKE: indexes into the system's rules */
    const struct lang_invoke *invoke; /* INVOKE: of each of them */
    uint32_t rule_count;
    struct lang_pos pos;
};

/* What narrows all rights of a grant; each once. */
enum lang_narrow {
    LANG_NARROW_LIMIT,    /* limit N per tick */
    LANG_NARROW_TOTAL,    /* limit N in all */
    LANG_NARROW_UNTIL,    /* until N: the last tick */
    LANG_NARROW_PRIORITY, /* priority N: of a rule that is invoked, at most */
    LANG_NARROW_COUNT
};

/* What one of a grant's rights is the owner of: a rule, or an instance (rule is LANG_NO_RULE). */
#define LANG_NO_RULE UINT32_MAX
struct lang_own {
    uint32_t rule; /* index into the system's rules */
    struct lang_place place;
};

/* Several grants may name one process: the rights add up, each grant with its own limit. */
struct lang_grant {
    uint32_t process; /* index into the system's processes */
    uint64_t limit;   /* requests a tick of all its rights together; LANG_LIMIT_NONE */
    uint32_t narrows; /* bits 1 << enum lang_narrow: which of these are given */
    uint64_t total;   /* requests in all, of each of its rights */
    uint64_t until;   /* the last tick it counts in */
    int32_t priority;
    const struct lang_right *rights;
    uint32_t right_count;
    const struct lang_own *owns; /* by the right with index own_under, to write */
    uint32_t own_count;
    uint32_t own_under;
    struct lang_pos pos;
};

/* Rules under an ordered control: what `rmg run` runs on a graph (docs/spec/scripts.md). */
struct lang_script {
    const char *name;
    uint64_t rewrites_max;       /* of one run; RMG_SCRIPT_NO_LIMIT */
    const struct lang_run *runs; /* its calls, as steps number them */
    uint32_t run_count;
    const struct rmg_script_step *steps;
    uint32_t step_count;
    uint32_t top_count;
    struct lang_pos pos;
};

struct lang_system {
    const char *name;
    bool is_schema;                /* begins with `schema`: it has types and nothing else */
    const struct lang_type *types; /* node and edge types, declared and imported, in their order */
    uint32_t type_count;
    const struct lang_import *imports;
    uint32_t import_count;
    const struct lang_rule *rules;
    uint32_t rule_count;
    const struct lang_rule *invariants; /* programs that change nothing and never match */
    uint32_t invariant_count;
    const struct lang_process *processes;
    uint32_t process_count;
    const struct lang_grant *grants;
    uint32_t grant_count;
    const struct lang_script *scripts;
    uint32_t script_count;
    void *memory; /* private */
};

/* Where the files lie whose types are imported. */
struct lang_sources {
    /* All of the file `name` that the file `from` imports, and what it is called in messages; both
     * from this heap. Errors: JIT_ENOENT, JIT_ELIMIT (more than LANG_SOURCE_BYTES_MAX), JIT_ENOMEM,
     * others of the world. */
    enum jit_err (*read)(void *user, struct jit_heap *heap, const char *from, const char *name,
                         char **path, uint8_t **bytes, size_t *size);
    void *user;
};
#define LANG_IMPORT_DEPTH_MAX 8u

/* Parse, check and compile a file. `file` is the name that messages show; nothing is opened.
 * messages: appended to when the text is wrong: for each error file:line:column, the line, a caret
 *   and what to write instead, in the order of the text. Its size_max bounds them.
 * Errors: JIT_EFORMAT (the text is wrong, see messages), JIT_ENOMEM. On error *out is NULL. */
JIT_MUST_CHECK enum jit_err lang_parse(struct jit_heap *heap, const char *file,
                                       const uint8_t *source, size_t source_size,
                                       struct lang_system **out, struct jit_buf *messages);

/* The same with a place to read imported types from; without one (NULL) their import is an error.
 */
JIT_MUST_CHECK enum jit_err lang_parse_with(struct jit_heap *heap, const char *file,
                                            const uint8_t *source, size_t source_size,
                                            const struct lang_sources *sources,
                                            struct lang_system **out, struct jit_buf *messages);

void lang_system_free(struct jit_heap *heap, struct lang_system *system); /* may be NULL */

/* Adds the system's types to a schema. *at: on error, the type that could not be added. Errors: of
 * rmg_schema_add (JIT_EEXIST: the schema has a type of this name). */
JIT_MUST_CHECK enum jit_err lang_schema(const struct lang_system *system, struct rmg_schema *schema,
                                        const struct lang_type **at);

/* The canonical text of a whole system: parsed again it gives the same system, formatted again the
 * same text. Comments are not kept: lang_tidy() keeps them. Check out->err. */
void lang_format(const struct lang_system *system, struct jit_buf *out);

/* The canonical form of a text, with its comments and its order of declarations: every comment
 * stays beside what it was written to (docs/spec/rules.md). Tidied again it is the same, and it
 * means the same. Only its grammar is judged: names need not be known, no other file is read.
 * out: appended to; its size_max bounds it. Errors: JIT_EFORMAT (see messages), JIT_ENOMEM,
 * JIT_ELIMIT. */
JIT_MUST_CHECK enum jit_err lang_tidy(struct jit_heap *heap, const char *file,
                                      const uint8_t *source, size_t source_size,
                                      struct jit_buf *out, struct jit_buf *messages);

#endif
