#include "syscall/boot.h"

#include "base/check.h"
#include "base/limits.h"

static uint64_t round8(uint64_t size)
{
    return (size + 7) & ~7ull;
}

/* Where the tables begin: the one place that knows their order. */
static void head_lay_out(struct sys_boot *head, uint64_t *programs_at)
{
    uint64_t at = sizeof *head;
    head->caps_at = at;
    at += round8((uint64_t)head->cap_count * sizeof(struct sys_boot_cap));
    head->instances_at = at;
    at += round8((uint64_t)head->instance_count * sizeof(struct sys_boot_instance));
    head->rules_at = at;
    at += round8((uint64_t)head->rule_count * sizeof(struct sys_boot_rule));
    head->runs_at = at;
    at += round8((uint64_t)head->run_count * sizeof(struct sys_boot_run));
    at += head->quota * sizeof(struct sys_boot_quota);
    head->filter_at = head->filter_size == 0 ? 0 : at;
    *programs_at = at + round8(head->filter_size);
}

static uint64_t quota_at(const struct sys_boot *head)
{
    return head->runs_at + round8((uint64_t)head->run_count * sizeof(struct sys_boot_run));
}

/* What both sides hold true of the head alone. */
static bool head_sound(const struct sys_boot *head)
{
    static const uint8_t zero[sizeof head->zero];
    return !jit_id_is_zero(&head->process) && head->index < head->count &&
           head->count <= JIT_PROCESSES_MAX && head->start_tick != 0 &&
           head->view_bytes >= SYS_VIEW_HEADER_BYTES && head->view_bytes <= JIT_ARENA_BYTES_MAX &&
           head->view_bytes % SYS_PAGE == 0 && head->graph_bytes >= SYS_GRAPH_BYTES_MIN &&
           head->graph_bytes <= head->graph_bytes_max &&
           head->graph_bytes_max <= JIT_ARENA_BYTES_MAX && head->graph_bytes % SYS_PAGE == 0 &&
           head->graph_bytes_max % SYS_PAGE == 0 && head->cap_count <= JIT_CAP_SLOTS_MAX &&
           head->instance_count <= JIT_INSTANCES_MAX && head->rule_count <= JIT_RULES_MAX &&
           head->run_count <= SYS_BOOT_RUNS_MAX && head->keep >= 1 && head->keep <= JIT_KEEP_MAX &&
           head->explore <= SYS_EXPLORE_MAX && head->explore_flags <= SYS_EXPLORE_STAY &&
           (head->explore != 0 || head->explore_flags == 0) && head->quota <= 1 &&
           memcmp(head->zero, zero, sizeof zero) == 0;
}

/* The graph has a root, so one node at least; and a quota says something. */
static bool quota_sound(const struct sys_boot_quota *quota)
{
    return quota->nodes_max > 0 &&
           (quota->nodes_max & quota->edges_max & quota->bytes_max) != UINT64_MAX;
}

static bool filter_sound(struct sys_bytes filter)
{
    if (filter.size == 0) {
        return true;
    }
    if (filter.size < 16 || filter.size > 8 + 8ull * SYS_FILTER_MAX) {
        return false;
    }
    uint64_t count = filter.bytes[0] | (uint64_t)filter.bytes[1] << 8;
    for (unsigned i = 2; i < 8; i++) {
        if (filter.bytes[i] != 0) {
            return false;
        }
    }
    return filter.size == 8 + 8 * count;
}

static bool cap_sound(const struct sys_boot *head, const struct sys_boot_cap *cap,
                      const struct sys_boot_cap *last)
{
    return cap->slot < JIT_CAP_SLOTS_MAX && (last == NULL || cap->slot > last->slot) &&
           cap->generation != 0 && cap->rights != 0 && (cap->rights & ~SYS_RIGHTS_ALL) == 0 &&
           (cap->rule == SYS_NONE || cap->rule < head->rule_count) &&
           cap->instance < head->instance_count && cap->zero == 0;
}

