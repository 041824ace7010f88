/* kernel/supervisor_checkpoint.c - checkpoints of a run that goes on.
 *
 * What the run waits for is the pinning of a version between two ticks. A thread of its own then
 * writes it, through a store of its own over the same arenas: what a pinned version refers to is
 * never changed. It begins when the tick is durable, so that no checkpoint is ahead of the log. */
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "kernel/log/io_posix.h"
#include "kernel/supervisor_priv.h"
#include "kernel/event/thread.h"

enum phase { CHECKPOINT_NONE, CHECKPOINT_PINNED, CHECKPOINT_WRITING };

struct supervisor_checkpoint {
    struct shell_supervisor *supervisor;
    enum phase phase;
    struct hub_conn *asker; /* NULL: nobody, or it has gone */
    uint64_t pause_ns;
    /* Somebody else asked meanwhile: it is next. */
    bool has_next;
    struct hub_conn *next; /* NULL: it has gone */
    char next_name[CKPT_NAME_MAX + 1];

    /* The newest one that was written, its version pinned. */
    bool has_base;
    struct ckpt_manifest base;
    struct rmg_version base_version;

    struct rmg_version version; /* pinned: the one in the making */
    uint64_t tick_last;         /* of the last one begun */
    uint64_t log_last;          /* bytes of the log then */
    bool failed;                /* said once */

    struct ckpt_beside beside; /* likewise; its versions are pinned in the stores of the replay */
    uint64_t deaths;           /* kern_beside.deaths_told at this one, */
    uint64_t deaths_base;      /* and at the base */

    /* The thread's, while it runs. */
    struct rmg_arena arenas[2]; /* copies: the originals grow */
    struct rmg_store *store;
    struct reader { /* of each graph that a process keeps */
        struct rmg_arena arena;
        struct rmg_store *store;
    } * readers;
    uint32_t reader_count;
    struct jit_io *io;
    uint8_t seed[JIT_SIGN_SEED_BYTES];
    struct ckpt_job job;
    atomic_bool stop;
    enum jit_err err;
    pthread_t thread;
    int done_fd;
    uint64_t done_watch;
};

static uint64_t log_bytes(const struct shell_supervisor *s)
{
    struct log_place end = {0};
    log_next_write(s->system.log, &end);
    return (end.segment > 0 ? end.segment - 1 : 0) * s->system.report.segment_bytes + end.offset;
}

/* ---- answers ---- */

static void answer(struct supervisor_checkpoint *c, enum jit_err err)
{
    struct shell_supervisor *s = c->supervisor;
    const struct ckpt_manifest *m = &c->job.manifest;
    struct hub_writer w;
    if (c->asker == NULL) {
        return;
    }
    jit_buf_reset(&s->frame);
    if (err != JIT_OK) {
        char why[80];
        char text[160];
        const bool taken = err == JIT_EEXIST;
        ckpt_write_why(&c->job, err, why, sizeof why);
        snprintf(text, sizeof text, "%s%s",
                 taken ? "" : "the checkpoint could not be written: ", why);
        hub_begin(&w, &s->frame, 3);
        hub_text(&w, "t", "error");
        hub_text(&w, "code", taken ? "exists" : supervisor_error_code(err, "io"));
        hub_text(&w, "text", text);
    } else {
        hub_begin(&w, &s->frame, 8);
        hub_text(&w, "t", "checkpoint");
        hub_id(&w, "id", &m->id);
        hub_text(&w, "name", m->name);
        hub_id(&w, "root", &m->state_root);
        hub_uint(&w, "tick", m->tick);
        hub_uint(&w, "bytes", c->job.bytes_written);
        hub_uint(&w, "pause", c->pause_ns);
        hub_bool(&w, "whole", jit_id_is_zero(&m->parent));
    }
    hub_end(&w);
    supervisor_send(s, c->asker);
    hub_owe(c->asker, false);
    c->asker = NULL;
}

/* ---- the thread ---- */

static bool told_to_stop(void *user)
{
    struct supervisor_checkpoint *c = user;
    return atomic_load(&c->stop);
}

