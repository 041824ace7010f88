#include <stdio.h>
#include <unistd.h>

#include "kernel/audit.h"
#include "kernel/checkpoint/checkpoint_image.h"
#include "kernel/log/io_posix.h"
#include "tools/client/history/checkpoints.h"
#include "tools/client/history/history.h"
#include "tools/client/history/runs.h"
#include "tools/client/jitos.h"

static int verify_state(struct cli *cli, struct shell_system *system)
{
    struct rmg_fault fault;
    char instance[JIT_ID_HEX];
    char id[JIT_ID_HEX];
    enum jit_err err = rmg_store_verify(system->store, &system->replay.version, &fault);
    if (err == JIT_OK) {
        return CLI_OK;
    }
    jit_id_to_hex(&fault.instance, instance);
    jit_id_to_hex(&fault.id, id);
    cli_what(cli, "the state does not verify");
    cli_why(cli, "%s (instance %s, map %d, id %s)",
            err == JIT_ECORRUPT ? fault.what : jit_err_text(err), instance, (int)fault.map, id);
    return err == JIT_ECORRUPT ? CLI_CORRUPT : (int)cli_exit_of(err);
}

/* The commit and root that the log has for each tick that a checkpoint is of. */
struct confirming {
    struct ckpt_list list;
    size_t confirmed;
    const struct ckpt_entry *wrong;
};

static void confirm(void *user, const struct log_record *record, const struct kern_replay *replay)
{
    struct confirming *c = user;
    (void)replay;
    for (size_t i = 0; i < c->list.count; i++) {
        const struct ckpt_manifest *m = c->list.entries[i].manifest;
        if (m == NULL || m->tick != record->tick) {
            continue;
        }
        bool same = jit_id_equal(&m->commit, &record->commit) &&
                    jit_id_equal(&m->state_root, &record->state_root);
        c->confirmed++;
        c->wrong = same ? c->wrong : &c->list.entries[i];
    }
}

static int bad_checkpoint(struct cli *cli, const struct jit_id *id, const char *why)
{
    char hex[JIT_ID_HEX];
    jit_id_to_hex(id, hex);
    cli_what(cli, "checkpoint %.16s of %s does not verify", hex, cli_text(cli, "data"));
    cli_why(cli, "%s", why);
    cli_next(cli, "remove ckpt/%s.ckpt; the log and the other checkpoints are not touched by it",
             hex);
    return CLI_CORRUPT;
}

/* The image of a checkpoint's state, if it has one; with deep, what it gives is the state itself,
 * with all its hashes. JIT_EBASE: it is damaged. */
static enum jit_err verify_image(struct jit_io *io, const struct ckpt_manifest *m, bool deep)
{
    struct format_graph graph = {0};
    const struct jit_id *segment = &m->segments[0].id;
    enum jit_err err = ckpt_image_verify(jit_heap_libc(), io, segment);
    if (err == JIT_ENOENT) {
        return JIT_OK;
    }
    if (err == JIT_OK && deep) {
        struct rmg_fault fault;
        err = format_graph_init(&graph, jit_heap_libc());
        if (err == JIT_OK) {
            err = ckpt_image_load(jit_heap_libc(), io, jit_exec_inline(), segment, graph.store,
                                  &graph.version);
        }
        if (err == JIT_OK) {
            err = rmg_store_verify(graph.store, &graph.version, &fault);
        }
        if (err == JIT_OK && m->segment_count == 1 &&
            !jit_id_equal(&graph.version.state_root, &m->state_root)) {
            err = JIT_ECORRUPT;
        }
        format_graph_release(&graph);
    }
    return err == JIT_ECORRUPT || err == JIT_EVERSION ? JIT_EBASE : err;
}

static int bad_image(struct cli *cli, const struct jit_id *segment)
{
    char hex[JIT_ID_HEX];
    jit_id_to_hex(segment, hex);
    cli_what(cli, "an image in %s does not verify", cli_text(cli, "data"));
    cli_why(cli, "ckpt/%s" CKPT_IMAGE_SUFFIX ", or the blocks that it names, are damaged", hex);
    cli_next(cli, "remove it: reading takes longer without it, and nothing else is lost");
    return CLI_CORRUPT;
}

