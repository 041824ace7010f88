/* kernel/checkpoint/checkpoint.c - writing and reading checkpoints. */
#include "kernel/checkpoint/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "kernel/log/blob.h"
#include "kernel/checkpoint/checkpoint_image.h"
#include "kernel/log/log_priv.h"
#include "rmg/file/envelope.h"
#include "rmg/file/file.h"

#define CKPT_SUFFIX ".ckpt"
#define CKPT_TMP    CKPT_DIR "/tmp-9999999999" /* no writer of segments has this number */

/* A chain of patches is closed by a whole state: when it is so long, or so large a part of it. */
#define CHAIN_MAX       64u
#define CHAIN_BYTES_MIN (4u << 20)
#define READ_PIECE      (4u << 20)

static void manifest_file(const struct jit_id *id, char name[CKPT_FILE_NAME_MAX])
{
    char hex[JIT_ID_HEX];
    jit_id_to_hex(id, hex);
    (void)snprintf(name, CKPT_FILE_NAME_MAX, CKPT_DIR "/%s" CKPT_SUFFIX, hex);
}

/* ---- writing ---- */

void ckpt_segment_add(struct ckpt_manifest *m, enum ckpt_segment_kind kind, const struct jit_id *id,
                      uint64_t size)
{
    assert(m->segment_count < CKPT_SEGMENTS_MAX);
    m->segments[m->segment_count++] = (struct ckpt_segment){.kind = kind, .id = *id, .size = size};
}

enum jit_err ckpt_piece_begin(struct ckpt_job *job, struct ckpt_piece *piece)
{
    piece->job = job;
    return blob_begin_in(job->heap, job->io, CKPT_DIR, &piece->blob);
}

enum jit_err ckpt_piece_write(void *piece, const uint8_t *bytes, size_t size)
{
    struct ckpt_piece *p = piece;
    if (p->job->stop != NULL && p->job->stop(p->job->user)) {
        return JIT_EAGAIN;
    }
    return blob_append(p->blob, bytes, size);
}

enum jit_err ckpt_piece_end(struct ckpt_piece *piece, enum jit_err err, struct jit_id *id,
                            uint64_t *size)
{
    if (err != JIT_OK) {
        blob_abort(piece->blob);
        return err;
    }
    return blob_finish(piece->blob, id, size);
}

static enum jit_err write_state(struct ckpt_job *job)
{
    struct ckpt_piece piece;
    struct jit_id id;
    uint64_t size = 0;
    enum jit_err err = ckpt_piece_begin(job, &piece);
    if (err != JIT_OK) {
        return err;
    }
    err = rmg_file_write(job->heap, job->state.store, &job->state.version, ckpt_piece_write, &piece,
                         NULL);
    err = ckpt_piece_end(&piece, err, &id, &size);
    if (err == JIT_OK) {
        ckpt_segment_add(&job->manifest, CKPT_STATE, &id, size);
        job->bytes_written += size;
    }
    return err;
}

