#!/bin/sh
# kill9.sh [RUNS [SEED]] - a run, killed with everything that belongs to it at a random instant, is
# finished; RUNS times. Every second one is not finished where it lies but from a checkpoint of what
# the kill left, restored into a new folder. The roots at the end are all the same, and that of a run
# that was never killed.
#
# JITOS names the program, TICKS how long a run is.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
jitos=${JITOS:-jitos}
ticks=${TICKS:-400}
runs=${1:-100}
seed=${2:-$$}
dir=$(mktemp -d "${TMPDIR:-/tmp}/jitos-kill9-XXXXXX")
trap 'rm -rf "$dir"' EXIT

# finish DATA: to the last tick; its root
finish() {
    "$jitos" run "$here/kill9.jitos" --ticks "$ticks" --seed 11 --data "$1" --json -q |
        sed -n 's/.*"event":"done".*"root":"\([0-9a-f]*\)".*/\1/p'
}

now_ms() {
    echo $(($(date +%s%N) / 1000000))
}

begun=$(now_ms)
whole=$(finish "$dir/whole")
took=$(($(now_ms) - begun))
[ -n "$whole" ] || exit 1
echo "never killed: root $whole, $took ms; seed $seed"

same=0
killed=0
run=1
while [ "$run" -le "$runs" ]; do
    data=$dir/run$run
    # The instant: anything from the start to a little behind the end. It is no synchronisation.
    instant=$(awk -v seed="$seed" -v run="$run" -v took="$took" \
        'BEGIN { srand(seed * 1000 + run); printf "%.3f", rand() * took * 1.1 / 1000 }')
    setsid "$jitos" run "$here/kill9.jitos" --ticks "$ticks" --seed 11 --data "$data" -q \
        >"$dir/out" 2>&1 &
    pid=$!
    sleep "$instant"
    # A group of its own: the client, its supervisor, their workers; or nobody has got that far.
    if kill -9 "-$pid" 2>/dev/null || kill -9 "$pid" 2>/dev/null; then
        killed=$((killed + 1))
    else # it had ended, so the first one was slower than they are now
        took=$(awk -v instant="$instant" 'BEGIN { printf "%d", instant * 1000 + 1 }')
    fi
    wait "$pid" 2>/dev/null || true
    if [ $((run % 2)) = 0 ] && "$jitos" checkpoint -m after --data "$data" >"$dir/out" 2>&1; then
        "$jitos" restore after --data "$data" --into "$data.restored" -q >"$dir/out"
        root=$("$jitos" run --data "$data.restored" --ticks "$ticks" --json -q |
            sed -n 's/.*"event":"done".*"root":"\([0-9a-f]*\)".*/\1/p')
    else
        root=$(finish "$data")
    fi
    if [ "$root" = "$whole" ]; then
        same=$((same + 1))
    else
        echo "run $run, killed after $instant s: root ${root:-none}"
    fi
    rm -rf "$data" "$data.restored"
    run=$((run + 1))
done
echo "$same of $runs identical, $killed killed on the way"
[ "$same" = "$runs" ] && [ "$killed" -gt 0 ]
