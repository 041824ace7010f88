#include <stdio.h>

#include "base/check.h"
#include "kernel/supervisor_priv.h"

/* What clients are told: answers, the state of the system, its processes, its ticks. Keys are
 * written in the order canonical CBOR wants: shorter ones first, then bytewise. docs/spec/hub.md
 * lists every message. */

#define DENIALS_PER_FRAME 16u

/* ---- answers ---- */

void supervisor_send(struct shell_supervisor *s, struct hub_conn *conn)
{
    hub_send(conn, &s->frame);
}

const char *supervisor_error_code(enum jit_err err, const char *otherwise)
{
    switch (err) {
    case JIT_ENOSPC:
        return "space";
    case JIT_ENOMEM:
        return "memory";
    case JIT_EIO:
    case JIT_EAGAIN: /* told to end: the same again will do */
        return "io";
    default:
        return otherwise;
    }
}

void supervisor_fail(struct shell_supervisor *s, struct hub_conn *conn, const char *code,
                     const char *text)
{
    struct hub_writer w;
    jit_buf_reset(&s->frame);
    hub_begin(&w, &s->frame, 3);
    hub_text(&w, "t", "error");
    hub_text(&w, "code", code);
    hub_text(&w, "text", text);
    hub_end(&w);
    supervisor_send(s, conn);
}

static const char *deviation_name(enum kern_record_event_kind kind)
{
    return kind == KERN_HAPPENED_HUNG ? "hung" : "failed";
}

/* The process's name and number, or its id when there is no such process any more. */
static void process_name(const struct shell_supervisor *s, const struct jit_id *id, char *text,
                         size_t size)
{
    char hex[JIT_ID_HEX];
    for (uint32_t i = 0; i < s->worker_count; i++) {
        struct kern_process_status status;
        kern_core_process(s->core, i, &status);
        if (jit_id_equal(&status.config->id, id)) {
            snprintf(text, size, "%s[%u]", status.config->name, status.config->index);
            return;
        }
    }
    jit_id_to_hex(id, hex);
    snprintf(text, size, "%s", hex);
}

/* What made the run not deterministic. */
static void put_deviations(const struct shell_supervisor *s, struct hub_writer *w)
{
    const struct kern_deviations *all =
        s->core != NULL ? kern_core_deviations(s->core) : &s->system.replay.deviations;
    size_t count = all->count < KERN_DEVIATIONS_MAX ? all->count : KERN_DEVIATIONS_MAX;
    hub_array(w, "deviations", count);
    for (size_t i = 0; i < count; i++) {
        char name[JIT_NAME_BYTES_MAX + 16];
        process_name(s, &all->first[i].process, name, sizeof name);
        struct hub_writer d = hub_map(w, 3);
        hub_uint(&d, "tick", all->first[i].tick);
        hub_text(&d, "what", deviation_name(all->first[i].kind));
        hub_text(&d, "process", name);
    }
}

/* The run has stopped: with the exit code a tool should leave with. */
void supervisor_fail_stopped(struct shell_supervisor *s, struct hub_conn *conn)
{
    struct hub_writer w;
    jit_buf_reset(&s->frame);
    hub_begin(&w, &s->frame, 4);
    hub_text(&w, "t", "error");
    hub_text(&w, "code", "stopped");
    hub_uint(&w, "exit", (uint64_t)s->stop_code);
    hub_text(&w, "text", s->stop_text);
    hub_end(&w);
    supervisor_send(s, conn);
}

/* The state of the whole system, under the given type. */
static void put_status(struct shell_supervisor *s, const char *type)
{
    const struct kern_replay *replay = &s->system.replay;
    bool ready = s->core != NULL;
    struct rmg_version version = ready ? kern_core_version(s->core) : replay->version;
    struct jit_id commit = ready ? kern_core_commit(s->core) : replay->commit;
    struct jit_id world = {{0}};
    struct jit_id world_id;
    struct jit_id world_node;
    kern_place_id("/world", &world_id, &world_node);
    if (rmg_store_instance_root(s->system.store, &version, &world_id, &world) != JIT_OK) {
        memset(&world, 0, sizeof world); /* no /world yet */
    }
    const struct log_report *report = &s->system.report;
    struct hub_writer w;
    jit_buf_reset(&s->frame);
    struct log_place end = {0};
    log_next_write(s->system.log, &end);
    hub_begin(&w, &s->frame, 26);
    hub_text(&w, "t", type);
    hub_id(&w, "head", &commit);
    hub_id(&w, "root", &version.state_root);
    hub_uint(&w, "seed", ready ? kern_core_config(s->core)->seed : 0);
    hub_uint(&w, "tick", ready ? kern_core_tick(s->core) : 0);
    hub_bool(&w, "fresh", !ready);
    hub_text(&w, "grade", s->options.probe->grade);
    hub_uint(&w, "major", HUB_MAJOR);
    hub_uint(&w, "minor", HUB_MINOR);
    hub_id(&w, "world", &world);
    hub_uint(&w, "denied", s->denied);
    hub_uint(&w, "applied", s->applied);
    hub_uint(&w, "durable", ready ? kern_core_durable(s->core) : 0);
    hub_id(&w, "genesis", &s->system.genesis);
    hub_bool(&w, "stopped", s->stopped);
    hub_text(&w, "torn_why", report->torn ? report->why : "");
    hub_uint(&w, "log_bytes",
             (end.segment > 0 ? end.segment - 1 : 0) * report->segment_bytes + end.offset);
    hub_uint(&w, "recovered", report->tick_end);
    hub_uint(&w, "stop_code", s->stopped ? (uint64_t)s->stop_code : 0);
    hub_text(&w, "stop_text", s->stop_text);
    hub_text(&w, "torn_file", report->torn ? report->at.file : "");
    put_deviations(s, &w);
    hub_uint(&w, "torn_bytes", report->torn ? report->torn_bytes : 0);
    hub_uint(&w, "subscribers", hub_count(s->hub, SUBSCRIBED_TICKS));
    hub_uint(&w, "torn_offset", report->torn ? report->at.offset : 0);
    hub_bool(&w, "deterministic", !ready || kern_core_deterministic(s->core));
    hub_end(&w);
}

