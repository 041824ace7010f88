/* tools/formats/format.h - the one table of the formats a graph comes in and goes out: who reads
 * it, who writes it, how a file of it is told from others. Spec: docs/spec/formats.md. Layer:
 * tools.
 *
 * Whatever takes an input (`rmg import`, every other verb of rmg, the imports of a system file) and
 * whatever writes one asks here. A new format is one `const struct format` beside its code, its
 * name in FORMATS below, and lines in docs/spec/formats.md. */
#ifndef JIT_TOOLS_FORMATS_FORMAT_H
#define JIT_TOOLS_FORMATS_FORMAT_H

#include "tools/formats/export.h"
#include "tools/formats/import.h"

struct import;

#define FORMAT_OUTPUTS_MAX 2u

struct format {
    const char *name;          /* what --from and --to take */
    const char *extensions[3]; /* ".csv"; NULL ends the list */
    /* Bytes that a file of this format has among its first `magic_within` bytes (begins with, when
     * that is 0). They tell the format of a file whose name does not. NULL: there are none. */
    const char *magic;
    uint32_t magic_size;
    uint32_t magic_within;

    bool needs_target; /* fills an instance; else an input is a state of its own */
    bool many;         /* several input files make one graph */
    bool no_input;     /* can do without an input file: it asks this machine */

    uint32_t outputs; /* files a writer makes; more than one: named OUT and then output_ends */
    const char *output_ends[FORMAT_OUTPUTS_MAX];
    bool history; /* a writer that takes several states (export_job.history) */
    bool bytes;   /* not text: is not written to stdout */

    /* For help: what is read and what is written, lines of at most 72 columns. NULL with the call.
     */
    const char *reads;
    const char *writes;

    /* One of read and load, or none. read fills the collect (import_priv.h); load takes all bytes
     * of a file that holds a whole state and has to verify them. */
    enum jit_err (*read)(struct import *im);
    enum jit_err (*load)(struct jit_heap *heap, const uint8_t *bytes, uint64_t size,
                         struct rmg_store *store, struct rmg_version *version,
                         struct rmg_file_fault *fault);
    /* What such a file says beside the state; NULL: nothing. */
    void (*head)(const uint8_t *bytes, uint64_t size, struct rmg_wsc_head *head);
    enum jit_err (*write)(const struct export_job *job);
};

/* In the order in which help lists them. */
#define FORMATS(X)                                                                                 \
    X(rmg) X(wsc) X(ndjson) X(csv) X(json) X(graphml) X(gexf) X(dot) X(apt) X(wordnet)

#define X(name) extern const struct format format_##name;
FORMATS(X)
#undef X

extern const struct format *const format_table[]; /* all of them, then NULL */

static inline bool format_reads(const struct format *format)
{
    return format->read != NULL || format->load != NULL;
}

const struct format *format_by_name(const char *name); /* NULL: there is none */
/* By extension, else by the first bytes of the file; never reads standard input or a pipe. Relative
 * paths count from base, if it is not NULL. */
const struct format *format_of_file(const char *base, const char *path);

/* The names of those that can be read, or written, then NULL: choices of an option. */
#define FORMATS_MAX 31u
void format_names(bool write, const char *names[FORMATS_MAX + 1]);
/* "rmg, ndjson or csv", and what help says of each with `end` behind it; both cut off at size. */
void format_list(bool write, char *out, size_t size);
void format_help(bool write, const char *end, char *out, size_t size);

#endif
