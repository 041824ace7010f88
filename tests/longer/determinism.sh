#!/usr/bin/env bash
# determinism.sh SOURCE SEEDS [FIRST] - the same roots from gcc -O0, gcc -O3, clang and a sanitized
# build, with 1 and 2 threads, 1, 2 and 8 workers, with the processor's newer instructions hidden
# from the C library and where memory lies at other places. `make check-determinism SEEDS=n` calls
# it. tests/sim/jitos-roots compares threads and workers itself; here the builds are compared.
# build-longer/determinism/roots.gcc-O0 and so on have what each said.
job=determinism
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[ $# -ge 2 ] || fail "usage: determinism.sh SOURCE SEEDS [FIRST]"
source=$(cd "$1" && pwd)
seeds=$2
first=${3:-1}
[[ $seeds =~ ^[1-9][0-9]{0,5}$ ]] || fail "SEEDS is a whole number from 1 on, not '$seeds'"
need gcc
need clang-14
need setarch
here=build-longer/determinism
mkdir -p "$here"

declare -A words=(
    [gcc-O0]="CC=${JIT_CACHE-} gcc|CFLAGS=-O0 -g"
    [gcc-O3]="CC=${JIT_CACHE-} gcc|CFLAGS=-O3"
    [clang]="CC=${JIT_CACHE-} clang-14|CFLAGS=-O2"
    [asan]="CC=${JIT_CACHE-} gcc|--enable-sanitize|CFLAGS=-O1 -g"
)
# What the C library of Debian 12 may choose its functions by.
hidden=glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX2,-AVX,-FMA,-FMA4,-BMI2,-ERMS,-SSE4_2

# roots NAME COMMAND...: as the first one, or it ends here
roots()
{
    local name=$1 from=$SECONDS
    shift
    "$@" --seed "$first" --seeds "$seeds" >"$here/roots.$name" ||
        fail "$name: two ways to run one seed differ; $here/roots.$name has the last seed"
    cmp -s "$here/roots.gcc-O0" "$here/roots.$name" ||
        fail "$name gives other roots: diff $here/roots.gcc-O0 $here/roots.$name"
    echo "determinism: $name: the same roots, $((SECONDS - from)) s"
}

for name in gcc-O0 gcc-O3 clang asan; do
    IFS='|' read -ra configure <<<"${words[$name]}"
    build "$here/$name" "$source" tests/sim/jitos-roots -- "${configure[@]}"
    program=$here/$name/tests/sim/jitos-roots
    if [ "$name" = gcc-O0 ]; then
        : >"$here/roots.gcc-O0"
        "$program" --seed "$first" --seeds "$seeds" >"$here/roots.gcc-O0" ||
            fail "gcc-O0: two ways to run one seed differ; $here/roots.gcc-O0 has the last seed"
    fi
    place=()
    [ "$name" != asan ] || place=("$source/tests/longer/sanitized.sh" address)
    roots "$name" "${place[@]}" "$program"
    roots "$name.hidden" "${place[@]}" env GLIBC_TUNABLES="$hidden" "$program"
    roots "$name.fixed" setarch -R "$program"
done
lines=$(wc -l <"$here/roots.gcc-O0")
[ "$lines" -eq "$seeds" ] || fail "$lines roots of $seeds seeds"
different=$(cut -d' ' -f2 "$here/roots.gcc-O0" | sort -u | wc -l)
[ "$different" -gt $((seeds / 2)) ] || fail "only $different different roots: nothing is tried"
echo "determinism: $seeds seeds x 4 builds x 2 thread counts x 3 worker counts x 3 surroundings:" \
    "the same roots"
