#include "sws/home.h"

#include "base/check.h"
#include "base/le.h"

/* The page is written by its owner alone, so plain stores do for what no reader looks at yet; the
 * word that switches is stored with release, after all that it makes visible. */

static void root_put(const struct sws_home *home, const struct rmg_version *version,
                     uint64_t number, struct sws_root *out)
{
    *out = (struct sws_root){.number = number,
                             .epoch = version->epoch,
                             .used = home->arena->used,
                             .live = home->arena->live,
                             .instance_count = version->instance_count,
                             .instances = version->instances,
                             .state_root = version->state_root};
}

static struct rmg_version root_version(const struct sws_root *root)
{
    return (struct rmg_version){.state_root = root->state_root,
                                .epoch = root->epoch,
                                .instance_count = root->instance_count,
                                .instances = root->instances};
}

/* A root that can be followed: whatever it leads to is checked step by step. */
static bool root_sound(const struct sws_root *root, uint64_t base, uint64_t size)
{
    uint64_t at = (uint64_t)root->instances * RMG_GRANULE;
    return root->used >= base && root->used <= size && root->live <= root->used - base &&
           root->instance_count <= JIT_INSTANCES_MAX &&
           (root->instances == 0 ? root->instance_count == 0
                                 : at >= base && at < root->used && root->instance_count > 0);
}

static enum jit_err page_judge(const struct sws_home_page *page, uint64_t size)
{
    if (page->magic != SWS_HOME_MAGIC) {
        return JIT_EFORMAT;
    }
    if (page->major != SWS_HOME_MAJOR) {
        return JIT_EVERSION;
    }
    return page->base <= size && page->base % RMG_GRANULE == 0 ? JIT_OK : JIT_ECORRUPT;
}

/* The place of the newest tick that is not later than this one; its number may be 0: there is
 * none. */
static unsigned place_until(const struct sws_home_page *page, uint64_t tick)
{
    const uint64_t a = page->ticks[0].number <= tick ? page->ticks[0].number : 0;
    const uint64_t b = page->ticks[1].number <= tick ? page->ticks[1].number : 0;
    return b > a ? 1 : 0;
}

enum jit_err sws_home_look(const struct sws_home_page *page, uint64_t size, uint64_t tick,
                           struct rmg_version *version, uint64_t *used)
{
    struct sws_home_page copy;
    memcpy(&copy, page, sizeof copy);
    enum jit_err err = page_judge(&copy, size);
    if (err != JIT_OK) {
        return err;
    }
    const struct sws_root *root =
        tick == 0 ? &copy.latests[copy.latest & 1u] : &copy.ticks[place_until(&copy, tick)];
    if (tick == 0 ? root->number != copy.latest : root->number == 0 || root->number > tick) {
        return JIT_ESTALE;
    }
    if (!root_sound(root, copy.base, size)) {
        return JIT_ECORRUPT;
    }
    *version = root_version(root);
    *used = root->used;
    return JIT_OK;
}

static enum jit_err begin(struct sws_home *home)
{
    struct sws_home_page *page = home->page;
    __atomic_store_n(&page->magic, 0, __ATOMIC_SEQ_CST); /* killed from here on: it begins anew */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    memset(page, 0, sizeof *page);
    page->major = SWS_HOME_MAJOR;
    page->minor = SWS_HOME_MINOR;
    page->base = home->arena->used;
    root_put(home, &home->latest, 0, &page->latests[0]);
    __atomic_store_n(&page->magic, SWS_HOME_MAGIC, __ATOMIC_RELEASE);
    return rmg_store_pin(home->store, &home->latest);
}

