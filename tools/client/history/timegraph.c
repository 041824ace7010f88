#include "tools/client/history/timegraph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "kernel/core/entry.h"
#include "kernel/log/io_posix.h"
#include "tools/client/history/branches.h"

struct making {
    struct cli *cli;
    struct rmg_collect *collect;
    struct jit_id time;   /* the instance */
    struct jit_id detail; /* of the tick that is wanted in detail */
    bool has_detail;
    bool detail_here; /* the folder that is being read is the one it is wanted of */
    uint64_t detail_tick;
    struct jit_id last; /* commit of the record before; zeros: none */
    uint64_t last_tick;
    const char *branch;
    struct join *joins; /* second parents: they may be of a branch that is read later */
    size_t join_count;
    size_t join_capacity;
    enum jit_err err;
};

struct join {
    struct jit_id tick;
    struct jit_id other;
};

bool timegraph_is(const char *path)
{
    return strncmp(path, "/time", 5) == 0 && (path[5] == '\0' || path[5] == '/');
}

/* ---- nodes and their values; the first error stays ---- */

static void type_of(const char *name, struct jit_id *out)
{
    jit_hash_named("type:", name, strlen(name), out);
}

static void add_node(struct making *m, const struct jit_id *in, const struct jit_id *id,
                     const char *type_name)
{
    struct jit_id type;
    type_of(type_name, &type);
    if (m->err == JIT_OK) {
        m->err = rmg_collect_node(m->collect, in, id, &type);
    }
}

static void add_edge(struct making *m, const struct jit_id *in, const struct jit_id *from,
                     const struct jit_id *to, const char *type_name)
{
    struct jit_id type;
    struct jit_id id;
    type_of(type_name, &type);
    if (m->err == JIT_OK) {
        m->err = rmg_collect_edge_numbered(m->collect, in, from, to, &type, &id);
    }
}

static void put(struct making *m, const struct jit_id *in, const struct jit_id *owner,
                const char *name, const struct rmg_datum *datum)
{
    if (m->err == JIT_OK) {
        m->err = rmg_collect_datum(m->collect, in, RMG_PLANE_ALPHA, owner, name, datum);
    }
}

static void put_number(struct making *m, const struct jit_id *in, const struct jit_id *owner,
                       const char *name, uint64_t number)
{
    struct rmg_datum datum = {.codec = RMG_CODEC_I64, .as.i64 = (int64_t)number};
    put(m, in, owner, name, &datum);
}

static void put_text(struct making *m, const struct jit_id *in, const struct jit_id *owner,
                     const char *name, const char *text)
{
    struct rmg_datum datum = {
        .codec = RMG_CODEC_TEXT, .bytes = (const uint8_t *)text, .size = (uint32_t)strlen(text)};
    put(m, in, owner, name, &datum);
}

static void put_id(struct making *m, const struct jit_id *in, const struct jit_id *owner,
                   const char *name, const struct jit_id *id)
{
    struct rmg_datum datum = {
        .codec = RMG_CODEC_ID, .bytes = (const uint8_t *)id, .size = sizeof *id};
    put(m, in, owner, name, &datum);
}

/* ---- one tick in detail ---- */

static void request_id(const struct making *m, uint64_t index, struct jit_id *out)
{
    char label[64];
    int size = snprintf(label, sizeof label, "/time/@%llu/q%llu",
                        (unsigned long long)m->detail_tick, (unsigned long long)index);
    jit_hash_named("node:", label, (size_t)size, out);
}

static void add_request(struct making *m, uint64_t index, const struct rmg_asked *request,
                        const struct rmg_receipt *receipt)
{
    char name[32];
    struct jit_id id;
    struct jit_id blocker;
    request_id(m, index, &id);
    snprintf(name, sizeof name, "q%llu", (unsigned long long)index);
    add_node(m, &m->detail, &id, "request");
    put_text(m, &m->detail, &id, "name", name);
    put_number(m, &m->detail, &id, "index", index);
    put_text(m, &m->detail, &id, "result", rmg_result_text((enum rmg_result)receipt->result));
    put_id(m, &m->detail, &id, "key", &receipt->request_key);
    put_id(m, &m->detail, &id, "process", &request->process);
    put_id(m, &m->detail, &id, "rule", &request->rule_id);
    put_id(m, &m->detail, &id, "instance", &request->instance);
    put_number(m, &m->detail, &id, "capability", request->cap_slot);
    if (receipt->result == RMG_INVARIANT) {
        put_number(m, &m->detail, &id, "invariant", receipt->blocker);
    } else if (receipt->blocker != RMG_NO_BLOCKER) {
        request_id(m, receipt->blocker, &blocker);
        add_edge(m, &m->detail, &id, &blocker, "lost_to");
    }
}

