/* kernel/checkpoint/checkpoint_list.c - which checkpoints a folder has: listed, found, removed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "kernel/checkpoint/checkpoint.h"
#include "kernel/checkpoint/checkpoint_image.h"
#include "kernel/log/blob.h"

struct finding {
    struct ckpt_list *list;
    const char *suffix;
    enum jit_err err;
};

static void find_visit(void *user, const char *name)
{
    struct finding *f = user;
    struct ckpt_list *list = f->list;
    struct jit_id id;
    void *data = list->entries;
    if (strlen(name) != 64 + strlen(f->suffix) || strcmp(name + 64, f->suffix) != 0 ||
        jit_id_from_hex(name, 64, &id) != JIT_OK || f->err != JIT_OK) {
        return;
    }
    if (jit_heap_grow(list->heap, &data, &list->capacity, list->count + 1, sizeof *list->entries) !=
        0) {
        f->err = JIT_ENOMEM;
        return;
    }
    list->entries = data;
    list->entries[list->count++] = (struct ckpt_entry){.id = id, .why = ""};
}

/* Errors are those of memory and storage; what is wrong with the manifest is the entry's. */
static enum jit_err read_entry(struct jit_heap *heap, struct jit_io *io, struct ckpt_entry *entry)
{
    char name[CKPT_FILE_NAME_MAX];
    int file = -1;
    uint64_t got = 0;
    ckpt_manifest_name(&entry->id, name);
    uint8_t *bytes = heap->alloc(heap, CKPT_MANIFEST_MAX + 1);
    struct ckpt_manifest *manifest = jit_heap_zalloc(heap, 1, sizeof *manifest);
    enum jit_err err = bytes == NULL || manifest == NULL ? JIT_ENOMEM : JIT_OK;
    if (err == JIT_OK) {
        err = io->open(io, name, 0, &file);
    }
    if (err == JIT_OK) {
        err = io->pread(io, file, bytes, CKPT_MANIFEST_MAX + 1, 0, &got);
        io->close(io, file);
    }
    if (err == JIT_OK) {
        entry->size = got;
        entry->err = got > CKPT_MANIFEST_MAX ? JIT_ECORRUPT
                                             : ckpt_manifest_check(bytes, (size_t)got, manifest,
                                                                   entry->signer, &entry->why);
        if (entry->err == JIT_OK && !jit_id_equal(&manifest->id, &entry->id)) {
            entry->err = JIT_ECORRUPT;
        }
        if (entry->err == JIT_ECORRUPT && entry->why[0] == '\0') {
            entry->why = "it is not what its name says";
        }
        if (entry->err == JIT_OK) {
            entry->manifest = manifest;
            manifest = NULL; /* transferred */
        }
    }
    heap->free(heap, manifest);
    heap->free(heap, bytes);
    return err;
}

static int compare_entries(const void *a, const void *b)
{
    const struct ckpt_entry *x = a;
    const struct ckpt_entry *y = b;
    if ((x->manifest == NULL) != (y->manifest == NULL)) {
        return x->manifest == NULL ? 1 : -1;
    }
    if (x->manifest != NULL && x->manifest->tick != y->manifest->tick) {
        return x->manifest->tick > y->manifest->tick ? -1 : 1;
    }
    return jit_id_compare(&x->id, &y->id);
}

enum jit_err ckpt_list_read(struct jit_heap *heap, struct jit_io *io, const uint8_t *uuid,
                            struct ckpt_list *out)
{
    *out = (struct ckpt_list){.heap = heap};
    struct finding finding = {.list = out, .suffix = CKPT_SUFFIX};
    enum jit_err err = io->list(io, CKPT_DIR, find_visit, &finding);
    if (err == JIT_ENOENT) {
        return JIT_OK;
    }
    err = err == JIT_OK ? finding.err : err;
    for (size_t i = 0; err == JIT_OK && i < out->count; i++) {
        err = read_entry(heap, io, &out->entries[i]);
    }
    if (err != JIT_OK) {
        ckpt_list_release(out);
        return err;
    }
    size_t kept = 0;
    for (size_t i = 0; i < out->count; i++) {
        struct ckpt_manifest *m = out->entries[i].manifest;
        if (uuid != NULL && m != NULL && memcmp(m->uuid, uuid, LOG_UUID_BYTES) != 0) {
            heap->free(heap, m);
            continue;
        }
        out->entries[kept++] = out->entries[i];
    }
    out->count = kept;
    if (kept > 0) {
        qsort(out->entries, kept, sizeof *out->entries, compare_entries);
    }
    return JIT_OK;
}

void ckpt_list_release(struct ckpt_list *list)
{
    if (list->heap == NULL) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        list->heap->free(list->heap, list->entries[i].manifest);
    }
    list->heap->free(list->heap, list->entries);
    *list = (struct ckpt_list){0};
}

