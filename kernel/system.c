#include "kernel/system.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "base/check.h"
#include "kernel/core/invariants.h"
#include "kernel/load.h"
#include "kernel/log/io_posix.h"
#include "kernel/log/io_ring.h"

#define VIEW_BYTES_MAX JIT_ARENA_BYTES_MAX
#define BLOB_PIECE     (1u << 20)

/* ---- memory ---- */

static enum jit_err grow_view(struct rmg_arena *arena, uint64_t size_min)
{
    struct host_memory *memory = arena->owner;
    enum jit_err err = host_memory_extend(memory, size_min);
    arena->size = memory->size;
    return err;
}

static uint8_t *reserve(uint64_t bytes)
{
    uint64_t size;
    void *base = jit_memory_reserve(bytes, bytes, &size);
    if (base == NULL) {
        return NULL;
    }
    jit_memory_huge(base, bytes);
    return base;
}

static enum jit_err make_memory(struct shell_system *system, bool shared_view)
{
    system->private_bytes_max = JIT_ARENA_BYTES_MAX;
    uint8_t *base = reserve(system->private_bytes_max);
    if (base == NULL) {
        return JIT_ENOMEM;
    }
    rmg_arena_init(&system->private_arena, base, system->private_bytes_max,
                   system->private_bytes_max, RMG_GRANULE);
    if (!shared_view) {
        system->view_base = reserve(VIEW_BYTES_MAX);
        if (system->view_base == NULL) {
            return JIT_ENOMEM;
        }
        rmg_arena_init(&system->view_arena, system->view_base, VIEW_BYTES_MAX, VIEW_BYTES_MAX,
                       SYS_VIEW_HEADER_BYTES);
        return JIT_OK;
    }
    enum jit_err err =
        host_memory_create(HOST_VIEW, SYS_VIEW_EXTENT_BYTES, VIEW_BYTES_MAX, &system->view_memory);
    if (err != JIT_OK) {
        return err;
    }
    rmg_arena_init(&system->view_arena, system->view_memory.base, system->view_memory.size,
                   system->view_memory.size_max, SYS_VIEW_HEADER_BYTES);
    /* Where the system gives huge pages to shared memory; most do not. */
    jit_memory_huge(system->view_memory.base, system->view_memory.size_max);
    system->view_arena.grow = grow_view;
    system->view_arena.owner = &system->view_memory;
    return JIT_OK;
}

static void free_memory(struct shell_system *system)
{
    jit_memory_release(system->private_arena.base, system->private_bytes_max);
    jit_memory_release(system->view_base, VIEW_BYTES_MAX);
    host_memory_close(&system->view_memory);
    system->private_arena.base = NULL;
    system->view_base = NULL;
}

static enum jit_err make_store(struct shell_system *system, bool shared_view)
{
    enum jit_err err = make_memory(system, shared_view);
    if (err != JIT_OK) {
        return err;
    }
    kern_private_places_init(&system->places);
    struct rmg_store_options store = {
        .arenas = {&system->private_arena, &system->view_arena},
        .arena_count = 2,
        .arena_of = kern_arena_of,
        .user = &system->places,
    };
    err = rmg_store_new(system->heap, &store, &system->store);
    if (err == JIT_OK) {
        kern_replay_init(&system->replay, system->heap, system->store);
    }
    return err;
}

static void free_store(struct shell_system *system)
{
    kern_replay_release(&system->replay);
    rmg_store_free(system->store);
    free_memory(system);
    system->store = NULL;
}

/* ---- replay ---- */

static bool told_to_stop(const struct shell_system *system)
{
    struct pollfd stop = {.fd = system->stop_fd != NULL ? *system->stop_fd : -1, .events = POLLIN};
    return poll(&stop, 1, 0) > 0;
}