static bool instance_sound(const struct sys_boot_instance *instance)
{
    uint64_t at = instance->view_offset & ~(uint64_t)SYS_WRITE_OUTSIDE;
    return !jit_id_is_zero(&instance->id) &&
           (instance->view_offset == 0 ||
            (at >= sizeof(struct sys_view_control) &&
             at <= SYS_VIEW_HEADER_BYTES - sizeof(struct sys_view_entry) &&
             (at - sizeof(struct sys_view_control)) % sizeof(struct sys_view_entry) == 0));
}

static bool program_sound(uint64_t size)
{
    return size > 0 && size <= JIT_PROGRAM_BYTES_MAX;
}

/* One that explores does nothing else. */
static bool mode_sound(const struct sys_boot *head, const struct sys_boot_run_spec *run)
{
    const bool score = run->mode == SYS_SCORE_COUNT || run->mode == SYS_SCORE_SUM;
    const bool cap =
        run->cap_slot == SYS_NONE ? run->cap_generation == 0 : run->cap_slot < JIT_CAP_SLOTS_MAX;
    return head->explore == 0 ? run->mode == SYS_APPLY_ALL && cap
                              : score || (run->mode == SYS_EXPLORE && cap);
}

static bool run_sound(const struct sys_boot *head, const struct sys_boot_run_spec *run)
{
    return run->rule < head->rule_count && run->instance < head->instance_count &&
           mode_sound(head, run) && run->params.size <= JIT_PARAMS_BYTES_MAX;
}

static bool spec_sound(const struct sys_boot_spec *spec, const struct sys_boot *head)
{
    bool sound = head_sound(head) && filter_sound(spec->filter) &&
                 (spec->quota == NULL || quota_sound(spec->quota));
    for (uint32_t i = 0; sound && i < spec->cap_count; i++) {
        sound = cap_sound(head, &spec->caps[i], i == 0 ? NULL : &spec->caps[i - 1]);
    }
    for (uint32_t i = 0; sound && i < spec->instance_count; i++) {
        sound = instance_sound(&spec->instances[i]);
    }
    for (uint32_t i = 0; sound && i < spec->rule_count; i++) {
        sound = program_sound(spec->rules[i].size);
    }
    for (uint32_t i = 0; sound && i < spec->run_count; i++) {
        sound = run_sound(head, &spec->runs[i]);
    }
    return sound;
}

static void put_padded(struct jit_buf *buf, const void *bytes, uint64_t size)
{
    static const uint8_t zero[8];
    if (size > 0) {
        jit_buf_put(buf, bytes, (size_t)size);
        jit_buf_put(buf, zero, (size_t)(round8(size) - size));
    }
}

static void put_tables(const struct sys_boot_spec *spec, uint64_t programs_at, struct jit_buf *buf)
{
    uint64_t at = programs_at;
    put_padded(buf, spec->caps, (uint64_t)spec->cap_count * sizeof *spec->caps);
    put_padded(buf, spec->instances, (uint64_t)spec->instance_count * sizeof *spec->instances);
    for (uint32_t i = 0; i < spec->rule_count; i++) {
        const struct sys_boot_rule row = {.at = at, .size = spec->rules[i].size};
        jit_buf_put(buf, &row, sizeof row);
        at += round8(row.size);
    }
    for (uint32_t i = 0; i < spec->run_count; i++) {
        const struct sys_boot_run_spec *run = &spec->runs[i];
        const struct sys_boot_run row = {.rule = run->rule,
                                         .instance = run->instance,
                                         .cap_slot = run->cap_slot,
                                         .cap_generation = run->cap_generation,
                                         .mode = run->mode,
                                         .params_size = (uint32_t)run->params.size,
                                         .params_at = at};
        jit_buf_put(buf, &row, sizeof row);
        at += round8(run->params.size);
    }
    put_padded(buf, spec->quota, spec->quota != NULL ? sizeof *spec->quota : 0);
    put_padded(buf, spec->filter.bytes, spec->filter.size);
    for (uint32_t i = 0; i < spec->rule_count; i++) {
        put_padded(buf, spec->rules[i].bytes, spec->rules[i].size);
    }
    for (uint32_t i = 0; i < spec->run_count; i++) {
        put_padded(buf, spec->runs[i].params.bytes, spec->runs[i].params.size);
    }
}

