#include <stdio.h>

#include "base/check.h"
#include "kernel/supervisor_priv.h"

/* What clients ask and are told; docs/spec/hub.md lists every message. Keys are written in the
 * order canonical CBOR wants: shorter ones first, then bytewise. */

#define DENIALS_PER_FRAME 16u
#define BUSY_TEXT         "too many commands wait for their turn; ask again"

/* ---- answers ---- */

void supervisor_send(struct shell_supervisor *s, struct hub_conn *conn)
{
    if (s->frame.err == JIT_OK) {
        hub_send(conn, &s->frame);
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
    if (s->frame.err == JIT_OK) {
        hub_send(conn, &s->frame);
    }
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
    if (s->frame.err == JIT_OK) {
        hub_send(conn, &s->frame);
    }
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
    if (s->frame.err == JIT_OK) {
        hub_send(conn, &s->frame);
    }
}

static void greet(void *user, struct hub_conn *conn)
{
    if (hub_is_guest(conn)) {
        supervisor_guest_greet(user, conn);
    } else {
        supervisor_answer_status(user, conn, "welcome");
    }
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

static void answer_ps(struct shell_supervisor *s, struct hub_conn *conn)
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
        struct hub_writer p = hub_map(&w, 11);
        hub_uint(&p, "pid", worker->worker.alive ? (uint64_t)worker->worker.child.pid : 0);
        hub_text(&p, "last", status.last);
        hub_text(&p, "name", status.config->name);
        hub_uint(&p, "count", status.config->count);
        hub_uint(&p, "graph", status.graph_bytes);
        hub_uint(&p, "index", status.config->index);
        hub_text(&p, "state", state_of(s, &status));
        hub_uint(&p, "denied", status.denied);
        hub_uint(&p, "applied", status.applied);
        hub_uint(&p, "requests", status.requests);
        hub_uint(&p, "restarts", status.restarts);
    }
    hub_end(&w);
    if (s->frame.err == JIT_OK) {
        hub_send(conn, &s->frame);
    }
}

/* ---- ticks ---- */

static const char *rule_name(const struct shell_supervisor *s, const struct jit_id *id)
{
    const struct kern_config *config = kern_core_config(s->core);
    for (uint32_t i = 0; i < config->rule_count; i++) {
        if (jit_id_equal(&config->rules[i]->id, id)) {
            return config->rules[i]->name;
        }
    }
    return "?";
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
    if (s->frame.err == JIT_OK) {
        hub_each(s->hub, SUBSCRIBED_TICKS, send_frame, &s->frame);
    }
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
    if (s->frame.err == JIT_OK) {
        hub_each(s->hub, SUBSCRIBED_TICKS, send_frame, &s->frame);
    }
}

void supervisor_tell_end(struct shell_supervisor *s)
{
    struct hub_writer w;
    jit_buf_reset(&s->frame);
    hub_begin(&w, &s->frame, 1);
    hub_text(&w, "t", "end");
    hub_end(&w);
    if (s->frame.err == JIT_OK) {
        hub_each(s->hub, SUBSCRIBED_TICKS, send_frame, &s->frame);
    }
}

/* ---- commands ---- */

static void on_subscribe(struct shell_supervisor *s, struct hub_conn *conn,
                         const cbor_item_t *message)
{
    bool receipts = false;
    bool diff = false;
    uint32_t mark = SUBSCRIBED_TICKS;
    if (hub_get_bool(message, "receipts", &receipts) && receipts) {
        mark |= SUBSCRIBED_RECEIPTS;
    }
    if (hub_get_bool(message, "diff", &diff) && diff) {
        mark |= SUBSCRIBED_DIFF;
    }
    hub_mark(conn, mark);
    supervisor_answer_status(s, conn, "status");
}

/* Is there a system? Else whoever asked is told. */
static bool has_system(struct shell_supervisor *s, struct hub_conn *conn)
{
    if (s->core == NULL) {
        supervisor_fail(s, conn, "fresh", "there is no system yet: send one with genesis_begin");
    }
    return s->core != NULL;
}

/* Likewise, one that has not stopped. */
static bool runs(struct shell_supervisor *s, struct hub_conn *conn)
{
    if (!has_system(s, conn)) {
        return false;
    }
    if (s->stopped) {
        supervisor_fail_stopped(s, conn);
    }
    return !s->stopped;
}

