/* jitos checkpoint - keep the state of a system, running or not; list what is kept; export it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/hub/hub_client.h"
#include "kernel/load.h"
#include "kernel/log/io_posix.h"
#include "tools/client/history/checkpoints.h"
#include "tools/client/history/history.h"
#include "tools/client/jitos.h"
#include "tools/client/mute.h"
#include "tools/rmgtool/rmg.h"

const struct cli_option jitos_checkpoint_options[] = {
    JITOS_DATA,
    CLI_OPTION(CLI_TEXT, "name", 'm', "NAME",
               "call it so: 1 to 64 letters, digits, dots, underscores and dashes"),
    CLI_OPTION(CLI_TEXT, "export", 'e', "FILE",
               "write it to one file as well, for another machine"),
    CLI_OPTION(CLI_FLAG, "list", 'l', NULL, "list what is kept; make none"),
    {.name = NULL},
};

/* ---- the list ---- */

static void print_entry(struct cli *cli, const struct ckpt_entry *entry)
{
    char id[JIT_ID_HEX];
    char root[JIT_ID_HEX] = "";
    char bytes[CLI_NUMBER_SIZE];
    const struct ckpt_manifest *m = entry->manifest;
    uint64_t size = 0;
    jit_id_to_hex(&entry->id, id);
    json_t *event = cli_event("checkpoint", "jitos.checkpoint/1");
    cli_put_text(event, "id", id);
    cli_put_bool(event, "whole", m != NULL);
    if (m == NULL) {
        cli_print(cli, "%.16s  %s\n", id, entry->why);
        cli_put_text(event, "why", entry->why);
        cli_emit(cli, event);
        return;
    }
    for (uint32_t i = 0; i < m->segment_count; i++) {
        size += m->segments[i].size;
    }
    jit_id_to_hex(&m->state_root, root);
    cli_print(cli, "@%-9llu %.16s  root %.12s  %3u segments %10s  %s\n",
              (unsigned long long)m->tick, id, root, m->segment_count, cli_bytes(size, bytes),
              m->name);
    cli_put_text(event, "name", m->name);
    cli_put_number(event, "tick", m->tick);
    cli_put_text(event, "root", root);
    jit_id_to_hex(&m->commit, root);
    cli_put_text(event, "commit", root);
    cli_put_number(event, "segments", m->segment_count);
    cli_put_number(event, "bytes", size);
    cli_put_text(event, "grade", m->grade);
    cli_emit(cli, event);
}

static int list(struct cli *cli, const char *data)
{
    struct ckpt_list list;
    struct jit_io *io = NULL;
    int fd = -1;
    int code = history_io(cli, data, &fd, &io);
    if (code != CLI_OK) {
        return code;
    }
    enum jit_err err = ckpt_list_read(jit_heap_libc(), io, NULL, &list);
    io_posix_close(io);
    close(fd);
    if (err != JIT_OK) {
        cli_what(cli, "the checkpoints of %s cannot be read", data);
        cli_why(cli, "%s", jit_err_text(err));
        return (int)cli_exit_of(err);
    }
    for (size_t i = 0; i < list.count; i++) {
        print_entry(cli, &list.entries[i]);
        code = list.entries[i].manifest == NULL ? CLI_CORRUPT : code;
    }
    ckpt_list_release(&list);
    return code;
}

/* ---- making one ---- */

struct made {
    char id[JIT_ID_HEX];
    char root[JIT_ID_HEX];
    uint64_t tick;
    uint64_t bytes;
    uint64_t pause_ns;
    bool whole;
    bool live;
};

static void report(struct cli *cli, const struct made *made)
{
    char bytes[CLI_NUMBER_SIZE];
    const char *name = cli_text(cli, "name");
    cli_print(cli, "checkpoint %.16s  tick %llu\nroot       %s\nwritten    %s%s\n", made->id,
              (unsigned long long)made->tick, made->root, cli_bytes(made->bytes, bytes),
              made->whole ? "" : ", what has changed since the one before");
    json_t *event = cli_event("done", "jitos.checkpoint/1");
    cli_put_text(event, "id", made->id);
    cli_put_text(event, "name", name != NULL ? name : "");
    cli_put_number(event, "tick", made->tick);
    cli_put_text(event, "root", made->root);
    cli_put_number(event, "bytes", made->bytes);
    cli_put_bool(event, "whole", made->whole);
    if (made->live) {
        cli_put_number(event, "pause_ns", made->pause_ns);
    }
    cli_emit(cli, event);
}

