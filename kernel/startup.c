#include "kernel/startup.h"

#include <stdio.h>

enum jit_err shell_startup_core(struct shell_system *system, struct jit_exec *exec,
                                struct kern_core **out, char *message, size_t size)
{
    const char *where = NULL;
    const struct kern_core_options options = {
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
    enum jit_err err = kern_core_new(&options, out, &where);
    if (err != JIT_OK) {
        snprintf(message, size, "the root graph is not one to run: %s",
                 where != NULL ? where : jit_err_text(err));
    }
    return err;
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

static enum jit_err read_image(struct shell_system *system, const struct rmg_version *version,
                               const struct kern_process_config *process,
                               struct shell_images *images, char *message, size_t size)
{
    const char *why = NULL;
    enum jit_err err = shell_image_read(system->heap, system->store, version, &process->image,
                                        &images->each[images->count], &why);
    if (err != JIT_OK) {
        snprintf(message, size, "the program that process %s runs cannot be started: %s",
                 process->name, why != NULL ? why : jit_err_text(err));
        return err;
    }
    images->count++;
    return JIT_OK;
}

enum jit_err shell_startup_images(struct shell_system *system, const struct kern_core *core,
                                  struct shell_images *images, char *message, size_t size)
{
    const struct kern_config *config = kern_core_config(core);
    const struct rmg_version version = kern_core_version(core);
    *images = (struct shell_images){.heap = system->heap};
    images->each = jit_heap_zalloc(system->heap, config->process_count + 1u, sizeof *images->each);
    enum jit_err err = images->each == NULL ? JIT_ENOMEM : JIT_OK;
    if (err != JIT_OK) {
        snprintf(message, size, "%s", jit_err_text(err));
    }
    for (uint32_t i = 0; err == JIT_OK && i < config->process_count; i++) {
        const struct kern_process_config *process = &config->processes[i];
        if (process->native && shell_images_of(images, process) == NULL) {
            err = read_image(system, &version, process, images, message, size);
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

enum jit_err shell_startup_judge(struct shell_system *system, char *message, size_t size)
{
    struct kern_core *core = NULL;
    struct shell_images images = {.heap = NULL};
    enum jit_err err = shell_startup_core(system, jit_exec_inline(), &core, message, size);
    if (err == JIT_OK) {
        err = shell_startup_images(system, core, &images, message, size);
    }
    shell_images_release(&images);
    kern_core_free(core);
    return err;
}