/* What was applied, as commit entries (docs/spec/patch.md). */
static enum jit_err add_entries(struct making *m, const struct log_record *record,
                                const struct kern_record_view *view)
{
    struct kern_entries entries;
    struct kern_entry entry;
    enum jit_err err = kern_entries_begin(&entries, view, record->tick, &record->state_root);
    while (err == JIT_OK && (err = kern_entries_next(&entries, &entry)) == JIT_OK) {
        char label[64];
        struct jit_id id;
        struct jit_id request;
        int size = snprintf(label, sizeof label, "/time/@%llu/e%llu",
                            (unsigned long long)m->detail_tick, (unsigned long long)entry.request);
        jit_hash_named("node:", label, (size_t)size, &id);
        snprintf(label, sizeof label, "e%llu", (unsigned long long)entry.request);
        add_node(m, &m->detail, &id, "entry");
        put_text(m, &m->detail, &id, "name", label);
        put_id(m, &m->detail, &id, "rule", &entry.rule);
        if (!jit_id_is_zero(&entry.instance)) {
            put_id(m, &m->detail, &id, "instance", &entry.instance);
        }
        if (!jit_id_is_zero(&entry.target)) {
            put_id(m, &m->detail, &id, "target", &entry.target);
        }
        put_id(m, &m->detail, &id, "before", &entry.before);
        put_id(m, &m->detail, &id, "after", &entry.after);
        put_number(m, &m->detail, &id, "tick", entry.tick);
        request_id(m, entry.request, &request);
        add_edge(m, &m->detail, &id, &request, "of");
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

struct operations {
    struct making *m;
    uint64_t requests;
    uint64_t index;
};

static bool add_operation(void *user, const struct rmg_op *op)
{
    static const char *const kinds[] = {
        "",         "clear value", "delete edge", "delete node", "delete instance",
        "instance", "node",        "edge",        "set value"};
    struct operations *o = user;
    struct making *m = o->m;
    char label[64];
    char field[JIT_NAME_BYTES_MAX + 1];
    struct jit_id id;
    int size = snprintf(label, sizeof label, "/time/@%llu/op%llu",
                        (unsigned long long)m->detail_tick, (unsigned long long)o->index);
    jit_hash_named("node:", label, (size_t)size, &id);
    snprintf(label, sizeof label, "op%llu", (unsigned long long)o->index);
    o->index++;
    add_node(m, &m->detail, &id, "operation");
    put_text(m, &m->detail, &id, "name", label);
    put_text(m, &m->detail, &id, "kind", kinds[op->kind]);
    put_id(m, &m->detail, &id, "instance", &op->instance);
    put_id(m, &m->detail, &id, "element", &op->id);
    if (op->kind == RMG_OP_SET_ATTACHMENT || op->kind == RMG_OP_CLEAR_ATTACHMENT) {
        snprintf(field, sizeof field, "%.*s", (int)op->attachment.name_size, op->attachment.name);
        put_text(m, &m->detail, &id, "field", field);
    }
    if (op->kind == RMG_OP_SET_ATTACHMENT && op->attachment.value.kind == RMG_VALUE_ATOM &&
        m->err == JIT_OK) {
        struct rmg_attachment value = {
            .name = "value", .name_size = 5, .value = op->attachment.value};
        m->err = rmg_collect_attachment(m->collect, &m->detail, RMG_PLANE_ALPHA, &id, &value);
    }
    for (uint32_t i = 0; i < op->origin_count; i++) {
        struct jit_id request;
        if (op->origins[i].request < o->requests &&
            (i == 0 || op->origins[i].request != op->origins[i - 1].request)) {
            request_id(m, op->origins[i].request, &request);
            add_edge(m, &m->detail, &request, &id, "made");
        }
    }
    return m->err == JIT_OK;
}

static enum jit_err add_detail(struct making *m, const struct log_record *record,
                               const struct kern_record_view *view)
{
    struct jit_cursor cur = jit_cursor_of(view->requests, view->requests_size);
    struct operations operations = {.m = m, .requests = view->request_count};
    struct jit_id base;
    enum jit_err err = JIT_OK;
    m->has_detail = true;
    for (uint64_t i = 0; err == JIT_OK && i < view->request_count; i++) {
        struct rmg_asked request;
        struct rmg_receipt receipt;
        err = rmg_asked_next(&cur, &request);
        if (err == JIT_OK) {
            err = kern_record_receipt(view, i, &receipt);
        }
        if (err == JIT_OK) {
            add_request(m, i, &request, &receipt);
        }
    }
    if (err == JIT_OK) {
        err = add_entries(m, record, view);
    }
    if (err == JIT_OK && (view->flags & KERN_RECORD_GENESIS) == 0) {
        err = rmg_patch_each(jit_heap_libc(), view->patch, view->patch_size, &base, add_operation,
                             &operations);
    }
    return err != JIT_OK ? JIT_ECORRUPT : m->err;
}

/* ---- all ticks ---- */

static void add_tick(struct making *m, uint64_t tick, const struct jit_id *commit,
                     const struct jit_id *root)
{
    char name[32];
    snprintf(name, sizeof name, "@%llu", (unsigned long long)tick);
    add_node(m, &m->time, commit, "tick");
    put_text(m, &m->time, commit, "name", name);
    put_number(m, &m->time, commit, "tick", tick);
    put_id(m, &m->time, commit, "root", root);
}

static enum jit_err add_record(struct making *m, const struct log_record *record,
                               const struct kern_record_view *view)
{
    uint64_t counts[RMG_RESULT_COUNT] = {0};
    const struct jit_id *id = &record->commit;
    for (uint64_t i = 0; i < view->request_count; i++) {
        struct rmg_receipt receipt;
        if (kern_record_receipt(view, i, &receipt) != JIT_OK) {
            return JIT_ECORRUPT;
        }
        counts[receipt.result]++;
    }
    add_tick(m, record->tick, id, &record->state_root);
    put_text(m, &m->time, id, "branch", m->branch);
    put_number(m, &m->time, id, "requests", view->request_count);
    put_number(m, &m->time, id, "applied", counts[RMG_APPLIED]);
    put_number(m, &m->time, id, "denied", counts[RMG_DENIED]);
    put_number(m, &m->time, id, "lost", counts[RMG_CONFLICT]);
    put_number(m, &m->time, id, "events", view->event_count);
    put_number(m, &m->time, id, "patch_bytes",
               (view->flags & KERN_RECORD_GENESIS) != 0 ? view->blob_size : view->patch_size);
    if (!jit_id_is_zero(&m->last)) {
        add_edge(m, &m->time, id, &m->last, "parent");
    }
    if (!jit_id_is_zero(&view->other)) {
        void *joins = m->joins;
        if (jit_heap_grow(jit_heap_libc(), &joins, &m->join_capacity, m->join_count + 1,
                          sizeof *m->joins) != 0) {
            return JIT_ENOMEM;
        }
        m->joins = joins;
        m->joins[m->join_count++] = (struct join){.tick = *id, .other = view->other};
    }
    return m->err;
}

/* Where the other parent is of a folder that is not here there is no edge: none may dangle. */
static void add_joins(struct making *m)
{
    for (size_t i = 0; i < m->join_count; i++) {
        if (rmg_collect_has_node(m->collect, &m->time, &m->joins[i].other)) {
            add_edge(m, &m->time, &m->joins[i].tick, &m->joins[i].other, "parent");
        }
    }
}

static enum jit_err visit(void *user, const struct log_record *record)
{
    struct making *m = user;
    struct kern_record_view view;
    enum jit_err err = JIT_OK;
    if (kern_record_decode(record->payload, record->payload_size, &view) != JIT_OK) {
        return JIT_ECORRUPT;
    }
    if (!rmg_collect_has_node(m->collect, &m->time, &record->commit)) {
        err = add_record(m, record, &view);
    }
    if (err == JIT_OK && m->detail_here && record->tick == m->detail_tick) {
        err = add_detail(m, record, &view);
    }
    m->last = record->commit;
    m->last_tick = record->tick;
    return err;
}

/* ---- branches and checkpoints ---- */

static void add_branch(struct making *m, const char *name, bool head)
{
    struct jit_id id;
    struct jit_id head_id;
    jit_hash_named("node:/time/branch:", name, strlen(name), &id);
    add_node(m, &m->time, &id, "branch");
    put_text(m, &m->time, &id, "name", name);
    put_number(m, &m->time, &id, "tick", m->last_tick);
    add_edge(m, &m->time, &id, &m->last, "at");
    if (head) {
        jit_hash_named("node:", "HEAD", 4, &head_id);
        add_node(m, &m->time, &head_id, "head");
        put_text(m, &m->time, &head_id, "name", "HEAD");
        add_edge(m, &m->time, &head_id, &id, "at");
    }
}

static int add_checkpoints(struct making *m, const char *path)
{
    struct ckpt_list list;
    struct jit_io *io = NULL;
    int fd = -1;
    int code = history_io(m->cli, path, &fd, &io);
    if (code != CLI_OK) {
        return code;
    }
    enum jit_err err = ckpt_list_read(jit_heap_libc(), io, NULL, &list);
    for (size_t i = 0; err == JIT_OK && i < list.count; i++) {
        const struct ckpt_manifest *c = list.entries[i].manifest;
        if (c == NULL || rmg_collect_has_node(m->collect, &m->time, &c->id)) {
            continue;
        }
        if (!rmg_collect_has_node(m->collect, &m->time, &c->commit)) {
            add_tick(m, c->tick, &c->commit, &c->state_root); /* restored from another history */
        }
        add_node(m, &m->time, &c->id, "checkpoint");
        if (c->name[0] != '\0') {
            put_text(m, &m->time, &c->id, "name", c->name);
        }
        put_number(m, &m->time, &c->id, "tick", c->tick);
        put_number(m, &m->time, &c->id, "segments", c->segment_count);
        add_edge(m, &m->time, &c->id, &c->commit, "of");
    }
    if (err == JIT_OK) {
        ckpt_list_release(&list);
    }
    io_posix_close(io);
    close(fd);
    m->err = m->err == JIT_OK ? err : m->err;
    return CLI_OK;
}

static int read_branch(struct making *m, const char *data, const char *path, const char *name,
                       const char *head)
{
    struct ckpt_manifest start;
    struct log_report report;
    bool founded = false;
    int code = history_start(m->cli, path, &start, &founded);
    if (code != CLI_OK) {
        return code;
    }
    m->branch = name;
    m->last = founded ? start.commit : (struct jit_id){{0}};
    m->last_tick = founded ? start.tick : 0;
    m->detail_here = m->detail_tick != UINT64_MAX && strcmp(path, data) == 0;
    code = history_each(m->cli, path, visit, m, &report);
    if (code == CLI_OK && !jit_id_is_zero(&m->last)) {
        add_branch(m, name, strcmp(name, head) == 0);
    }
    return code;
}

/* ---- the whole ---- */

#define NUMBER(field)                                                                              \
    {                                                                                              \
        .name = (field), .codec = RMG_CODEC_I64                                                    \
    }
#define TEXT(field)                                                                                \
    {                                                                                              \
        .name = (field), .codec = RMG_CODEC_TEXT                                                   \
    }
#define ID(field)                                                                                  \
    {                                                                                              \
        .name = (field), .codec = RMG_CODEC_ID                                                     \
    }

static const struct rmg_schema_field tick_fields[] = {
    TEXT("name"),      NUMBER("tick"),   ID("root"),     TEXT("branch"),   NUMBER("requests"),
    NUMBER("applied"), NUMBER("denied"), NUMBER("lost"), NUMBER("events"), NUMBER("patch_bytes")};
static const struct rmg_schema_field branch_fields[] = {TEXT("name"), NUMBER("tick")};
static const struct rmg_schema_field checkpoint_fields[] = {TEXT("name"), NUMBER("tick"),
                                                            NUMBER("segments")};
static const struct rmg_schema_field request_fields[] = {
    TEXT("name"),  NUMBER("index"), TEXT("result"), ID("key"),
    ID("process"), ID("rule"),      ID("instance"), NUMBER("capability")};
static const struct rmg_schema_field entry_fields[] = {TEXT("name"),  ID("rule"),   ID("instance"),
                                                       ID("target"),  ID("before"), ID("after"),
                                                       NUMBER("tick")};
static const struct rmg_schema_field operation_fields[] = {
    TEXT("name"), TEXT("kind"), ID("instance"), ID("element"), TEXT("field")};

#define FIELDS(list) .fields = (list), .field_count = sizeof(list) / sizeof *(list)
static const struct rmg_schema_type types[] = {
    {.name = "tick", .kind = RMG_TYPE_NODE, FIELDS(tick_fields)},
    {.name = "branch", .kind = RMG_TYPE_NODE, FIELDS(branch_fields)},
    {.name = "head", .kind = RMG_TYPE_NODE, .fields = branch_fields, .field_count = 1},
    {.name = "checkpoint", .kind = RMG_TYPE_NODE, FIELDS(checkpoint_fields)},
    {.name = "request", .kind = RMG_TYPE_NODE, FIELDS(request_fields)},
    {.name = "entry", .kind = RMG_TYPE_NODE, FIELDS(entry_fields)},
    {.name = "operation", .kind = RMG_TYPE_NODE, FIELDS(operation_fields)},
    {.name = "parent", .kind = RMG_TYPE_EDGE},
    {.name = "at", .kind = RMG_TYPE_EDGE},
    {.name = "of", .kind = RMG_TYPE_EDGE},
    {.name = "lost_to", .kind = RMG_TYPE_EDGE},
    {.name = "made", .kind = RMG_TYPE_EDGE}};

static enum jit_err add_types(struct rmg_collect *collect)
{
    struct rmg_schema *schema = NULL;
    enum jit_err err = rmg_schema_new(jit_heap_libc(), &schema);
    if (err == JIT_OK) {
        err = rmg_schema_add_builtin(schema);
    }
    for (size_t i = 0; err == JIT_OK && i < sizeof types / sizeof *types; i++) {
        err = rmg_schema_add(schema, &types[i], NULL);
    }
    if (err == JIT_OK) {
        err = rmg_schema_collect(schema, collect);
    }
    rmg_schema_free(schema);
    return err;
}

static int read_all(struct making *m, const char *data)
{
    const char *top = branches_top(m->cli);
    char head[HEAD_NAME_MAX + 1];
    char **names = NULL;
    int code = branches_head(m->cli, top, head);
    int count = code == CLI_OK ? branches_list(top, &names) : 0;
    if (count < 0) {
        m->err = JIT_ENOMEM;
        return CLI_OK;
    }
    for (int i = 0; i < count; i++) {
        char path[BRANCH_PATH_SIZE];
        branches_path(top, names[i], path);
        if (code == CLI_OK) {
            code = read_branch(m, data, path, names[i], head);
        }
    }
    for (int i = 0; i < count; i++) {
        char path[BRANCH_PATH_SIZE];
        branches_path(top, names[i], path);
        if (code == CLI_OK) {
            code = add_checkpoints(m, path);
        }
        free(names[i]);
    }
    free(names);
    return code;
}

static int failed(struct making *m, enum jit_err err)
{
    cli_what(m->cli, "/time cannot be made");
    cli_why(m->cli, "%s", jit_err_text(err));
    return (int)cli_exit_of(err);
}

static int finish(struct making *m, struct format_graph *out)
{
    struct jit_id at;
    add_joins(m);
    if (m->detail_tick != UINT64_MAX && !m->has_detail) {
        cli_what(m->cli, "there is no /time/@%llu", (unsigned long long)m->detail_tick);
        cli_why(m->cli, "the log in use has no such tick");
        cli_next(m->cli, "jitos log --data %s -n 1", cli_text(m->cli, "data"));
        return CLI_NOT_FOUND;
    }
    enum jit_err err = m->err == JIT_OK ? add_types(m->collect) : m->err;
    if (err == JIT_OK) {
        err = format_graph_load(out, m->collect, &at);
    }
    return err == JIT_OK ? CLI_OK : failed(m, err);
}

int timegraph_make(struct cli *cli, const char *data, const char *path, struct format_graph *out)
{
    struct making m = {.cli = cli, .detail_tick = UINT64_MAX};
    char name[64];
    m.err = format_graph_init(out, jit_heap_libc());
    if (m.err == JIT_OK) {
        m.err = rmg_collect_new(out->heap, out->store, &m.collect);
    }
    if (m.err == JIT_OK) {
        m.err = rmg_collect_path(m.collect, "/", &m.detail);
    }
    if (m.err == JIT_OK) {
        m.err = rmg_collect_path(m.collect, "/time", &m.time);
    }
    if (m.err == JIT_OK && strncmp(path, "/time/@", 7) == 0) {
        char *end = NULL;
        m.detail_tick = strtoull(path + 7, &end, 10);
        snprintf(name, sizeof name, "/time/@%llu", (unsigned long long)m.detail_tick);
        m.err = rmg_collect_path(m.collect, name, &m.detail);
    }
    int code = m.err == JIT_OK ? read_all(&m, data) : failed(&m, m.err);
    if (code == CLI_OK) {
        code = finish(&m, out);
    }
    rmg_collect_free(m.collect);
    jit_heap_libc()->free(jit_heap_libc(), m.joins);
    return code;
}
