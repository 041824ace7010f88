#include "tools/client/history/ancestry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/client/history/history.h"

/* ---- reading ---- */

static enum jit_err add_tick(struct ancestry_folder *folder, uint32_t index, uint64_t tick,
                             const struct jit_id *commit, const struct jit_id *other)
{
    void *data = folder->ticks;
    if (jit_heap_grow(jit_heap_libc(), &data, &folder->capacity, folder->count + 1,
                      sizeof *folder->ticks) != 0) {
        return JIT_ENOMEM;
    }
    folder->ticks = data;
    folder->ticks[folder->count++] =
        (struct ancestry_tick){.commit = *commit, .other = *other, .tick = tick, .folder = index};
    return JIT_OK;
}

struct reading {
    struct ancestry_folder *folder;
    uint32_t index;
};

static enum jit_err read_record(void *user, const struct log_record *record)
{
    const struct reading *r = user;
    struct kern_record_view view;
    if (kern_record_decode(record->payload, record->payload_size, &view) != JIT_OK) {
        return JIT_ECORRUPT;
    }
    return add_tick(r->folder, r->index, record->tick, &record->commit, &view.other);
}

static int read_folder(struct cli *cli, struct ancestry *all, const char *path)
{
    static const struct jit_id none;
    struct ckpt_manifest start;
    struct log_report report;
    bool founded = false;
    if (all->count == all->capacity) {
        uint32_t capacity = all->capacity == 0 ? 8 : 2 * all->capacity;
        struct ancestry_folder *grown = realloc(all->folders, capacity * sizeof *grown);
        if (grown == NULL) {
            return cli_no_memory(cli);
        }
        all->folders = grown;
        all->capacity = capacity;
    }
    struct ancestry_folder *folder = &all->folders[all->count];
    struct reading reading = {.folder = folder, .index = all->count};
    *folder = (struct ancestry_folder){.ticks = NULL};
    snprintf(folder->path, sizeof folder->path, "%s", path);
    all->count++;
    int code = history_start(cli, path, &start, &founded);
    if (code == CLI_OK && founded &&
        add_tick(folder, reading.index, start.tick, &start.commit, &none) != JIT_OK) {
        code = cli_no_memory(cli);
    }
    return code == CLI_OK ? history_each(cli, path, read_record, &reading, &report) : code;
}

int ancestry_add(struct cli *cli, struct ancestry *all, const char *path, uint32_t *index)
{
    char **names = NULL;
    for (uint32_t i = 0; i < all->count; i++) {
        if (strcmp(all->folders[i].path, path) == 0) {
            *index = i;
            return CLI_OK;
        }
    }
    *index = all->count;
    int code = read_folder(cli, all, path);
    int count = code == CLI_OK ? branches_list(path, &names) : 0;
    if (count < 0) {
        return cli_no_memory(cli);
    }
    for (int i = 0; i < count; i++) {
        char branch[BRANCH_PATH_SIZE];
        branches_path(path, names[i], branch);
        bool there = i == 0;
        for (uint32_t k = 0; k < all->count; k++) {
            there = there || strcmp(all->folders[k].path, branch) == 0;
        }
        if (code == CLI_OK && !there && history_begun(branch)) {
            code = read_folder(cli, all, branch);
        }
        free(names[i]);
    }
    free(names);
    return code;
}

void ancestry_release(struct ancestry *all)
{
    for (uint32_t i = 0; i < all->count; i++) {
        jit_heap_libc()->free(jit_heap_libc(), all->folders[i].ticks);
    }
    free(all->folders);
    *all = (struct ancestry){0};
}

/* ---- looking ---- */

const struct ancestry_tick *ancestry_at(const struct ancestry *all, uint32_t folder, uint64_t tick)
{
    const struct ancestry_folder *f = &all->folders[folder];
    for (size_t i = f->count; i-- > 0;) {
        if (f->ticks[i].tick == tick) {
            return &f->ticks[i];
        }
    }
    return NULL;
}

