/* jitos restore - a checkpoint comes to life in a data folder of its own, here or elsewhere. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/load.h"
#include "kernel/log/io_posix.h"
#include "tools/client/history/checkpoints.h"
#include "tools/client/history/history.h"
#include "tools/client/jitos.h"
#include "tools/rmgtool/keys.h"
#include "tools/rmgtool/rmg.h"
#include "tools/client/run/runner.h"

static const char *const durabilities[] = {"tick", "group", "none", NULL};

const struct cli_option jitos_restore_options[] = {
    CLI_OPTION(CLI_TEXT, "data", 'd', "DIR", "the data folder that holds the checkpoint",
               .fallback = "."),
    CLI_OPTION(CLI_TEXT, "import", 0, "FILE", "from an exported checkpoint, in place of NAME"),
    CLI_OPTION(CLI_TEXT, "into", 'i', "DIR", "the new data folder; it must be new or empty"),
    CLI_OPTION(CLI_NUMBER, "run-to", 't', "N", "then run to this tick"),
    CLI_OPTION(CLI_LIST, "signer", 0, "KEY.pub", "refuse what this key has not signed"),
    CLI_OPTION(CLI_LIST, "revoked", 0, "KEY.pub",
               "refuse what this key has signed: it is not trusted any more"),
    CLI_OPTION(CLI_FLAG, "verify", 0, NULL,
               "recompute order, hashes and indexes of the whole state as well"),
    CLI_OPTION(CLI_NUMBER, "jobs", 'j', "N", "engine threads; never changes a hash",
               .fallback = "1", .min = 1, .max = 256),
    CLI_OPTION(CLI_CHOICE, "durability", 0, "MODE", "when a tick counts as done",
               .fallback = "tick", .choices = durabilities),
    {.name = NULL},
};

struct source {
    struct ckpt_manifest manifest;
    uint8_t signer[JIT_SIGN_PUBLIC_BYTES];
    struct format_graph graph;
    struct kern_beside beside;
    uint64_t segment_bytes; /* of the log it is of; 0: not known */
};

static int refuse(struct cli *cli, const char *what, enum jit_err err, const char *why)
{
    cli_what(cli, "%s cannot be restored", what);
    cli_why(cli, "%s", why[0] != '\0' ? why : jit_err_text(err));
    if (err == JIT_EVERSION) {
        cli_next(cli, "use a newer version of this program");
    } else if (err == JIT_ECORRUPT) {
        cli_next(cli, "restore another one: jitos checkpoint --list");
    }
    return err == JIT_EVERSION ? CLI_CORRUPT : (int)cli_exit_of(err);
}

static int load_import(struct cli *cli, const char *path, struct source *source)
{
    struct format_bytes bytes = {0};
    struct ckpt_bundle bundle;
    const char *why = "";
    enum jit_err err = format_bytes_open(jit_heap_libc(), path, &bytes);
    if (err != JIT_OK) {
        cli_what(cli, "cannot read %s", path);
        cli_next(cli, "ls -l %s", path);
        return rmg_unread(cli, err, path);
    }
    err = ckpt_bundle_open(bytes.bytes, bytes.size, &bundle, &why);
    if (err == JIT_OK) {
        source->manifest = bundle.manifest;
        memcpy(source->signer, bundle.signer, sizeof source->signer);
        err = ckpt_bundle_load(jit_heap_libc(), &bundle, source->graph.store,
                               &source->graph.version, &why);
    }
    if (err == JIT_OK) {
        err = ckpt_bundle_load_beside(jit_heap_libc(), &bundle, &source->beside, &why);
    }
    format_bytes_close(&bytes);
    return err == JIT_OK ? CLI_OK : refuse(cli, path, err, why);
}

/* One whose name cannot be told; NULL: there is none. */
static const struct ckpt_entry *unreadable(const struct ckpt_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->entries[i].manifest == NULL) {
            return &list->entries[i];
        }
    }
    return NULL;
}