static int name_taken(struct cli *cli, const char *name, const char *why)
{
    cli_what(cli, "no checkpoint %s was made", name);
    cli_why(cli, "%s", why);
    cli_next(cli, "name another one with -m, or leave it out");
    return CLI_USAGE;
}

static int ask_failed(struct cli *cli, const char *data, const char *why)
{
    cli_what(cli, "the supervisor of %s made no checkpoint", data);
    cli_why(cli, "%s", why);
    cli_next(cli, "jitos ps --data %s", data);
    return CLI_HOST;
}

static int make_live(struct cli *cli, const char *data, const char *name, struct hub_client *client,
                     struct made *made)
{
    struct hub_writer w;
    cbor_item_t *message = NULL;
    struct jit_id id;
    struct jit_id root;
    hub_client_begin(client, &w, "checkpoint", 2);
    hub_text(&w, "name", name);
    enum jit_err err = hub_client_send(client, &w);
    if (err == JIT_OK) {
        err = hub_client_next(client, -1, &message);
    }
    if (err == JIT_EPEER && strcmp(client->code, "exists") == 0) {
        return name_taken(cli, name, client->error);
    }
    if (err != JIT_OK) {
        return ask_failed(cli, data, client->error);
    }
    bool good = hub_is(message, "t", "checkpoint") && hub_get_id(message, "id", &id) &&
                hub_get_id(message, "root", &root) && hub_get_uint(message, "tick", &made->tick) &&
                hub_get_uint(message, "bytes", &made->bytes) &&
                hub_get_uint(message, "pause", &made->pause_ns) &&
                hub_get_bool(message, "whole", &made->whole);
    cbor_decref(&message);
    if (!good) {
        return ask_failed(cli, data, "it answered in a way we do not understand");
    }
    made->live = true;
    jit_id_to_hex(&id, made->id);
    jit_id_to_hex(&root, made->root);
    return CLI_OK;
}

static int make_at_rest(struct cli *cli, const char *data, const char *name, struct made *made)
{
    struct shell_system system;
    struct ckpt_manifest manifest;
    struct history_opening opening = {.label = "checkpoint", .data = data, .own = true};
    int code = history_open(cli, &opening, &system);
    if (code != CLI_OK) {
        return code;
    }
    enum jit_err err = shell_system_checkpoint(&system, name, "", &manifest, &made->bytes);
    shell_system_close(&system);
    if (err == JIT_EEXIST) {
        return name_taken(cli, name, system.message);
    }
    if (err != JIT_OK) {
        cli_what(cli, "the checkpoint could not be written");
        cli_why(cli, "%s",
                err == JIT_EFORMAT ? "the file KEY of the folder is no secret key"
                                   : system.message);
        cli_next(cli, "the folder is as it was; mend that, then the same command again");
        return (int)cli_exit_of(err);
    }
    made->tick = manifest.tick;
    made->whole = jit_id_is_zero(&manifest.parent);
    jit_id_to_hex(&manifest.id, made->id);
    jit_id_to_hex(&manifest.state_root, made->root);
    return CLI_OK;
}

/* ---- one file ---- */

static int export_state(struct cli *cli, struct jit_io *io, const struct ckpt_manifest *from,
                        const char *path)
{
    struct format_graph graph;
    struct rmg_output out;
    struct ckpt_manifest manifest = *from;
    uint8_t seed[JIT_SIGN_SEED_BYTES];
    uint8_t head[CKPT_BUNDLE_HEAD];
    const char *why = "";
    enum jit_err err = ckpt_key(io, false, seed);
    if (err == JIT_OK) {
        err = format_graph_init(&graph, jit_heap_libc());
    }
    if (err != JIT_OK) {
        cli_what(cli, "%s cannot be written", path);
        cli_why(cli, "the key of the folder: %s", jit_err_text(err));
        return (int)cli_exit_of(err);
    }
    struct kern_beside beside;
    struct ckpt_beside kept = {.owns = NULL};
    kern_beside_init(&beside, jit_heap_libc());
    err = shell_load(jit_heap_libc(), io, from, graph.store, &graph.version, &why);
    if (err == JIT_OK) {
        err = ckpt_load_beside(jit_heap_libc(), io, from, &beside, &why);
    }
    if (err == JIT_OK) {
        err = ckpt_beside_of(jit_heap_libc(), &beside, &kept);
    }
    if (err != JIT_OK) {
        cli_what(cli, "the checkpoint cannot be read");
        cli_why(cli, "%s", why[0] != '\0' ? why : jit_err_text(err));
        kern_beside_release(&beside);
        format_graph_release(&graph);
        jit_sign_forget(seed, sizeof seed);
        return (int)cli_exit_of(err);
    }
    struct rmg_state state = {.store = graph.store, .version = graph.version};
    int code = rmg_output_open(&out, cli, path);
    if (code == CLI_OK && jit_whole_private(&out.whole) != JIT_OK) { /* as its folder */
        int error = out.whole.error;
        (void)rmg_output_close(&out, false);
        code = rmg_output_refused(cli, path, error);
    }
    if (code == CLI_OK) {
        err = ckpt_bundle_write(jit_heap_libc(), &state, &kept, &manifest, seed, jit_whole_write,
                                &out.whole, head);
        bool whole =
            err == JIT_OK && pwrite(out.whole.fd, head, sizeof head, 0) == (ssize_t)sizeof head;
        code = rmg_output_close(&out, whole);
        if (code == CLI_OK && !whole) {
            cli_what(cli, "%s cannot be written", path);
            cli_why(cli, "%s", err != JIT_OK ? jit_err_text(err) : "its head was not written");
            code = CLI_HOST;
        }
    }
    jit_sign_forget(seed, sizeof seed);
    ckpt_beside_release(jit_heap_libc(), &kept);
    kern_beside_release(&beside);
    format_graph_release(&graph);
    return code;
}

