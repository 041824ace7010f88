/* tools/rmgtool/keys.h - key files and envelopes beside files: docs/spec/signature.md.
 * Layer: tools. */
#ifndef JIT_TOOLS_RMGTOOL_KEYS_H
#define JIT_TOOLS_RMGTOOL_KEYS_H

#include "rmg/file/envelope.h"
#include "tools/rmgtool/rmg.h"

#define KEYS_SECRET_PREFIX "jitos-secret-key-v1 "
#define KEYS_PUBLIC_PREFIX "jitos-public-key-v1 "

/* Say that a key file is of no use; returns code. */
int keys_refuse(struct cli *cli, const char *path, const char *why, int code);
/* Read a key file. What is wrong has been said; the exit code. A secret that others may read is
 * refused. */
int keys_read_secret(struct cli *cli, const char *path, uint8_t seed[JIT_SIGN_SEED_BYTES]);
int keys_read_public(struct cli *cli, const char *path, uint8_t key[JIT_SIGN_PUBLIC_BYTES]);

/* The envelope of a file: path, or the file's name and ".sig". */
struct keys_envelope {
    struct jit_heap *heap;
    char path[4096];
    uint8_t *bytes; /* NULL: there is none */
    struct rmg_envelope envelope;
};
/* needed: its absence is an answer "no", said. Release it whatever comes back. */
int keys_envelope_load(struct cli *cli, const char *file, const char *path, bool needed,
                       struct keys_envelope *out);
void keys_envelope_release(struct keys_envelope *envelope);

/* Every --signer must have signed this root: CLI_OK, CLI_NO (one has not), CLI_CORRUPT. Does
 * nothing without --signer. */
int keys_confirm(struct cli *cli, const struct jit_id *root, uint32_t *signers);

#endif
