#include "kernel/hub/hub_purse.h"

#include "base/check.h"

#define NS_PER_S 1000000000ull
/* That is counted at once: no overflow, and longer than a debt. */
#define SPAN_NS (3600 * NS_PER_S)

struct hub_purse hub_purse_make(uint32_t rate, uint32_t most, uint64_t now_ns)
{
    assert(rate > 0);
    return (struct hub_purse){.rate = rate, .most = most, .left = most, .filled_ns = now_ns};
}

void hub_purse_fill(struct hub_purse *purse, uint64_t now_ns)
{
    if (now_ns <= purse->filled_ns) {
        return;
    }
    uint64_t span = now_ns - purse->filled_ns;
    bool cut = span > SPAN_NS;
    uint64_t units = (cut ? SPAN_NS : span) * purse->rate / NS_PER_S;
    purse->left += (int64_t)units;
    if (cut || purse->left >= purse->most) {
        purse->left = purse->left < purse->most ? purse->left : purse->most;
        purse->filled_ns = now_ns;
    } else {
        /* What is less than a unit counts the next time. */
        purse->filled_ns += units * NS_PER_S / purse->rate;
    }
}

void hub_purse_pay(struct hub_purse *purse, uint64_t units)
{
    const int64_t debt_max = (int64_t)purse->rate * 60; /* however large one thing was */
    purse->left -= units > INT32_MAX ? INT32_MAX : (int64_t)units;
    purse->left = purse->left > -debt_max ? purse->left : -debt_max;
}

bool hub_purse_is_open(const struct hub_purse *purse)
{
    return purse->left > 0;
}

uint64_t hub_purse_due(const struct hub_purse *purse)
{
    if (hub_purse_is_open(purse)) {
        return 0;
    }
    uint64_t units = (uint64_t)(1 - purse->left);
    return purse->filled_ns + (units * NS_PER_S + purse->rate - 1) / purse->rate;
}

struct hub_purse *hub_purses_join(struct hub_purses *purses, const struct jit_id *key,
                                  uint32_t rate, uint64_t now_ns)
{
    struct hub_purse *room = NULL;
    for (size_t i = 0; i < HUB_PURSES_MAX; i++) {
        struct hub_purse *purse = &purses->all[i];
        if (purse->rate != 0 && jit_id_equal(&purse->key, key)) {
            hub_purse_fill(purse, now_ns);
            purse->users++;
            return purse;
        }
        if (purse->rate != 0) {
            hub_purse_fill(purse, now_ns);
        }
        bool fuller = room == NULL || purse->rate == 0 ||
                      (room->rate != 0 && purse->left - purse->most > room->left - room->most);
        if (purse->users == 0 && fuller) {
            room = purse;
        }
    }
    assert(room != NULL);
    *room = hub_purse_make(rate, rate, now_ns);
    room->key = *key;
    room->users = 1;
    return room;
}

void hub_purse_leave(struct hub_purse *purse)
{
    assert(purse->users > 0);
    purse->users--;
}
