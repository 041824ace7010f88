#include "proc/guest/loop.h"

#include "base/check.h"
#include "base/le.h"
#include "base/limits.h"
#include "proc/guest/nest.h"
#include "rmg/rules/search.h"
#include "syscall/decode.h"

/* Nobody else's: programs are told of theirs apart (sys_receipt.index). */
#define GROW_COOKIE UINT64_MAX

/* One `run` of the boot record. */
struct guest_run {
    struct sys_boot_run_spec spec;
    struct sys_boot_instance instance;
    struct rmg_search *search; /* NULL: the instance is not mapped, so there is nothing to find */
    uint64_t searched;         /* the last tick whose matches it has; 0: none */
    bool known;                /* search holds the matches of `graph` */
    struct rmg_graph graph;
};

struct guest_loop {
    struct guest_loop_options options;
    struct rmg_rule **rules;
    uint32_t rule_count;
    struct guest_run *runs;
    uint32_t run_count;
    struct guest_nest nest; /* of the view; empty without rules that go through portals */
    uint64_t last;          /* tick */
    uint64_t far_at;   /* from here on the graph memory is for requests that do not fit a slot; */
    uint64_t far_used; /* so many bytes hold some that the kernel may not have taken */
    bool shared;       /* what is before is a graph of its own */
    uint64_t now;      /* the tick that was begun; 0: none */
    const struct guest_run *posting;
    enum jit_err post_err;
};

static struct sys_graph_header *graph_header(const struct guest_loop *loop)
{
    return (struct sys_graph_header *)(void *)loop->options.graph;
}

static enum jit_err rules_decode(struct guest_loop *loop)
{
    const struct sys_boot_view *boot = loop->options.boot;
    struct jit_heap *heap = loop->options.heap;
    if (boot->head.rule_count == 0) {
        return JIT_OK;
    }
    loop->rules = jit_heap_zalloc(heap, boot->head.rule_count, sizeof(struct rmg_rule *));
    if (loop->rules == NULL) {
        return JIT_ENOMEM;
    }
    while (loop->rule_count < boot->head.rule_count) {
        struct sys_bytes program = sys_boot_rule_at(boot, loop->rule_count);
        enum jit_err err = rmg_rule_decode(heap, program.bytes, (size_t)program.size,
                                           &loop->rules[loop->rule_count]);
        if (err != JIT_OK) {
            return err;
        }
        loop->rule_count++;
    }
    return JIT_OK;
}

static enum jit_err run_open(struct guest_loop *loop, struct guest_run *run, uint32_t index)
{
    const struct sys_boot_view *boot = loop->options.boot;
    const struct rmg_shard shard = {.index = boot->head.index, .count = boot->head.count};
    struct jit_id digest;
    run->spec = sys_boot_run_at(boot, index);
    run->instance = sys_boot_instance_at(boot, run->spec.instance);
    const struct rmg_rule *rule = loop->rules[run->spec.rule];
    enum jit_err err =
        rmg_params_check(rule, run->spec.params.bytes, (uint32_t)run->spec.params.size, &digest);
    if (err != JIT_OK || run->instance.view_offset == 0) {
        return err;
    }
    return rmg_search_new(loop->options.heap, rule, run->spec.params.bytes,
                          (uint32_t)run->spec.params.size, &run->instance.id, shard, &run->search);
}

static enum jit_err runs_open(struct guest_loop *loop)
{
    uint32_t count = loop->options.boot->head.run_count;
    if (count == 0) {
        return JIT_OK;
    }
    loop->runs = jit_heap_zalloc(loop->options.heap, count, sizeof *loop->runs);
    if (loop->runs == NULL) {
        return JIT_ENOMEM;
    }
    loop->run_count = count;
    for (uint32_t i = 0; i < count; i++) {
        enum jit_err err = run_open(loop, &loop->runs[i], i);
        if (err != JIT_OK) {
            return err;
        }
    }
    return JIT_OK;
}