static int export_it(struct cli *cli, const char *data, const char *id, const char *path)
{
    struct ckpt_list list;
    struct jit_io *io = NULL;
    int fd = -1;
    int code = history_io(cli, data, &fd, &io);
    if (code != CLI_OK) {
        return code;
    }
    enum jit_err err = ckpt_list_read(jit_heap_libc(), io, NULL, &list);
    const struct ckpt_entry *entry = err == JIT_OK ? ckpt_list_find(&list, id) : NULL;
    if (entry != NULL && entry->manifest != NULL) {
        code = export_state(cli, io, entry->manifest, path);
    } else {
        cli_what(cli, "the checkpoint cannot be read");
        cli_why(cli, "%s", err != JIT_OK ? jit_err_text(err) : "it is not there any more");
        code = err != JIT_OK ? (int)cli_exit_of(err) : CLI_NOT_FOUND;
    }
    if (err == JIT_OK) {
        ckpt_list_release(&list);
    }
    io_posix_close(io);
    close(fd);
    return code;
}

/* What can be known before a checkpoint is made for it. */
static int export_place(struct cli *cli, const char *data, const char *path)
{
    char folder[JIT_PATH_SIZE];
    struct stat info;
    const bool there = stat(path, &info) == 0;
    if (there && !S_ISDIR(info.st_mode)) {
        if (S_ISREG(info.st_mode)) {
            return CLI_OK;
        }
        cli_what(cli, "cannot write %s", path);
        cli_why(cli, "it is no regular file, and an exported checkpoint must lie in one");
        cli_next(cli, "jitos checkpoint --export FILE.jck --data %s", data);
        return CLI_USAGE;
    }
    if (there) {
        return rmg_output_refused(cli, path, EISDIR);
    }
    if (path[0] == '\0' || strlen(path) >= sizeof folder) {
        return rmg_output_refused(cli, path, path[0] == '\0' ? ENOENT : ENAMETOOLONG);
    }
    jit_folder_of(path, folder);
    return stat(folder, &info) == 0 ? CLI_OK : rmg_output_refused(cli, path, errno);
}

int jitos_checkpoint(struct cli *cli)
{
    const char *data = cli_text(cli, "data");
    const char *name = cli_text(cli, "name");
    const char *path = cli_text(cli, "export");
    struct made made = {.tick = 0};
    struct hub_client client;
    if (cli_given(cli, "list")) {
        return list(cli, data);
    }
    if (name != NULL && checkpoint_named(cli, "checkpoint", name) != CLI_OK) {
        cli_next(cli, "jitos checkpoint -m before-merge --data %s", data);
        return CLI_USAGE;
    }
    name = name != NULL ? name : "";
    int code = path != NULL ? export_place(cli, data, path) : CLI_OK;
    if (code != CLI_OK) {
        return code;
    }
    struct mute mute;
    mute_init(&mute, cli, data);
    enum jit_err err = hub_client_open(&client, jit_heap_libc(), data, &mute.watch);
    if (err == JIT_OK) {
        code = make_live(cli, data, name, &client, &made);
        hub_client_close(&client);
    } else if (err == JIT_ENOENT) { /* nobody listens */
        code = make_at_rest(cli, data, name, &made);
    } else {
        code = ask_failed(cli, data, client.error);
    }
    if (code == CLI_OK && path != NULL) {
        code = export_it(cli, data, made.id, path);
    }
    if (code == CLI_OK) {
        report(cli, &made);
    }
    return code;
}
