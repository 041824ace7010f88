/* tests/kernel/guest_bed.h - the door for guests with all that lies behind it, in one process: the
 * hub over real sockets, the supervisor's answers, the core with its workers as coroutines. No disk
 * but a simulated one, no clock but the one given. For tests and for a fuzz target. */
#ifndef JIT_TESTS_GUEST_BED_H
#define JIT_TESTS_GUEST_BED_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "kernel/checkpoint/checkpoint.h"
#include "kernel/supervisor_priv.h"
#include "syscall/token.h"
#include "tests/lib/cell_rules.h"
#include "tests/lib/sim_disk.h"
#include "tests/lib/sim_kernel.h"

/* Process w, index 0: links what it finds once, and holds the right to map (slot 0), to bump and to
 * link. */
#define GUEST_BED_TEXT                                                                             \
    "system test\n" CELL_TYPES CELL_BUMP CELL_LINK                                                 \
    "process w run link apply all over shard(/world)\n"                                            \
    "grant w: map /world; invoke bump, link on /world\n"

#define GUEST_BED_SLOTS  3u
#define GUEST_BED_STEPS  100000u
#define GUEST_BED_ROUNDS 4096u
#define GUEST_BED_SECOND 1000000000ull

struct guest_bed {
    struct sim_kernel sim;
    struct sim_disk *disk;
    struct shell_loop *loop;
    struct shell_supervisor s;
    uint64_t now;
    uint64_t commands; /* that guests have had carried out */
    int folder_fd;
    char folder[32];
    char path[64]; /* of the guests' socket */
    struct jit_id world;
    struct jit_id bump_id;
    struct jit_buf tokens[GUEST_BED_SLOTS]; /* for each of w's capabilities */
};

static inline void guest_bed_must(bool good)
{
    assert(good);
}

static inline struct jit_id guest_bed_cell(unsigned n)
{
    struct jit_id id;
    char label[16];
    int size = snprintf(label, sizeof label, "c%u", n);
    jit_hash_named("node:", label, (size_t)size, &id);
    return id;
}

static inline void guest_bed_export(struct guest_bed *bed)
{
    static const uint8_t next[JIT_SIGN_SEED_BYTES] = {1, 2, 3};
    static const uint8_t name_n[] = {1, 'n', 0};
    uint8_t seed[JIT_SIGN_SEED_BYTES];
    guest_bed_must(ckpt_key(&bed->disk->io, true, seed) == JIT_OK);
    for (uint32_t slot = 0; slot < GUEST_BED_SLOTS; slot++) {
        const struct sys_caps *caps = kern_core_caps(bed->sim.core);
        const struct sys_cap_node *node = sys_caps_node(caps, sys_caps_at(caps, 0, slot));
        const bool bump = node != NULL && jit_id_equal(&node->cap.rule_id, &bed->bump_id);
        struct sys_token_rule rule = {.name = "bump", .name_size = bump ? 4 : 0};
        guest_bed_must(node != NULL);
        if (bump) {
            rule.params = name_n;
            rule.params_size = sizeof name_n;
            rule.param_count = 1;
        }
        jit_buf_init(&bed->tokens[slot], bed->s.heap, SYS_TOKEN_BYTES_MAX);
        sys_token_write(seed, &node->id, &node->cap, &rule, next, &bed->tokens[slot]);
        guest_bed_must(bed->tokens[slot].err == JIT_OK);
    }
}

