#include "base/check.h"
#include "base/hash.h"
#include "kernel/checkpoint/checkpoint.h"
#include "kernel/supervisor_priv.h"
#include "syscall/token.h"

/* Guests: whoever comes through the socket that the owner has opened for them. A guest is what the
 * tokens are that he shows: he asks for what one of them allows, reads what one of them lets him
 * map or read, and learns nothing else. docs/spec/hub.md "Guests". */

#define TOKENS_MAX      8u                            /* that one guest shows */
#define COMMANDS_MAX    (SUPERVISOR_COMMANDS_MAX / 2) /* the rest are for the owner */
#define EDGES_MAX       256u                          /* of one answer */
#define ATOM_BYTES_MAX  (64u << 10)                   /* larger ones are told without their bytes */
#define ATOMS_BYTES_MAX (1u << 20)

/* What it costs, in the hub's units, beside the frame itself. */
#define COST_UNKNOWN     1u
#define COST_TOKEN       32u   /* its key is read and its capability looked for, */
#define COST_TOKEN_BYTES 16u   /* and for each so many bytes, up to */
#define COST_TOKEN_MOST  512u  /* this: signatures are judged, of which there are few; */
#define COST_NODES       1024u /* for each so many capabilities: it is looked for among them */
#define COST_INTENT      8u
#define COST_READ        4u
#define COST_INSTANCES   16u   /* each so many that there are: the root of one is made of them */
#define COST_TOLD_BYTES  4096u /* and each so many of the answer */

struct shown {
    struct sys_token *token;
    uint32_t node; /* in the tree, when it was shown */
};
struct guest {
    struct hub_conn *conn; /* NULL: a free place */
    struct shown tokens[TOKENS_MAX];
    uint32_t token_count;
};
struct supervisor_guests {
    struct guest all[HUB_GUESTS_MAX];
    uint64_t tick; /* as of which all of them have a token that lives */
};

enum jit_err supervisor_guests_new(struct shell_supervisor *s)
{
    s->guests = jit_heap_zalloc(s->heap, 1, sizeof *s->guests);
    return s->guests == NULL ? JIT_ENOMEM : JIT_OK;
}

static void forget(struct guest *guest)
{
    for (uint32_t i = 0; i < guest->token_count; i++) {
        sys_token_free(guest->tokens[i].token);
    }
    *guest = (struct guest){.conn = NULL};
}

void supervisor_guests_free(struct shell_supervisor *s)
{
    for (uint32_t i = 0; s->guests != NULL && i < HUB_GUESTS_MAX; i++) {
        forget(&s->guests->all[i]);
    }
    s->heap->free(s->heap, s->guests);
    s->guests = NULL;
}

static struct guest *guest_of(const struct shell_supervisor *s, const struct hub_conn *conn)
{
    for (uint32_t i = 0; i < HUB_GUESTS_MAX; i++) {
        if (s->guests->all[i].conn == conn) {
            return &s->guests->all[i];
        }
    }
    return NULL;
}

void supervisor_guest_gone(struct shell_supervisor *s, const struct hub_conn *conn)
{
    struct guest *guest = hub_is_guest(conn) ? guest_of(s, conn) : NULL;
    if (guest != NULL) {
        forget(guest);
    }
}

/* The capability that a token stands for; NULL: it is dead, or the token's own last tick is over.
 */
static const struct sys_cap_node *node_of(const struct shell_supervisor *s,
                                          const struct shown *shown)
{
    const struct sys_caps *caps = kern_core_caps(s->core);
    const struct sys_cap_node *node = sys_caps_node(caps, shown->node);
    const struct sys_attenuators *a = shown->token->cap.attenuators;
    if (a != NULL && (a->given & SYS_GIVEN_LAST_TICK) != 0 &&
        a->last_tick < kern_core_tick(s->core) + 1) {
        return NULL;
    }
    return node != NULL && jit_id_equal(&node->id, &shown->token->capability) &&
                   sys_caps_live(caps, shown->node) == SYS_CAP_ALLOWED
               ? node
               : NULL;
}

void supervisor_guests_look(struct shell_supervisor *s)
{
    if (s->core == NULL || s->guests->tick == kern_core_tick(s->core)) {
        return;
    }
    s->guests->tick = kern_core_tick(s->core);
    for (uint32_t g = 0; g < HUB_GUESTS_MAX; g++) {
        struct guest *guest = &s->guests->all[g];
        bool lives = guest->conn == NULL;
        for (uint32_t i = 0; !lives && i < guest->token_count; i++) {
            lives = node_of(s, &guest->tokens[i]) != NULL;
        }
        if (!lives) {
            hub_dismiss(guest->conn, "token",
                        "what you have shown allows nothing any more: it was revoked, or has "
                        "expired");
        }
    }
}