static void *write_it(void *user)
{
    struct supervisor_checkpoint *c = user;
    uint64_t one = 1;
    c->err = ckpt_key(c->io, true, c->seed);
    if (c->err == JIT_OK) {
        c->err = ckpt_write(&c->job);
    }
    jit_sign_forget(c->seed, sizeof c->seed);
    ssize_t n = write(c->done_fd, &one, sizeof one);
    (void)n; /* an eventfd that was just emptied takes it */
    return NULL;
}

/* ---- what processes keep ---- */

static struct kern_own *own_of(struct supervisor_checkpoint *c, uint32_t i)
{
    return kern_own_find(&c->supervisor->system.replay.beside, &c->beside.owns[i].process);
}

static void unpin_owns(struct supervisor_checkpoint *c, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        rmg_store_unpin(own_of(c, i)->store, &c->beside.owns[i].now);
    }
}

/* Between two ticks: the versions that are the newest now. */
static enum jit_err pin_owns(struct supervisor_checkpoint *c)
{
    struct shell_supervisor *s = c->supervisor;
    uint32_t count = 0;
    enum jit_err err = ckpt_beside_of(s->heap, &s->system.replay.beside, &c->beside);
    while (err == JIT_OK && count < c->beside.own_count) {
        err = rmg_store_pin(own_of(c, count)->store, &c->beside.owns[count].now);
        count += err == JIT_OK;
    }
    if (err != JIT_OK) {
        unpin_owns(c, count);
        ckpt_beside_release(s->heap, &c->beside);
    }
    return err;
}

/* A store of its own over the same memory, as for the state. */
static enum jit_err open_readers(struct supervisor_checkpoint *c)
{
    struct jit_heap *heap = c->supervisor->heap;
    enum jit_err err = JIT_OK;
    c->readers = jit_heap_zalloc(heap, c->beside.own_count + 1u, sizeof *c->readers);
    if (c->readers == NULL) {
        return JIT_ENOMEM;
    }
    for (uint32_t i = 0; err == JIT_OK && i < c->beside.own_count; i++) {
        struct reader *reader = &c->readers[c->reader_count];
        const struct rmg_store_options options = {.arenas = {&reader->arena}, .arena_count = 1};
        reader->arena = own_of(c, i)->arena;
        err = rmg_store_new(heap, &options, &reader->store);
        c->beside.owns[i].store = reader->store;
        c->reader_count += err == JIT_OK;
    }
    return err;
}

static void close_stores(struct supervisor_checkpoint *c)
{
    for (uint32_t i = 0; i < c->reader_count; i++) {
        rmg_store_free(c->readers[i].store);
    }
    c->supervisor->heap->free(c->supervisor->heap, c->readers);
    c->readers = NULL;
    c->reader_count = 0;
    rmg_store_free(c->store);
    io_posix_close(c->io);
    c->store = NULL;
    c->io = NULL;
}

/* What was written is what the next one differs from. Without memory to note that the next is
 * whole. */
static void mark_owns(struct supervisor_checkpoint *c)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < c->beside.own_count; i++) {
        enum jit_err one = kern_own_mark(own_of(c, i), &c->beside.owns[i].now);
        err = err == JIT_OK ? one : err;
    }
    unpin_owns(c, c->beside.own_count);
    c->deaths_base = c->deaths;
    if (err != JIT_OK) {
        c->has_base = false;
        rmg_store_unpin(c->supervisor->system.store, &c->base_version);
    }
    ckpt_beside_release(c->supervisor->heap, &c->beside);
}

static void give_up(struct supervisor_checkpoint *c, enum jit_err err)
{
    struct shell_supervisor *s = c->supervisor;
    close_stores(c);
    unpin_owns(c, c->beside.own_count);
    ckpt_beside_release(s->heap, &c->beside);
    rmg_store_unpin(s->system.store, &c->version);
    c->phase = CHECKPOINT_NONE;
    const bool taken = err == JIT_EEXIST; /* whoever asked is told */
    if (err != JIT_EAGAIN && !taken && !c->failed) {
        fprintf(stderr, "jitosd: no checkpoint could be written: %s; the run goes on\n",
                jit_err_text(err));
    }
    c->failed = c->failed || !taken;
    answer(c, err);
}

