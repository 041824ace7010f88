#!/usr/bin/env bash
# sanitized.sh KIND COMMAND... - the command, so that what is built with -fsanitize=KIND can start:
# the shadow of a sanitizer lies at a fixed place, and a kernel that chooses addresses by 32 bits of
# chance (vm.mmap_rnd_bits) often puts the program there. The command and all that it starts have
# their addresses left where they are, if this machine allows that (setarch -R). Where they do not
# start all the same, it says so and ends with 77.
job=sanitized
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[ $# -ge 2 ] || fail "usage: sanitized.sh KIND COMMAND..."
need clang-14
need setarch
kind=$1
shift
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
echo 'int main(void) { return 0; }' >"$dir/probe.c"
clang-14 -fsanitize="$kind" -o "$dir/probe" "$dir/probe.c"
place=(setarch -R)
"${place[@]}" true 2>/dev/null || place=()
# As many starts as a run of tests has: one in four is lost where it is by chance.
for ((i = 0; i < 64; i++)); do
    timeout 10 "${place[@]}" "$dir/probe" 2>"$dir/log" && continue
    echo "sanitized: not run: -fsanitize=$kind does not start here:" \
        "$(tail -n 1 "$dir/log"); as root: sysctl vm.mmap_rnd_bits=28"
    [ -z "${JIT_MUST_WORK-}" ] || exit 1
    exit 77
done
rm -rf "$dir"
trap - EXIT
exec "${place[@]}" "$@"