static void on_run(struct shell_supervisor *s, struct hub_conn *conn, const cbor_item_t *message)
{
    uint64_t to = 0;
    if (!hub_get_uint(message, "to", &to)) {
        supervisor_fail(s, conn, "format", "run wants the tick to reach: to");
        return;
    }
    if (!runs(s, conn)) {
        return;
    }
    struct kern_event event = {.kind = KERN_EVENT_RUN, .tick = to};
    if (!supervisor_command(s, &event, NULL)) {
        supervisor_fail(s, conn, "busy", BUSY_TEXT);
        return;
    }
    s->resting = false;
    supervisor_answer_status(s, conn, "status");
}

static void on_pause(struct shell_supervisor *s, struct hub_conn *conn)
{
    struct kern_event event = {.kind = KERN_EVENT_PAUSE};
    if (s->core != NULL && !supervisor_command(s, &event, NULL)) {
        supervisor_fail(s, conn, "busy", BUSY_TEXT);
        return;
    }
    supervisor_answer_status(s, conn, "status"); /* without a system there is nothing to pause */
}

static const char *code_of(enum jit_err err, const char *otherwise)
{
    switch (err) {
    case JIT_ENOSPC:
        return "space";
    case JIT_EIO:
    case JIT_ENOMEM:
    case JIT_EAGAIN: /* told to end: the same again will do */
        return "io";
    default:
        return otherwise;
    }
}

static void on_genesis_begin(struct shell_supervisor *s, struct hub_conn *conn)
{
    if (s->core != NULL) {
        supervisor_fail(s, conn, "exists", "this folder has a system already");
        return;
    }
    if (s->upload != NULL) {
        supervisor_fail(s, conn, "busy", "somebody else is sending a system");
        return;
    }
    enum jit_err err = blob_begin(s->heap, s->system.io, &s->upload);
    if (err != JIT_OK) {
        s->upload = NULL;
        supervisor_fail(s, conn, code_of(err, "io"),
                        err == JIT_ENOSPC ? "no space left for the system"
                                          : "the system could not be stored in the data folder");
        return;
    }
    s->uploader = conn;
    s->upload_size = 0;
}

static void end_upload(struct shell_supervisor *s)
{
    blob_abort(s->upload);
    s->upload = NULL;
    s->uploader = NULL;
}

static void on_genesis_data(struct shell_supervisor *s, struct hub_conn *conn,
                            const cbor_item_t *message)
{
    const uint8_t *bytes = NULL;
    size_t size = 0;
    if (s->uploader != conn || !hub_get_bytes(message, "data", &bytes, &size)) {
        supervisor_fail(s, conn, "format", "genesis_data without genesis_begin, or without data");
        return;
    }
    s->upload_size += size;
    enum jit_err err = s->upload_size > JIT_PATCH_GENESIS_BYTES_MAX
                           ? JIT_ELIMIT
                           : blob_append(s->upload, bytes, size);
    if (err != JIT_OK) {
        end_upload(s);
        supervisor_fail(s, conn, code_of(err, "io"),
                        err == JIT_ENOSPC ? "no space left for the system" : jit_err_text(err));
    }
}

static void end_with(struct shell_supervisor *s, int code)
{
    s->end_code = code;
    s->quit = true;
}

static void on_genesis_end(struct shell_supervisor *s, struct hub_conn *conn)
{
    char message[512] = "";
    struct jit_id blob;
    if (s->uploader != conn) {
        supervisor_fail(s, conn, "format", "genesis_end without genesis_begin");
        return;
    }
    struct blob_writer *upload = s->upload;
    s->upload = NULL;
    s->uploader = NULL;
    enum jit_err err = blob_finish(upload, &blob, &s->upload_size);
    if (err != JIT_OK) {
        supervisor_fail(s, conn, code_of(err, "io"), jit_err_text(err));
        return;
    }
    err = shell_system_genesis(&s->system, &blob, s->upload_size);
    if (err != JIT_OK) {
        supervisor_fail(s, conn, code_of(err, "refused"), s->system.message);
        if (shell_system_ready(&s->system)) {
            /* Built but not logged: it cannot be built again in this process. */
            end_with(s, err == JIT_EINVALID ? 2 : 8);
        } else if (blob_sweep(s->heap, s->system.io, NULL, 0, NULL) != JIT_OK) {
            fprintf(stderr, "jitosd: what was sent could not be removed; the next start will\n");
        }
        return;
    }
    err = supervisor_start_core(s, message, sizeof message);
    if (err != JIT_OK) {
        supervisor_fail(s, conn, code_of(err, "refused"), message);
        end_with(s, 8); /* the folder holds a state that cannot run; the next start says so again */
        return;
    }
    supervisor_answer_status(s, conn, "status");
}

