#include "kernel/hub/hub_priv.h"

#include "base/check.h"
#include "base/le.h"

/* Guests' turns. What they say is not heard when it comes, as the owner's is, but once round, one
 * frame of each in turn, until the round's share of work is used up: so the owner's clients wait
 * for no more than that, whoever floods. Who draws on a purse that is shut is not read from, and
 * waits in his own socket. */

struct hub_purse *hub_strangers_purse(struct hub *hub, uint32_t uid)
{
    struct jit_id key = {{0}}; /* no capability's id: these are hashes */
    jit_put_le32(key.bytes, uid);
    return hub_purses_join(&hub->purses, &key, HUB_STRANGERS_RATE, hub->now_ns);
}

void hub_guest_has_shown(struct hub_conn *conn, const struct jit_id *key)
{
    assert(conn->guest);
    if (!conn->shown) {
        struct hub_purse *strangers = conn->purse;
        conn->shown = true;
        conn->purse = hub_purses_join(&conn->hub->purses, key, HUB_GUEST_RATE, conn->hub->now_ns);
        hub_purse_leave(strangers);
    }
}

void hub_pay(struct hub_conn *conn, uint64_t units)
{
    struct hub *hub = conn->hub;
    if (conn->guest) {
        hub_purse_pay(conn->purse, units);
        hub_purse_pay(&hub->together, units);
        hub->round -= units > INT32_MAX ? INT32_MAX : (int64_t)units;
    }
}

/* But for its purse. */
static bool could_be_heard(const struct hub_conn *conn)
{
    return conn->guest && !conn->dead && !conn->finishing && conn->leaves_code == NULL &&
           conn->owed < HUB_GUEST_OWED_MAX && conn->out.own_bytes <= HUB_GUEST_UNREAD_MAX;
}

static bool has_said(const struct hub_conn *conn)
{
    return hub_has_frame(conn) || (conn->readable && !conn->ended);
}

/* One turn of one guest. True: there was something to do. */
static bool serve(struct hub_conn *conn)
{
    uint32_t size = 0;
    if (!could_be_heard(conn) || !has_said(conn) || !hub_purse_is_open(conn->purse)) {
        return false;
    }
    if (!hub_has_frame(conn)) {
        hub_compact(conn);
        conn->readable = false;
        hub_pay(conn, HUB_COST_FRAME);
        hub_read_more(conn);
    }
    if (hub_take_frame(conn, &size)) {
        conn->heard_ns = conn->hub->now_ns;
        hub_pay(conn, HUB_COST_FRAME + size / HUB_COST_BYTES);
    }
    hub_rearm(conn);
    return true;
}

static void fill(struct hub *hub, uint64_t now)
{
    hub->now_ns = now > hub->now_ns ? now : hub->now_ns;
    hub_purse_fill(&hub->together, hub->now_ns);
    hub_purse_fill(&hub->coming, hub->now_ns);
    for (uint32_t i = 0; i < hub->conn_count; i++) {
        if (hub->conns[i]->guest) {
            hub_purse_fill(hub->conns[i]->purse, hub->now_ns);
        }
    }
}

bool hub_serve(struct hub *hub, uint64_t now)
{
    if (hub->guest_count == 0 && !hub->doors[1].knocked) {
        return false;
    }
    fill(hub, now);
    hub->round = HUB_GUESTS_ROUND;
    bool any = hub_door_serve(&hub->doors[1]);
    hub->busy++;
    for (bool more = true; more;) {
        more = false;
        /* The next time begins behind who was served last, so that among those who draw on one
         * purse it is not always the same who finds it open. */
        const uint32_t from = hub->turn + 1;
        for (uint32_t i = 0; i < hub->conn_count && hub->round > 0; i++) {
            uint32_t at = (from + i) % hub->conn_count;
            if (hub_purse_is_open(&hub->together) && serve(hub->conns[at])) {
                hub->turn = at;
                more = true;
            }
        }
        any = any || more;
        more = more && hub->round > 0;
    }
    hub->busy--;
    hub_sweep(hub);
    return any;
}

uint64_t hub_guests_work(struct hub *hub, uint64_t now)
{
    uint64_t due = UINT64_MAX;
    if (hub->guest_count == 0 && !hub->doors[1].knocked) {
        return due;
    }
    fill(hub, now);
    uint64_t together = hub_purse_due(&hub->together);
    if (hub->doors[1].knocked) {
        uint64_t coming = hub_purse_due(&hub->coming);
        due = coming > together ? coming : together;
    }
    for (uint32_t i = 0; i < hub->conn_count; i++) {
        struct hub_conn *conn = hub->conns[i];
        if (could_be_heard(conn) && has_said(conn)) {
            uint64_t open = hub_purse_due(conn->purse);
            open = open > together ? open : together;
            due = open < due ? open : due;
        }
    }
    return due;
}
