#include "tools/client/history/checkpoints.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/whole.h"
#include "kernel/log/blob.h"
#include "kernel/checkpoint/checkpoint_image.h"
#include "kernel/load.h"
#include "kernel/log/io_posix.h"
#include "kernel/checkpoint/head.h"
#include "tools/client/history/history.h"

enum jit_err checkpoint_try(const struct ckpt_manifest *manifest, struct jit_io *io,
                            const char **why)
{
    struct format_graph graph;
    enum jit_err err = format_graph_init(&graph, jit_heap_libc());
    if (err == JIT_OK) {
        err = shell_load(jit_heap_libc(), io, manifest, graph.store, &graph.version, why);
    }
    format_graph_release(&graph);
    if (err == JIT_OK) {
        struct kern_beside beside;
        kern_beside_init(&beside, jit_heap_libc());
        err = ckpt_load_beside(jit_heap_libc(), io, manifest, &beside, why);
        kern_beside_release(&beside);
    }
    return err;
}

int checkpoint_named(struct cli *cli, const char *what, const char *name)
{
    if (ckpt_name_good(name) && strcmp(name, "HEAD") != 0 && strcmp(name, HEAD_MAIN) != 0) {
        return CLI_OK;
    }
    cli_what(cli, "%s is no name for a %s", name[0] != '\0' ? name : "an empty word", what);
    cli_why(cli, "a name is 1 to 64 letters, digits, dots, underscores and dashes, does not begin "
                 "with a dot or a dash, and is neither HEAD nor main");
    return CLI_USAGE;
}

static int has_history(struct cli *cli, const char *into)
{
    cli_what(cli, "%s has a history already", into);
    cli_why(cli, "what is restored goes on in a data folder of its own");
    cli_next(cli, "name a folder that is new or empty with --into");
    return CLI_USAGE;
}

int checkpoint_into(struct cli *cli, const char *into)
{
    struct stat info;
    if (into == NULL || into[0] == '\0') {
        cli_what(cli, "no folder to restore into");
        cli_why(cli, "what is restored goes on in a data folder of its own");
        cli_next(cli, "jitos help %s", cli->verb->name);
        return CLI_USAGE;
    }
    const bool there = stat(into, &info) == 0;
    if (!there && errno != ENOENT) {
        cli_what(cli, "%s cannot be looked at", into);
        cli_why(cli, "%s", strerror(errno));
        cli_next(cli, "name a folder that is new or empty with --into");
        return CLI_NOT_FOUND;
    }
    if (there && !S_ISDIR(info.st_mode)) {
        cli_what(cli, "%s is no folder", into);
        cli_why(cli, "what is restored goes on in a data folder of its own");
        cli_next(cli, "name a folder that is new or empty with --into");
        return CLI_USAGE;
    }
    return history_begun(into) ? has_history(cli, into) : CLI_OK;
}

void checkpoint_of_system(const struct shell_system *system, struct ckpt_manifest *out)
{
    const struct shell_system_now now = shell_system_at_rest(system);
    shell_system_manifest(system, &now, "", "", out);
}

bool checkpoint_uuid(uint8_t uuid[LOG_UUID_BYTES])
{
    ssize_t n;
    do {
        n = getrandom(uuid, LOG_UUID_BYTES, 0);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)LOG_UUID_BYTES;
}

/* ---- segments of another folder ---- */

struct bringing {
    struct cli *cli;
    const char *from;
    int into; /* the new folder */
    struct jit_io *io;
    const uint8_t *seed;
};

static bool bring_file(const struct bringing *b, int from, const struct jit_id *id)
{
    char name[BLOB_NAME_BYTES];
    blob_name_in(CKPT_DIR, id, name);
    return linkat(from, name, b->into, name, 0) == 0 || errno == EEXIST;
}

/* Files of segments are never written to again, so two folders may have the same ones. Each is
 * proved first: what is damaged there is written anew here. */