/* JIT_ELIMIT: what differs is too much, or there is nothing to differ from. */
static enum jit_err write_difference(struct ckpt_job *job)
{
    const struct ckpt_manifest *base = job->base_manifest;
    struct jit_buf patch;
    struct jit_id id;
    uint32_t count = 0;
    while (base != NULL && count < base->segment_count &&
           base->segments[count].kind <= CKPT_PATCH) {
        count++;
    }
    if (base == NULL || count >= CHAIN_MAX) {
        return JIT_ELIMIT;
    }
    uint64_t whole = base->segments[0].size;
    uint64_t chain = 0;
    for (uint32_t i = 1; i < count; i++) {
        chain += base->segments[i].size;
    }
    uint64_t bound = whole / 2 > CHAIN_BYTES_MIN ? whole / 2 : CHAIN_BYTES_MIN;
    bound = bound < JIT_PATCH_BYTES_MAX ? bound : JIT_PATCH_BYTES_MAX;
    if (chain >= bound) {
        return JIT_ELIMIT;
    }
    enum jit_err err = JIT_OK;
    jit_buf_init(&patch, job->heap, bound - chain);
    if (!job->founding) {
        job->manifest.parent = base->id;
    }
    job->manifest.segment_count = count;
    memcpy(job->manifest.segments, base->segments,
           job->manifest.segment_count * sizeof base->segments[0]);
    if (!jit_id_equal(&base->state_root, &job->state.version.state_root)) {
        err = rmg_diff_patch(job->heap, &job->base, &job->state, &patch, NULL);
        if (err == JIT_OK) {
            err = blob_put_in(job->heap, job->io, CKPT_DIR, patch.data, patch.size, &id);
        }
        if (err == JIT_OK) {
            ckpt_segment_add(&job->manifest, CKPT_PATCH, &id, patch.size);
            job->bytes_written += patch.size;
        }
    }
    jit_buf_release(&patch);
    if (err != JIT_OK) {
        memset(&job->manifest.parent, 0, sizeof job->manifest.parent);
        job->manifest.segment_count = 0;
    }
    return err;
}

/* The ticks up to the checkpoint's must outlive it. */
static enum jit_err sync_log(struct ckpt_job *job)
{
    uint64_t first = 0;
    uint64_t last = 0;
    enum jit_err err = log_segments(job->heap, job->io, &first, &last);
    for (uint64_t n = job->manifest.mark.segment; err == JIT_OK && n <= last; n++) {
        char name[LOG_FILE_NAME_BYTES];
        int file = -1;
        log_segment_name(n, "seg", name);
        err = job->io->open(job->io, name, 0, &file);
        if (err == JIT_OK) {
            err = job->io->sync(job->io, file);
            job->io->close(job->io, file);
        }
    }
    return err;
}

enum jit_err ckpt_put_file(struct jit_io *io, const char *name, const void *bytes, uint64_t size)
{
    int file = -1;
    /* What an earlier try left under this name may be longer. */
    enum jit_err err = io->unlink(io, CKPT_TMP);
    err = err == JIT_ENOENT ? JIT_OK : err;
    if (err == JIT_OK) {
        err = io->open(io, CKPT_TMP, JIT_IO_CREATE, &file);
    }
    if (err == JIT_OK) {
        err = io->pwrite(io, file, bytes, size, 0);
        err = err == JIT_OK ? io->sync(io, file) : err;
        io->close(io, file);
        if (err != JIT_OK) {
            (void)io->unlink(io, CKPT_TMP); /* else the next start removes it */
        }
    }
    if (err == JIT_OK) {
        err = io->rename(io, CKPT_TMP, name);
    }
    if (err == JIT_OK && io->syncdir(io, CKPT_DIR) != JIT_OK) {
        err = JIT_EIO; /* its name is there and may not last */
    }
    return err;
}

static enum jit_err write_manifest(struct ckpt_job *job)
{
    struct jit_buf bytes;
    char name[CKPT_FILE_NAME_MAX];
    jit_buf_init(&bytes, job->heap, CKPT_MANIFEST_MAX);
    job->manifest.state_root = job->state.version.state_root;
    ckpt_manifest_encode(&job->manifest, &bytes);
    enum jit_err err = bytes.err;
    if (err == JIT_OK) {
        err = rmg_envelope_sign(NULL, CKPT_KIND, &job->manifest.id, job->seed, &bytes);
    }
    if (err == JIT_OK) {
        manifest_file(&job->manifest.id, name);
        err = ckpt_put_file(job->io, name, bytes.data, bytes.size);
    }
    job->bytes_written += err == JIT_OK ? bytes.size : 0;
    jit_buf_release(&bytes);
    return err;
}

/* Large states get an image as well. It is not needed: where there is no room for it, or it cannot
 * be made, the checkpoint stands without. */
static enum jit_err write_image(struct ckpt_job *job)
{
    const struct ckpt_segment *state = &job->manifest.segments[0];
    uint64_t least = job->image_bytes != 0 ? job->image_bytes : CKPT_IMAGE_BYTES;
    if (state->size < least) {
        return JIT_OK;
    }
    enum jit_err err = ckpt_image_write(job, state);
    return err == JIT_EAGAIN ? err : JIT_OK;
}

