#!/usr/bin/env bash
# valgrind.sh - a share of the tests under valgrind, which sees what ASan does not: bytes that were
# never written and are looked at. With what is built here, in one process each, since it would not
# follow Check's forks. `make check-valgrind` calls it; ONLY='syscall/test_abi' runs these;
# TEST:CASE is that case alone.
job=valgrind
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

need valgrind
# Decoders, writers and readers of each layer, and memory that is refused. Not here: coroutines and
# locked-in processes, which valgrind does not follow.
tests=(syscall/test_cap syscall/test_narrow kernel/hub/test_hub_msg rmg/file/test_file
    rmg/schema/test_schema rmg/store/test_codec base/test_hash kernel/log/test_blob
    rmg/file/test_envelope rmg/lang/test_lang syscall/test_boot syscall/test_abi
    syscall/test_decode syscall/test_view base/test_bytes kernel/checkpoint/test_forms
    kernel/test_load kernel/test_oom rmg/rules/test_expr:expr rmg/rules/test_rule
    rmg/change/test_patch_apply syscall/test_token)
top_srcdir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
[ -z "${ONLY:-}" ] || read -ra tests <<<"$ONLY"
logs=$PWD/build-longer/valgrind
mkdir -p "$logs"
built=("${tests[@]%:*}")
quietly "$logs/make.log" make -s -j"$(nproc)" "${built[@]/#/tests/}"

# one TEST: its output in a file, shown when something was found
one()
{
    local from=$SECONDS log=$logs/${1//\//-}.log test=${1%:*}
    [ "$test" = "$1" ] || export CK_RUN_CASE=${1#*:}
    valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
        --suppressions="$top_srcdir/build-aux/valgrind.supp" "tests/$test" >"$log" 2>&1 || {
        tail -n 40 "$log"
        echo "valgrind: tests/$1 failed; $log has all of it"
        return 1
    }
    echo "valgrind: $1 passed in $((SECONDS - from)) s"
}
export -f one
export logs top_srcdir top_builddir=. CK_FORK=no CK_TIMEOUT_MULTIPLIER=50
printf '%s\0' "${tests[@]}" | xargs -0 -P "$(nproc)" -I{} bash -c 'one "$1"' _ {} ||
    fail "mend it, or say in build-aux/valgrind.supp why it is right"