/* Nothing but the protocol: all else is known by what a token lets one read. */
void supervisor_guest_greet(struct shell_supervisor *s, struct hub_conn *conn)
{
    struct hub_writer w;
    jit_buf_reset(&s->frame);
    hub_begin(&w, &s->frame, 4);
    hub_text(&w, "t", "welcome");
    hub_bool(&w, "guest", true);
    hub_uint(&w, "major", HUB_MAJOR);
    hub_uint(&w, "minor", HUB_MINOR);
    hub_end(&w);
    supervisor_send(s, conn);
}

/* ---- tokens ---- */

/* NULL: who asked is told. */
static struct sys_token *judge(struct shell_supervisor *s, struct hub_conn *conn,
                               const uint8_t *bytes, size_t size, uint32_t *node)
{
    char why[256];
    struct sys_token *token = NULL;
    enum jit_err err = supervisor_token_read(s, bytes, size, &token, why, sizeof why);
    if (err == JIT_OK && supervisor_token_node(s, token, node, why, sizeof why) != NULL) {
        return token;
    }
    sys_token_free(token);
    supervisor_fail(s, conn, supervisor_error_code(err, "token"), why);
    return NULL;
}

static void on_present(struct shell_supervisor *s, struct hub_conn *conn,
                       const cbor_item_t *message)
{
    const uint8_t *bytes = NULL;
    size_t size = 0;
    struct shown shown = {.node = SYS_CAP_NONE};
    struct guest *guest = guest_of(s, conn);
    if (!hub_get_bytes(message, "token", &bytes, &size)) {
        hub_pay(conn, COST_UNKNOWN);
        supervisor_fail(s, conn, "format", "present wants the bytes of a token");
        return;
    }
    if (guest == NULL) {
        guest = guest_of(s, NULL);
    }
    assert(guest != NULL); /* as many as may be connected */
    if (guest->token_count == TOKENS_MAX) {
        hub_pay(conn, COST_UNKNOWN);
        supervisor_fail(s, conn, "full", "you have shown as many tokens as you may");
        return;
    }
    shown.token = judge(s, conn, bytes, size, &shown.node);
    if (shown.token != NULL) {
        hub_guest_has_shown(conn, &shown.token->capability);
    }
    /* A good token pays for itself; strangers for what is none. */
    const size_t judged = size / COST_TOKEN_BYTES;
    hub_pay(conn, COST_TOKEN + (judged < COST_TOKEN_MOST ? judged : COST_TOKEN_MOST) +
                      sys_caps_end(kern_core_caps(s->core)) / COST_NODES);
    if (shown.token == NULL) {
        return;
    }
    guest->conn = conn;
    guest->tokens[guest->token_count++] = shown;
    struct hub_writer w;
    jit_buf_reset(&s->frame);
    hub_begin(&w, &s->frame, 4);
    hub_text(&w, "t", "token");
    hub_uint(&w, "tick", kern_core_tick(s->core));
    hub_uint(&w, "token", guest->token_count - 1);
    hub_uint(&w, "rights", shown.token->cap.rights);
    hub_end(&w);
    supervisor_send(s, conn);
}

/* NULL: who asked is told. */
static const struct shown *shown_of(struct shell_supervisor *s, struct hub_conn *conn,
                                    const cbor_item_t *message)
{
    const struct guest *guest = guest_of(s, conn);
    uint64_t index = 0;
    if (guest == NULL || !hub_get_uint(message, "token", &index) || index >= guest->token_count) {
        supervisor_fail(s, conn, "token", "show a token first, and say which one you mean");
        return NULL;
    }
    return &guest->tokens[index];
}

/* May what is in this instance be known under the token, as things are now? */
static bool lets_read(struct shell_supervisor *s, const struct shown *shown,
                      const struct jit_id *instance)
{
    static const uint32_t rights[] = {SYS_RIGHT_MAP, SYS_RIGHT_READ};
    struct jit_id outer[JIT_DEPTH_MAX + 1];
    struct sys_cap_need need = {.instance = instance, .outer = outer};
    const struct sys_cap_node *node = node_of(s, shown);
    if (node == NULL) {
        return false;
    }
    need.outer_count = supervisor_outer_of(s, instance, outer);
    for (size_t i = 0; i < 2; i++) {
        need.right = rights[i];
        if (sys_cap_covers(&node->cap, &need) == SYS_CAP_ALLOWED &&
            sys_cap_covers(&shown->token->cap, &need) == SYS_CAP_ALLOWED) {
            return true;
        }
    }
    return false;
}

/* For one more who is answered later. False: who asked is told. */
static bool has_room(struct shell_supervisor *s, struct hub_conn *conn)
{
    bool room = s->event_count + s->answer_count < COMMANDS_MAX;
    if (!room) {
        supervisor_fail(s, conn, "busy", "too many commands wait for their turn; ask again");
    }
    return room;
}

