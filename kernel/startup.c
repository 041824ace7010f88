#include "kernel/startup.h"

#include <stdio.h>

struct kern_core_options shell_startup_options(struct shell_system *system, struct jit_exec *exec)
{
    return (struct kern_core_options){
        .heap = system->heap,
        .exec = exec,
        .store = system->store,
        .view = &system->view_arena,
        .version = system->replay.version,
        .commit = system->replay.commit,
        .tick = system->replay.tick,
        .deviations = &system->replay.deviations,
        .beside = &system->replay.beside,
    };
}

static enum jit_err make_core(const struct kern_core_options *options, struct kern_core **out,
                              char *message, size_t size)
{
    const char *where = NULL;
    enum jit_err err = kern_core_new(options, out, &where);
    if (err != JIT_OK) {
        snprintf(message, size, "the root graph is not one to run: %s",
                 where != NULL ? where : jit_err_text(err));
    }
    return err;
}

enum jit_err shell_startup_core(struct shell_system *system, struct jit_exec *exec,
                                struct kern_core **out, char *message, size_t size)
{
    const struct kern_core_options options = shell_startup_options(system, exec);
    return make_core(&options, out, message, size);
}

/* ---- programs ---- */

const struct shell_image *shell_images_of(const struct shell_images *images,
                                          const struct kern_process_config *process)
{
    for (uint32_t i = 0; process->native && i < images->count; i++) {
        if (jit_id_equal(&images->each[i].id, &process->image)) {
            return &images->each[i];
        }
    }
    return NULL;
}

enum jit_err shell_images_new(struct jit_heap *heap, uint32_t process_count,
                              struct shell_images *out)
{
    *out = (struct shell_images){.heap = heap};
    out->each = jit_heap_zalloc(heap, process_count + 1u, sizeof *out->each);
    return out->each == NULL ? JIT_ENOMEM : JIT_OK;
}

enum jit_err shell_images_add(struct shell_images *images, struct rmg_store *store,
                              const struct rmg_version *version,
                              const struct kern_process_config *process, const char **why)
{
    if (shell_images_of(images, process) != NULL) {
        return JIT_OK;
    }
    enum jit_err err = shell_image_read(images->heap, store, version, &process->image,
                                        &images->each[images->count], why);
    images->count += err == JIT_OK;
    return err;
}

enum jit_err shell_startup_images(struct shell_system *system, const struct kern_core *core,
                                  struct shell_images *images, char *message, size_t size)
{
    const struct kern_config *config = kern_core_config(core);
    const struct rmg_version version = kern_core_version(core);
    enum jit_err err = shell_images_new(system->heap, config->process_count, images);
    if (err != JIT_OK) {
        snprintf(message, size, "%s", jit_err_text(err));
    }
    for (uint32_t i = 0; err == JIT_OK && i < config->process_count; i++) {
        const struct kern_process_config *process = &config->processes[i];
        const char *why = NULL;
        if (!process->native) {
            continue;
        }
        err = shell_images_add(images, system->store, &version, process, &why);
        if (err != JIT_OK) {
            snprintf(message, size, "the program that process %s runs cannot be started: %s",
                     process->name, why != NULL ? why : jit_err_text(err));
        }
    }
    return err;
}

void shell_images_release(struct shell_images *images)
{
    for (uint32_t i = 0; i < images->count; i++) {
        host_loader_close(&images->each[i].loader);
    }
    if (images->heap != NULL) {
        images->heap->free(images->heap, images->each);
    }
    *images = (struct shell_images){.heap = NULL};
}

/* ---- judging ---- */

enum jit_err shell_startup_judge_as(struct shell_system *system,
                                    const struct kern_core_options *options, char *message,
                                    size_t size)
{
    struct kern_core *core = NULL;
    struct shell_images images = {.heap = NULL};
    enum jit_err err = make_core(options, &core, message, size);
    if (err == JIT_OK) {
        err = shell_startup_images(system, core, &images, message, size);
    }
    shell_images_release(&images);
    kern_core_free(core);
    return err;
}

enum jit_err shell_startup_judge(struct shell_system *system, char *message, size_t size)
{
    const struct kern_core_options options = shell_startup_options(system, jit_exec_inline());
    return shell_startup_judge_as(system, &options, message, size);
}

bool shell_startup_refuses(enum jit_err err)
{
    return err == JIT_EINVALID || err == JIT_EFORMAT || err == JIT_ELIMIT;
}
