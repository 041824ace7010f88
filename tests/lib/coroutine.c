#include "tests/lib/coroutine.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/check.h"

#if defined(__SANITIZE_ADDRESS__)
#define CO_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CO_ASAN 1
#endif
#endif
#ifdef CO_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#define GUARD_BYTES 4096u

struct co {
    void (*run)(void *user);
    void *user;
    uint8_t *memory; /* a guard page, then the stack */
    bool started;
    bool ended;
#if defined(__x86_64__)
    void *inside; /* stack pointers of the side that does not run */
    void *outside;
#else
    ucontext_t inside;
    ucontext_t outside;
#endif
    const void *outside_stack; /* for ASan */
    size_t outside_stack_size;
    void *outside_fake;
    void *inside_fake;
};

static struct co *current;

static void co_main(void);

#if defined(__x86_64__)
/* Save what the ABI wants kept (registers, rounding modes) on this stack, go to the other one. */
void co_switch(void **save, void *load);
__asm__(".text\n"
        ".globl co_switch\n"
        ".type co_switch,@function\n"
        "co_switch:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    subq $8, %rsp\n"
        "    stmxcsr (%rsp)\n"
        "    fnstcw 4(%rsp)\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    ldmxcsr (%rsp)\n"
        "    fldcw 4(%rsp)\n"
        "    addq $8, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size co_switch,.-co_switch\n");

static void co_prepare(struct co *co)
{
    uint64_t *top = (uint64_t *)(void *)(co->memory + GUARD_BYTES + CO_STACK_BYTES);
    uint32_t mxcsr;
    uint16_t fcw;
    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    __asm__ volatile("fnstcw %0" : "=m"(fcw));
    *--top = 0; /* co_main never returns; its frame begins as after a call */
    *--top = (uint64_t)(uintptr_t)co_main;
    for (int i = 0; i < 6; i++) {
        *--top = 0;
    }
    *--top = (uint64_t)fcw << 32 | mxcsr;
    co->inside = top;
}

static void switch_in(struct co *co)
{
    co_switch(&co->outside, co->inside);
}

static void switch_out(struct co *co)
{
    co_switch(&co->inside, co->outside);
}
#else
static void co_prepare(struct co *co)
{
    int failed = getcontext(&co->inside);
    assert(failed == 0);
    co->inside.uc_stack.ss_sp = co->memory + GUARD_BYTES;
    co->inside.uc_stack.ss_size = CO_STACK_BYTES;
    co->inside.uc_link = NULL;
    makecontext(&co->inside, co_main, 0);
}

static void switch_in(struct co *co)
{
    int failed = swapcontext(&co->outside, &co->inside);
    assert(failed == 0);
}

static void switch_out(struct co *co)
{
    int failed = swapcontext(&co->inside, &co->outside);
    assert(failed == 0);
}
#endif

/* ASan keeps the bounds of the stack it believes to be on: tell it of each switch. */
static void leave(struct co *co, bool last)
{
    current = NULL;
#ifdef CO_ASAN
    __sanitizer_start_switch_fiber(last ? NULL : &co->inside_fake, co->outside_stack,
                                   co->outside_stack_size);
#else
    (void)last;
#endif
    switch_out(co);
#ifdef CO_ASAN
    __sanitizer_finish_switch_fiber(co->inside_fake, &co->outside_stack, &co->outside_stack_size);
#endif
    current = co;
}

static void co_main(void)
{
    struct co *co = current;
#ifdef CO_ASAN
    __sanitizer_finish_switch_fiber(NULL, &co->outside_stack, &co->outside_stack_size);
#endif
    co->run(co->user);
    co->ended = true;
    leave(co, true);
    abort(); /* nobody resumes what has ended */
}

struct co *co_new(void (*run)(void *user), void *user)
{
    struct co *co = calloc(1, sizeof *co);
    assert(co != NULL);
    co->memory = mmap(NULL, GUARD_BYTES + CO_STACK_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert(co->memory != MAP_FAILED);
    int failed = mprotect(co->memory, GUARD_BYTES, PROT_NONE);
    assert(failed == 0);
    co->run = run;
    co->user = user;
    return co;
}

void co_free(struct co *co)
{
    if (co == NULL) {
        return;
    }
    assert(co != current);
#ifdef CO_ASAN
    __asan_unpoison_memory_region(co->memory + GUARD_BYTES, CO_STACK_BYTES);
#endif
    (void)munmap(co->memory, GUARD_BYTES + CO_STACK_BYTES);
    free(co);
}

void co_resume(struct co *co)
{
    assert(current == NULL);
    assert(!co->ended);
    if (!co->started) {
        co->started = true;
        co_prepare(co);
    }
    current = co;
#ifdef CO_ASAN
    __sanitizer_start_switch_fiber(&co->outside_fake, co->memory + GUARD_BYTES, CO_STACK_BYTES);
#endif
    switch_in(co);
#ifdef CO_ASAN
    __sanitizer_finish_switch_fiber(co->outside_fake, NULL, NULL);
#endif
    assert(current == NULL);
}

void co_yield (void)
{
    if (current != NULL) {
        leave(current, false);
    }
}

bool co_ended(const struct co *co)
{
    return co->ended;
}

struct co *co_current(void)
{
    return current;
}

void co_sleep_wait(struct co_sleep *sleep, const uint32_t *word, uint32_t value)
{
    co_yield ();
    if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != value) {
        return;
    }
    sleep->word = word;
    while (sleep->word != NULL) {
        co_yield ();
    }
}

void co_sleep_wake(struct co_sleep *sleep, const uint32_t *word)
{
    if (sleep->word == word) {
        sleep->word = NULL;
    }
}