/* ---- intents ---- */

static void write_intent(struct shell_supervisor *s, const struct jit_id *hash, uint64_t tick,
                         const enum rmg_result *result)
{
    struct hub_writer w;
    jit_buf_reset(&s->frame);
    hub_begin(&w, &s->frame, result != NULL ? 5 : 4);
    hub_text(&w, "t", "intent");
    hub_id(&w, "hash", hash);
    hub_uint(&w, "tick", tick);
    hub_bool(&w, "again", result == NULL);
    if (result != NULL) {
        hub_uint(&w, "result", (uint64_t)*result);
    }
    hub_end(&w);
}

static void on_intent(struct shell_supervisor *s, struct hub_conn *conn, const cbor_item_t *message)
{
    const struct shown *shown = shown_of(s, conn, message);
    struct kern_intent_ask ask = {.size = 0};
    struct kern_intent_answer answer;
    size_t size = 0;
    hub_pay(conn, COST_INTENT);
    if (shown == NULL) {
        return;
    }
    if (!hub_get_bytes(message, "data", &ask.bytes, &size)) {
        supervisor_fail(s, conn, "format", "intent wants data");
        return;
    }
    if (!has_room(s, conn)) {
        return;
    }
    const struct sys_token *token = shown->token;
    ask.capability = token->capability;
    ask.narrowed = token->blocks > 1 ? &token->cap : NULL;
    ask.size = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
    kern_core_intend(s->core, &ask, &answer);
    struct supervisor_answer later = {
        .kind = SUPERVISOR_ANSWERS_INTENT, .serial = answer.serial, .tick = answer.tick};
    jit_hash_named("intent:", ask.bytes, size, &later.hash);
    if (answer.fate == KERN_INTENT_TAKEN) {
        struct kern_event event = {.kind = KERN_EVENT_ASKED};
        bool taken = supervisor_command_for(s, &event, conn, &later);
        assert(taken); /* there was room */
    } else if (answer.fate == KERN_INTENT_KNOWN) {
        later.kind = SUPERVISOR_ANSWERS_KNOWN;
        supervisor_answer_when(s, conn, &later);
    } else {
        supervisor_fail(s, conn, kern_intent_word(answer.fate),
                        answer.fate == KERN_INTENT_DENIED ? sys_cap_verdict_text(answer.verdict)
                                                          : kern_intent_text(answer.fate));
    }
}

void supervisor_guest_intended(struct shell_supervisor *s, const struct supervisor_answer *answer)
{
    const struct guest *guest = guest_of(s, answer->conn);
    struct kern_intended made = {.tick = answer->tick};
    bool told = answer->kind == SUPERVISOR_ANSWERS_INTENT &&
                kern_core_intended(s->core, answer->serial, &made);
    bool known = false;
    for (uint32_t i = 0; told && guest != NULL && i < guest->token_count; i++) {
        known = known || lets_read(s, &guest->tokens[i], &made.instance);
    }
    write_intent(s, &answer->hash, made.tick, !told ? NULL : known ? &made.result : &made.told);
    supervisor_send(s, answer->conn);
}

/* ---- reading ---- */

static void write_atoms(struct hub_writer *w, const struct rmg_graph *graph,
                        const struct jit_id *node)
{
    struct rmg_attachment atom;
    uint32_t count = 0;
    uint64_t bytes = 0;
    while (rmg_attachment_at(graph, RMG_PLANE_ALPHA, node, count, &atom) == JIT_OK) {
        count++;
    }
    hub_array(w, "atoms", count);
    for (uint32_t i = 0; i < count; i++) {
        char name[JIT_NAME_BYTES_MAX + 1] = "";
        if (rmg_attachment_at(graph, RMG_PLANE_ALPHA, node, i, &atom) != JIT_OK) {
            w->buf->err = JIT_ECORRUPT;
            return;
        }
        memcpy(name, atom.name, atom.name_size);
        bool portal = atom.value.kind != RMG_VALUE_ATOM;
        bool whole = !portal && atom.value.size <= ATOM_BYTES_MAX &&
                     bytes + atom.value.size <= ATOMS_BYTES_MAX;
        struct hub_writer a = hub_map(w, whole ? 4 : 3);
        if (whole) {
            hub_bytes(&a, "data", atom.value.bytes, atom.value.size);
            bytes += atom.value.size;
        }
        hub_text(&a, "name", name);
        hub_uint(&a, "size", portal ? 0 : atom.value.size);
        hub_id(&a, portal ? "into" : "type", &atom.value.type);
    }
}