enum jit_err sys_boot_encode(const struct sys_boot_spec *spec, struct jit_buf *buf)
{
    struct sys_boot head = {.magic = SYS_BOOT_MAGIC,
                            .major = SYS_ABI_MAJOR,
                            .minor = SYS_ABI_MINOR,
                            .process = spec->process,
                            .index = spec->index,
                            .count = spec->count,
                            .seed = spec->seed,
                            .start_tick = spec->start_tick,
                            .view_bytes = spec->view_bytes,
                            .graph_bytes = spec->graph_bytes,
                            .graph_bytes_max = spec->graph_bytes_max != 0 ? spec->graph_bytes_max
                                                                          : spec->graph_bytes,
                            .heap_bytes = spec->heap_bytes,
                            .keep = spec->keep != 0 ? spec->keep : 1,
                            .explore = spec->explore,
                            .explore_flags = spec->explore_flags,
                            .quota = spec->quota != NULL,
                            .cap_count = spec->cap_count,
                            .instance_count = spec->instance_count,
                            .rule_count = spec->rule_count,
                            .run_count = spec->run_count,
                            .filter_size = spec->filter.size};
    uint64_t programs_at;
    size_t start = buf->size;
    if (!spec_sound(spec, &head)) {
        return JIT_EINVALID;
    }
    head_lay_out(&head, &programs_at);
    head.size = programs_at;
    for (uint32_t i = 0; i < spec->rule_count; i++) {
        head.size += round8(spec->rules[i].size);
    }
    for (uint32_t i = 0; i < spec->run_count; i++) {
        head.size += round8(spec->runs[i].params.size);
    }
    if (head.size > SYS_BOOT_BYTES_MAX) {
        return JIT_ELIMIT;
    }
    jit_buf_put(buf, &head, sizeof head);
    put_tables(spec, programs_at, buf);
    assert(buf->err != JIT_OK || buf->size - start == head.size);
    return buf->err;
}

enum jit_err sys_boot_size(const uint8_t *bytes, size_t size, uint64_t *record_size)
{
    struct sys_boot head;
    *record_size = 0;
    if (size < sizeof head) {
        return JIT_EFORMAT;
    }
    memcpy(&head, bytes, sizeof head);
    if (head.magic != SYS_BOOT_MAGIC) {
        return JIT_EFORMAT;
    }
    if (head.major != SYS_ABI_MAJOR) {
        return JIT_EVERSION;
    }
    if (head.size < sizeof head || head.size > SYS_BOOT_BYTES_MAX) {
        return JIT_EFORMAT;
    }
    *record_size = head.size;
    return JIT_OK;
}

/* The head against the layout that its counts give. */
static bool head_matches(const struct sys_boot *head, uint64_t *programs_at)
{
    struct sys_boot expected = *head;
    if (!head_sound(head) || head->filter_size > 8 + 8ull * SYS_FILTER_MAX) {
        return false;
    }
    head_lay_out(&expected, programs_at);
    return memcmp(head, &expected, sizeof expected) == 0 && *programs_at <= head->size;
}

/* [at, at + size) and its padding lie where they must, and the padding is zero. Moves *next on. */
static bool piece_sound(const struct sys_boot_view *view, uint64_t at, uint64_t size,
                        uint64_t *next)
{
    if (at != *next || size > view->head.size - at || round8(size) > view->head.size - at) {
        return false;
    }
    for (uint64_t i = size; i < round8(size); i++) {
        if (view->bytes[at + i] != 0) {
            return false;
        }
    }
    *next = at + round8(size);
    return true;
}

static void row_at(const struct sys_boot_view *view, uint64_t table, uint32_t index, size_t size,
                   void *out)
{
    memcpy(out, view->bytes + table + (uint64_t)index * size, size);
}

static struct sys_boot_run_spec run_spec(const struct sys_boot_view *view, uint32_t index,
                                         uint64_t *params_at)
{
    struct sys_boot_run row;
    row_at(view, view->head.runs_at, index, sizeof row, &row);
    *params_at = row.params_at;
    return (struct sys_boot_run_spec){.rule = row.rule,
                                      .instance = row.instance,
                                      .cap_slot = row.cap_slot,
                                      .cap_generation = row.cap_generation,
                                      .mode = row.mode,
                                      .params = {NULL, row.params_size}};
}

