#include "tests/lib/sim_disk.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "tests/lib/sim_disk_priv.h"

/* --- small things --- */

static void *more(void *block, size_t count, size_t size)
{
    block = realloc(block, (count + 1) * size);
    assert(block != NULL);
    return block;
}

static void name_set(char name[SIM_NAME_BYTES], const char *from)
{
    size_t size = strlen(from);
    assert(size > 0);
    assert(size < SIM_NAME_BYTES);
    memset(name, 0, SIM_NAME_BYTES);
    memcpy(name, from, size);
}

void sim_dir_of(const char *name, char dir[SIM_NAME_BYTES])
{
    const char *slash = strchr(name, '/');
    memset(dir, 0, SIM_NAME_BYTES);
    if (slash != NULL) {
        memcpy(dir, name, (size_t)(slash - name));
    }
}

struct entry *sim_names_find(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->at[i].name, name) == 0) {
            return &names->at[i];
        }
    }
    return NULL;
}

void sim_names_drop(struct names *names, const char *name)
{
    struct entry *entry = sim_names_find(names, name);
    if (entry != NULL) {
        size_t index = (size_t)(entry - names->at);
        memmove(entry, entry + 1, (names->count - index - 1) * sizeof *entry);
        names->count--;
    }
}

static void names_put(struct names *names, const char *name, int file)
{
    struct entry *entry = sim_names_find(names, name);
    if (entry == NULL) {
        names->at = more(names->at, names->count, sizeof *names->at);
        entry = &names->at[names->count++];
        name_set(entry->name, name);
    }
    entry->file = file;
}

void sim_dirop_apply(struct names *names, const struct dirop *op)
{
    if (op->kind != OP_LINK) {
        sim_names_drop(names, op->name);
    }
    if (op->kind != OP_UNLINK) {
        names_put(names, op->kind == OP_LINK ? op->name : op->to, op->file);
    }
}

static void dirop_queue(struct sim_disk *disk, enum dirop_kind kind, const char *name,
                        const char *to, int file)
{
    struct sim_state *s = disk->state;
    s->dirops = more(s->dirops, s->dirop_count, sizeof *s->dirops);
    struct dirop *op = &s->dirops[s->dirop_count++];
    *op = (struct dirop){.kind = kind, .file = file};
    name_set(op->name, name);
    if (to != NULL) {
        name_set(op->to, to);
    }
    sim_dirop_apply(&s->seen, op);
}

static bool dir_there(const struct sim_disk *disk, const char *name)
{
    char dir[SIM_NAME_BYTES];
    sim_dir_of(name, dir);
    return dir[0] == 0 || sim_names_find(&disk->state->seen, dir) != NULL;
}

static struct file *file_at(struct sim_disk *disk, int file)
{
    assert(file >= 0);
    assert((size_t)file < disk->state->file_count);
    return &disk->state->files[file];
}

void sim_file_room(struct file *file, uint64_t size)
{
    if (size <= file->capacity) {
        return;
    }
    uint64_t capacity = file->capacity == 0 ? 4096 : file->capacity;
    while (capacity < size) {
        capacity *= 2;
    }
    file->seen = realloc(file->seen, capacity);
    file->kept = realloc(file->kept, capacity);
    assert(file->seen != NULL);
    assert(file->kept != NULL);
    memset(file->seen + file->capacity, 0, capacity - file->capacity);
    memset(file->kept + file->capacity, 0, capacity - file->capacity);
    file->capacity = capacity;
}

static int file_new(struct sim_state *s)
{
    s->files = more(s->files, s->file_count, sizeof *s->files);
    s->files[s->file_count] = (struct file){0};
    return (int)s->file_count++;
}

static void pending_free(struct sim_state *s, size_t index)
{
    free(s->pending[index].bytes);
    memmove(&s->pending[index], &s->pending[index + 1],
            (s->pending_count - index - 1) * sizeof *s->pending);
    s->pending_count--;
}

static void pending_keep(struct sim_state *s, size_t index)
{
    struct pending *p = &s->pending[index];
    struct file *file = &s->files[p->file];
    memcpy(file->kept + p->offset, p->bytes, p->size);
    if (p->offset + p->size > file->kept_size) {
        file->kept_size = p->offset + p->size;
    }
    pending_free(s, index);
}

/* --- operations --- */

/* Counts the call; true when it is to fail. */
static bool step(struct sim_disk *disk, bool changes)
{
    if (changes) {
        if (disk->hook != NULL) {
            disk->hook(disk, disk->hook_user);
        }
        disk->changes++;
    }
    uint64_t call = disk->calls++;
    bool fails = disk->fault_err != JIT_OK &&
                 (call == disk->fault_at || (disk->fault_sticky && call > disk->fault_at));
    disk->fault_fired = disk->fault_fired || fails;
    return fails;
}

