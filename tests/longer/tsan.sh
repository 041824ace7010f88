#!/usr/bin/env bash
# tsan.sh SOURCE - what runs in several threads, under ThreadSanitizer: the engine's threads, the
# ring's two ends, io_uring's, the hub, and whole supervisors with their waiters and their writers
# of checkpoints. `make check-tsan` calls it, by sanitized.sh. Coroutines are not threads: tests of
# theirs are not run here. Workers are processes of their own; what they share with the supervisor
# is the ring.
job=tsan
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[ $# -eq 1 ] || fail "usage: tsan.sh SOURCE"
need clang-14
tests=(kernel/event/test_pool kernel/hub/test_hub_conn kernel/hub/test_hub_memory
    kernel/hub/test_hub_told kernel/test_shell kernel/log/test_io
    kernel/core/test_retry syscall/test_ring_threads syscall/test_view rmg/store/test_hands
    rmg/engine/test_engine tools/test_hub tools/test_supervisor)
here=build-longer/tsan
mkdir -p "$here"
build "$here" "$1" all-am tests/sim/jitos-roots "${tests[@]/#/tests/}" -- --enable-sanitize=thread \
    CC="${JIT_CACHE-} clang-14" CFLAGS='-O1 -g'
source=$(cd "$1" && pwd)
cd "$here"
export TSAN_OPTIONS="halt_on_error=1:exitcode=66:suppressions=$source/build-aux/tsan.supp"
export CK_TIMEOUT_MULTIPLIER=20 top_srcdir=$source top_builddir=.

# under NAME COMMAND...: a process that it ends may be a child whose end was expected to be one.
under()
{
    local log=${1//\//-}.log from=$SECONDS name=$1
    shift
    "$@" >"$log" 2>&1 && ! grep -q 'WARNING: ThreadSanitizer' "$log" || {
        tail -n 60 "$log"
        fail "$name; $PWD/$log has all of it"
    }
    echo "tsan: $name passed in $((SECONDS - from)) s"
}
for test in "${tests[@]}"; do
    under "tests/$test" "tests/$test"
done
under "jitos-roots" tests/sim/jitos-roots --seed 1 --seeds 20
