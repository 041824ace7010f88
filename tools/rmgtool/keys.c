#include "tools/rmgtool/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/whole.h"

#define KEY_FILE_MAX 256u

const struct cli_option rmg_sign_options[] = {
    CLI_OPTION(CLI_TEXT, "key", 'k', "KEY", "a secret key that rmg keygen made"),
    CLI_OPTION(CLI_TEXT, "out", 'o', "FILE.sig",
               "the envelope to write or to add to (default: FILE.sig)"),
    {0},
};

/* A new file only: a key that is there is never written over. */
static int write_key(struct cli *cli, const char *path, const char *prefix, mode_t mode,
                     const uint8_t key[JIT_ID_BYTES])
{
    char text[KEY_FILE_MAX];
    struct jit_id id;
    size_t at = strlen(prefix);
    memcpy(text, prefix, at);
    memcpy(id.bytes, key, JIT_ID_BYTES);
    jit_id_to_hex(&id, text + at);
    jit_sign_forget(&id, sizeof id);
    text[at + 64] = '\n';
    errno = 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    ssize_t done = fd < 0 ? -1 : write(fd, text, at + 65);
    bool whole = done == (ssize_t)(at + 65) && fsync(fd) == 0;
    int error = done > 0 && !whole && errno == 0 ? ENOSPC : errno; /* a part of it only */
    jit_sign_forget(text, sizeof text);
    if (fd >= 0) {
        close(fd);
    }
    if (whole) {
        return CLI_OK;
    }
    if (fd >= 0) {
        (void)unlink(path);
    }
    if (fd >= 0 || error != EEXIST) {
        return rmg_output_refused(cli, path, error);
    }
    cli_what(cli, "cannot write %s", path);
    cli_why(cli, "there is one already, and a key is never written over");
    cli_next(cli, "rmg keygen another.key");
    return CLI_USAGE;
}

int rmg_keygen_verb(struct cli *cli)
{
    const char *path = cli->operands[0];
    char public_path[4096];
    char hex[JIT_ID_HEX];
    uint8_t seed[JIT_SIGN_SEED_BYTES];
    struct jit_id key;
    if (snprintf(public_path, sizeof public_path, "%s.pub", path) >= (int)sizeof public_path) {
        return keys_refuse(cli, path, strerror(ENAMETOOLONG), CLI_USAGE);
    }
    jit_sign_new_seed(seed);
    jit_sign_public(seed, key.bytes);
    int code = write_key(cli, path, KEYS_SECRET_PREFIX, 0600, seed);
    jit_sign_forget(seed, sizeof seed);
    if (code == CLI_OK) {
        code = write_key(cli, public_path, KEYS_PUBLIC_PREFIX, 0644, key.bytes);
        if (code != CLI_OK) {
            (void)unlink(path);
        }
    }
    if (code != CLI_OK) {
        return code;
    }
    jit_id_to_hex(&key, hex);
    cli_print(cli, "%s (keep it)  %s (give it away)\npublic_key %s\n", cli_word(cli, path),
              cli_word(cli, public_path), hex);
    json_t *event = cli_event("keygen", "rmg.keygen/1");
    cli_put_text(event, "secret_path", path);
    cli_put_text(event, "public_path", public_path);
    cli_put_text(event, "public_key", hex);
    return cli_emit(cli, event);
}

/* ---- envelopes ---- */

int keys_envelope_load(struct cli *cli, const char *file, const char *path, bool needed,
                       struct keys_envelope *out)
{
    uint64_t size = 0;
    *out = (struct keys_envelope){.heap = jit_heap_libc()};
    int length = path != NULL ? snprintf(out->path, sizeof out->path, "%s", path)
                              : snprintf(out->path, sizeof out->path, "%s.sig", file);
    if (length >= (int)sizeof out->path) {
        return keys_refuse(cli, file, strerror(ENAMETOOLONG), CLI_USAGE);
    }
    enum jit_err err = format_read_file(out->heap, out->path, 1u << 16, &out->bytes, &size);
    if (err == JIT_ENOENT) {
        if (!needed) {
            return CLI_OK;
        }
        cli_what(cli, "%s is not signed", file);
        cli_why(cli, "there is no %s", out->path);
        cli_next(cli, "rmg sign %s --key my.key", file);
        return CLI_NO;
    }
    if (err == JIT_OK) {
        err = rmg_envelope_read(out->bytes, (size_t)size, &out->envelope);
    }
    if (err != JIT_OK) {
        cli_what(cli, "cannot use the signatures in %s", out->path);
        const bool damaged = err == JIT_EFORMAT || err == JIT_ELIMIT;
        int code = rmg_unread(cli, err, out->path);
        if (damaged) {
            cli_why(cli, "it is no envelope of signatures, or a damaged one");
        }
        cli_next(cli, "mv %s %s.broken && rmg sign %s --key my.key", out->path, out->path, file);
        return damaged ? CLI_CORRUPT : code;
    }
    return CLI_OK;
}

void keys_envelope_release(struct keys_envelope *envelope)
{
    envelope->heap->free(envelope->heap, envelope->bytes);
    envelope->bytes = NULL;
}

static int refuse_signature(struct cli *cli, const char *file, const char *signer, enum jit_err err)
{
    cli_next(cli, "rmg sign %s --key SECRET", file);
    if (err == JIT_ENOENT) {
        cli_what(cli, "%s is not signed by %s", file, signer);
        cli_why(cli, "the envelope has no signature of that key");
        return CLI_NO;
    }
    cli_what(cli, "the signature on %s does not hold", file);
    cli_why(cli,
            err == JIT_EBASE ? "the envelope is for another state" : "the signature of %s is wrong",
            signer);
    return CLI_CORRUPT;
}

