#!/usr/bin/env bash
# oom.sh [ROUNDS] - a control group in which memory runs out, again and again, and the kernel kills
# whom it has been told to take first: the supervisor, in every second round a worker. No
# acknowledged tick may be lost, the history must be that of a run that nothing happened to. Needs
# root and a memory controller, version 1 or 2; what the machine does not have is skipped with its
# reason. `make check-oom ROUNDS=n` calls it.
job=oom
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

rounds=${1:-6}
[[ $rounds =~ ^[1-9][0-9]{0,3}$ ]] || fail "ROUNDS is a whole number from 1 on, not '$rounds'"
jitos=$PWD/tools/jitos
jitosd=$PWD/tools/jitosd
[ -x "$jitos" ] || fail "$jitos is not there; try: make"
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
skip()
{
    echo "oom: SKIP: $*"
    [ "${JIT_MUST_WORK:-}" != 1 ] || exit 1
    exit 77
}
[ "$(id -u)" = 0 ] || skip "a control group takes root"
need python3
"$jitosd" --check >/dev/null || skip "this machine cannot lock workers in"

# Version 1 below where we are, version 2 at the top, which alone may have processes beside groups.
group=
version=
mount=$(awk '$3 == "cgroup" && $4 ~ /(^|,)memory(,|$)/ { print $2; exit }' /proc/self/mounts)
if [ -n "$mount" ]; then
    version=1
    own=$(sed -n 's/^[0-9]*:[^:]*\bmemory\b[^:]*:\(.*\)$/\1/p' /proc/self/cgroup)
    group=$mount${own%/}
    [ -d "$group" ] || group=$mount
else
    mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
    [ -n "$mount" ] || skip "no control groups are mounted here"
    version=2
    grep -qw memory "$mount/cgroup.subtree_control" 2>/dev/null ||
        skip "the memory controller is not handed down in $mount"
    group=$mount
fi
group=$group/jitos-oom-$$
mkdir "$group" 2>/dev/null || skip "no group can be made: $group"
dir=$(mktemp -d "${TMPDIR:-/var/tmp}/jitos-oom-XXXXXX")
run=
tidy()
{
    local tries one
    [ -z "$run" ] || kill "$run" 2>/dev/null || true
    for one in "$group"/jitos-*/w* "$group"/jitos-* "$group"; do
        for ((tries = 0; tries < 100; tries++)); do
            [ -d "$one" ] && ! rmdir "$one" 2>/dev/null || break
            sleep 0.05 # until the kernel has let go of the dead
        done
    done
    rm -rf "$dir"
}
trap tidy EXIT

limit=$((96 << 20))
if [ $version = 1 ]; then
    echo $limit >"$group/memory.limit_in_bytes" || skip "no limit can be set in $group"
    events=memory.oom_control
else
    echo $limit >"$group/memory.max" || skip "no limit can be set in $group"
    echo 0 >"$group/memory.swap.max" 2>/dev/null || true
    events=memory.events
fi
grep -q '^oom_kill ' "$group/$events" || skip "this kernel does not count whom it kills"

