/* kernel/startup.h - from a state to what runs it: the core over it, and the programs of its
 * processes. What a supervisor does when it starts, and by which anybody else can tell whether one
 * would.
 * Spec:  DESIGN 9.2, 14.1; docs/spec/root-graph.md. Layer: kernel (shell). */
#ifndef JIT_KERNEL_STARTUP_H
#define JIT_KERNEL_STARTUP_H

#include "kernel/system.h"
#include "kernel/worker.h"

/* What a core over the newest state of a system is made of; the system stays, and is borrowed. */
struct kern_core_options shell_startup_options(struct shell_system *system, struct jit_exec *exec);

/* A core over the newest state of a system that has one: its configuration, capabilities and view.
 * Errors: those of kern_core_new; message says what is wrong. */
JIT_MUST_CHECK enum jit_err shell_startup_core(struct shell_system *system, struct jit_exec *exec,
                                               struct kern_core **out, char *message, size_t size);

/* Programs that processes run, each once. {0} is empty. */
struct shell_images {
    struct jit_heap *heap;
    struct shell_image *each;
    uint32_t count;
};
/* Room for those of so many processes. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err shell_images_new(struct jit_heap *heap, uint32_t process_count,
                                             struct shell_images *out);
/* That of one process, which runs one, unless it is there. Errors: those of shell_image_read; *why
 * as there. */
JIT_MUST_CHECK enum jit_err shell_images_add(struct shell_images *images, struct rmg_store *store,
                                             const struct rmg_version *version,
                                             const struct kern_process_config *process,
                                             const char **why);
/* Those of all processes of the core. After an error, too, what there is has to be released.
 * Errors: those of shell_image_read; message says whose program, and what is wrong. */
JIT_MUST_CHECK enum jit_err shell_startup_images(struct shell_system *system,
                                                 const struct kern_core *core,
                                                 struct shell_images *images, char *message,
                                                 size_t size);
/* NULL: it runs rules. */
const struct shell_image *shell_images_of(const struct shell_images *images,
                                          const struct kern_process_config *process);
void shell_images_release(struct shell_images *images);

/* Would a supervisor start on its newest state, or on another one that lies in its store? Both of
 * them, and given back at once. Errors: theirs; message says what is wrong. */
JIT_MUST_CHECK enum jit_err shell_startup_judge(struct shell_system *system, char *message,
                                                size_t size);
JIT_MUST_CHECK enum jit_err shell_startup_judge_as(struct shell_system *system,
                                                   const struct kern_core_options *options,
                                                   char *message, size_t size);
/* Is it the state that is none to run? Else the host has failed, or nothing has. */
bool shell_startup_refuses(enum jit_err err);

#endif