static void keep(struct supervisor_checkpoint *c)
{
    struct shell_supervisor *s = c->supervisor;
    close_stores(c);
    if (c->has_base) {
        rmg_store_unpin(s->system.store, &c->base_version);
    }
    c->has_base = true;
    c->base = c->job.manifest;
    c->base_version = c->version;
    mark_owns(c);
    c->phase = CHECKPOINT_NONE;
    c->failed = false;
    answer(c, JIT_OK);
}

static void done_ready(void *user, uint32_t revents)
{
    struct supervisor_checkpoint *c = user;
    uint64_t count;
    (void)revents;
    ssize_t n = read(c->done_fd, &count, sizeof count);
    (void)n;
    shell_loop_arm(c->supervisor->loop, c->done_watch, POLLIN);
    if (c->phase != CHECKPOINT_WRITING) {
        return;
    }
    pthread_join(c->thread, NULL);
    if (c->err == JIT_OK) {
        keep(c);
    } else {
        give_up(c, c->err);
    }
}

static void start_thread(struct supervisor_checkpoint *c)
{
    struct shell_supervisor *s = c->supervisor;
    struct io_options io = {.die_at = IO_DIE_NEVER};
    struct rmg_store_options store = {.arenas = {&c->arenas[0], &c->arenas[1]},
                                      .arena_count = 2,
                                      .arena_of = kern_arena_of,
                                      .user = &s->system.places};
    c->arenas[0] = s->system.private_arena;
    c->arenas[1] = s->system.view_arena;
    c->arenas[1].grow = NULL;
    enum jit_err err = rmg_store_new(s->heap, &store, &c->store);
    if (err == JIT_OK) {
        err = open_readers(c);
    }
    if (err == JIT_OK) {
        err = io_posix_open(s->heap, s->system.folder.fd, &io, &c->io);
    }
    c->job.heap = s->heap;
    c->job.io = c->io;
    c->job.seed = c->seed;
    c->job.state = (struct rmg_state){.store = c->store, .version = c->version};
    c->job.base = (struct rmg_state){.store = c->store, .version = c->base_version};
    c->job.base_manifest = c->has_base ? &c->base : NULL;
    c->job.beside = &c->beside;
    c->job.sync_log = s->options.durability == LOG_DURABILITY_NONE;
    c->job.stop = told_to_stop;
    c->job.user = c;
    atomic_store(&c->stop, false);
    if (err == JIT_OK && !shell_thread_start(&c->thread, write_it, c)) {
        err = JIT_ENOMEM;
    }
    if (err != JIT_OK) {
        give_up(c, err);
        return;
    }
    c->phase = CHECKPOINT_WRITING;
}

/* ---- beginning one ---- */

/* Between two ticks: the version that is the newest now. */
static enum jit_err begin(struct supervisor_checkpoint *c, const char *name)
{
    struct shell_supervisor *s = c->supervisor;
    uint64_t begun = supervisor_now_ns();
    struct rmg_version version = kern_core_version(s->core);
    struct shell_system_now now = {.tick = kern_core_tick(s->core),
                                   .commit = kern_core_commit(s->core),
                                   .applied = s->applied,
                                   .denied = s->denied,
                                   .deviations = kern_core_deviations(s->core),
                                   .mark = s->tick_mark};
    enum jit_err err = rmg_store_pin(s->system.store, &version);
    if (err != JIT_OK) {
        return err;
    }
    err = pin_owns(c);
    if (err != JIT_OK) {
        rmg_store_unpin(s->system.store, &version);
        return err;
    }
    c->deaths = s->system.replay.beside.deaths_told;
    c->beside.same_deaths = c->has_base && c->deaths_base == c->deaths;
    c->version = version;
    shell_system_manifest(&s->system, &now, name, s->options.probe->grade, &c->job.manifest);
    c->phase = CHECKPOINT_PINNED;
    c->tick_last = now.tick;
    c->log_last = log_bytes(s);
    c->pause_ns = supervisor_now_ns() - begun;
    return JIT_OK;
}

