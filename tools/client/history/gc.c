/* jitos gc - checkpoints that nobody wants any more, the log before those that stay, and what only
 * they needed. */
#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/log/blob.h"
#include "kernel/checkpoint/checkpoint_image.h"
#include "kernel/checkpoint/folder.h"
#include "kernel/log/io_posix.h"
#include "tools/client/history/history.h"
#include "tools/client/jitos.h"

const struct cli_option jitos_gc_options[] = {
    CLI_OPTION(CLI_TEXT, "data", 'd', "DIR", "the data folder; nobody may run it meanwhile",
               .fallback = "."),
    CLI_OPTION(CLI_NUMBER, "keep", 'k', "N",
               "of checkpoints without a name only the newest N stay (default: all)",
               .max = 1000000),
    CLI_OPTION(
        CLI_FLAG, "log", 'l', NULL,
        "and the log before the oldest checkpoint that stays: the history then begins there"),
    CLI_OPTION(CLI_FLAG, "dry-run", 'n', NULL, "say what would go, change nothing"),
    {.name = NULL},
};

/* Counts, so that the peak can be said as it was. */
struct counting_heap {
    struct jit_heap heap; /* first */
    uint64_t live;
    uint64_t peak;
};

static void *counted(struct counting_heap *heap, void *block)
{
    heap->live += block != NULL ? malloc_usable_size(block) : 0;
    heap->peak = heap->live > heap->peak ? heap->live : heap->peak;
    return block;
}

static void *count_alloc(struct jit_heap *heap, size_t size)
{
    return counted((struct counting_heap *)heap, malloc(size));
}

static void count_free(struct jit_heap *heap, void *block)
{
    ((struct counting_heap *)heap)->live -= block != NULL ? malloc_usable_size(block) : 0;
    free(block);
}

static void *count_resize(struct jit_heap *heap, void *block, size_t size)
{
    size_t before = block != NULL ? malloc_usable_size(block) : 0;
    void *after = realloc(block, size);
    ((struct counting_heap *)heap)->live -= after != NULL ? before : 0;
    return counted((struct counting_heap *)heap, after);
}