const struct ckpt_entry *ckpt_list_find(const struct ckpt_list *list, const char *word)
{
    size_t size = strlen(word);
    char *end = NULL;
    uint64_t tick = word[0] == '@' ? strtoull(word + 1, &end, 10) : 0;
    bool is_tick = word[0] == '@' && end != word + 1 && *end == '\0';
    for (size_t i = 0; i < list->count; i++) {
        const struct ckpt_manifest *m = list->entries[i].manifest;
        if (m != NULL && strcmp(m->name, word) == 0 && size > 0) {
            return &list->entries[i];
        }
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct ckpt_entry *entry = &list->entries[i];
        char hex[JIT_ID_HEX];
        jit_id_to_hex(&entry->id, hex);
        if ((size >= 8 && strncmp(hex, word, size) == 0) ||
            (is_tick && entry->manifest != NULL && entry->manifest->tick == tick)) {
            return entry;
        }
    }
    return NULL;
}

const struct ckpt_entry *ckpt_list_start(const struct ckpt_list *list, uint64_t first_segment)
{
    const struct ckpt_entry *oldest = NULL;
    for (size_t i = 0; i < list->count; i++) {
        const struct ckpt_manifest *m = list->entries[i].manifest;
        if (m == NULL || m->mark.segment < first_segment) {
            continue;
        }
        /* That of the first tick behind it has the same mark, before its record. */
        if (m->mark.number == 0 && m->mark.tick == m->tick + 1) {
            return &list->entries[i];
        }
        oldest = &list->entries[i];
    }
    return first_segment > 1 ? oldest : NULL;
}

/* ---- removing ---- */

static int compare_ids(const void *a, const void *b)
{
    return jit_id_compare(a, b);
}

/* All files of this suffix whose ids are not among keep, which is sorted. */
static enum jit_err remove_named(struct jit_heap *heap, struct jit_io *io, const char *suffix,
                                 const struct jit_id *keep, size_t keep_count, uint64_t *removed)
{
    struct ckpt_list list = {.heap = heap};
    struct finding finding = {.list = &list, .suffix = suffix};
    uint64_t gone = 0;
    enum jit_err err = io->list(io, CKPT_DIR, find_visit, &finding);
    err = err == JIT_OK ? finding.err : err;
    for (size_t i = 0; err == JIT_OK && i < list.count; i++) {
        char name[CKPT_FILE_NAME_MAX];
        char hex[JIT_ID_HEX];
        if (keep_count == 0 ||
            bsearch(&list.entries[i].id, keep, keep_count, sizeof *keep, compare_ids) == NULL) {
            jit_id_to_hex(&list.entries[i].id, hex);
            (void)snprintf(name, sizeof name, CKPT_DIR "/%s%s", hex, suffix);
            err = io->unlink(io, name);
            gone++;
        }
    }
    if (err == JIT_OK) { /* also what a try that was killed has removed, before more goes */
        err = io->syncdir(io, CKPT_DIR);
    }
    *removed += gone;
    ckpt_list_release(&list);
    return err;
}

/* The ids of these manifests; of their whole states, with an image that can be found; of all
 * segments, with the images' blocks. */
enum wanted { WANTED_MANIFESTS, WANTED_STATES, WANTED_SEGMENTS };
#define WANTED_MAX (CKPT_SEGMENTS_MAX + 1u)

static size_t wanted(struct jit_io *io, enum wanted what, const struct ckpt_manifest *const *keep,
                     size_t keep_count, struct jit_id *ids)
{
    size_t count = 0;
    for (size_t k = 0; k < keep_count; k++) {
        const struct ckpt_manifest *m = keep[k];
        struct jit_id blocks;
        uint64_t size = 0;
        assert(m->segment_count > 0);
        bool image = what != WANTED_MANIFESTS &&
                     ckpt_image_blob(io, &m->segments[0].id, &blocks, &size) == JIT_OK;
        if (what == WANTED_MANIFESTS) {
            ids[count++] = m->id;
        } else if (what == WANTED_STATES && image) {
            ids[count++] = m->segments[0].id;
        }
        for (uint32_t i = 0; what == WANTED_SEGMENTS && i < m->segment_count; i++) {
            ids[count++] = m->segments[i].id;
        }
        if (what == WANTED_SEGMENTS && image) {
            ids[count++] = blocks;
        }
    }
    if (count > 0) {
        qsort(ids, count, sizeof *ids, compare_ids);
    }
    return count;
}

enum jit_err ckpt_remove_others(struct jit_heap *heap, struct jit_io *io,
                                const struct ckpt_manifest *const *keep, size_t keep_count,
                                uint64_t *removed)
{
    uint64_t named = 0;
    uint64_t segments = 0;
    struct jit_id *ids = jit_heap_zalloc(heap, keep_count * WANTED_MAX + 1, sizeof *ids);
    if (ids == NULL) {
        return JIT_ENOMEM;
    }
    size_t count = wanted(io, WANTED_MANIFESTS, keep, keep_count, ids);
    enum jit_err err = remove_named(heap, io, CKPT_SUFFIX, ids, count, &named);
    if (err == JIT_OK) {
        count = wanted(io, WANTED_STATES, keep, keep_count, ids);
        err = remove_named(heap, io, CKPT_IMAGE_SUFFIX, ids, count, &named);
    }
    if (err == JIT_OK) {
        count = wanted(io, WANTED_SEGMENTS, keep, keep_count, ids);
        err = blob_sweep_in(heap, io, CKPT_DIR, ids, count, &segments);
    }
    if (removed != NULL) {
        *removed = named + segments;
    }
    heap->free(heap, ids);
    return err == JIT_ENOENT ? JIT_OK : err;
}