enum jit_err ckpt_write(struct ckpt_job *job)
{
    struct jit_io *io = job->io;
    job->bytes_written = 0;
    job->manifest.segment_count = 0;
    memset(&job->manifest.parent, 0, sizeof job->manifest.parent);
    enum jit_err err = io->mkdir(io, CKPT_DIR);
    if (err == JIT_OK) {
        err = io->syncdir(io, "");
    }
    if (err == JIT_OK) {
        err = write_difference(job);
        if (err == JIT_ELIMIT) {
            err = write_state(job);
            err = err == JIT_OK ? write_image(job) : err;
        }
    }
    if (err == JIT_OK && job->beside != NULL) {
        err = ckpt_beside_write(job);
    }
    if (err == JIT_OK && job->stop != NULL && job->stop(job->user)) {
        err = JIT_EAGAIN;
    }
    if (err == JIT_OK && job->sync_log) {
        err = sync_log(job);
    }
    return err == JIT_OK ? write_manifest(job) : err;
}

/* ---- manifests ---- */

enum jit_err ckpt_manifest_check(const uint8_t *bytes, size_t size, struct ckpt_manifest *out,
                                 uint8_t signer[JIT_SIGN_PUBLIC_BYTES], const char **why)
{
    struct rmg_envelope envelope;
    size_t at = 0;
    enum jit_err err = ckpt_manifest_decode(bytes, size, out, &at);
    *why = "";
    if (err == JIT_EVERSION) {
        *why = "a checkpoint of a newer format than this program knows";
        return err;
    }
    if (err != JIT_OK) {
        *why = "its bytes are damaged";
        return JIT_ECORRUPT;
    }
    if (out->policy > RMG_POLICY) {
        *why = "it was made by an engine of a newer policy than this program's";
        return JIT_EVERSION;
    }
    if (at == size) {
        *why = "it is not signed";
        return JIT_ECORRUPT;
    }
    err = rmg_envelope_read(bytes + at, size - at, &envelope);
    if (err != JIT_OK) {
        *why = err == JIT_EVERSION ? "a signature of a newer format than this program knows"
                                   : "its signature is damaged";
        return err == JIT_EVERSION ? err : JIT_ECORRUPT;
    }
    for (uint32_t i = 0; i < envelope.count; i++) {
        if (rmg_envelope_check(&envelope, CKPT_KIND, &out->id, rmg_envelope_signer(&envelope, i)) !=
            JIT_OK) {
            *why = "its signature is wrong";
            return JIT_ECORRUPT;
        }
    }
    if (signer != NULL) {
        memcpy(signer, rmg_envelope_signer(&envelope, 0), JIT_SIGN_PUBLIC_BYTES);
    }
    return JIT_OK;
}

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
    manifest_file(&entry->id, name);
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
        if (m->mark.number == 0 && m->mark.tick > 0) {
            return &list->entries[i];
        }
        oldest = &list->entries[i];
    }
    return first_segment > 1 ? oldest : NULL;
}

/* ---- states ---- */

/* A segment as bytes, proved. */
enum jit_err ckpt_segment_read(struct jit_heap *heap, struct jit_io *io,
                               const struct ckpt_segment *segment, uint8_t **out)
{
    struct blob_reader reader;
    *out = NULL;
    enum jit_err err = blob_open_in(io, CKPT_DIR, &segment->id, segment->size, &reader);
    if (err != JIT_OK) {
        return err == JIT_ENOENT ? JIT_ECORRUPT : err;
    }
    uint8_t *bytes = heap->alloc(heap, segment->size);
    err = bytes == NULL ? JIT_ENOMEM : JIT_OK;
    for (uint64_t at = 0; err == JIT_OK && at < segment->size;) {
        uint64_t got = 0;
        uint64_t left = segment->size - at;
        err = blob_read(&reader, bytes + at, left < READ_PIECE ? left : READ_PIECE, &got);
        at += got;
    }
    blob_close(&reader);
    if (err != JIT_OK) {
        heap->free(heap, bytes);
        return err;
    }
    *out = bytes;
    return JIT_OK;
}