enum jit_err guest_loop_new(const struct guest_loop_options *options, struct guest_loop **out)
{
    *out = NULL;
    assert(options->graph_size >= SYS_GRAPH_BYTES_MIN);
    struct guest_loop *loop = jit_heap_zalloc(options->heap, 1, sizeof *loop);
    if (loop == NULL) {
        return JIT_ENOMEM;
    }
    loop->options = *options;
    loop->last = options->boot->head.start_tick - 1;
    loop->far_at = SYS_PAGE;
    enum jit_err err = rules_decode(loop);
    if (err == JIT_OK) {
        err = runs_open(loop);
    }
    if (err == JIT_OK) {
        err = sys_ring_guest_open(options->ring);
    }
    if (err == JIT_OK) {
        err = sys_view_guest_open(&loop->options.view);
    }
    for (uint32_t i = 0; err == JIT_OK && i < loop->rule_count; i++) {
        if (loop->rules[i]->portal_count > 0 && loop->nest.entries == NULL) {
            err = guest_nest_init(&loop->nest, options->heap, &loop->options.view);
        }
    }
    if (err == JIT_OK) {
        *graph_header(loop) = (struct sys_graph_header){.magic = SYS_GRAPH_MAGIC,
                                                        .major = SYS_ABI_MAJOR,
                                                        .minor = SYS_ABI_MINOR,
                                                        .tick = loop->last};
        *out = loop;
        loop = NULL; /* transferred */
    }
    guest_loop_free(loop);
    return err;
}

void guest_loop_free(struct guest_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    struct jit_heap *heap = loop->options.heap;
    for (uint32_t i = 0; i < loop->run_count; i++) {
        rmg_search_free(loop->runs[i].search);
    }
    for (uint32_t i = 0; i < loop->rule_count; i++) {
        rmg_rule_free(heap, loop->rules[i]);
    }
    guest_nest_release(&loop->nest, heap);
    heap->free(heap, loop->runs);
    heap->free(heap, loop->rules);
    heap->free(heap, loop);
}

/* A quarter for requests. The kernel has to have taken all that lies there first. */
uint64_t guest_loop_share(struct guest_loop *loop)
{
    sys_ring_guest_drain(loop->options.ring);
    loop->shared = true;
    loop->far_used = 0;
    loop->far_at = SYS_GRAPH_OWN(loop->options.graph_size);
    return loop->far_at;
}

uint64_t guest_loop_graph_size(const struct guest_loop *loop)
{
    return loop->options.graph_size;
}

/* Ask for as much graph memory and wait for the answer. */
bool guest_loop_grow(struct guest_loop *loop, uint64_t bytes)
{
    struct sys_receipt receipt;
    struct sys_slot *slot = sys_ring_guest_slot(loop->options.ring);
    slot->kind = SYS_CALL_grow;
    slot->length = sizeof bytes;
    slot->cookie = GROW_COOKIE;
    jit_put_le64(slot->body.bytes, bytes);
    sys_ring_guest_post(loop->options.ring);
    sys_ring_guest_ring(loop->options.ring);
    for (;;) { /* others may have been asked for in earlier ticks */
        sys_ring_guest_await(loop->options.ring, &receipt);
        if (receipt.cookie == GROW_COOKIE && receipt.index == UINT32_MAX) {
            break;
        }
        if (loop->options.receipt != NULL) {
            loop->options.receipt(loop->options.user, &receipt);
        }
    }
    if (receipt.result != RMG_APPLIED) {
        return false;
    }
    loop->options.graph_size = bytes;
    if (loop->shared) {
        (void)guest_loop_share(loop);
    }
    return true;
}

/* Twice as much, as long as a ring full of requests of this size could use it: then the kernel is
 * waited for where the ring is full, and nowhere else. Beside a graph: as much as this one needs.
 */