void supervisor_answer_status(struct shell_supervisor *s, struct hub_conn *conn, const char *type)
{
    put_status(s, type);
    supervisor_send(s, conn);
}

static const char *state_name(enum kern_process_state state)
{
    switch (state) {
    case KERN_PROCESS_NEW:
        return "new";
    case KERN_PROCESS_STARTING:
        return "starting";
    case KERN_PROCESS_RUNNING:
        return "running";
    case KERN_PROCESS_DONE:
        return "done";
    case KERN_PROCESS_DYING:
        return "dying";
    case KERN_PROCESS_EXITED:
        return "exited";
    case KERN_PROCESS_FAILED:
        return "failed";
    }
    return "?";
}

/* With the run all its workers have ended; only those that had ended before did so by themselves.
 */
static const char *state_of(const struct shell_supervisor *s,
                            const struct kern_process_status *status)
{
    bool over = status->state == KERN_PROCESS_EXITED || status->state == KERN_PROCESS_FAILED;
    return s->stopped && !over ? "stopped" : state_name(status->state);
}

void supervisor_answer_ps(struct shell_supervisor *s, struct hub_conn *conn)
{
    struct hub_writer w;
    jit_buf_reset(&s->frame);
    hub_begin(&w, &s->frame, 3);
    hub_text(&w, "t", "ps");
    hub_text(&w, "grade", s->options.probe->grade);
    hub_array(&w, "processes", s->worker_count);
    for (uint32_t i = 0; i < s->worker_count; i++) {
        struct kern_process_status status;
        kern_core_process(s->core, i, &status);
        const struct supervisor_worker *worker = &s->workers[i];
        const struct rmg_amount *most = &status.config->policy.graph;
        struct hub_writer p = hub_map(&w, 17);
        hub_uint(&p, "pid", worker->worker.alive ? (uint64_t)worker->worker.child.pid : 0);
        hub_text(&p, "last", status.last);
        hub_text(&p, "name", status.config->name);
        hub_uint(&p, "bytes", status.graph.bytes);
        hub_uint(&p, "count", status.config->count);
        hub_uint(&p, "edges", status.graph.edges);
        hub_uint(&p, "graph", status.graph_bytes);
        hub_uint(&p, "index", status.config->index);
        hub_uint(&p, "nodes", status.graph.nodes);
        hub_text(&p, "state", state_of(s, &status));
        hub_uint(&p, "denied", status.denied);
        hub_uint(&p, "applied", status.applied);
        hub_uint(&p, "requests", status.requests);
        hub_uint(&p, "restarts", status.restarts);
        hub_uint(&p, "bytes_max", most->bytes);
        hub_uint(&p, "edges_max", most->edges);
        hub_uint(&p, "nodes_max", most->nodes);
    }
    hub_end(&w);
    supervisor_send(s, conn);
}

/* ---- ticks ---- */

static const char *rule_name(const struct shell_supervisor *s, const struct jit_id *id)
{
    const struct rmg_rule *rule = kern_config_rule(kern_core_config(s->core), id);
    return rule != NULL ? rule->name : "?";
}

/* Paths of the places there from genesis; others are told by their id. */
static const char *instance_name(const struct jit_id *id, char hex[JIT_ID_HEX])
{
    for (int place = 0; place < KERN_PLACE_COUNT; place++) {
        struct jit_id instance;
        struct jit_id root_node;
        kern_place_id(kern_place_path((enum kern_place)place), &instance, &root_node);
        if (jit_id_equal(&instance, id)) {
            return kern_place_path((enum kern_place)place);
        }
    }
    jit_id_to_hex(id, hex);
    return hex;
}