/* What the process sees: the medium, and what is on its way there. */
static void file_look(struct sim_state *s, int file)
{
    struct file *f = &s->files[file];
    if (f->capacity == 0) {
        return;
    }
    memcpy(f->seen, f->kept, f->capacity);
    f->seen_size = f->kept_size;
    for (size_t i = 0; i < s->pending_count; i++) {
        const struct pending *p = &s->pending[i];
        if (p->file == file) {
            memcpy(f->seen + p->offset, p->bytes, p->size);
            f->seen_size = p->offset + p->size > f->seen_size ? p->offset + p->size : f->seen_size;
        }
    }
}

static enum jit_err sim_open(struct jit_io *io, const char *name, unsigned flags, int *out)
{
    struct sim_disk *disk = (struct sim_disk *)io;
    struct entry *entry = sim_names_find(&disk->state->seen, name);
    *out = -1;
    if (step(disk, entry == NULL && (flags & JIT_IO_CREATE) != 0)) {
        return disk->fault_err;
    }
    int file = entry == NULL ? -1 : entry->file;
    if (entry != NULL && (flags & JIT_IO_EXCLUSIVE) != 0) {
        return JIT_EEXIST;
    }
    if (entry == NULL) {
        if ((flags & JIT_IO_CREATE) == 0 || !dir_there(disk, name)) {
            return JIT_ENOENT;
        }
        file = file_new(disk->state);
        dirop_queue(disk, OP_LINK, name, NULL, file);
    }
    assert(file >= 0);
    file_look(disk->state, file);
    file_at(disk, file)->direct = disk->io.direct && (flags & JIT_IO_DIRECT) != 0;
    *out = file;
    return JIT_OK;
}

static void sim_close(struct jit_io *io, int file)
{
    (void)file_at((struct sim_disk *)io, file);
}

static void write_seen(struct sim_disk *disk, int file, const void *buf, uint64_t size,
                       uint64_t offset, struct jit_io_write *write)
{
    struct sim_state *s = disk->state;
    struct file *f = file_at(disk, file);
    if (size == 0) {
        return;
    }
    sim_file_room(f, offset + size);
    memcpy(f->seen + offset, buf, size);
    if (offset + size > f->seen_size) {
        f->seen_size = offset + size;
    }
    s->pending = more(s->pending, s->pending_count, sizeof *s->pending);
    struct pending *p = &s->pending[s->pending_count++];
    *p = (struct pending){file, offset, size, malloc(size), write};
    assert(p->bytes != NULL);
    memcpy(p->bytes, buf, size);
}

static void check_aligned(struct sim_disk *disk, int file, const void *buf, uint64_t size,
                          uint64_t offset)
{
    if (file_at(disk, file)->direct) {
        assert((uintptr_t)buf % 4096 == 0);
        assert(size % 4096 == 0);
        assert(offset % 4096 == 0);
    }
}

static enum jit_err sim_pwrite(struct jit_io *io, int file, const void *buf, uint64_t size,
                               uint64_t offset)
{
    struct sim_disk *disk = (struct sim_disk *)io;
    check_aligned(disk, file, buf, size, offset);
    if (step(disk, true)) {
        /* A full disk takes nothing, a broken one half. */
        uint64_t done = disk->fault_err == JIT_ENOSPC ? 0 : size / 2 / SIM_SECTOR * SIM_SECTOR;
        write_seen(disk, file, buf, done, offset, NULL);
        return disk->fault_err;
    }
    write_seen(disk, file, buf, size, offset, NULL);
    return JIT_OK;
}

static enum jit_err sim_pread(struct jit_io *io, int file, void *buf, uint64_t size,
                              uint64_t offset, uint64_t *got)
{
    struct sim_disk *disk = (struct sim_disk *)io;
    struct file *f = file_at(disk, file);
    check_aligned(disk, file, buf, size, offset);
    *got = 0;
    if (step(disk, false)) {
        return disk->fault_err;
    }
    if (offset < f->seen_size) {
        *got = f->seen_size - offset < size ? f->seen_size - offset : size;
        memcpy(buf, f->seen + offset, *got);
    }
    return JIT_OK;
}

static enum jit_err sim_size(struct jit_io *io, int file, uint64_t *out)
{
    struct sim_disk *disk = (struct sim_disk *)io;
    *out = file_at(disk, file)->seen_size;
    return step(disk, false) ? disk->fault_err : JIT_OK;
}