static enum jit_err resume(struct sws_home *home, uint64_t tick)
{
    struct sws_home_page *page = home->page;
    struct rmg_version version;
    uint64_t base = home->arena->used;
    uint64_t used = 0;
    /* No tick was ever done: what it began with is the empty version. */
    bool fresh = page->magic == SWS_HOME_MAGIC && page->tick == 0;
    enum jit_err err = fresh ? page_judge(page, home->arena->size)
                             : sws_home_look(page, home->arena->size, tick, &version, &used);
    if (err != JIT_OK || fresh) {
        return err != JIT_OK ? err : begin(home);
    }
    if (page->base != base) {
        return JIT_ECORRUPT;
    }
    const unsigned place = place_until(page, tick);
    home->arena->used = used;
    home->arena->live = page->ticks[place].live;
    rmg_store_attach(home->store, &version);
    home->latest = version;
    home->ticks[place] = version;
    home->has_tick[place] = true;
    err = rmg_store_pin(home->store, &version);
    if (err == JIT_OK) {
        err = rmg_store_pin(home->store, &version);
    }
    if (err == JIT_OK) {
        /* A later tick that was done but never taken is gone, and so is every later commit. */
        if (page->ticks[1 - place].number > page->ticks[place].number) {
            page->ticks[1 - place].number = 0;
        }
        page->tick = page->ticks[place].number;
        root_put(home, &version, page->latest + 1, &page->latests[(page->latest + 1) & 1u]);
        __atomic_store_n(&page->latest, page->latest + 1, __ATOMIC_RELEASE);
    }
    return err;
}

enum jit_err sws_home_open(struct jit_heap *heap, struct rmg_arena *arena,
                           struct sws_home_page *page, uint64_t tick, struct sws_home *out)
{
    *out = (struct sws_home){.arena = arena, .page = page, .latest = rmg_version_empty()};
    struct rmg_store_options options = {.arenas = {arena}, .arena_count = 1};
    enum jit_err err = rmg_store_new(heap, &options, &out->store);
    if (err == JIT_OK) {
        err = page->magic == 0 ? begin(out) : resume(out, tick);
    }
    if (err != JIT_OK) {
        sws_home_close(out);
    }
    return err;
}

void sws_home_close(struct sws_home *home)
{
    rmg_store_free(home->store);
    *home = (struct sws_home){.arena = NULL};
}

enum jit_err sws_home_commit(struct sws_home *home, const struct rmg_version *version)
{
    struct sws_home_page *page = home->page;
    enum jit_err err = rmg_store_pin(home->store, version);
    if (err != JIT_OK) {
        return err;
    }
    struct rmg_version before = home->latest;
    uint64_t number = page->latest + 1;
    home->latest = *version;
    root_put(home, version, number, &page->latests[number & 1u]);
    __atomic_store_n(&page->latest, number, __ATOMIC_RELEASE);
    rmg_store_unpin(home->store, &before);
    return JIT_OK;
}

enum jit_err sws_home_done(struct sws_home *home, uint64_t tick)
{
    struct sws_home_page *page = home->page;
    assert(tick > page->tick);
    /* Beside the newest, which the kernel may not have taken yet. */
    const unsigned place = page->tick == 0 ? tick & 1u : 1 - place_until(page, page->tick);
    enum jit_err err = rmg_store_pin(home->store, &home->latest);
    if (err != JIT_OK) {
        return err;
    }
    /* The place held the tick before the last, which the kernel took when it began this one. */
    struct rmg_version before = home->ticks[place];
    bool had = home->has_tick[place];
    home->ticks[place] = home->latest;
    home->has_tick[place] = true;
    __atomic_store_n(&page->ticks[place].number, 0, __ATOMIC_RELEASE);
    root_put(home, &home->latest, 0, &page->ticks[place]);
    __atomic_store_n(&page->ticks[place].number, tick, __ATOMIC_RELEASE);
    __atomic_store_n(&page->tick, tick, __ATOMIC_RELEASE);
    if (had) {
        rmg_store_unpin(home->store, &before);
    }
    return JIT_OK;
}

struct rmg_version sws_home_last(const struct sws_home *home)
{
    const unsigned place = place_until(home->page, home->page->tick);
    return home->page->tick != 0 && home->has_tick[place] ? home->ticks[place]
                                                          : rmg_version_empty();
}