static enum jit_err replay_genesis(struct shell_system *system, const struct jit_id *blob,
                                   uint64_t size, const struct jit_id *commit,
                                   const struct jit_id *root)
{
    struct blob_reader reader;
    enum jit_err err = blob_open(system->io, blob, size, &reader);
    if (err != JIT_OK) {
        system->replay.what = "the blob with the genesis is missing or has another size";
        return JIT_ECORRUPT;
    }
    uint8_t *piece = system->heap->alloc(system->heap, BLOB_PIECE);
    err = piece == NULL ? JIT_ENOMEM : kern_replay_genesis_begin(&system->replay);
    for (uint64_t left = size; err == JIT_OK && left > 0;) {
        uint64_t got = 0;
        err = blob_read(&reader, piece, left < BLOB_PIECE ? left : BLOB_PIECE, &got);
        if (err != JIT_OK || got == 0) {
            system->replay.what = "the blob with the genesis is damaged";
            kern_replay_release(&system->replay);
            err = err == JIT_OK ? JIT_ECORRUPT : err;
        } else if (told_to_stop(system)) {
            kern_replay_release(&system->replay);
            err = JIT_EAGAIN;
        } else {
            err = kern_replay_genesis_feed(&system->replay, piece, got);
            left -= got;
        }
    }
    if (err == JIT_OK) {
        err = kern_replay_genesis_end(&system->replay, commit, root);
    }
    if (err == JIT_OK) {
        system->genesis = *blob;
    }
    system->heap->free(system->heap, piece);
    blob_close(&reader);
    return err;
}

struct replaying {
    struct shell_system *system;
    const struct shell_system_options *options;
};

/* The record itself is whole, or it would not be here: what does not follow the specifications in
 * it is damage to the folder, not a mistake of whoever opens it. */
static enum jit_err judged(enum jit_err err)
{
    return err == JIT_EFORMAT || err == JIT_EINVALID || err == JIT_EBASE ? JIT_ECORRUPT : err;
}

/* A record at or before the checkpoint, read only to see that the log goes on from it. */
static enum jit_err confirm_checkpoint(struct shell_system *system, const struct log_record *record)
{
    const struct ckpt_manifest *from = system->from;
    if (record->tick == from->tick && (!jit_id_equal(&record->commit, &from->commit) ||
                                       !jit_id_equal(&record->state_root, &from->state_root))) {
        system->replay.what = "the checkpoint is not the tick that the log has under its number";
        return JIT_ECORRUPT;
    }
    return JIT_OK;
}

/* One record of the log, in order. */
static enum jit_err replay_record(void *user, const struct log_record *record)
{
    const struct replaying *r = user;
    struct kern_replay *replay = &r->system->replay;
    struct kern_record_view view;
    enum jit_err err = JIT_OK;
    if (told_to_stop(r->system)) {
        return JIT_EAGAIN;
    }
    if (r->options->bounded && record->tick > r->options->tick) {
        return JIT_ENOENT; /* enough */
    }
    if (r->system->from != NULL && record->tick <= r->system->from->tick) {
        return confirm_checkpoint(r->system, record);
    }
    if (replay->records == 0) {
        err = kern_record_decode(record->payload, record->payload_size, &view);
        if (err != JIT_OK || view.flags != KERN_RECORD_GENESIS) {
            replay->what = "the first record of the log is not a genesis";
            return JIT_ECORRUPT;
        }
        err = replay_genesis(r->system, &view.blob, view.blob_size, &record->commit,
                             &record->state_root);
    } else {
        err = kern_replay_tick(replay, record->tick, &record->commit, &record->state_root,
                               record->payload, record->payload_size);
    }
    if (err == JIT_OK && r->options->replayed != NULL) {
        r->options->replayed(r->options->user, record, replay);
    }
    return judged(err);
}

/* ---- open and close ---- */

/* The uuid names a log among all others; it is in no hash of the graph. */
static enum jit_err name_log(const struct shell_system_options *options,
                             uint8_t uuid[LOG_UUID_BYTES])
{
    if (options->uuid != NULL) {
        memcpy(uuid, options->uuid, LOG_UUID_BYTES);
        return JIT_OK;
    }
    while (getrandom(uuid, LOG_UUID_BYTES, 0) != (ssize_t)LOG_UUID_BYTES) {
        if (errno != EINTR) {
            return JIT_EIO;
        }
    }
    return JIT_OK;
}

