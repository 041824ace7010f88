#!/usr/bin/env bash
# coverage.sh SOURCE - which branches of log, recovery, checkpoint, ring and capability check the
# tests take: all of them, or build-aux/coverage-reasons.txt says for each line why not. `make
# coverage` calls it.
job=coverage
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[ $# -eq 1 ] || fail "usage: coverage.sh SOURCE"
need gcov-12
need python3
tests=(kernel/log/test_log kernel/log/test_blob kernel/log/test_damage kernel/log/test_branches
    kernel/log/test_folders kernel/log/test_io kernel/log/test_calls kernel/log/test_crash
    kernel/log/test_cuts kernel/checkpoint/test_checkpoint kernel/checkpoint/test_beside
    kernel/checkpoint/test_checkpoint_image kernel/checkpoint/test_contents
    kernel/checkpoint/test_forms kernel/checkpoint/test_history
    kernel/checkpoint/test_refusals kernel/test_oom
    syscall/test_ring syscall/test_decode syscall/test_hostile_ring syscall/test_cap
    syscall/test_cap_derive syscall/test_cap_model syscall/test_narrow)
fuzz=(log checkpoint attenuate ring)
files=(kernel/log/log.c kernel/log/log_format.c kernel/log/log_recover.c kernel/log/log_scan.c
    kernel/log/log_segment.c kernel/log/log_trim.c kernel/log/log_salvage.c kernel/log/blob.c
    kernel/checkpoint/checkpoint.c kernel/checkpoint/checkpoint_list.c
    kernel/checkpoint/checkpoint_segment.c kernel/checkpoint/manifest.c
    kernel/checkpoint/checkpoint_found.c kernel/checkpoint/checkpoint_beside.c
    kernel/checkpoint/checkpoint_image.c syscall/ring.c
    syscall/decode.c syscall/cap.c syscall/cap_dead.c syscall/cap_narrow.c syscall/cap_tree.c
    syscall/attenuate.c)
here=build-longer/coverage
build "$here" "$1" "${tests[@]/#/tests/}" "${fuzz[@]/#/fuzz/fuzz_}" -- \
    CC="${JIT_CACHE-} gcc" CFLAGS='-O0 -g --coverage' LDFLAGS=--coverage
source=$(cd "$1" && pwd)
cd "$here"
find . -name '*.gcda' -delete
# one PROGRAM: several at a time, each adds its own counts
one()
{
    top_srcdir=$source CK_TIMEOUT_MULTIPLIER=20 "./$1" >"${1//\//-}.log" 2>&1 ||
        fail "$1; $PWD/${1//\//-}.log says why"
}
export -f one fail
export source job
printf '%s\0' "${tests[@]/#/tests/}" "${fuzz[@]/#/fuzz/fuzz_}" |
    xargs -0 -P "$(nproc)" -I{} bash -c 'one "$1"' _ {} || exit 1
python3 "$source/tests/longer/coverage.py" . "$source" "$source/build-aux/coverage-reasons.txt" \
    "${files[@]}" || fail "take them in a test, or say in build-aux/coverage-reasons.txt why not"
