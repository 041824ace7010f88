/* Any bytes as a boot record: refused, or every row lies in them, and what was read gives the same
 * bytes when it is written again. */
#include <stdlib.h>

#include "base/check.h"
#include "base/le.h"
#include "fuzz/fuzz.h"
#include "syscall/boot.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/boot", NULL};

static void *room(size_t count, size_t size)
{
    void *rows = calloc(count + 1, size);
    assert(rows != NULL);
    return rows;
}

static void check_again(const struct sys_boot_view *view)
{
    const struct sys_boot *head = &view->head;
    struct sys_boot_cap *caps = room(head->cap_count, sizeof *caps);
    struct sys_boot_instance *instances = room(head->instance_count, sizeof *instances);
    struct sys_bytes *rules = room(head->rule_count, sizeof *rules);
    struct sys_boot_run_spec *runs = room(head->run_count, sizeof *runs);
    for (uint32_t i = 0; i < head->cap_count; i++) {
        caps[i] = sys_boot_cap_at(view, i);
    }
    for (uint32_t i = 0; i < head->instance_count; i++) {
        instances[i] = sys_boot_instance_at(view, i);
        instances[i].view_offset |= sys_boot_written_outside(view, i) ? SYS_WRITE_OUTSIDE : 0u;
    }
    for (uint32_t i = 0; i < head->rule_count; i++) {
        rules[i] = sys_boot_rule_at(view, i);
    }
    for (uint32_t i = 0; i < head->run_count; i++) {
        runs[i] = sys_boot_run_at(view, i);
    }
    const struct sys_boot_spec again = {.process = head->process,
                                        .index = head->index,
                                        .count = head->count,
                                        .seed = head->seed,
                                        .start_tick = head->start_tick,
                                        .view_bytes = head->view_bytes,
                                        .graph_bytes = head->graph_bytes,
                                        .graph_bytes_max = head->graph_bytes_max,
                                        .heap_bytes = head->heap_bytes,
                                        .keep = head->keep,
                                        .explore = head->explore,
                                        .explore_flags = head->explore_flags,
                                        .quota = head->quota == 1 ? &view->quota : NULL,
                                        .caps = caps,
                                        .instances = instances,
                                        .rules = rules,
                                        .runs = runs,
                                        .cap_count = head->cap_count,
                                        .instance_count = head->instance_count,
                                        .rule_count = head->rule_count,
                                        .run_count = head->run_count,
                                        .filter = view->filter};
    struct jit_buf buf;
    jit_buf_init(&buf, jit_heap_libc(), SYS_BOOT_BYTES_MAX);
    enum jit_err err = sys_boot_encode(&again, &buf);
    assert(err == JIT_OK && buf.size == head->size);
    /* A minor version of a newer program is read, and is not what this one writes. */
    jit_put_le16(buf.data + 6, head->minor);
    assert(memcmp(buf.data, view->bytes, buf.size) == 0);
    jit_buf_release(&buf);
    free(caps);
    free(instances);
    free(rules);
    free(runs);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct sys_boot_view view;
    uint64_t claimed = 1;
    enum jit_err sized = sys_boot_size(bytes, size, &claimed);
    enum jit_err err = sys_boot_decode(bytes, size, &view);
    assert(err == JIT_OK || err == JIT_EFORMAT || err == JIT_EVERSION);
    assert(sized == JIT_OK ? claimed > 0 : claimed == 0 && err == sized);
    if (err == JIT_OK) {
        assert(claimed == view.head.size && claimed <= size);
        fuzz_take();
        check_again(&view);
    }
    return 0;
}