static enum jit_err open_log(struct shell_system *system,
                             const struct shell_system_options *options)
{
    struct replaying r = {.system = system, .options = options};
    const struct log_mark *from = system->from != NULL ? &system->from->mark : NULL;
    if (options->mode != SHELL_FOLDER_OWN) {
        enum jit_err err =
            log_verify_from(system->heap, system->io, from, replay_record, &r, &system->report);
        bool enough =
            options->bounded && system->replay.records > 0 && system->replay.tick == options->tick;
        if (options->bounded && (err == JIT_OK || err == JIT_ENOENT) && !enough) {
            snprintf(system->message, sizeof system->message, "%s: there is no tick %llu",
                     options->path, (unsigned long long)options->tick);
            return JIT_ENOENT;
        }
        return err == JIT_ENOENT && enough ? JIT_OK : err;
    }
    struct log_options log_options = {
        .segment_bytes = options->segment_bytes != 0 ? options->segment_bytes
                                                     : shell_folder_segment_bytes(&system->folder),
        .durability = options->durability,
        .from = from};
    enum jit_err err = name_log(options, log_options.uuid);
    if (err == JIT_OK) {
        err = log_open(system->heap, system->io, &log_options, replay_record, &r, &system->report,
                       &system->log);
    }
    if (err == JIT_OK) {
        log_opened_mark(system->log, &system->mark);
    }
    return err;
}

/* ---- checkpoints ---- */

/* Begin at one of the checkpoints: false, it does not verify, and nothing of it is left. */
static enum jit_err begin_at(struct shell_system *system,
                             const struct shell_system_options *options,
                             const struct ckpt_entry *entry, bool *done)
{
    const char *why = entry->why;
    struct rmg_version version;
    enum jit_err err = entry->err;
    *done = false;
    if (err == JIT_OK) {
        err = shell_load(system->heap, system->io, entry->manifest, system->store, &version, &why);
    }
    if (err == JIT_OK) {
        err = ckpt_load_beside(system->heap, system->io, entry->manifest, &system->replay.beside,
                               &why);
    }
    if (err == JIT_OK) {
        err = rmg_store_pin(system->store, &version);
    }
    if (err == JIT_OK) {
        system->from = jit_heap_zalloc(system->heap, 1, sizeof *system->from);
        err = system->from == NULL ? JIT_ENOMEM : JIT_OK;
    }
    if (err == JIT_OK) {
        *system->from = *entry->manifest;
        system->from_version = version;
        system->genesis = entry->manifest->genesis;
        kern_replay_start(&system->replay, &version, &entry->manifest->commit,
                          entry->manifest->tick);
        system->replay.applied = entry->manifest->applied;
        system->replay.denied = entry->manifest->denied;
        system->replay.deviations = entry->manifest->deviations;
        *done = true;
        return JIT_OK;
    }
    if (err != JIT_ECORRUPT && err != JIT_EVERSION) {
        return err;
    }
    char hex[JIT_ID_HEX];
    jit_id_to_hex(&entry->id, hex);
    if (system->skipped[0] == '\0') {
        snprintf(system->skipped, sizeof system->skipped, "checkpoint %.16s: %s", hex, why);
    }
    free_store(system);
    return make_store(system, options->shared_view);
}

static enum jit_err no_start(struct shell_system *system,
                             const struct shell_system_options *options)
{
    snprintf(system->message, sizeof system->message,
             "%s: its history begins with a checkpoint, and none verifies (%s); restore the folder "
             "from a copy or an exported checkpoint",
             options->path, system->skipped);
    return JIT_ECORRUPT;
}