static int load_named(struct cli *cli, const char *data, const char *name, struct source *source)
{
    struct ckpt_list list;
    struct jit_io *io = NULL;
    int fd = -1;
    const char *why = "";
    int code = history_io(cli, data, &fd, &io);
    if (code != CLI_OK) {
        return code;
    }
    enum jit_err err = ckpt_list_read(jit_heap_libc(), io, NULL, &list);
    const struct ckpt_entry *entry = err == JIT_OK ? ckpt_list_find(&list, name) : NULL;
    const struct ckpt_entry *bad = err == JIT_OK && entry == NULL ? unreadable(&list) : NULL;
    if (bad != NULL) {
        char hex[JIT_ID_HEX];
        jit_id_to_hex(&bad->id, hex);
        cli_what(cli, "%s has no checkpoint %s that verifies", data, name);
        cli_why(cli, "checkpoint %.16s, which may be it, does not: %s", hex, bad->why);
        cli_next(cli, "jitos checkpoint --list --data %s", data);
        code = CLI_CORRUPT;
    } else if (err == JIT_OK && entry == NULL) {
        cli_what(cli, "%s has no checkpoint %s", data, name);
        cli_why(cli, "a checkpoint is named by its name, its tick as @N, or 8 digits of its id");
        cli_next(cli, "jitos checkpoint --list --data %s", data);
        code = CLI_NOT_FOUND;
    } else if (err == JIT_OK) {
        err = entry->err;
        why = entry->why;
    }
    if (code == CLI_OK && err == JIT_OK) {
        source->manifest = *entry->manifest;
        memcpy(source->signer, entry->signer, sizeof source->signer);
        err = shell_load(jit_heap_libc(), io, entry->manifest, source->graph.store,
                         &source->graph.version, &why);
        if (err == JIT_OK) {
            err = ckpt_load_beside(jit_heap_libc(), io, entry->manifest, &source->beside, &why);
        }
    }
    if (code == CLI_OK && err != JIT_OK) {
        code = refuse(cli, name, err, why);
    }
    if (log_segment_size(jit_heap_libc(), io, &source->segment_bytes) != JIT_OK) {
        source->segment_bytes = 0; /* the checkpoint alone is there: the usual size */
    }
    if (io != NULL) {
        ckpt_list_release(&list);
    }
    io_posix_close(io);
    close(fd);
    return code;
}

static int confirm_signer(struct cli *cli, const struct source *source)
{
    for (uint32_t i = 0; cli_list(cli, "signer", i) != NULL; i++) {
        uint8_t key[JIT_SIGN_PUBLIC_BYTES];
        const char *path = cli_list(cli, "signer", i);
        int code = keys_read_public(cli, path, key);
        if (code != CLI_OK) {
            return code;
        }
        if (memcmp(key, source->signer, sizeof key) != 0) {
            cli_what(cli, "the checkpoint is not signed by %s", path);
            cli_why(cli, "its signature is right, and another key's");
            cli_next(cli, "leave --signer out if you trust where it comes from");
            return CLI_NO;
        }
    }
    return CLI_OK;
}

static int confirm_not_revoked(struct cli *cli, const struct source *source)
{
    for (uint32_t i = 0; cli_list(cli, "revoked", i) != NULL; i++) {
        uint8_t key[JIT_SIGN_PUBLIC_BYTES];
        const char *path = cli_list(cli, "revoked", i);
        int code = keys_read_public(cli, path, key);
        if (code != CLI_OK) {
            return code;
        }
        if (memcmp(key, source->signer, sizeof key) == 0) {
            cli_what(cli, "the checkpoint is signed by %s, which is revoked", path);
            cli_why(cli, "its signature is right, and its key is not trusted any more");
            cli_next(cli, "restore another one: jitos checkpoint --list");
            return CLI_NO;
        }
    }
    return CLI_OK;
}

/* It would have to run back. */
static int confirm_before(struct cli *cli, const struct source *source)
{
    const uint64_t to = cli_number(cli, "run-to");
    if (!cli_given(cli, "run-to") || to >= source->manifest.tick) {
        return CLI_OK;
    }
    cli_what(cli, "tick %llu is before the checkpoint, which is of tick %llu",
             (unsigned long long)to, (unsigned long long)source->manifest.tick);
    cli_why(cli, "what is restored runs on from there");
    cli_next(cli, "jitos fork @%llu --into DIR makes a folder at a tick that the log has",
             (unsigned long long)to);
    return CLI_USAGE;
}