/* Every byte of every checkpoint; with deep, every state is built as well. */
static int verify_checkpoints(struct cli *cli, struct shell_system *system,
                              const struct confirming *c, bool deep)
{
    if (c->wrong != NULL) {
        return bad_checkpoint(cli, &c->wrong->id, "the log has another tick under its number");
    }
    for (size_t i = 0; i < c->list.count; i++) {
        const struct ckpt_entry *entry = &c->list.entries[i];
        struct jit_id segment;
        if (entry->manifest == NULL) {
            return bad_checkpoint(cli, &entry->id, entry->why);
        }
        enum jit_err err = ckpt_verify(jit_heap_libc(), system->io, entry->manifest, &segment);
        if (err == JIT_ECORRUPT) {
            char why[160];
            char hex[JIT_ID_HEX];
            jit_id_to_hex(&segment, hex);
            snprintf(why, sizeof why, "its segment ckpt/%s is missing or damaged", hex);
            return bad_checkpoint(cli, &entry->id, why);
        }
        if (err == JIT_OK) {
            err = verify_image(system->io, entry->manifest, deep);
        }
        if (err == JIT_EBASE) {
            return bad_image(cli, &entry->manifest->segments[0].id);
        }
        if (err == JIT_OK && deep) {
            const char *why = "";
            err = checkpoint_try(entry->manifest, system->io, &why);
            if (err == JIT_ECORRUPT) {
                return bad_checkpoint(cli, &entry->id, why);
            }
        }
        if (err != JIT_OK) {
            cli_what(cli, "the checkpoints of %s cannot be read", cli_text(cli, "data"));
            cli_why(cli, "%s", jit_err_text(err));
            return (int)cli_exit_of(err);
        }
    }
    return CLI_OK;
}

/* What the host said of itself. *count: how many entries. */
static int verify_audit(struct cli *cli, const char *data, uint64_t *count)
{
    struct jit_io *io = NULL;
    struct audit audit;
    int fd = -1;
    int code = history_io(cli, data, &fd, &io);
    if (code != CLI_OK) {
        return code;
    }
    enum jit_err err = audit_read(io, NULL, NULL, &audit);
    io_posix_close(io);
    close(fd);
    *count = audit.count;
    if (err != JIT_OK) {
        cli_what(cli, "the audit log of %s does not verify", data);
        cli_why(cli, "%s: entry %llu",
                err == JIT_ECORRUPT ? "it was changed after it was written" : jit_err_text(err),
                (unsigned long long)audit.count);
        cli_next(cli, "keep it, and set it aside: mv %s/" AUDIT_FILE " %s/" AUDIT_FILE ".kept",
                 data, data);
    }
    return err == JIT_OK ? CLI_OK : (int)cli_exit_of(err);
}

int jitos_verify(struct cli *cli)
{
    if (cli_given(cli, "salvage")) {
        return jitos_salvage(cli);
    }
    uint64_t audited = 0;
    struct shell_system system;
    struct confirming confirming = {0};
    struct history_opening opening = {.label = "verify",
                                      .data = cli_text(cli, "data"),
                                      .from = SHELL_FROM_START,
                                      .replayed = confirm,
                                      .user = &confirming};
    int code = history_checkpoints(cli, opening.data, true, &confirming.list);
    if (code == CLI_OK) {
        code = history_open(cli, &opening, &system);
    }
    if (code != CLI_OK) {
        ckpt_list_release(&confirming.list);
        return code;
    }
    history_say_torn(cli, &system.report);
    code = verify_state(cli, &system);
    if (code == CLI_OK) {
        code = verify_checkpoints(cli, &system, &confirming, cli_given(cli, "deep"));
    }
    if (code == CLI_OK) {
        code = verify_audit(cli, opening.data, &audited);
    }
    if (code == CLI_OK && confirming.list.count > 0) {
        cli_print(cli, "%llu checkpoints\n", (unsigned long long)confirming.list.count);
    }
    if (code == CLI_OK) {
        struct history_end end = history_end_of(&system);
        json_t *event = history_tell(cli, "jitos.verify/1", "whole ", &end);
        code = runs_verify(cli, &system, event);
        if (cli_given(cli, "deep")) {
            code = runs_verify_kept(cli, &system, &confirming.list, event, code);
        }
        int told = cli_emit(cli, event);
        code = code == CLI_OK ? told : code;
    }
    ckpt_list_release(&confirming.list);
    shell_system_close(&system);
    return code;
}