static void put_denials(struct shell_supervisor *s, struct hub_writer *w,
                        const struct kern_report *report)
{
    uint32_t count =
        report->denial_count < DENIALS_PER_FRAME ? report->denial_count : DENIALS_PER_FRAME;
    hub_array(w, "denials", count);
    for (uint32_t i = 0; i < count; i++) {
        const struct kern_denial *denial = &report->denials[i];
        struct kern_process_status status;
        kern_core_process(s->core, denial->process, &status);
        char process[JIT_NAME_BYTES_MAX + 16];
        char hex[JIT_ID_HEX];
        char text[512];
        snprintf(process, sizeof process, "%s[%u]", status.config->name, status.config->index);
        struct sys_cap_names names = {
            .process = process,
            .rule = rule_name(s, &denial->rule_id),
            .instance = instance_name(&denial->instance, hex),
            .slot = denial->slot,
            .right = SYS_RIGHT_INVOKE,
        };
        sys_cap_explain(denial->why, &names, text, sizeof text);
        hub_put_text(w, text);
    }
}

/* Something long, in pieces: frames {t: "part", of, data, last, tick}. */
static void put_parts(struct jit_buf *frames, const char *of, uint64_t tick, const uint8_t *bytes,
                      size_t size)
{
    size_t at = 0;
    do {
        size_t piece = size - at < HUB_PIECE_BYTES ? size - at : HUB_PIECE_BYTES;
        struct hub_writer w;
        hub_begin(&w, frames, 5);
        hub_text(&w, "t", "part");
        hub_text(&w, "of", of);
        hub_bytes(&w, "data", bytes + at, piece);
        hub_bool(&w, "last", at + piece == size);
        hub_uint(&w, "tick", tick);
        hub_end(&w);
        at += piece;
    } while (at < size);
}

void supervisor_write_tick(struct shell_supervisor *s, const struct kern_report *report,
                           uint32_t subscription, struct jit_buf *frames)
{
    struct hub_writer w;
    hub_begin(&w, frames, 10);
    hub_text(&w, "t", "tick");
    hub_id(&w, "head", &report->commit);
    hub_id(&w, "root", &report->state_root);
    hub_uint(&w, "tick", report->tick);
    hub_uint(&w, "edges", report->edges);
    hub_uint(&w, "nodes", report->nodes);
    hub_id(&w, "world", &report->world_root);
    hub_array(&w, "counts", RMG_RESULT_COUNT);
    for (uint32_t i = 0; i < RMG_RESULT_COUNT; i++) {
        hub_put_uint(&w, report->counts[i]);
    }
    put_denials(s, &w, report);
    hub_uint(&w, "requests", report->request_count);
    hub_end(&w);
    if ((subscription & SUBSCRIBED_RECEIPTS) != 0) {
        struct jit_buf receipts;
        jit_buf_init(&receipts, s->heap, SUPERVISOR_TICK_BYTES);
        rmg_receipts_encode(report->receipts, report->request_count, &receipts);
        if (receipts.err == JIT_OK) {
            put_parts(frames, "receipts", report->tick, receipts.data, receipts.size);
        } else {
            frames->err = receipts.err;
        }
        jit_buf_release(&receipts);
    }
    if ((subscription & SUBSCRIBED_DIFF) != 0) {
        put_parts(frames, "diff", report->tick, report->patch, report->patch_size);
    }
}

/* ---- everybody hears that the run rests or cannot go on ---- */

static void send_frame(void *user, struct hub_conn *conn)
{
    hub_send(conn, user);
}

void supervisor_tell_rest(struct shell_supervisor *s)
{
    put_status(s, "rest");
    hub_each(s->hub, SUBSCRIBED_TICKS, send_frame, &s->frame);
}

void supervisor_tell_stop(struct shell_supervisor *s)
{
    struct hub_writer w;
    fprintf(stderr, "jitosd: the run stops: %s\n", s->stop_text);
    jit_buf_reset(&s->frame);
    hub_begin(&w, &s->frame, 4);
    hub_text(&w, "t", "stop");
    hub_uint(&w, "code", (uint64_t)s->stop_code);
    hub_text(&w, "text", s->stop_text);
    hub_uint(&w, "tick", kern_core_tick(s->core));
    hub_end(&w);
    hub_each(s->hub, SUBSCRIBED_TICKS, send_frame, &s->frame);
}

void supervisor_tell_end(struct shell_supervisor *s)
{
    struct hub_writer w;
    jit_buf_reset(&s->frame);
    hub_begin(&w, &s->frame, 1);
    hub_text(&w, "t", "end");
    hub_end(&w);
    hub_each(s->hub, SUBSCRIBED_TICKS, send_frame, &s->frame);
}