static int verify_deep(struct cli *cli, const struct source *source)
{
    struct rmg_fault fault;
    if (!cli_given(cli, "verify")) {
        return CLI_OK;
    }
    enum jit_err err = rmg_store_verify(source->graph.store, &source->graph.version, &fault);
    return err == JIT_OK ? CLI_OK
                         : refuse(cli, "its state", err, err == JIT_ECORRUPT ? fault.what : "");
}

static int run_on(struct cli *cli, const char *into, struct runner *runner)
{
    *runner = (struct runner){.cli = cli,
                              .data = into,
                              .jobs = (unsigned)cli_number(cli, "jobs"),
                              .durability = cli_text(cli, "durability"),
                              .die_at_log_offset = UINT64_MAX,
                              .ticks = cli_number(cli, "run-to"),
                              .label = "run",
                              .quiet_ticks = true};
    return runner_go(runner, NULL);
}

static void report(struct cli *cli, const char *into, const struct source *source,
                   const struct runner *runner)
{
    char root[JIT_ID_HEX];
    char head[JIT_ID_HEX];
    uint64_t tick = runner != NULL ? runner->end.tick : source->manifest.tick;
    jit_id_to_hex(runner != NULL ? &runner->end.root : &source->manifest.state_root, root);
    jit_id_to_hex(runner != NULL ? &runner->end.head : &source->manifest.commit, head);
    cli_print(cli, "restored   tick %llu into %s\n", (unsigned long long)source->manifest.tick,
              cli_word(cli, into));
    if (runner != NULL) {
        cli_print(cli, "ran        to tick %llu\n", (unsigned long long)tick);
    }
    cli_print(cli, "root       %s\nhead       %s\n", root, head);
    json_t *event = cli_event("done", "jitos.restore/1");
    cli_put_text(event, "into", into);
    cli_put_number(event, "from", source->manifest.tick);
    cli_put_number(event, "tick", tick);
    cli_put_text(event, "root", root);
    cli_put_text(event, "head", head);
    jit_id_to_hex(&source->manifest.id, root);
    cli_put_text(event, "checkpoint", root);
    cli_emit(cli, event);
}

static int restore(struct cli *cli, struct source *source)
{
    const char *import = cli_text(cli, "import");
    const char *into = cli_text(cli, "into");
    struct runner runner;
    int code = import != NULL ? load_import(cli, import, source)
                              : load_named(cli, cli_text(cli, "data"), cli->operands[0], source);
    if (code == CLI_OK) {
        code = confirm_signer(cli, source);
    }
    if (code == CLI_OK) {
        code = confirm_not_revoked(cli, source);
    }
    if (code == CLI_OK) {
        code = confirm_before(cli, source);
    }
    if (code == CLI_OK) {
        code = verify_deep(cli, source);
    }
    if (code == CLI_OK) {
        struct ckpt_manifest manifest = source->manifest;
        manifest.origin = source->manifest.id;
        const struct checkpoint_founding what = {
            .state = {.store = source->graph.store, .version = source->graph.version},
            .beside = &source->beside,
            .manifest = &manifest,
            .segment_bytes = source->segment_bytes,
            .from = import != NULL ? NULL : cli_text(cli, "data")};
        code = checkpoint_found(cli, into, &what);
    }
    bool run = cli_given(cli, "run-to") && code == CLI_OK;
    if (run) {
        code = run_on(cli, into, &runner);
    }
    if (code == CLI_OK) {
        report(cli, into, source, run ? &runner : NULL);
    }
    return code;
}

int jitos_restore(struct cli *cli)
{
    struct source source = {0};
    if ((cli->operand_count == 0) == (cli_text(cli, "import") == NULL)) {
        cli_what(cli, "restore takes a checkpoint's NAME or --import FILE");
        cli_why(cli, "one of them says what is to be restored");
        cli_next(cli, "jitos checkpoint --list --data %s", cli_text(cli, "data"));
        return CLI_USAGE;
    }
    int code = checkpoint_into(cli, cli_text(cli, "into"));
    if (code != CLI_OK) {
        return code;
    }
    enum jit_err err = format_graph_init(&source.graph, jit_heap_libc());
    if (err != JIT_OK) {
        return cli_no_memory(cli);
    }
    kern_beside_init(&source.beside, jit_heap_libc());
    code = restore(cli, &source);
    kern_beside_release(&source.beside);
    format_graph_release(&source.graph);
    return code;
}