/* What is asked for waits for no company. */
static void flush(struct shell_supervisor *s)
{
    enum jit_err err = log_flush(s->system.log);
    if (err != JIT_OK) {
        supervisor_log_failed(s, err);
    }
}

static void begin_next(struct supervisor_checkpoint *c)
{
    if (c->phase != CHECKPOINT_NONE || !c->has_next) {
        return;
    }
    c->has_next = false;
    c->asker = c->next;
    enum jit_err err = begin(c, c->next_name);
    if (err != JIT_OK) {
        answer(c, err);
        return;
    }
    flush(c->supervisor);
}

void supervisor_checkpoint_work(struct shell_supervisor *s)
{
    struct supervisor_checkpoint *c = s->checkpoint;
    if (s->core == NULL || c == NULL) {
        return;
    }
    begin_next(c);
    uint64_t tick = kern_core_tick(s->core);
    bool due =
        (s->options.checkpoint_ticks != 0 && tick - c->tick_last >= s->options.checkpoint_ticks) ||
        (s->options.checkpoint_bytes != 0 &&
         log_bytes(s) - c->log_last >= s->options.checkpoint_bytes);
    if (c->phase == CHECKPOINT_NONE && due && !s->stopped && !s->log_failed) {
        c->tick_last = tick; /* should it fail: not at every tick again */
        if (begin(c, "") != JIT_OK) {
            return;
        }
    }
    if (c->phase == CHECKPOINT_PINNED && s->log_failed) {
        give_up(c, JIT_EIO);
    } else if (c->phase == CHECKPOINT_PINNED &&
               log_durable_end(s->system.log) > c->job.manifest.tick) {
        start_thread(c);
    }
}

bool supervisor_checkpoint_ask(struct shell_supervisor *s, struct hub_conn *conn, const char *name)
{
    struct supervisor_checkpoint *c = s->checkpoint;
    if (c->has_next) {
        return false;
    }
    c->has_next = true;
    c->next = conn;
    snprintf(c->next_name, sizeof c->next_name, "%s", name);
    hub_owe(conn, true);
    supervisor_checkpoint_work(s);
    return true;
}

void supervisor_checkpoint_gone(struct shell_supervisor *s, const struct hub_conn *conn)
{
    struct supervisor_checkpoint *c = s->checkpoint;
    if (c != NULL) {
        c->asker = c->asker == conn ? NULL : c->asker;
        c->next = c->next == conn ? NULL : c->next;
    }
}

/* ---- life ---- */

enum jit_err supervisor_checkpoint_new(struct shell_supervisor *s)
{
    struct supervisor_checkpoint *c = jit_heap_zalloc(s->heap, 1, sizeof *c);
    if (c == NULL) {
        return JIT_ENOMEM;
    }
    c->supervisor = s;
    c->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->checkpoint = c;
    enum jit_err err = c->done_fd < 0 ? JIT_EIO : JIT_OK;
    if (err == JIT_OK) {
        err = shell_loop_add(s->loop, c->done_fd, done_ready, c, &c->done_watch);
    }
    if (err != JIT_OK) {
        return err;
    }
    shell_loop_arm(s->loop, c->done_watch, POLLIN);
    if (s->system.from != NULL) {
        c->has_base = true;
        c->base = *s->system.from;
        c->base_version = s->system.from_version;
        c->tick_last = c->base.tick;
        c->deaths_base = UINT64_MAX; /* not known: said again */
    }
    c->log_last = log_bytes(s);
    return JIT_OK;
}

void supervisor_checkpoint_free(struct shell_supervisor *s)
{
    struct supervisor_checkpoint *c = s->checkpoint;
    if (c == NULL) {
        return;
    }
    c->asker = NULL; /* it has gone with the hub */
    if (c->phase == CHECKPOINT_WRITING) {
        atomic_store(&c->stop, true);
        pthread_join(c->thread, NULL);
    }
    close_stores(c);
    ckpt_beside_release(s->heap, &c->beside);
    if (c->done_fd >= 0) {
        close(c->done_fd);
    }
    s->heap->free(s->heap, c);
    s->checkpoint = NULL;
}