static bool grow_for(struct guest_loop *loop, uint64_t size)
{
    uint64_t most = SYS_PAGE + (loop->shared ? 4 * (size + SYS_PAGE) : SYS_REQUEST_SLOTS * size);
    uint64_t max = loop->options.boot->head.graph_bytes_max;
    uint64_t wanted = 2 * loop->options.graph_size;
    most = (most + SYS_PAGE - 1) / SYS_PAGE * SYS_PAGE;
    wanted = loop->shared && wanted < most ? most : wanted;
    most = most < max ? most : max;
    wanted = wanted < most ? wanted : most;
    return wanted > loop->options.graph_size && guest_loop_grow(loop, wanted);
}

static uint64_t far_left(const struct guest_loop *loop)
{
    return loop->options.graph_size - loop->far_at - loop->far_used;
}

/* Room in the graph memory for a request that does not fit a slot; when it is used up and there is
 * no more to be had, the kernel has to take what is there first. */
static uint8_t *far_room(struct guest_loop *loop, size_t size, uint64_t *at)
{
    uint64_t rounded = (size + 7) & ~(uint64_t)7;
    if (rounded > far_left(loop) && !grow_for(loop, rounded)) {
        sys_ring_guest_drain(loop->options.ring);
        loop->far_used = 0;
    }
    if (rounded > far_left(loop)) {
        return NULL;
    }
    *at = loop->far_at + loop->far_used;
    loop->far_used += rounded;
    return loop->options.graph + *at;
}

struct guest_run_info guest_loop_run_info(const struct guest_loop *loop, uint32_t run)
{
    assert(run < loop->run_count);
    const struct sys_boot *head = &loop->options.boot->head;
    /* What a future is worth does not depend on who asks. */
    const bool whole = loop->runs[run].spec.mode >= SYS_SCORE_COUNT;
    return (struct guest_run_info){
        .rule = loop->rules[loop->runs[run].spec.rule],
        .params = loop->runs[run].spec.params,
        .instance = loop->runs[run].instance.id,
        .shard = {.index = whole ? 0 : head->index, .count = whole ? 1 : head->count}};
}

/* Slot and generation of each, the first into the head. */
static uint32_t write_caps(const struct guest_loop *loop, struct sys_collapse *head,
                           struct sys_boot_cap caps[JIT_COLLAPSE_CAPS])
{
    const struct sys_boot_view *boot = loop->options.boot;
    uint32_t count = 0;
    for (uint32_t i = 0; i < boot->head.cap_count && count < JIT_COLLAPSE_CAPS; i++) {
        const struct sys_boot_cap cap = sys_boot_cap_at(boot, i);
        if ((cap.rights & SYS_RIGHT_WRITE) != 0) {
            caps[count++] = cap;
        }
    }
    head->cap_slot = count > 0 ? caps[0].slot : SYS_NONE;
    head->cap_generation = count > 0 ? caps[0].generation : 0;
    head->cap_count = count > 0 ? count - 1 : 0;
    return head->cap_count;
}

enum jit_err guest_loop_collapse(struct guest_loop *loop, const struct guest_collapse *collapse)
{
    struct sys_boot_cap caps[JIT_COLLAPSE_CAPS];
    struct sys_collapse head = {.nonce = collapse->nonce,
                                .flags = collapse->receipt ? SYS_WANT_RECEIPT : 0};
    const uint32_t more = write_caps(loop, &head, caps);
    const size_t size = sizeof head + more * 8u + collapse->size;
    uint64_t at = 0;
    if (size > JIT_REQUEST_BYTES_MAX) {
        return JIT_ELIMIT;
    }
    uint8_t *far = size > SYS_INLINE_BYTES ? far_room(loop, size, &at) : NULL;
    if (size > SYS_INLINE_BYTES && far == NULL) {
        return JIT_ELIMIT;
    }
    struct sys_slot *slot = sys_ring_guest_slot(loop->options.ring);
    slot->kind = SYS_CALL_collapse;
    slot->length = (uint32_t)size;
    slot->cookie = collapse->cookie;
    uint8_t *to = far != NULL ? far : slot->body.bytes;
    memcpy(to, &head, sizeof head);
    for (uint32_t i = 0; i < more; i++) {
        jit_put_le32(to + sizeof head + i * 8u, caps[i + 1].slot);
        jit_put_le32(to + sizeof head + i * 8u + 4, caps[i + 1].generation);
    }
    memcpy(to + sizeof head + more * 8u, collapse->bytes, collapse->size);
    if (far != NULL) {
        slot->body.far.at = at;
        slot->body.far.size = size;
    }
    sys_ring_guest_post(loop->options.ring);
    return JIT_OK;
}