int keys_confirm(struct cli *cli, const struct jit_id *root, uint32_t *signers)
{
    const char *file = cli->operands[0];
    struct keys_envelope envelope;
    *signers = 0;
    if (cli_list(cli, "signer", 0) == NULL) {
        return CLI_OK;
    }
    int code = keys_envelope_load(cli, file, cli_text(cli, "signatures"), true, &envelope);
    for (; code == CLI_OK && cli_list(cli, "signer", *signers) != NULL; ++*signers) {
        const char *signer = cli_list(cli, "signer", *signers);
        uint8_t key[JIT_SIGN_PUBLIC_BYTES];
        code = keys_read_public(cli, signer, key);
        if (code == CLI_OK) {
            enum jit_err err = rmg_envelope_check(&envelope.envelope, RMG_KIND_STATE, root, key);
            code = err == JIT_OK ? CLI_OK : refuse_signature(cli, file, signer, err);
        }
    }
    keys_envelope_release(&envelope);
    return code;
}

static int say_signed(struct cli *cli, const char *path, const struct jit_buf *buf,
                      const uint8_t key[JIT_SIGN_PUBLIC_BYTES])
{
    struct rmg_envelope now;
    struct jit_id id;
    char root[JIT_ID_HEX];
    char signer[JIT_ID_HEX];
    enum jit_err err = rmg_envelope_read(buf->data, buf->size, &now);
    assert(err == JIT_OK);
    memcpy(id.bytes, key, sizeof id.bytes);
    jit_id_to_hex(&id, signer);
    jit_id_to_hex(&now.root, root);
    cli_print(cli, "%s  %u signature%s\nstate_root %s\n", cli_word(cli, path), now.count,
              now.count == 1 ? "" : "s", root);
    json_t *event = cli_event("sign", "rmg.sign/1");
    cli_put_text(event, "path", path);
    cli_put_text(event, "state_root", root);
    cli_put_text(event, "public_key", signer);
    cli_put_number(event, "signatures", now.count);
    return cli_emit(cli, event);
}

#define HOLD_STEP_MS 20
#define HOLD_STEPS   100

/* Two who sign at once must not lose each other's signature between reading and writing: the folder
 * of the envelope is locked meanwhile. Where it cannot be opened, nothing can be locked (-1), and
 * who may write there is told so later. */
static int hold_folder(struct cli *cli, const char *path, int *held)
{
    char folder[JIT_PATH_SIZE];
    *held = -1;
    if (strlen(path) >= sizeof folder) {
        return CLI_OK; /* refused where it is opened */
    }
    jit_folder_of(path, folder);
    *held = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (unsigned step = 0; *held >= 0 && flock(*held, LOCK_EX | LOCK_NB) != 0; step++) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            break; /* a file system without locks */
        }
        if (step == HOLD_STEPS) {
            cli_what(cli, "cannot add a signature in %s", folder);
            cli_why(cli, "somebody else holds a lock on that folder");
            cli_next(cli, "fuser -v %s", folder);
            return CLI_HOST;
        }
        (void)poll(NULL, 0, HOLD_STEP_MS);
    }
    return CLI_OK;
}

int rmg_sign_verb(struct cli *cli)
{
    const char *file = cli->operands[0];
    const char *out = cli_text(cli, "out");
    struct format_graph graph = {.mapped = 0};
    const struct format *format = NULL;
    struct keys_envelope envelope = {.heap = jit_heap_libc()};
    int held = -1;
    struct jit_buf buf;
    uint8_t seed[JIT_SIGN_SEED_BYTES];
    uint8_t key[JIT_SIGN_PUBLIC_BYTES];
    const char *secret = cli_text(cli, "key");
    if (secret == NULL) {
        cli_what(cli, "needs --key KEY");
        cli_why(cli, "a signature is made with a secret key");
        cli_next(cli, "rmg keygen my.key && rmg sign %s --key my.key", file);
        return CLI_USAGE;
    }
    int code = keys_read_secret(cli, secret, seed);
    if (code != CLI_OK) {
        return code;
    }
    jit_buf_init(&buf, envelope.heap, 1u << 16);
    /* Nobody signs what does not verify. */
    code = rmg_load_path(cli, file, &graph, &format);
    if (code == CLI_OK) {
        code = hold_folder(cli, out != NULL ? out : file, &held);
    }
    if (code == CLI_OK) {
        code = keys_envelope_load(cli, file, out, false, &envelope);
    }
    if (code == CLI_OK) {
        enum jit_err err = rmg_envelope_sign(envelope.bytes == NULL ? NULL : &envelope.envelope,
                                             RMG_KIND_STATE, &graph.version.state_root, seed, &buf);
        if (err != JIT_OK) {
            cli_what(cli, "cannot add a signature to %s", envelope.path);
            cli_why(cli, "%s", err == JIT_EBASE ? "it is for another state" : jit_err_text(err));
            cli_next(cli, "rmg sign %s --key %s -o another.sig", file, secret);
            code = err == JIT_EBASE ? CLI_NO : (int)cli_exit_of(err);
        }
    }
    jit_sign_public(seed, key);
    jit_sign_forget(seed, sizeof seed);
    if (code == CLI_OK) {
        code = rmg_output_all(cli, envelope.path, buf.data, buf.size);
    }
    if (held >= 0) {
        close(held);
    }
    if (code == CLI_OK) {
        code = say_signed(cli, envelope.path, &buf, key);
    }
    jit_buf_release(&buf);
    keys_envelope_release(&envelope);
    format_graph_release(&graph);
    return code;
}