struct gc {
    struct cli *cli;
    struct counting_heap heap;
    struct log_trimmed trimmed;
    const struct ckpt_entry *oldest; /* that stays; NULL: none */
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

/* A segment, or the blocks of the image of one. */
static bool kept_segment(const struct gc *gc, struct jit_io *io, const char *hex)
{
    struct jit_id id;
    if (jit_id_from_hex(hex, strlen(hex), &id) != JIT_OK) {
        return false;
    }
    for (size_t i = 0; i < gc->keep_count; i++) {
        struct jit_id blocks;
        uint64_t size = 0;
        for (uint32_t k = 0; k < gc->keep[i]->segment_count; k++) {
            if (jit_id_equal(&gc->keep[i]->segments[k].id, &id)) {
                return true;
            }
        }
        if (ckpt_image_blob(io, &gc->keep[i]->segments[0].id, &blocks, &size) == JIT_OK &&
            jit_id_equal(&blocks, &id)) {
            return true;
        }
    }
    return false;
}

/* The image of a state that is kept. */
static bool kept_image(const struct gc *gc, const char *name)
{
    char own[JIT_ID_HEX];
    for (size_t i = 0; i < gc->keep_count; i++) {
        jit_id_to_hex(&gc->keep[i]->segments[0].id, own);
        if (strncmp(own, name, JIT_ID_HEX - 1) == 0) {
            return true;
        }
    }
    return false;
}

static bool kept_file(const struct gc *gc, struct jit_io *io, const char *name)
{
    const char *end = strrchr(name, '.');
    if (end != NULL && strcmp(end, ".ckpt") == 0) {
        return kept_manifest(gc, name);
    }
    return end != NULL && strcmp(end, CKPT_IMAGE_SUFFIX) == 0 ? kept_image(gc, name)
                                                              : kept_segment(gc, io, name);
}

static int unreadable(struct gc *gc, const struct ckpt_entry *entry)
{
    char hex[JIT_ID_HEX];
    jit_id_to_hex(&entry->id, hex);
    cli_what(gc->cli, "nothing is removed from %s", cli_text(gc->cli, "data"));
    cli_why(gc->cli, "checkpoint %.16s does not verify: %s", hex, entry->why);
    cli_next(gc->cli, "jitos verify --data %s; then remove ckpt/%s.ckpt", cli_text(gc->cli, "data"),
             hex);
    return CLI_CORRUPT;
}

/* Named ones, the newest N of the others, and the one that stands in place of the genesis, unless
 * the log is given up to a later one. One that does not verify stays for whoever wants to know why,
 * with all that is there: it names segments that cannot be told, so nothing is removed beside it.
 */
static int choose(struct gc *gc, const uint8_t uuid[LOG_UUID_BYTES], const struct ckpt_entry *start,
                  uint64_t first)
{
    uint64_t unnamed = 0;
    uint64_t most = cli_given(gc->cli, "keep") ? cli_number(gc->cli, "keep") : UINT64_MAX;
    bool keep_start = false;
    gc->keep = jit_heap_zalloc(&gc->heap.heap, gc->list.count + 1, sizeof *gc->keep);
    if (gc->keep == NULL) {
        return cli_no_memory(gc->cli);
    }
    for (size_t i = 0; i < gc->list.count; i++) {
        const struct ckpt_entry *entry = &gc->list.entries[i];
        if (entry->manifest == NULL) {
            return unreadable(gc, entry);
        }
        bool named = entry->manifest->name[0] != '\0';
        if (named || unnamed < most) {
            gc->keep[gc->keep_count++] = entry->manifest;
            bool ours = memcmp(entry->manifest->uuid, uuid, LOG_UUID_BYTES) == 0;
            gc->oldest = ours ? entry : gc->oldest;
        } else {
            keep_start = keep_start || entry == start;
        }
        unnamed += named ? 0 : 1;
    }
    if (keep_start && (!cli_given(gc->cli, "log") || gc->oldest == NULL ||
                       gc->oldest->manifest->mark.segment <= first)) {
        gc->keep[gc->keep_count++] = start->manifest;
        gc->oldest = start;
    }
    return CLI_OK;
}

static void count_files(struct gc *gc, struct jit_io *io, const char *data)
{
    char path[4400];
    snprintf(path, sizeof path, "%.4200s/" CKPT_DIR, data);
    DIR *dir = opendir(path);
    for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        const char *name = entry->d_name;
        struct stat info;
        if (name[0] == '.' || kept_file(gc, io, name) ||
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

/* A tick that is no record lies in a blob, and is read as a whole. */
static uint64_t largest_blob(const char *data)
{
    char path[4400];
    uint64_t largest = 0;
    snprintf(path, sizeof path, "%.4200s/" BLOB_DIR, data);
    DIR *dir = opendir(path);
    for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        struct stat info;
        if (fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(info.st_mode) && (uint64_t)info.st_size > largest) {
            largest = (uint64_t)info.st_size;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return largest;
}

/* What it may take at most: all manifests, the ids of the segments of those that stay; for the log
 * the pieces that it is read in, its largest payload, and the ids of blobs. Nothing is written
 * before something is removed. */
static uint64_t stated_peak(const struct gc *gc, const struct log_report *report)
{
    uint64_t peak =
        2 * (gc->list.count + 1) * (sizeof(struct ckpt_manifest) + sizeof(struct ckpt_entry)) +
        2 * (gc->keep_count + 1) * (CKPT_SEGMENTS_MAX + 1) * sizeof(struct jit_id) +
        CKPT_MANIFEST_MAX;
    if (cli_given(gc->cli, "log")) {
        peak += 3 * JIT_LOG_RECORD_BYTES_MAX + largest_blob(cli_text(gc->cli, "data")) +
                2 * (report->blobs + 16) * sizeof(struct jit_id);
    }
    return peak + ((uint64_t)1 << 20);
}

static int report(struct gc *gc, bool dry, uint64_t stated)
{
    char a[CLI_NUMBER_SIZE];
    char b[CLI_NUMBER_SIZE];
    char c[CLI_NUMBER_SIZE];
    char d[CLI_NUMBER_SIZE];
    uint64_t first = gc->trimmed.segments + gc->trimmed.blobs > 0 ? gc->oldest->manifest->tick : 0;
    cli_print(gc->cli, "%s %s file%s, %s\nkept   %llu of %llu checkpoints\n",
              dry ? "would go" : "gone  ", cli_group(gc->files, a), gc->files == 1 ? "" : "s",
              cli_bytes(gc->bytes, b), (unsigned long long)gc->keep_count,
              (unsigned long long)gc->list.count);
    if (first > 0) {
        cli_print(gc->cli, "log    %s begins at tick %llu; %s segments and %s blobs %s\n",
                  dry ? "then" : "now", (unsigned long long)first,
                  cli_group(gc->trimmed.segments, a), cli_group(gc->trimmed.blobs, b),
                  dry ? "would go" : "are gone");
    }
    cli_print(gc->cli, "peak   %s of memory, at most %s; nothing on the disk\n",
              cli_bytes(gc->heap.peak, c), cli_bytes(stated, d));
    json_t *event = cli_event("done", "jitos.gc/1");
    cli_put_bool(event, "dry_run", dry);
    cli_put_number(event, "files", gc->files);
    cli_put_number(event, "bytes", gc->bytes);
    cli_put_number(event, "checkpoints", gc->list.count);
    cli_put_number(event, "kept", gc->keep_count);
    cli_put_number(event, "segments", gc->trimmed.segments);
    cli_put_number(event, "blobs", gc->trimmed.blobs);
    cli_put_number(event, "first_tick", first);
    cli_put_number(event, "peak_bytes", stated);
    cli_put_number(event, "measured_bytes", gc->heap.peak);
    return cli_emit(gc->cli, event);
}

/* The log goes first, as long as any checkpoint could be its beginning. The one that is to be it is
 * read whole before. */
static int trim(struct gc *gc, struct jit_io *io, bool dry, struct log_report *report)
{
    struct jit_id segment;
    if (!cli_given(gc->cli, "log") || gc->oldest == NULL) {
        return CLI_OK;
    }
    const struct ckpt_manifest *m = gc->oldest->manifest;
    enum jit_err err = ckpt_verify(&gc->heap.heap, io, m, &segment);
    if (err != JIT_OK) {
        char hex[JIT_ID_HEX];
        jit_id_to_hex(&m->id, hex);
        cli_what(gc->cli, "nothing is removed from %s", cli_text(gc->cli, "data"));
        cli_why(gc->cli, "checkpoint %.16s, where the history would begin, cannot be read: %s", hex,
                jit_err_text(err));
        cli_next(gc->cli, "jitos verify --data %s", cli_text(gc->cli, "data"));
        return err == JIT_ECORRUPT ? CLI_CORRUPT : (int)cli_exit_of(err);
    }
    err = log_trim(&gc->heap.heap, io, &m->mark, dry, report, &gc->trimmed);
    if (err != JIT_OK) {
        return history_failed(gc->cli, cli_text(gc->cli, "data"), err, report);
    }
    gc->files = gc->trimmed.segments + gc->trimmed.blobs;
    gc->bytes = gc->trimmed.bytes;
    return CLI_OK;
}

static int work(struct gc *gc, struct jit_io *io, const char *data, bool dry)
{
    struct log_report log_report = {.why = ""};
    uint64_t first = 1;
    uint64_t last = 1;
    uint8_t uuid[LOG_UUID_BYTES];
    struct jit_heap *heap = &gc->heap.heap;
    enum jit_err err = log_uuid(heap, io, uuid);
    if (err == JIT_OK) {
        err = ckpt_list_read(heap, io, NULL, &gc->list);
    }
    if (err == JIT_OK) {
        err = log_segments(heap, io, &first, &last);
        err = err == JIT_ENOENT ? JIT_OK : err;
    }
    int code = CLI_OK;
    if (err == JIT_OK) {
        code = choose(gc, uuid, ckpt_list_start(&gc->list, first), first);
    }
    if (err == JIT_OK && code == CLI_OK) {
        code = trim(gc, io, dry, &log_report);
    }
    if (err == JIT_OK && code == CLI_OK) {
        count_files(gc, io, data);
        err = dry ? JIT_OK : ckpt_remove_others(heap, io, gc->keep, gc->keep_count, NULL);
    }
    if (err != JIT_OK) {
        cli_what(gc->cli, "the checkpoints of %s cannot be cleaned up", data);
        cli_why(gc->cli, "%s", jit_err_text(err));
        cli_next(gc->cli, "what stays can be restored; mend that and try again");
        return (int)cli_exit_of(err);
    }
    return code == CLI_OK ? report(gc, dry, stated_peak(gc, &log_report)) : code;
}

int jitos_gc(struct cli *cli)
{
    struct gc gc = {
        .cli = cli,
        .heap.heap = {.alloc = count_alloc, .resize = count_resize, .free = count_free}};
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
        return history_not_owned(cli, err);
    }
    err = io_posix_open(jit_heap_libc(), folder.fd, &options, &io);
    int code = err == JIT_OK ? work(&gc, io, data, dry) : (int)cli_exit_of(err);
    if (err != JIT_OK) {
        cli_what(cli, "%s cannot be opened", data);
        cli_why(cli, "%s", jit_err_text(err));
    }
    io_posix_close(io);
    shell_folder_close(&folder);
    gc.heap.heap.free(&gc.heap.heap, gc.keep);
    if (gc.list.heap != NULL) {
        ckpt_list_release(&gc.list);
    }
    return code;
}