enum jit_err guest_loop_own(struct guest_loop *loop, const struct jit_id *root,
                            const uint8_t *patch, size_t patch_size)
{
    const struct sys_own head = {.root = *root};
    const size_t size = sizeof head + patch_size;
    uint64_t at = 0;
    if (size > JIT_REQUEST_BYTES_MAX) {
        return JIT_ELIMIT;
    }
    uint8_t *far = size > SYS_INLINE_BYTES ? far_room(loop, size, &at) : NULL;
    if (size > SYS_INLINE_BYTES && far == NULL) {
        return JIT_ELIMIT;
    }
    struct sys_slot *slot = sys_ring_guest_slot(loop->options.ring);
    uint8_t *to = far != NULL ? far : slot->body.bytes;
    slot->kind = SYS_CALL_own;
    slot->length = (uint32_t)size;
    slot->cookie = 0;
    memcpy(to, &head, sizeof head);
    memcpy(to + sizeof head, patch, patch_size);
    if (far != NULL) {
        slot->body.far.at = at;
        slot->body.far.size = size;
    }
    sys_ring_guest_post(loop->options.ring);
    return JIT_OK;
}

enum jit_err guest_loop_request(struct guest_loop *loop, const struct guest_request *request)
{
    assert(request->run < loop->run_count && request->id_count <= JIT_PATTERN_ELEMENTS_MAX);
    const struct sys_boot_run_spec *spec = &loop->runs[request->run].spec;
    const struct sys_apply_view apply = {.cap_slot = spec->cap_slot,
                                         .cap_generation = spec->cap_generation,
                                         .rule = spec->rule,
                                         .instance = spec->instance,
                                         .nonce = request->nonce,
                                         .ids = request->ids,
                                         .id_count = request->id_count,
                                         .flags = request->receipt ? SYS_WANT_RECEIPT : 0,
                                         .params = spec->params.bytes,
                                         .params_size = (uint32_t)spec->params.size};
    size_t size = sys_apply_size(apply.id_count, apply.params_size);
    uint64_t at = 0;
    uint8_t *far = NULL;
    if (size > SYS_INLINE_BYTES) {
        far = far_room(loop, size, &at);
        if (far == NULL) {
            return JIT_ELIMIT;
        }
    }
    struct sys_slot *slot = sys_ring_guest_slot(loop->options.ring);
    slot->kind = SYS_CALL_apply;
    slot->length = (uint32_t)size;
    slot->cookie = request->cookie;
    if (far != NULL) {
        sys_apply_encode(&apply, far);
        slot->body.far.at = at;
        slot->body.far.size = size;
    } else {
        sys_apply_encode(&apply, slot->body.bytes);
    }
    sys_ring_guest_post(loop->options.ring);
    return JIT_OK;
}

static bool post_match(void *user, const struct jit_id *ids, uint32_t id_count)
{
    struct guest_loop *loop = user;
    const struct guest_request request = {
        .run = (uint32_t)(loop->posting - loop->runs), .ids = ids, .id_count = id_count};
    loop->post_err = guest_loop_request(loop, &request);
    return loop->post_err == JIT_OK;
}