static void on_kill(struct shell_supervisor *s, struct hub_conn *conn, const cbor_item_t *message)
{
    char name[JIT_NAME_BYTES_MAX + 1];
    uint64_t index = 0;
    if (!hub_get_text(message, "name", name, sizeof name) ||
        !hub_get_uint(message, "index", &index)) {
        supervisor_fail(s, conn, "format", "kill wants name and index");
        return;
    }
    for (uint32_t i = 0; i < s->worker_count; i++) {
        struct kern_process_status status;
        kern_core_process(s->core, i, &status);
        if (strcmp(status.config->name, name) == 0 && status.config->index == index) {
            struct kern_event event = {.kind = KERN_EVENT_KILL, .process = i};
            if (s->stopped) {
                supervisor_fail_stopped(s, conn);
            } else if (!supervisor_command(s, &event, conn)) {
                supervisor_fail(s, conn, "busy", BUSY_TEXT);
            }
            return; /* answered when it is durable */
        }
    }
    supervisor_fail(s, conn, "missing", "there is no such process");
}

/* The number of a process; SYS_CAP_NONE: the message names none, or one that is not there. */
static uint32_t process_of(const struct shell_supervisor *s, const cbor_item_t *message,
                           const char *key)
{
    const struct kern_config *config = kern_core_config(s->core);
    struct jit_id id;
    uint32_t p = 0;
    if (!hub_get_id(message, key, &id)) {
        return SYS_CAP_NONE;
    }
    while (p < config->process_count && !jit_id_equal(&config->processes[p].id, &id)) {
        p++;
    }
    return p < config->process_count ? p : SYS_CAP_NONE;
}

static void ask_core(struct shell_supervisor *s, struct hub_conn *conn,
                     const struct kern_operator_ask *ask)
{
    uint64_t serial = 0;
    enum jit_err err = kern_core_ask(s->core, ask, &serial);
    if (err != JIT_OK) {
        supervisor_fail(s, conn,
                        err == JIT_EINVALID ? "format"
                        : err == JIT_EBUSY  ? "busy"
                                            : "io",
                        err == JIT_EINVALID ? "what is asked does not follow the specification"
                                            : jit_err_text(err));
        return;
    }
    struct kern_event event = {.kind = KERN_EVENT_ASKED};
    const struct supervisor_answer answer = {.serial = serial};
    bool taken = supervisor_command_for(s, &event, conn, &answer);
    assert(taken); /* there was room */
}

static void on_token(struct shell_supervisor *s, struct hub_conn *conn, const cbor_item_t *message)
{
    const uint8_t *bytes = NULL;
    size_t size = 0;
    char why[256];
    struct jit_buf data;
    struct kern_operator_ask ask = {.target = process_of(s, message, "target")};
    if (!hub_get_bytes(message, "token", &bytes, &size) || ask.target == SYS_CAP_NONE) {
        supervisor_fail(s, conn, "format",
                        "cap wants the bytes of a token, and a process that is there");
        return;
    }
    jit_buf_init(&data, s->heap, JIT_REQUEST_BYTES_MAX);
    if (supervisor_token_ask(s, bytes, size, &ask, &data, why, sizeof why)) {
        ask_core(s, conn, &ask);
    } else {
        supervisor_fail(s, conn, "token", why);
    }
    jit_buf_release(&data);
}

