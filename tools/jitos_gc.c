/* jitos gc - checkpoints that nobody wants any more, and what only they needed. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/folder.h"
#include "kernel/io_posix.h"
#include "tools/history.h"
#include "tools/jitos.h"

const struct cli_option jitos_gc_options[] = {
    {.name = "data",
     .letter = 'd',
     .type = CLI_TEXT,
     .metavar = "DIR",
     .fallback = ".",
     .help = "the data folder; nobody may run it meanwhile"},
    {.name = "keep",
     .letter = 'k',
     .type = CLI_NUMBER,
     .metavar = "N",
     .max = 1000000,
     .help = "of checkpoints without a name only the newest N stay (default: all)"},
    {.name = "dry-run",
     .letter = 'n',
     .type = CLI_FLAG,
     .help = "say what would go, change nothing"},
    {.name = NULL},
};

struct gc {
    struct cli *cli;
    struct ckpt_list list;
    const struct ckpt_manifest **keep;
    size_t keep_count;
    uint64_t files; /* that go */
    uint64_t bytes;
};

static bool kept_manifest(const struct gc *gc, const char *hex)
{
    char own[JIT_ID_HEX];
    for (size_t i = 0; i < gc->keep_count; i++) {
        jit_id_to_hex(&gc->keep[i]->id, own);
        if (strncmp(own, hex, JIT_ID_HEX - 1) == 0) {
            return true;
        }
    }
    return false;
}

static bool kept_segment(const struct gc *gc, const char *hex)
{
    struct jit_id id;
    if (jit_id_from_hex(hex, strlen(hex), &id) != JIT_OK) {
        return false;
    }
    for (size_t i = 0; i < gc->keep_count; i++) {
        for (uint32_t k = 0; k < gc->keep[i]->segment_count; k++) {
            if (jit_id_equal(&gc->keep[i]->segments[k].id, &id)) {
                return true;
            }
        }
    }
    return false;
}

/* Named ones, the one that stands in place of the genesis, and the newest N of the others. One that
 * does not verify stays for whoever wants to know why, with all that is there: it names segments
 * that cannot be told, so nothing is removed beside it. */
static int choose(struct gc *gc, const struct ckpt_entry *start)
{
    uint64_t unnamed = 0;
    uint64_t most = cli_given(gc->cli, "keep") ? cli_number(gc->cli, "keep") : UINT64_MAX;
    gc->keep = calloc(gc->list.count + 1, sizeof(struct ckpt_manifest *));
    if (gc->keep == NULL) {
        cli_what(gc->cli, "out of memory");
        return CLI_HOST;
    }
    for (size_t i = 0; i < gc->list.count; i++) {
        const struct ckpt_entry *entry = &gc->list.entries[i];
        char hex[JIT_ID_HEX];
        if (entry->manifest == NULL) {
            jit_id_to_hex(&entry->id, hex);
            cli_what(gc->cli, "nothing is removed from %s", cli_text(gc->cli, "data"));
            cli_why(gc->cli, "checkpoint %.16s does not verify: %s", hex, entry->why);
            cli_next(gc->cli, "jitos verify --data %s; then remove ckpt/%s.ckpt",
                     cli_text(gc->cli, "data"), hex);
            return CLI_CORRUPT;
        }
        bool named = entry->manifest->name[0] != '\0';
        if (named || entry == start || unnamed < most) {
            gc->keep[gc->keep_count++] = entry->manifest;
        }
        unnamed += named ? 0 : 1;
    }
    return CLI_OK;
}