/* From what was known of the last version, when there is one, to what is so in this one. */
static enum jit_err run_search(struct guest_loop *loop, struct guest_run *run, uint64_t version,
                               bool follows)
{
    struct rmg_graph graph;
    enum jit_err err = sys_view_guest_graph(&loop->options.view, run->instance.view_offset,
                                            &run->instance.id, version, &graph);
    if (err != JIT_OK) {
        return err == JIT_ENOENT ? JIT_ECORRUPT : err;
    }
    loop->nest.version = version;
    graph.nest = loop->nest.entries != NULL ? &loop->nest.nest : NULL;
    if (run->known && follows) {
        run->graph.mem = graph.mem; /* the view may have grown: references stay what they were */
        err = rmg_search_update(run->search, &run->graph, &graph);
    } else {
        err = rmg_search_all(run->search, &graph);
    }
    run->known = err == JIT_OK;
    run->graph = graph;
    return err;
}

enum jit_err guest_loop_match(struct guest_loop *loop, uint32_t index, guest_match_fn *visit,
                              void *user)
{
    assert(index < loop->run_count && loop->now != 0);
    struct guest_run *run = &loop->runs[index];
    const struct rmg_draw draw = {.seed = loop->options.boot->head.seed, .tick = loop->now};
    if (run->search == NULL) {
        return JIT_OK;
    }
    if (run->searched != loop->now) {
        enum jit_err err = run_search(loop, run, loop->now - 1, loop->now == run->searched + 1);
        if (err != JIT_OK) {
            return err;
        }
        run->searched = loop->now;
    }
    return rmg_search_each(run->search, &draw, visit, user);
}

enum jit_err guest_loop_graph(const struct guest_loop *loop, uint32_t index,
                              struct rmg_graph *graph)
{
    assert(index < loop->run_count && loop->now != 0);
    const struct guest_run *run = &loop->runs[index];
    if (run->instance.view_offset == 0) {
        return JIT_ENOENT;
    }
    return sys_view_guest_graph(&loop->options.view, run->instance.view_offset, &run->instance.id,
                                loop->now - 1, graph);
}

uint64_t guest_loop_begin(struct guest_loop *loop)
{
    uint64_t tick = sys_ring_guest_begin(loop->options.ring, loop->last);
    if (loop->far_used > 0) { /* it has taken all there was, or it had not made the tick */
        sys_ring_guest_drain(loop->options.ring);
        loop->far_used = 0;
    }
    loop->now = tick;
    return tick;
}

void guest_loop_done(struct guest_loop *loop)
{
    assert(loop->now != 0);
    loop->last = loop->now;
    loop->now = 0;
    __atomic_store_n(&graph_header(loop)->tick, loop->last, __ATOMIC_RELEASE);
    sys_ring_guest_done(loop->options.ring, loop->last);
}

enum jit_err guest_loop_tick(struct guest_loop *loop)
{
    guest_loop_begin(loop);
    for (uint32_t i = 0; i < loop->run_count; i++) {
        loop->posting = &loop->runs[i];
        loop->post_err = JIT_OK;
        enum jit_err err = guest_loop_match(loop, i, post_match, loop);
        if (err != JIT_OK || loop->post_err != JIT_OK) {
            return err != JIT_OK ? err : loop->post_err;
        }
    }
    guest_loop_done(loop);
    return JIT_OK;
}

enum jit_err guest_loop_run(struct guest_loop *loop)
{
    enum jit_err err = JIT_OK;
    while (err == JIT_OK) {
        err = guest_loop_tick(loop);
    }
    return err;
}

uint64_t guest_loop_last(const struct guest_loop *loop)
{
    return loop->last;
}

int guest_loop_exit(enum jit_err err, bool started)
{
    if (err == JIT_ENOMEM) {
        return SYS_EXIT_NO_MEMORY;
    }
    if (!started) {
        return SYS_EXIT_PROGRAM;
    }
    return err == JIT_ESTALE   ? SYS_EXIT_STALE
           : err == JIT_ELIMIT ? SYS_EXIT_LIMIT
                               : SYS_EXIT_DAMAGED;
}