static enum jit_err sim_sync(struct jit_io *io, int file)
{
    struct sim_disk *disk = (struct sim_disk *)io;
    struct sim_state *s = disk->state;
    bool fails = step(disk, true);
    if (disk->lie_sync) {
        return JIT_OK;
    }
    for (size_t i = 0; i < s->pending_count;) {
        if (s->pending[i].file != file || s->pending[i].write != NULL) {
            i++;
        } else if (fails) {
            pending_free(s, i); /* the pages are marked clean: no later sync saves them */
        } else {
            pending_keep(s, i);
        }
    }
    return fails ? disk->fault_err : JIT_OK;
}

static enum jit_err sim_syncdir(struct jit_io *io, const char *dir)
{
    struct sim_disk *disk = (struct sim_disk *)io;
    struct sim_state *s = disk->state;
    assert(dir[0] == 0 || sim_names_find(&s->seen, dir) != NULL);
    bool fails = step(disk, true);
    if (disk->lie_syncdir) {
        return JIT_OK;
    }
    size_t left = 0;
    for (size_t i = 0; i < s->dirop_count; i++) {
        char in[SIM_NAME_BYTES];
        sim_dir_of(s->dirops[i].name, in);
        if (fails || strcmp(in, dir) != 0) {
            s->dirops[left++] = s->dirops[i];
        } else {
            sim_dirop_apply(&s->kept, &s->dirops[i]);
        }
    }
    s->dirop_count = left;
    return fails ? disk->fault_err : JIT_OK;
}

static enum jit_err sim_mkdir(struct jit_io *io, const char *dir)
{
    struct sim_disk *disk = (struct sim_disk *)io;
    struct entry *entry = sim_names_find(&disk->state->seen, dir);
    if (step(disk, entry == NULL)) {
        return disk->fault_err;
    }
    if (entry == NULL) {
        dirop_queue(disk, OP_LINK, dir, NULL, -1);
    } else {
        assert(entry->file == -1);
    }
    return JIT_OK;
}

static enum jit_err sim_rename(struct jit_io *io, const char *from, const char *to)
{
    struct sim_disk *disk = (struct sim_disk *)io;
    char dir_from[SIM_NAME_BYTES];
    char dir_to[SIM_NAME_BYTES];
    sim_dir_of(from, dir_from);
    sim_dir_of(to, dir_to);
    assert(strcmp(dir_from, dir_to) == 0);
    if (step(disk, true)) {
        return disk->fault_err;
    }
    struct entry *entry = sim_names_find(&disk->state->seen, from);
    if (entry == NULL) {
        return JIT_ENOENT;
    }
    dirop_queue(disk, OP_RENAME, from, to, entry->file);
    return JIT_OK;
}

static enum jit_err sim_unlink(struct jit_io *io, const char *name)
{
    struct sim_disk *disk = (struct sim_disk *)io;
    if (step(disk, true)) {
        return disk->fault_err;
    }
    struct entry *entry = sim_names_find(&disk->state->seen, name);
    if (entry == NULL) {
        return JIT_ENOENT;
    }
    dirop_queue(disk, OP_UNLINK, name, NULL, entry->file);
    return JIT_OK;
}

static enum jit_err sim_list(struct jit_io *io, const char *dir,
                             void (*visit)(void *user, const char *name), void *user)
{
    struct sim_disk *disk = (struct sim_disk *)io;
    if (step(disk, false)) {
        return disk->fault_err;
    }
    if (dir[0] != 0 && sim_names_find(&disk->state->seen, dir) == NULL) {
        return JIT_ENOENT;
    }
    const struct names *names = &disk->state->seen;
    for (size_t i = 0; i < names->count; i++) {
        char in[SIM_NAME_BYTES];
        sim_dir_of(names->at[i].name, in);
        if (strcmp(in, dir) == 0 && names->at[i].file >= 0) {
            visit(user, names->at[i].name + (dir[0] == 0 ? 0 : strlen(dir) + 1));
        }
    }
    return JIT_OK;
}

static enum jit_err sim_submit(struct jit_io *io, struct jit_io_write *write)
{
    struct sim_disk *disk = (struct sim_disk *)io;
    struct sim_state *s = disk->state;
    check_aligned(disk, write->file, write->buf, write->size, write->offset);
    assert(write->size > 0);
    if (step(disk, true)) {
        return disk->fault_err;
    }
    write->err = JIT_OK;
    write_seen(disk, write->file, write->buf, write->size, write->offset,
               write->durable ? write : NULL);
    if (!write->durable) {
        assert(s->failed_count < sizeof s->failed / sizeof s->failed[0]);
        s->failed[s->failed_count++] = write;
    }
    return JIT_OK;
}