static enum jit_err bring(void *user, const struct ckpt_manifest *manifest)
{
    const struct bringing *b = user;
    struct jit_heap *heap = jit_heap_libc();
    struct jit_io *io = NULL;
    struct jit_id segment;
    uint64_t size = 0;
    int from = -1;
    if (history_io(b->cli, b->from, &from, &io) != CLI_OK) {
        return JIT_ENOTSUP;
    }
    bool brought = ckpt_verify(heap, io, manifest, &segment) == JIT_OK;
    for (uint32_t i = 0; brought && i < manifest->segment_count; i++) {
        brought = bring_file(b, from, &manifest->segments[i].id);
    }
    /* An image is not needed: where it cannot come along, it does not. */
    const bool imaged =
        brought && ckpt_image_blob(io, &manifest->segments[0].id, &segment, &size) == JIT_OK &&
        bring_file(b, from, &segment) &&
        ckpt_image_take(heap, io, b->io, b->seed, &manifest->segments[0].id) == JIT_OK;
    (void)imaged;
    io_posix_close(io);
    close(from);
    return brought ? JIT_OK : JIT_ENOTSUP;
}

/* The exit code, said. */
static int no_folder(struct cli *cli, const char *into, enum jit_err err, const char *message)
{
    cli_what(cli, "%s cannot become a data folder", into);
    cli_why(cli, "%s", message);
    if (err == JIT_ENOMEM) {
        return CLI_HOST;
    }
    if (err == JIT_ENOENT) { /* only the last part of a path is made */
        char parent[JIT_PATH_SIZE];
        jit_folder_of(into, parent);
        cli_next(cli, "mkdir -p %s", parent);
        return CLI_NOT_FOUND;
    }
    if (err == JIT_EPERM) {
        return history_not_owned(cli, err);
    }
    cli_next(cli, "name a folder that is new or empty with --into");
    return err == JIT_ENOSPC || err == JIT_EIO ? CLI_HOST : CLI_USAGE;
}

int checkpoint_found(struct cli *cli, const char *into, const struct checkpoint_founding *what)
{
    struct ckpt_beside kept = {.owns = NULL};
    struct shell_folder folder;
    struct jit_io *io = NULL;
    struct io_options io_options = {.die_at = IO_DIE_NEVER};
    struct ckpt_found_options options = {.segment_bytes = what->segment_bytes};
    uint8_t seed[JIT_SIGN_SEED_BYTES];
    char message[512];
    bool begun = false;
    enum jit_err err = shell_folder_open(&folder, into, SHELL_FOLDER_OWN, message, sizeof message);
    if (err != JIT_OK) {
        return no_folder(cli, into, err, message);
    }
    /* It may have come from a larger file system. */
    uint64_t fitting = shell_folder_segment_bytes(&folder);
    if (fitting != 0 && (options.segment_bytes == 0 || options.segment_bytes > fitting)) {
        options.segment_bytes = fitting;
    }
    if (what->uuid != NULL) {
        memcpy(options.uuid, what->uuid, sizeof options.uuid);
    } else {
        err = checkpoint_uuid(options.uuid) ? JIT_OK : JIT_EIO;
    }
    if (err == JIT_OK) {
        err = io_posix_open(jit_heap_libc(), folder.fd, &io_options, &io);
    }
    if (err == JIT_OK) { /* when it was looked at somebody else may have been about to found it */
        err = history_begun_in(io, &begun);
    }
    if (err == JIT_OK && !begun) {
        err = ckpt_key(io, true, seed);
    }
    if (err == JIT_OK && !begun) {
        err = ckpt_beside_of(jit_heap_libc(), what->beside, &kept);
    }
    if (err == JIT_OK && !begun) {
        struct ckpt_job job = {.heap = jit_heap_libc(),
                               .io = io,
                               .seed = seed,
                               .state = what->state,
                               .beside = &kept,
                               .manifest = *what->manifest};
        struct bringing bringing = {
            .cli = cli, .from = what->from, .into = folder.fd, .io = io, .seed = seed};
        if (what->from != NULL) {
            options.bring = bring;
            options.user = &bringing;
            options.source = what->manifest;
        }
        err = ckpt_found(&job, &options);
    }
    jit_sign_forget(seed, sizeof seed);
    ckpt_beside_release(jit_heap_libc(), &kept);
    io_posix_close(io);
    shell_folder_close(&folder);
    if (err != JIT_OK) {
        cli_what(cli, "%s could not be written", into);
        cli_why(cli, "%s", jit_err_text(err));
        cli_next(cli, "make room, then the same command again");
    }
    return err != JIT_OK ? (int)cli_exit_of(err) : begun ? has_history(cli, into) : CLI_OK;
}