static inline void guest_bed_begin(struct guest_bed *bed, struct jit_heap *heap)
{
    const struct sim_kernel_options options = {
        .text = GUEST_BED_TEXT, .cells = 6, .arena_bytes = 1u << 20, .system_seed = 3};
    struct hub_handler handler = supervisor_handler;
    struct jit_id node;
    memset(bed, 0, sizeof *bed);
    sim_kernel_init(&bed->sim, heap, &options);
    guest_bed_must(sim_kernel_run(&bed->sim, 2, GUEST_BED_STEPS));
    kern_place_id("/world", &bed->world, &node);
    jit_hash_named("rule:", "bump", 4, &bed->bump_id);
    bed->disk = sim_disk_new(1);
    snprintf(bed->folder, sizeof bed->folder, "/tmp/jitos-bed-XXXXXX");
    guest_bed_must(mkdtemp(bed->folder) != NULL);
    snprintf(bed->path, sizeof bed->path, "%s/guests", bed->folder);
    bed->folder_fd = open(bed->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    guest_bed_must(bed->folder_fd >= 0);
    guest_bed_must(shell_loop_new(heap, false, &bed->loop) == JIT_OK);
    struct shell_supervisor *s = &bed->s;
    s->heap = heap;
    s->core = bed->sim.core;
    s->loop = bed->loop;
    s->system.store = bed->sim.store;
    s->system.io = &bed->disk->io;
    s->event_capacity = SUPERVISOR_COMMANDS_MAX + 16;
    s->events = jit_heap_zalloc(heap, s->event_capacity, sizeof *s->events);
    guest_bed_must(s->events != NULL);
    s->durable_end = kern_core_tick(s->core) + 1;
    jit_buf_init(&s->frame, heap, HUB_ANSWER_BYTES_MAX);
    guest_bed_must(supervisor_guests_new(s) == JIT_OK);
    handler.user = s;
    guest_bed_must(hub_open(heap, bed->loop, bed->folder_fd, &handler, &s->hub) == JIT_OK);
    int fd = hub_guests_listen(bed->path);
    guest_bed_must(fd >= 0 && hub_guests_open(s->hub, fd) == JIT_OK);
    bed->now = 1ull << 60; /* later than any clock of ours */
    hub_work(s->hub, bed->now);
    guest_bed_export(bed);
}

static inline void guest_bed_end(struct guest_bed *bed)
{
    struct shell_supervisor *s = &bed->s;
    hub_close(s->hub);
    supervisor_guests_free(s);
    for (size_t i = 0; i < s->answer_count; i++) {
        s->heap->free(s->heap, s->answers[i].frame);
    }
    s->heap->free(s->heap, s->events);
    jit_buf_release(&s->frame);
    for (uint32_t slot = 0; slot < GUEST_BED_SLOTS; slot++) {
        jit_buf_release(&bed->tokens[slot]);
    }
    shell_loop_free(bed->loop);
    sim_disk_free(bed->disk);
    sim_kernel_release(&bed->sim);
    guest_bed_must(unlink(bed->path) == 0);
    guest_bed_must(close(bed->folder_fd) == 0 && rmdir(bed->folder) == 0);
}

/* The tick that is wanted is made, by everybody, and is durable. */
static inline void guest_bed_tick(struct guest_bed *bed)
{
    struct shell_supervisor *s = &bed->s;
    guest_bed_must(sim_kernel_run(&bed->sim, kern_core_recorded_by(s->core), GUEST_BED_STEPS));
    s->durable_end = kern_core_tick(s->core) + 1;
    supervisor_answer(s);
}

/* Once round, as supervisor.c goes: clients, what they want, the tick. */
static inline bool guest_bed_round(struct guest_bed *bed)
{
    struct shell_supervisor *s = &bed->s;
    bool any = shell_loop_run(bed->loop, 0) > 0;
    bool asked = false;
    supervisor_guests_look(s);
    any = hub_serve(s->hub, bed->now) || any;
    while (s->event_count > 0) {
        struct supervisor_event posted = s->events[s->event_at];
        s->event_at = (s->event_at + 1) % s->event_capacity;
        s->event_count--;
        sim_kernel_step(&bed->sim, &posted.event);
        bed->commands++;
        asked = true;
        if (posted.asker != NULL) {
            supervisor_answer_later(s, posted.asker, &posted.answer);
        }
    }
    if (asked) {
        guest_bed_tick(bed);
    }
    hub_work(s->hub, bed->now);
    return any || asked;
}

/* Until nothing happens any more; no time passes. */
static inline void guest_bed_pump(struct guest_bed *bed)
{
    for (unsigned quiet = 0, rounds = 0; quiet < 3; rounds++) {
        assert(rounds < GUEST_BED_ROUNDS);
        quiet = guest_bed_round(bed) ? 0 : quiet + 1;
    }
}

/* The operator revokes what w holds in a slot. */
static inline void guest_bed_revoke(struct guest_bed *bed, uint32_t slot)
{
    const struct sys_caps *caps = kern_core_caps(bed->s.core);
    uint32_t at = sys_caps_at(caps, 0, slot);
    uint64_t serial = 0;
    if (at == SYS_CAP_NONE) {
        return; /* it was */
    }
    const struct sys_revoke request = {.cap_slot = slot,
                                       .cap_generation = sys_caps_node(caps, at)->cap.generation};
    const struct kern_operator_ask ask = {.call = SYS_CALL_revoke,
                                          .holder = 0,
                                          .target = SYS_CAP_NONE,
                                          .bytes = (const uint8_t *)&request,
                                          .size = sizeof request};
    guest_bed_must(kern_core_ask(bed->s.core, &ask, &serial) == JIT_OK);
    const struct kern_event asked = {.kind = KERN_EVENT_ASKED};
    sim_kernel_step(&bed->sim, &asked);
    guest_bed_tick(bed);
}

/* ---- guests ---- */

static inline int guest_bed_come(struct guest_bed *bed)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", bed->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    guest_bed_must(fd >= 0);
    guest_bed_must(connect(fd, (const struct sockaddr *)&address, sizeof address) == 0);
    guest_bed_pump(bed);
    return fd;
}

