/* tools/client/load.h - a system file and everything it imports, gathered for a genesis.
 * Spec:  DESIGN 6, 14.8, 14.13. Layer: tools. */
#ifndef JIT_TOOLS_LOAD_H
#define JIT_TOOLS_LOAD_H

#include "rmg/change/collect.h"
#include "tools/cli/cli.h"
#include "tools/formats/graph.h"

struct load_request {
    const char *file;
    uint64_t seed;
    uint32_t members;       /* of processes with more than one member; 0: as written */
    const char *const *set; /* parameters in place of those of the file: "p=0.3" */
    size_t set_count;
};

struct load_facts {
    char name[256];          /* of the system */
    struct jit_id file_hash; /* BLAKE3 of the file's bytes */
    uint32_t processes;      /* members in all */
    uint64_t nodes;          /* imported */
    uint64_t edges;
    uint64_t virtual_nodes;   /* targets without a stanza of their own */
    uint64_t ignored_stanzas; /* later ones of a name */
};

/* What was gathered, and the memory it lies in. */
struct load_made {
    struct format_graph graph; /* empty; it must stay where it is */
    struct rmg_collect *collect;
};

/* Release `out` either way. Returns an exit code; what failed has been said. */
int load_system(struct cli *cli, const struct load_request *request, struct load_made *out,
                struct load_facts *facts);
/* The same file for another request, without importing anew: everything below /world is kept as it
 * was gathered. */
int load_again(struct cli *cli, const struct load_request *request, struct load_made *made,
               struct load_facts *facts);
/* What was never made is nothing but zeros. */
void load_release(struct load_made *made);

/* All of a file, at most size_max bytes. Returns an exit code; release `out` either way. */
int load_file(struct cli *cli, const char *path, size_t size_max, struct jit_buf *out);

#endif
