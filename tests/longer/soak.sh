#!/usr/bin/env bash
# soak.sh MINUTES - one supervisor that works on and on, with checkpoints while it does: its memory,
# its descriptors and its dead children stay what they were in the second fifth. `make soak
# MINUTES=n` calls it; build-longer/soak.txt has a row a look.
job=soak
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

minutes=${1:-10}
[[ $minutes =~ ^[1-9][0-9]{0,4}$ ]] || fail "MINUTES is a whole number from 1 on, not '$minutes'"
jitos=$PWD/tools/jitos
jitosd=$PWD/tools/jitosd
[ -x "$jitos" ] || fail "$jitos is not there; try: make"
"$jitosd" --check >/dev/null || { echo "soak: SKIP: no workers can be locked in here" && exit 77; }
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
dir=$(mktemp -d "${TMPDIR:-/var/tmp}/jitos-soak-XXXXXX")
run=
tidy()
{
    [ -z "$run" ] || { kill "$run" 2>/dev/null && wait "$run" 2>/dev/null; } || true
    rm -rf "$dir"
}
trap tidy EXIT
cp "$top"/examples/kill9/*.jitos "$top"/examples/kill9/*.csv "$dir"
mkdir -p build-longer
rows=build-longer/soak.txt
: >"$rows"
"$jitos" run "$dir/kill9.jitos" --seed 5 --ticks 2000000000 --data "$dir/data" -q >"$dir/out" 2>&1 &
run=$!

child()
{
    local stat pid name state parent rest
    for stat in /proc/[0-9]*/stat; do
        # shellcheck disable=SC2034
        { read -r pid name state parent rest <"$stat"; } 2>/dev/null || continue
        [ "$parent" != "$1" ] || echo "$pid $name $state"
    done
}

supervisor=
end=$((SECONDS + minutes * 60))
looks=0
while [ $SECONDS -lt $end ]; do
    kill -0 $run 2>/dev/null || fail "the run ended: $(cat "$dir/out")"
    if [ -z "$supervisor" ]; then
        supervisor=$(child $run | awk '$2 == "(jitosd)" { print $1; exit }')
        sleep 1 # between looks, not for anybody
        continue
    fi
    rss=$(awk '$1 == "VmRSS:" { print $2 }' "/proc/$supervisor/status")
    fds=$(find "/proc/$supervisor/fd" -mindepth 1 -maxdepth 1 | wc -l)
    zombies=$(child "$supervisor" | awk '$3 == "Z"' | wc -l)
    echo "$SECONDS $rss $fds $zombies" >>"$rows"
    looks=$((looks + 1))
    if [ $((looks % 10)) = 0 ]; then
        "$jitos" checkpoint -m "soak-$looks" --data "$dir/data" -q >/dev/null 2>"$dir/err" ||
            fail "no checkpoint: $(cat "$dir/err")"
    fi
    sleep 1 # between looks
done
[ $looks -ge 20 ] || fail "only $looks looks: nothing can be said"
tick=$("$jitos" ps --data "$dir/data" --json 2>/dev/null | grep -o '"tick":[0-9]*' | head -n 1) ||
    tick=
# What the middle of the second fifth needs, the middle of the last one needs too.
awk -v looks=$looks '
function middle(column, from, to,    n, i, j, t) {
    n = 0
    for (i = from; i < to; i++) at[n++] = value[column, i]
    for (i = 1; i < n; i++) for (j = i; j > 0 && at[j - 1] > at[j]; j--) {
        t = at[j]; at[j] = at[j - 1]; at[j - 1] = t
    }
    return at[int(n / 2)]
}
{ for (c = 2; c <= 4; c++) value[c, NR - 1] = $c + 0 }
END {
    fifth = int(looks / 5)
    split("rss_kib descriptors zombies", name, " ")
    for (c = 2; c <= 4; c++) {
        early = middle(c, fifth, 2 * fifth)
        late = middle(c, looks - fifth, looks)
        slack = c == 2 ? early * 0.05 + 1024 : 0
        printf "soak: %s %d, at the end %d\n", name[c - 1], early, late
        if (late > early + slack) { print "soak: it grows"; bad = 1 }
    }
    exit bad
}' "$rows" || fail "$rows has every look"
echo "soak: $minutes minutes, $looks looks, ${tick:-no tick told}"