cp "$top"/examples/kill9/*.jitos "$top"/examples/kill9/*.csv "$dir"
system=$dir/kill9.jitos
seed=13

# named NAME PID: the first process of that name below one, at any depth
named()
{
    local pid
    for pid in $(ps -o pid= --ppid "$2"); do
        if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$1" ]; then
            echo "$pid"
            return
        fi
        named "$1" "$pid" && return
    done
    return 1
}

# hog PID: eats what is left until somebody was killed for it: not the hog, who is not the first to
# be. A worker's group may be gone with its count before anybody looks, so PID is asked, too.
hog()
{
    (
        echo "$BASHPID" >"$group/cgroup.procs"
        exec python3 - "$group" "$events" "$limit" "$1" <<'END'
import os, sys

# In version 1 each group counts its own.
def kills():
    count = 0
    for folder, _, _ in os.walk(sys.argv[1]):
        try:
            with open(os.path.join(folder, sys.argv[2])) as file:
                count += sum(int(line.split()[1]) for line in file if line.startswith("oom_kill "))
        except OSError:
            pass # a group that has gone
    return count

def dead():
    try:
        with open("/proc/" + sys.argv[4] + "/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True

before = kills()
eaten = []
while kills() <= before and not dead() and len(eaten) * (1 << 18) < int(sys.argv[3]):
    eaten.append(bytearray(b"x") * (1 << 18))
sys.exit(0 if kills() > before or dead() else 1)
END
    )
}

# one ROUND: a run whose memory runs out when some ticks were told; it stands still for that moment,
# lest it is over before. Without a worker it goes on, until it is told to end.
one()
{
    local round=$1 told=0 at=$((3 + $1 * 7 % 40)) line code=0 hogged words=() supervisor pid
    mkfifo "$dir/told"
    [ "$round" -gt 1 ] || words=("$system" --seed $seed)
    (
        echo "$BASHPID" >"$group/cgroup.procs"
        exec "$jitos" run "${words[@]}" --ticks 2000000000 --data "$dir/data" --json \
            >"$dir/told" 2>"$dir/err"
    ) &
    run=$!
    while read -r line; do
        [[ $line == *'"event":"tick"'* ]] || continue
        told=$((told + 1))
        if [ $told = $at ]; then
            supervisor=$(named jitosd "$run")
            kill -STOP "$supervisor"
            pid=$supervisor
            [ $((round % 2)) = 1 ] || pid=$(named memfd:jitos-wor "$run")
            echo 1000 >"/proc/$pid/oom_score_adj"
            hogged=0
            hog "$pid" || hogged=$?
            # It is the next one that is killed where what the first had is not free yet.
            if [ $hogged = 137 ]; then
                timeout 10 tail --pid="$pid" -f /dev/null || true
            elif [ $hogged != 0 ]; then
                fail "round $round: nobody was killed (code $hogged)"
            fi
            [ ! -d "/proc/$pid" ] || grep -q 'State:.*zombie' "/proc/$pid/status" ||
                fail "round $round: it was another one that was killed"
            kill -CONT "$supervisor" 2>/dev/null || true # it may be the one
        fi
        [ $((round % 2)) = 1 ] || [ $told != $((at + 20)) ] || kill -TERM "$run"
    done <"$dir/told"
    wait "$run" 2>/dev/null || code=$?
    run=
    rm "$dir/told"
    [ $told -ge $at ] || fail "round $round: it ended before memory did: $(cat "$dir/err")"
    [ $((round % 2)) = 1 ] || [ $told -ge $((at + 20)) ] ||
        fail "round $round: without a worker it did not go on: $(cat "$dir/err")"
    last=$((last + told))
    "$jitos" replay --data "$dir/data" >"$dir/replay" 2>&1 ||
        fail "round $round: it does not replay: $(cat "$dir/replay")"
    "$jitos" show "@$last" --data "$dir/data" >/dev/null 2>"$dir/show.err" ||
        fail "round $round: tick $last was told and is not there: $(cat "$dir/show.err")"
    echo "oom: round $round: exit $code after $told ticks, which are there"
    # More may be there than was told; the genesis is listed, too.
    last=$(("$("$jitos" log --data "$dir/data" --json 2>/dev/null | grep -c '"event":"tick"')" - 1))
}

last=0
for ((round = 1; round <= rounds; round++)); do
    one $round
done
ticks=$((last + 20))
"$jitos" run --data "$dir/data" --ticks $ticks --json >"$dir/end.json" 2>"$dir/end.err" ||
    fail "it does not go on: $(cat "$dir/end.err")"
"$jitos" run "$system" --seed $seed --ticks $ticks --data "$dir/peace" --json >"$dir/peace.json"
peace=$(word head "$dir/peace.json")
[ -n "$peace" ] || fail "no head: $(tail -n 1 "$dir/peace.json")"
[ "$(word head "$dir/end.json")" = "$peace" ] || fail "another history"
echo "oom: version $version, $rounds rounds, nothing told was lost, the same history"