static enum jit_err load_segment(struct jit_heap *heap, const struct ckpt_segment *segment,
                                 const uint8_t *bytes, struct rmg_store *store,
                                 struct rmg_version *version)
{
    if (segment->kind == CKPT_STATE) {
        struct rmg_file file;
        enum jit_err err = rmg_file_open(bytes, segment->size, &file, NULL);
        return err == JIT_OK ? rmg_file_load(heap, &file, store, version, NULL) : err;
    }
    struct rmg_tx *tx = NULL;
    const enum jit_err begun = rmg_tx_begin(store, version, &tx);
    if (begun != JIT_OK) {
        return begun;
    }
    enum jit_err err = rmg_patch_apply(heap, tx, version, bytes, segment->size);
    if (err != JIT_OK) {
        rmg_tx_abort(tx);
        return err;
    }
    return rmg_tx_seal(tx, version);
}

bool ckpt_is_host(enum jit_err err)
{
    return err == JIT_ENOMEM || err == JIT_ENOSPC || err == JIT_EIO || err == JIT_ELIMIT ||
           err == JIT_EPERM;
}

enum jit_err ckpt_load(struct jit_heap *heap, struct jit_io *io,
                       const struct ckpt_manifest *manifest, struct rmg_store *store,
                       struct rmg_version *out, const char **why)
{
    return ckpt_load_by(heap, io, jit_exec_inline(), manifest, store, out, why);
}

enum jit_err ckpt_load_by(struct jit_heap *heap, struct jit_io *io, struct jit_exec *exec,
                          const struct ckpt_manifest *manifest, struct rmg_store *store,
                          struct rmg_version *out, const char **why)
{
    enum jit_err err = JIT_OK;
    struct rmg_version version = rmg_version_empty();
    *why = "";
    for (uint32_t i = 0;
         err == JIT_OK && i < manifest->segment_count && manifest->segments[i].kind <= CKPT_PATCH;
         i++) {
        const struct ckpt_segment *segment = &manifest->segments[i];
        uint8_t *bytes = NULL;
        assert((i == 0) == (segment->kind == CKPT_STATE)); /* as every manifest that was read */
        /* Whatever is wrong with an image, the state is there. */
        if (i == 0 && ckpt_image_load(heap, io, exec, &segment->id, store, &version) == JIT_OK) {
            continue;
        }
        err = ckpt_segment_read(heap, io, segment, &bytes);
        if (err != JIT_OK && !ckpt_is_host(err)) {
            *why = "a segment that it needs is missing or not what its name says";
        } else if (err == JIT_OK) {
            err = load_segment(heap, segment, bytes, store, &version);
            if (err != JIT_OK && !ckpt_is_host(err)) {
                *why = "a segment is no valid state, or no patch on the one before it";
            }
        }
        heap->free(heap, bytes);
    }
    if (err == JIT_OK && !jit_id_equal(&version.state_root, &manifest->state_root)) {
        *why = "its segments give another state than it names";
        err = JIT_ECORRUPT;
    }
    if (err == JIT_OK) {
        *out = version;
    }
    return err == JIT_OK || ckpt_is_host(err) ? err : JIT_ECORRUPT;
}

enum jit_err ckpt_verify(struct jit_heap *heap, struct jit_io *io,
                         const struct ckpt_manifest *manifest, struct jit_id *segment)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; err == JIT_OK && i < manifest->segment_count; i++) {
        *segment = manifest->segments[i].id;
        err = blob_verify_in(heap, io, CKPT_DIR, segment, manifest->segments[i].size);
    }
    return err == JIT_ENOENT ? JIT_ECORRUPT : err;
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
    if (err == JIT_OK && gone > 0) {
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