/* Into s->frame, and paid for. False: there is no such node. */
static bool write_node(struct shell_supervisor *s, struct hub_conn *conn,
                       const struct jit_id *instance_id, const struct jit_id *wanted, uint64_t skip)
{
    struct rmg_version version = kern_core_version(s->core);
    struct rmg_instance instance;
    struct rmg_graph graph;
    struct rmg_iter iter;
    struct rmg_edge edges[EDGES_MAX + 1];
    struct jit_id type;
    struct jit_id root;
    struct hub_writer w;
    size_t count = 0;
    if (rmg_store_instance(s->system.store, &version, instance_id, &instance) != JIT_OK) {
        return false;
    }
    const struct jit_id *node = wanted != NULL ? wanted : &instance.root_node;
    rmg_store_graph(s->system.store, &instance, &graph);
    if (rmg_node_type(&graph, node, &type) != JIT_OK ||
        rmg_store_instance_root(s->system.store, &version, instance_id, &root) != JIT_OK) {
        return false;
    }
    rmg_iter_edges_of(&graph, node, RMG_DIR_OUT, NULL, &iter);
    rmg_iter_skip(&iter, skip);
    while (count <= EDGES_MAX && rmg_iter_edge(&iter, &edges[count]) == JIT_OK) {
        count++;
    }
    bool more = count > EDGES_MAX;
    count -= more;
    jit_buf_reset(&s->frame);
    hub_begin(&w, &s->frame, 8);
    hub_text(&w, "t", "node");
    hub_bool(&w, "more", more);
    hub_id(&w, "node", node);
    hub_id(&w, "root", &root);
    hub_uint(&w, "tick", kern_core_tick(s->core));
    hub_id(&w, "type", &type);
    write_atoms(&w, &graph, node);
    hub_array(&w, "edges", count);
    for (size_t i = 0; i < count; i++) {
        struct hub_writer e = hub_map(&w, 3);
        hub_id(&e, "id", &edges[i].id);
        hub_id(&e, "to", &edges[i].to);
        hub_id(&e, "type", &edges[i].type);
    }
    hub_end(&w);
    hub_pay(conn, version.instance_count / COST_INSTANCES + s->frame.size / COST_TOLD_BYTES);
    return true;
}

static void on_read(struct shell_supervisor *s, struct hub_conn *conn, const cbor_item_t *message)
{
    const struct shown *shown = shown_of(s, conn, message);
    struct jit_id instance;
    struct jit_id node;
    uint64_t skip = 0;
    bool named = hub_get_id(message, "node", &node);
    hub_pay(conn, COST_READ);
    if (shown == NULL) {
        return;
    }
    if (!hub_get_id(message, "instance", &instance) ||
        (hub_field(message, "node") != NULL && !named) ||
        (hub_field(message, "skip") != NULL && !hub_get_uint(message, "skip", &skip))) {
        supervisor_fail(s, conn, "format", "read wants instance, and may say node and skip");
        return;
    }
    if (!lets_read(s, shown, &instance)) {
        supervisor_fail(s, conn, "denied", "the token does not let you read there");
        return;
    }
    if (!has_room(s, conn)) {
        return;
    }
    if (!write_node(s, conn, &instance, named ? &node : NULL, skip)) {
        supervisor_fail(s, conn, "missing", "there is no such node");
        return;
    }
    /* Nobody outside sees what could still be lost. */
    struct supervisor_answer later = {.kind = SUPERVISOR_ANSWERS_FRAME,
                                      .tick = kern_core_tick(s->core)};
    later.frame = jit_heap_zalloc(s->heap, 1, s->frame.size + 1);
    if (s->frame.err != JIT_OK || later.frame == NULL) {
        s->heap->free(s->heap, later.frame);
        supervisor_fail(s, conn, "memory", jit_err_text(JIT_ENOMEM));
        return;
    }
    memcpy(later.frame, s->frame.data, s->frame.size);
    later.frame_size = s->frame.size;
    supervisor_answer_when(s, conn, &later);
}

void supervisor_guest_message(struct shell_supervisor *s, struct hub_conn *conn,
                              const cbor_item_t *message)
{
    static const struct {
        const char *type;
        void (*act)(struct shell_supervisor *s, struct hub_conn *conn, const cbor_item_t *message);
    } known[] = {{"present", on_present}, {"intent", on_intent}, {"read", on_read}};
    size_t i = 0;
    while (i < sizeof known / sizeof known[0] && !hub_is(message, "t", known[i].type)) {
        i++;
    }
    if (s->core != NULL && !s->stopped && i < sizeof known / sizeof known[0]) {
        known[i].act(s, conn, message);
        return;
    }
    hub_pay(conn, COST_UNKNOWN);
    if (s->core == NULL || s->stopped) {
        supervisor_fail(s, conn, "stopped", "nothing is run here now");
    } else {
        supervisor_fail(s, conn, "unknown", "guests may present, intent and read");
    }
}