static struct jit_io_write *finish(struct sim_disk *disk, size_t index)
{
    struct sim_state *s = disk->state;
    struct jit_io_write *write = s->pending[index].write;
    assert(write != NULL);
    /* The buffer was the caller's to leave alone while the write ran. */
    assert(memcmp(write->buf, s->pending[index].bytes, write->size) == 0);
    if (step(disk, true)) {
        write->err = disk->fault_err;
        pending_free(s, index);
    } else {
        write->err = JIT_OK;
        pending_keep(s, index);
    }
    return write;
}

static struct jit_io_write *sim_reap(struct jit_io *io, bool wait)
{
    struct sim_disk *disk = (struct sim_disk *)io;
    struct sim_state *s = disk->state;
    if (s->failed_count > 0) {
        return s->failed[--s->failed_count];
    }
    size_t flying = 0;
    for (size_t i = 0; i < s->pending_count; i++) {
        flying += s->pending[i].write != NULL ? 1u : 0u;
    }
    if (flying == 0 || (!wait && jit_random_below(&disk->random, 2) == 0)) {
        return NULL;
    }
    size_t chosen = jit_random_below(&disk->random, flying); /* writes finish in any order */
    for (size_t i = 0; i < s->pending_count; i++) {
        if (s->pending[i].write != NULL && chosen-- == 0) {
            return finish(disk, i);
        }
    }
    return NULL;
}

struct sim_disk *sim_disk_new(uint64_t seed)
{
    struct sim_disk *disk = calloc(1, sizeof *disk);
    assert(disk != NULL);
    disk->state = calloc(1, sizeof *disk->state);
    assert(disk->state != NULL);
    disk->random = jit_random_of(seed);
    disk->io = (struct jit_io){sim_open, sim_close,   sim_pwrite, sim_pread,  sim_size,
                               sim_sync, sim_syncdir, sim_mkdir,  sim_rename, sim_unlink,
                               sim_list, sim_submit,  sim_reap,   true};
    return disk;
}

void sim_disk_free(struct sim_disk *disk)
{
    if (disk == NULL) {
        return;
    }
    struct sim_state *s = disk->state;
    while (s->pending_count > 0) {
        pending_free(s, s->pending_count - 1);
    }
    for (size_t i = 0; i < s->file_count; i++) {
        free(s->files[i].seen);
        free(s->files[i].kept);
    }
    free(s->files);
    free(s->pending);
    free(s->dirops);
    free(s->seen.at);
    free(s->kept.at);
    free(s);
    free(disk);
}

/* --- damage by hand --- */

const uint8_t *sim_disk_bytes(const struct sim_disk *disk, const char *name, uint64_t *size)
{
    struct entry *entry = sim_names_find(&disk->state->seen, name);
    if (entry == NULL || entry->file < 0) {
        return NULL;
    }
    struct file *file = &disk->state->files[entry->file];
    *size = file->seen_size;
    return file->seen;
}

void sim_disk_damage(struct sim_disk *disk, const char *name, uint64_t offset, const void *bytes,
                     uint64_t size)
{
    struct entry *entry = sim_names_find(&disk->state->seen, name);
    assert(entry != NULL);
    struct file *file = &disk->state->files[entry->file];
    assert(offset + size <= file->seen_size);
    assert(offset + size <= file->kept_size);
    memcpy(file->seen + offset, bytes, size);
    memcpy(file->kept + offset, bytes, size);
}

void sim_disk_resize(struct sim_disk *disk, const char *name, uint64_t size)
{
    struct entry *entry = sim_names_find(&disk->state->seen, name);
    assert(entry != NULL);
    struct file *file = &disk->state->files[entry->file];
    sim_file_room(file, size);
    file->seen_size = size;
    file->kept_size = size;
    memset(file->seen + size, 0, file->capacity - size);
    memset(file->kept + size, 0, file->capacity - size);
}

const char *sim_disk_name(const struct sim_disk *disk, size_t index)
{
    const struct names *names = &disk->state->seen;
    for (size_t i = 0; i < names->count; i++) {
        if (names->at[i].file >= 0 && index-- == 0) {
            return names->at[i].name;
        }
    }
    return NULL;
}

void sim_disk_remove(struct sim_disk *disk, const char *name)
{
    sim_names_drop(&disk->state->seen, name);
    sim_names_drop(&disk->state->kept, name);
}