static void on_cap(struct shell_supervisor *s, struct hub_conn *conn, const cbor_item_t *message)
{
    uint64_t call = 0;
    uint64_t object = 0;
    size_t size = 0;
    struct kern_operator_ask ask = {.call = 0};
    if (!runs(s, conn)) {
        return;
    }
    if (s->event_count + s->answer_count >= SUPERVISOR_COMMANDS_MAX) {
        supervisor_fail(s, conn, "busy", BUSY_TEXT);
        return;
    }
    if (hub_field(message, "token") != NULL) {
        on_token(s, conn, message);
        return;
    }
    ask.holder = process_of(s, message, "holder");
    ask.target = process_of(s, message, "target");
    if (!hub_get_uint(message, "call", &call) || call > UINT32_MAX ||
        !hub_get_uint(message, "object", &object) || object >= SYS_OBJECT_COUNT ||
        !hub_get_bytes(message, "data", &ask.bytes, &size) || size > UINT32_MAX ||
        (hub_field(message, "holder") != NULL && ask.holder == SYS_CAP_NONE)) {
        supervisor_fail(s, conn, "format",
                        "cap wants call, object, data, and processes that are there");
        return;
    }
    ask.call = (uint32_t)call;
    ask.object = (enum sys_object)object;
    ask.size = (uint32_t)size;
    ask_core(s, conn, &ask);
}

static void on_checkpoint(struct shell_supervisor *s, struct hub_conn *conn,
                          const cbor_item_t *message)
{
    char name[CKPT_NAME_MAX + 2] = "";
    if (hub_field(message, "name") != NULL && (!hub_get_text(message, "name", name, sizeof name) ||
                                               (name[0] != '\0' && !ckpt_name_good(name)))) {
        supervisor_fail(
            s, conn, "format",
            "a name is 1 to 64 letters, digits, dots, underscores and dashes, and does not begin "
            "with a dot or a dash");
        return;
    }
    if (!has_system(s, conn)) {
        return;
    }
    if (!supervisor_checkpoint_ask(s, conn, name)) {
        supervisor_fail(s, conn, "busy",
                        "somebody else waits for a checkpoint; ask again when it is done");
    }
}

static void on_message(void *user, struct hub_conn *conn, const cbor_item_t *message)
{
    struct shell_supervisor *s = user;
    if (hub_is_guest(conn)) {
        supervisor_guest_message(s, conn, message);
    } else if (hub_is(message, "t", "status")) {
        supervisor_answer_status(s, conn, "status");
    } else if (hub_is(message, "t", "subscribe")) {
        on_subscribe(s, conn, message);
    } else if (hub_is(message, "t", "run")) {
        on_run(s, conn, message);
    } else if (hub_is(message, "t", "pause")) {
        on_pause(s, conn);
    } else if (hub_is(message, "t", "ps")) {
        answer_ps(s, conn);
    } else if (hub_is(message, "t", "kill")) {
        on_kill(s, conn, message);
    } else if (hub_is(message, "t", "cap")) {
        on_cap(s, conn, message);
    } else if (hub_is(message, "t", "checkpoint")) {
        on_checkpoint(s, conn, message);
    } else if (hub_is(message, "t", "genesis_begin")) {
        on_genesis_begin(s, conn);
    } else if (hub_is(message, "t", "genesis_data")) {
        on_genesis_data(s, conn, message);
    } else if (hub_is(message, "t", "genesis_end")) {
        on_genesis_end(s, conn);
    } else if (hub_is(message, "t", "shutdown")) {
        supervisor_answer_status(s, conn, "status");
        s->quit = true;
    } else {
        supervisor_fail(s, conn, "unknown", "this supervisor does not know such a message");
    }
}

static void gone(void *user, struct hub_conn *conn)
{
    struct shell_supervisor *s = user;
    if (s->uploader == conn) {
        end_upload(s);
    }
    supervisor_checkpoint_gone(s, conn);
    supervisor_guest_gone(s, conn);
    s->asking = s->asking == conn ? NULL : s->asking;
    for (size_t i = 0; i < s->event_count; i++) {
        struct supervisor_event *event = &s->events[(s->event_at + i) % s->event_capacity];
        event->asker = event->asker == conn ? NULL : event->asker;
    }
    size_t kept = 0;
    for (size_t i = 0; i < s->answer_count; i++) {
        if (s->answers[i].conn != conn) {
            s->answers[kept++] = s->answers[i];
        } else {
            s->heap->free(s->heap, s->answers[i].frame);
        }
    }
    s->answer_count = kept;
}

static void note(void *user, const char *text)
{
    (void)user;
    fprintf(stderr, "jitosd: %s\n", text);
}

const struct hub_handler supervisor_handler = {
    .message = on_message, .gone = gone, .greet = greet, .note = note};