/* Everything at or before a tick of a folder, wherever it lies. A folder's ancestors are always its
 * first ticks, so each step moves a bound that only rises. */
static void reach(struct ancestry *all, const struct jit_id *commit, uint64_t tick)
{
    for (uint32_t f = 0; f < all->count; f++) {
        struct ancestry_folder *folder = &all->folders[f];
        bool has = false;
        for (size_t i = 0; i < folder->count && folder->ticks[i].tick <= tick && !has; i++) {
            has = jit_id_equal(&folder->ticks[i].commit, commit);
        }
        if (!has || folder->reached > tick) {
            continue;
        }
        uint64_t before = folder->reached;
        folder->reached = tick + 1;
        for (size_t i = 0; i < folder->count && folder->ticks[i].tick <= tick; i++) {
            const struct ancestry_tick *t = &folder->ticks[i];
            if (t->tick >= before && !jit_id_is_zero(&t->other) && t->tick > 0) {
                /* Its own tick is not known here: it is at or before this one, or far ahead. */
                for (uint32_t g = 0; g < all->count; g++) {
                    for (size_t k = 0; k < all->folders[g].count; k++) {
                        if (jit_id_equal(&all->folders[g].ticks[k].commit, &t->other)) {
                            reach(all, &t->other, all->folders[g].ticks[k].tick);
                        }
                    }
                }
            }
        }
        /* What the folder's first tick came from lies in another one under the same commit. */
        if (folder->count > 0) {
            reach(all, &folder->ticks[0].commit, folder->ticks[0].tick);
        }
    }
}

static int compare_ticks(const void *a, const void *b)
{
    const struct ancestry_tick *x = *(const struct ancestry_tick *const *)a;
    const struct ancestry_tick *y = *(const struct ancestry_tick *const *)b;
    return jit_id_compare(&x->commit, &y->commit);
}

/* All ancestors of a commit, by id; free it. NULL: no memory. */
static const struct ancestry_tick **ancestors(struct ancestry *all, const struct ancestry_tick *of,
                                              size_t *count)
{
    size_t total = 0;
    for (uint32_t f = 0; f < all->count; f++) {
        all->folders[f].reached = 0;
        total += all->folders[f].count;
    }
    const struct ancestry_tick **list = calloc(total + 1, sizeof *list);
    *count = 0;
    if (list == NULL) {
        return NULL;
    }
    reach(all, &of->commit, of->tick);
    for (uint32_t f = 0; f < all->count; f++) {
        const struct ancestry_folder *folder = &all->folders[f];
        for (size_t i = 0; i < folder->count && folder->ticks[i].tick < folder->reached; i++) {
            list[(*count)++] = &folder->ticks[i];
        }
    }
    qsort(list, *count, sizeof *list, compare_ticks);
    return list;
}

enum jit_err ancestry_common(struct ancestry *all, const struct ancestry_tick *a,
                             const struct ancestry_tick *b, const struct ancestry_tick **out)
{
    size_t a_count = 0;
    size_t b_count = 0;
    const struct ancestry_tick *best = NULL;
    const struct ancestry_tick **of_a = ancestors(all, a, &a_count);
    const struct ancestry_tick **of_b = ancestors(all, b, &b_count);
    const bool known = of_a != NULL && of_b != NULL;
    for (size_t i = 0, k = 0; known && i < a_count && k < b_count;) {
        int order = jit_id_compare(&of_a[i]->commit, &of_b[k]->commit);
        if (order == 0 && (best == NULL || of_a[i]->tick > best->tick)) {
            best = of_a[i];
        }
        i += order <= 0 ? 1 : 0;
        k += order >= 0 ? 1 : 0;
    }
    free(of_a);
    free(of_b);
    *out = best;
    return known ? JIT_OK : JIT_ENOMEM;
}