/* The newest checkpoint from which what is wanted can be reached; else the start. */
static enum jit_err find_start(struct shell_system *system,
                               const struct shell_system_options *options)
{
    struct ckpt_list list;
    uint8_t uuid[LOG_UUID_BYTES];
    uint64_t first = 1;
    uint64_t last = 1;
    bool done = false;
    enum jit_err err = log_uuid(system->heap, system->io, uuid);
    if (err != JIT_OK) {
        return JIT_OK; /* a new folder, or one that the log will say more about */
    }
    err = ckpt_list_read(system->heap, system->io, uuid, &list);
    if (err == JIT_OK) {
        err = log_segments(system->heap, system->io, &first, &last);
        err = err == JIT_ENOENT ? JIT_OK : err;
    }
    const struct ckpt_entry *start = err == JIT_OK ? ckpt_list_start(&list, first) : NULL;
    for (size_t i = 0; err == JIT_OK && !done && i < list.count; i++) {
        const struct ckpt_entry *entry = &list.entries[i];
        const struct ckpt_manifest *m = entry->manifest;
        if (m == NULL ||
            (entry != start && (options->from == SHELL_FROM_START || m->mark.segment < first ||
                                (options->bounded && m->tick > options->tick)))) {
            continue;
        }
        err = begin_at(system, options, entry, &done);
    }
    for (size_t i = 0; err == JIT_OK && i < list.count && system->skipped[0] == '\0'; i++) {
        char hex[JIT_ID_HEX];
        if (list.entries[i].manifest == NULL) {
            jit_id_to_hex(&list.entries[i].id, hex);
            snprintf(system->skipped, sizeof system->skipped, "checkpoint %.16s: %s", hex,
                     list.entries[i].why);
        }
    }
    if (err == JIT_OK && !done && (start != NULL || first > 1)) {
        err = no_start(system, options);
    }
    ckpt_list_release(&list);
    return err;
}

/* io_uring, or system calls where it is refused. A reader writes nothing, so not even the probe for
 * direct writes. */
static enum jit_err open_io(struct shell_system *system, const struct shell_system_options *options)
{
    system->io_is_lent = options->io != NULL;
    if (system->io_is_lent) {
        system->io = options->io;
        return JIT_OK;
    }
    struct io_options io_options = {.direct = options->mode == SHELL_FOLDER_OWN,
                                    .read_only = options->mode != SHELL_FOLDER_OWN,
                                    .die_at = options->die_at_log_offset};
    enum jit_err err = io_ring_open(system->heap, system->folder.fd, &io_options, &system->io);
    if (err == JIT_OK && options->mode == SHELL_FOLDER_OWN &&
        io_ring_hold(system->io, system->folder.lock_fd) != JIT_OK) {
        /* After our death its writes could come between those of our successor. */
        io_ring_close(system->io);
        err = JIT_ENOTSUP;
    }
    system->io_is_ring = err == JIT_OK;
    if (err == JIT_ENOTSUP || err == JIT_EPERM) {
        err = io_posix_open(system->heap, system->folder.fd, &io_options, &system->io);
    }
    return err;
}

static void close_io(struct shell_system *system)
{
    if (system->io_is_lent) {
        /* whoever lent it goes on with it */
    } else if (system->io_is_ring) {
        io_ring_close(system->io);
    } else {
        io_posix_close(system->io);
    }
    system->io = NULL;
}

/* What went wrong, for people: the log's own words, or the replay's. */
static void explain(struct shell_system *system, const char *path, enum jit_err err)
{
    char place[256] = "";
    if (system->message[0] != '\0') {
        return;
    }
    bool host = err == JIT_ENOMEM || err == JIT_ENOSPC || err == JIT_EIO; /* not what it read */
    if (err == JIT_EAGAIN) {
        snprintf(system->message, sizeof system->message,
                 "%s: told to end while its history was read; nothing has been changed", path);
        return;
    }
    if (err == JIT_ENOSPC) {
        snprintf(system->message, sizeof system->message,
                 "%s: %s; make room there and start again, nothing is lost", path,
                 jit_err_text(err));
        return;
    }
    log_report_text(&system->report, place, sizeof place);
    snprintf(system->message, sizeof system->message, "%s: %s%s%s%s", path,
             system->replay.what != NULL && !host ? system->replay.what : jit_err_text(err),
             place[0] != '\0' ? " (" : "", place, place[0] != '\0' ? ")" : "");
}