static void count_files(struct gc *gc, const char *data)
{
    char path[4400];
    snprintf(path, sizeof path, "%.4200s/" CKPT_DIR, data);
    DIR *dir = opendir(path);
    for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        const char *name = entry->d_name;
        const char *end = strrchr(name, '.');
        struct stat info;
        bool manifest = end != NULL && strcmp(end, ".ckpt") == 0;
        if (name[0] == '.' || (manifest ? kept_manifest(gc, name) : kept_segment(gc, name)) ||
            fstatat(dirfd(dir), name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode)) {
            continue;
        }
        gc->files++;
        gc->bytes += (uint64_t)info.st_size;
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

static int report(struct gc *gc, bool dry)
{
    char a[CLI_NUMBER_SIZE];
    char b[CLI_NUMBER_SIZE];
    char c[CLI_NUMBER_SIZE];
    /* All manifests are held, and the ids of the segments of those that stay; nothing is written
     * before it is removed. */
    uint64_t peak = gc->list.count * (sizeof(struct ckpt_manifest) + sizeof(struct ckpt_entry)) +
                    gc->keep_count * CKPT_SEGMENTS_MAX * sizeof(struct jit_id);
    cli_print(gc->cli,
              "%s %s files, %s\nkept   %llu of %llu checkpoints\npeak   %s of memory, nothing on "
              "the disk\n",
              dry ? "would " : "gone  ", cli_group(gc->files, a), cli_bytes(gc->bytes, b),
              (unsigned long long)gc->keep_count, (unsigned long long)gc->list.count,
              cli_bytes(peak, c));
    json_t *event = cli_event("done", "jitos.gc/1");
    cli_put_bool(event, "dry_run", dry);
    cli_put_number(event, "files", gc->files);
    cli_put_number(event, "bytes", gc->bytes);
    cli_put_number(event, "checkpoints", gc->list.count);
    cli_put_number(event, "kept", gc->keep_count);
    cli_put_number(event, "peak_bytes", peak);
    return cli_emit(gc->cli, event);
}

static int work(struct gc *gc, struct jit_io *io, const char *data, bool dry)
{
    uint64_t first = 1;
    uint64_t last = 1;
    uint8_t uuid[LOG_UUID_BYTES];
    enum jit_err err = log_uuid(jit_heap_libc(), io, uuid);
    if (err == JIT_OK) {
        err = ckpt_list_read(jit_heap_libc(), io, NULL, &gc->list);
    }
    if (err == JIT_OK) {
        err = log_segments(jit_heap_libc(), io, &first, &last);
        err = err == JIT_ENOENT ? JIT_OK : err;
    }
    int code = CLI_OK;
    if (err == JIT_OK) {
        code = choose(gc, ckpt_list_start(&gc->list, first));
    }
    if (err == JIT_OK && code == CLI_OK) {
        count_files(gc, data);
        err =
            dry ? JIT_OK : ckpt_remove_others(jit_heap_libc(), io, gc->keep, gc->keep_count, NULL);
    }
    if (err != JIT_OK) {
        cli_what(gc->cli, "the checkpoints of %s cannot be cleaned up", data);
        cli_why(gc->cli, "%s", jit_err_text(err));
        cli_next(gc->cli, "what stays can be restored; mend that and try again");
        return (int)cli_exit_of(err);
    }
    return code == CLI_OK ? report(gc, dry) : code;
}

int jitos_gc(struct cli *cli)
{
    struct gc gc = {.cli = cli};
    struct shell_folder folder;
    struct jit_io *io = NULL;
    char message[512] = "";
    const char *data = cli_text(cli, "data");
    bool dry = cli_given(cli, "dry-run");
    struct io_options options = {.read_only = dry, .die_at = IO_DIE_NEVER};
    if (!history_begun(data)) { /* it is not made by looking at it */
        cli_what(cli, "%s has no history", data);
        cli_why(cli, "it is no data folder, or its first start did not finish");
        cli_next(cli, "name a data folder with --data DIR");
        return CLI_NOT_FOUND;
    }
    enum jit_err err = shell_folder_open(&folder, data, dry ? SHELL_FOLDER_READ : SHELL_FOLDER_OWN,
                                         message, sizeof message);
    if (err != JIT_OK) {
        cli_what(cli, "%s cannot be cleaned up", data);
        cli_why(cli, "%s", message);
        cli_next(cli, "end the supervisor of this folder first");
        return err == JIT_EBUSY ? CLI_USAGE : (int)cli_exit_of(err);
    }
    err = io_posix_open(jit_heap_libc(), folder.fd, &options, &io);
    int code = err == JIT_OK ? work(&gc, io, data, dry) : (int)cli_exit_of(err);
    if (err != JIT_OK) {
        cli_what(cli, "%s cannot be opened", data);
        cli_why(cli, "%s", jit_err_text(err));
    }
    io_posix_close(io);
    shell_folder_close(&folder);
    free(gc.keep);
    if (gc.list.heap != NULL) {
        ckpt_list_release(&gc.list);
    }
    return code;
}
