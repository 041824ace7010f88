#include <stdio.h>

#include "base/check.h"
#include "kernel/supervisor_priv.h"

/* What clients ask for; docs/spec/hub.md lists every message. */

#define BUSY_TEXT "too many commands wait for their turn; ask again"

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
                                            : supervisor_error_code(err, "io"),
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
    enum jit_err err = supervisor_token_ask(s, bytes, size, &ask, &data, why, sizeof why);
    if (err == JIT_OK) {
        ask_core(s, conn, &ask);
    } else {
        supervisor_fail(s, conn, supervisor_error_code(err, "token"), why);
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
        supervisor_answer_ps(s, conn);
    } else if (hub_is(message, "t", "kill")) {
        on_kill(s, conn, message);
    } else if (hub_is(message, "t", "cap")) {
        on_cap(s, conn, message);
    } else if (hub_is(message, "t", "checkpoint")) {
        on_checkpoint(s, conn, message);
    } else if (hub_is(message, "t", "genesis_begin")) {
        supervisor_upload_begin(s, conn);
    } else if (hub_is(message, "t", "genesis_data")) {
        supervisor_upload_data(s, conn, message);
    } else if (hub_is(message, "t", "genesis_end")) {
        supervisor_upload_end(s, conn);
    } else if (hub_is(message, "t", "shutdown")) {
        supervisor_answer_status(s, conn, "status");
        s->quit = true;
    } else {
        supervisor_fail(s, conn, "unknown", "this supervisor does not know such a message");
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

static void gone(void *user, struct hub_conn *conn)
{
    struct shell_supervisor *s = user;
    supervisor_upload_gone(s, conn);
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