enum jit_err shell_system_open(struct shell_system *system, struct jit_heap *heap,
                               const struct shell_system_options *options)
{
    *system = (struct shell_system){.heap = heap,
                                    .folder = {.fd = -1, .lock_fd = -1},
                                    .view_memory = HOST_MEMORY_NONE,
                                    .report = {.why = ""},
                                    .stop_fd = options->stop_fd};
    enum jit_err err = JIT_OK;
    if (options->io == NULL) {
        err = shell_folder_open(&system->folder, options->path, options->mode, system->message,
                                sizeof system->message);
    }
    if (err != JIT_OK) {
        return err;
    }
    err = open_io(system, options);
    if (err == JIT_OK) {
        err = make_store(system, options->shared_view);
    }
    if (err == JIT_OK) {
        err = find_start(system, options);
    }
    if (err == JIT_OK) {
        err = open_log(system, options);
    }
    if (err != JIT_OK) {
        explain(system, options->path, err);
        char message[sizeof system->message];
        memcpy(message, system->message, sizeof message);
        struct log_report report = system->report;
        shell_system_close(system);
        memcpy(system->message, message, sizeof message);
        system->report = report;
    }
    return err;
}

void shell_system_close(struct shell_system *system)
{
    kern_replay_release(&system->replay);
    log_close(system->log);
    rmg_store_free(system->store);
    free_memory(system);
    close_io(system);
    shell_folder_close(&system->folder);
    if (system->from != NULL) {
        system->heap->free(system->heap, system->from);
    }
    system->from = NULL;
    system->log = NULL;
    system->store = NULL;
    system->io = NULL;
}

enum jit_err shell_system_genesis(struct shell_system *system, const struct jit_id *blob,
                                  uint64_t blob_size)
{
    assert(!shell_system_ready(system));
    enum jit_err err = replay_genesis(system, blob, blob_size, NULL, NULL);
    if (err != JIT_OK) {
        bool host = err == JIT_ENOMEM || err == JIT_ENOSPC || err == JIT_EIO;
        const char *what = err == JIT_EAGAIN ? "the supervisor was told to end meanwhile"
                           : system->replay.what != NULL && !host ? system->replay.what
                                                                  : jit_err_text(err);
        snprintf(system->message, sizeof system->message, "the system was refused: %s", what);
        return err;
    }
    char broken[JIT_NAME_BYTES_MAX + 128];
    err = kern_invariants_hold(system->heap, system->store, &system->replay.version, broken,
                               sizeof broken);
    if (err != JIT_OK) {
        snprintf(system->message, sizeof system->message, "the system was refused: %s", broken);
        return err;
    }
    struct kern_record genesis = {
        .flags = KERN_RECORD_GENESIS, .blob = *blob, .blob_size = blob_size};
    struct jit_buf payload;
    jit_buf_init(&payload, system->heap, JIT_LOG_RECORD_BYTES_MAX);
    kern_record_encode(&genesis, &payload);
    err = payload.err;
    if (err == JIT_OK) {
        struct log_record record = {
            .tick = 0,
            .commit = system->replay.commit,
            .state_root = system->replay.version.state_root,
            .payload = payload.data,
            .payload_size = payload.size,
            .has_blob = true,
            .blob = *blob,
            .blob_size = blob_size,
        };
        err = log_append(system->log, &record);
    }
    if (err == JIT_OK) {
        err = log_seal(system->log);
        /* No room for the seal alone: the genesis is on the medium all the same. */
        bool durable = log_dead(system->log) == JIT_OK && log_durable_end(system->log) > 0;
        err = durable ? JIT_OK : err;
    }
    jit_buf_release(&payload);
    if (err != JIT_OK) {
        snprintf(system->message, sizeof system->message, "the genesis could not be logged: %s",
                 jit_err_text(err));
    }
    return err;
}