static bool tables_sound(const struct sys_boot_view *view, uint64_t programs_at)
{
    const struct sys_boot *head = &view->head;
    struct sys_boot_cap last = {0};
    uint64_t next = programs_at;
    for (uint32_t i = 0; i < head->cap_count; i++) {
        struct sys_boot_cap cap = sys_boot_cap_at(view, i);
        if (!cap_sound(head, &cap, i == 0 ? NULL : &last)) {
            return false;
        }
        last = cap;
    }
    for (uint32_t i = 0; i < head->instance_count; i++) {
        struct sys_boot_instance instance;
        row_at(view, head->instances_at, i, sizeof instance, &instance);
        if (!instance_sound(&instance)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < head->rule_count; i++) {
        struct sys_boot_rule rule;
        row_at(view, head->rules_at, i, sizeof rule, &rule);
        if (!program_sound(rule.size) || !piece_sound(view, rule.at, rule.size, &next)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < head->run_count; i++) {
        uint64_t at;
        struct sys_boot_run_spec run = run_spec(view, i, &at);
        if (!run_sound(head, &run) || !piece_sound(view, at, run.params.size, &next)) {
            return false;
        }
    }
    return next == head->size;
}

enum jit_err sys_boot_decode(const uint8_t *bytes, size_t size, struct sys_boot_view *out)
{
    struct sys_boot_view view = {.bytes = bytes};
    uint64_t record_size;
    uint64_t programs_at;
    *out = (struct sys_boot_view){0};
    enum jit_err err = sys_boot_size(bytes, size, &record_size);
    if (err != JIT_OK) {
        return err;
    }
    if (record_size > size) {
        return JIT_EFORMAT;
    }
    memcpy(&view.head, bytes, sizeof view.head);
    if (!head_matches(&view.head, &programs_at)) {
        return JIT_EFORMAT;
    }
    if (view.head.filter_size > 0) {
        view.filter = (struct sys_bytes){bytes + view.head.filter_at, view.head.filter_size};
    }
    if (view.head.quota == 1) {
        memcpy(&view.quota, bytes + quota_at(&view.head), sizeof view.quota);
    }
    if ((view.head.quota == 1 && !quota_sound(&view.quota)) || !filter_sound(view.filter) ||
        !tables_sound(&view, programs_at)) {
        return JIT_EFORMAT;
    }
    *out = view;
    return JIT_OK;
}

struct sys_boot_cap sys_boot_cap_at(const struct sys_boot_view *view, uint32_t index)
{
    struct sys_boot_cap row;
    assert(index < view->head.cap_count);
    row_at(view, view->head.caps_at, index, sizeof row, &row);
    return row;
}

struct sys_boot_instance sys_boot_instance_at(const struct sys_boot_view *view, uint32_t index)
{
    struct sys_boot_instance row;
    assert(index < view->head.instance_count);
    row_at(view, view->head.instances_at, index, sizeof row, &row);
    row.view_offset &= ~(uint64_t)SYS_WRITE_OUTSIDE;
    return row;
}

bool sys_boot_written_outside(const struct sys_boot_view *view, uint32_t index)
{
    struct sys_boot_instance row;
    assert(index < view->head.instance_count);
    row_at(view, view->head.instances_at, index, sizeof row, &row);
    return (row.view_offset & SYS_WRITE_OUTSIDE) != 0;
}

struct sys_bytes sys_boot_rule_at(const struct sys_boot_view *view, uint32_t index)
{
    struct sys_boot_rule row;
    assert(index < view->head.rule_count);
    row_at(view, view->head.rules_at, index, sizeof row, &row);
    return (struct sys_bytes){view->bytes + row.at, row.size};
}

struct sys_boot_run_spec sys_boot_run_at(const struct sys_boot_view *view, uint32_t index)
{
    uint64_t at;
    assert(index < view->head.run_count);
    struct sys_boot_run_spec run = run_spec(view, index, &at);
    run.params.bytes = view->bytes + at;
    return run;
}