static inline void guest_bed_put_hello(struct jit_buf *out)
{
    struct hub_writer w;
    hub_begin(&w, out, 2);
    hub_text(&w, "t", "hello");
    hub_uint(&w, "major", HUB_MAJOR);
    hub_end(&w);
}

static inline void guest_bed_put_present(struct jit_buf *out, const struct jit_buf *token)
{
    struct hub_writer w;
    hub_begin(&w, out, 2);
    hub_text(&w, "t", "present");
    hub_bytes(&w, "token", token->data, token->size);
    hub_end(&w);
}

static inline void guest_bed_put_intent(struct jit_buf *out, uint64_t token, const void *bytes,
                                        size_t size)
{
    struct hub_writer w;
    hub_begin(&w, out, 3);
    hub_text(&w, "t", "intent");
    hub_bytes(&w, "data", bytes, size);
    hub_uint(&w, "token", token);
    hub_end(&w);
}

/* An intent that is right: bump one of the cells. */
static inline void guest_bed_intent(const struct guest_bed *bed, unsigned cell, uint64_t nonce,
                                    struct jit_buf *out)
{
    uint8_t params[16] = {8, 0, 0, 0, 0, 0, 0, 0, 1};
    const struct jit_id id = guest_bed_cell(cell);
    const struct kern_intent intent = {.rule_id = bed->bump_id,
                                       .instance = bed->world,
                                       .until = kern_core_tick(bed->s.core) + 20,
                                       .nonce = nonce,
                                       .ids = &id,
                                       .id_count = 1,
                                       .params = params,
                                       .params_size = sizeof params};
    kern_intent_encode(&intent, out);
}

static inline void guest_bed_put_read(struct jit_buf *out, uint64_t token,
                                      const struct jit_id *instance, const struct jit_id *node)
{
    struct hub_writer w;
    hub_begin(&w, out, node != NULL ? 4 : 3);
    hub_text(&w, "t", "read");
    if (node != NULL) {
        hub_id(&w, "node", node);
    }
    hub_uint(&w, "token", token);
    hub_id(&w, "instance", instance);
    hub_end(&w);
}

#endif
