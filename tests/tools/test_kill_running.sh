#!/bin/sh
# Goal:   a supervisor that runs and keeps checkpoints meanwhile may be killed, with its workers and
#         whoever drives it, before any of its steps: every tick that was told is there, every
#         checkpoint of before is restored with its root, every one that is there verifies, and the
#         run goes on to the same end. The same for a restore that runs on.
# Method: killed before each system call that changes a folder, one after the other: those of its
#         checkpoints, while ticks go on; all of a run; and all of a restore that runs on. Ticks,
#         roots and heads are compared with those of a run that nothing happened to. That is a
#         share of the steps; with JIT_KILL_STEPS=all it is every one (make check-kill-steps).
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"
# shellcheck source=tests/lib/small_log.sh
. "$top/tests/lib/small_log.sh"

kill_at=$build/tests/tools/kill_at
cd "$dir"
small_log running old
want 0 "$jitos" run s.jitos --ticks 12 --seed 3 --data old --durability none
want 0 "$jitos" checkpoint -m one --data old
want 0 "$jitos" run --ticks 14 --data old --durability none --json
echo "14 - $(key root out)" >ticks
cp -r old peace
want 0 "$jitos" run --ticks 1000 --data peace --durability none --json
fields='"tick":\([0-9]*\),"root":"\([0-9a-f]*\)".*"head":"\([0-9a-f]*\)"'
sed -n 's/.*"event":"tick".*'"$fields"'.*/\1 \3 \2/p' out >>ticks
want 0 "$jitos" restore one --data old --into was --json
echo "12 - $(key root out)" >>ticks
rm -rf was
# of FIELD TICK: its head (2) or root (3) in the run in peace
of() {
    awk -v tick="$2" -v field="$1" '$1 == tick { print $field }' ticks
}
[ -n "$(of 3 12)" ] && [ -n "$(of 2 1000)" ] || fail "no roots: $(head -n 3 out)"

# busy DATA: a run, and two checkpoints meanwhile
cat >busy <<EOF
#!/bin/sh
"$jitos" run --ticks 1000 --data "\$1" --json >told 2>err &
run=\$!
while [ ! -S "\$1/hub.sock" ] && kill -0 \$run; do :; done
"$jitos" checkpoint -m two --data "\$1" >two 2>&1
"$jitos" checkpoint --data "\$1" >>two 2>&1
kill \$run
wait \$run
[ \$? = 143 ]
EOF
chmod +x busy

# Every tick that was told is there, and every checkpoint comes to life, as in the run in peace.
# What is there goes on as that one did.
all_is_there() {
    "$jitos" verify --deep --data new --json >out 2>err || fail "$doing: $(cat out err)"
    now=$(key ticks out)
    told=$(sed -n '/"event":"tick"/s/.*"tick":\([0-9]*\).*/\1/p' told | tail -n 1)
    [ "${told:-14}" -le "$now" ] || fail "$doing: tick $told was told, and $now is the last"
    "$jitos" checkpoint --list --data new --json >out 2>err || fail "$doing: $(cat err)"
    sed -n 's/.*"tick":\([0-9]*\).*/\1/p' out | sort -u >kept
    while read -r tick; do
        rm -rf was
        "$jitos" restore "@$tick" --data new --into was --json >out 2>err </dev/null ||
            fail "$doing: checkpoint of tick $tick: $(cat err)"
        [ "$(key root out)" = "$(of 3 "$tick")" ] || fail "$doing: another root of tick $tick"
        seen=$((seen + 1))
    done <kept
    rm -rf was
    then=$((now < 997 ? now + 3 : 1000))
    "$jitos" run --ticks $then --data new --json >out 2>err || fail "$doing, then again: $(cat err)"
    [ "$(key head out)" = "$(of 2 $then)" ] || fail "$doing: another tick $then"
}

all=${JIT_KILL_STEPS:-share}
kills=0
seen=0

# runs STRIDE LEAST KILL_AT-WORDS -- COMMAND...
runs() {
    stride=$1
    least=$2
    words=$3
    shift 3
    [ "$all" != all ] || stride=1
    step=$((1 - stride))
    code=0
    while [ "$code" = 0 ]; do
        step=$((step + stride))
        [ "$step" -le 2000 ] || { fail "no end" && return; }
        rm -rf new told
        cp -r old new
        code=0
        # shellcheck disable=SC2086 # words
        "$kill_at" $words "$step" "$@" >told.too 2>err || code=$?
        [ -e told ] || mv told.too told
        [ "$code" = 0 ] || break
        kills=$((kills + 1))
        doing="$1 killed before step $step"
        all_is_there
    done
    [ "$code" = 3 ] || fail "kill_at: exit $code at step $step: $(cat err)"
    doing="$1 in peace"
    all_is_there
    [ "$step" -gt "$least" ] || fail "$1 has only $step steps"
}

runs 4 20 '-p ckpt' ./busy new
[ "$(wc -l <kept)" -ge 2 ] || fail "no checkpoint while it ran: $(cat two err)"
runs 19 40 '' "$jitos" run --ticks 24 --data new --json
[ "$told" = 24 ] || fail "tick $told was told last, not 24"

stride=17
[ "$all" != all ] || stride=1
step=$((1 - stride))
code=0
while [ "$code" = 0 ]; do
    step=$((step + stride))
    [ "$step" -le 2000 ] || { fail "no end" && break; }
    rm -rf into
    code=0
    "$kill_at" "$step" "$jitos" restore one --data old --into into --run-to 24 >out 2>err ||
        code=$?
    [ "$code" = 0 ] || break
    kills=$((kills + 1))
    doing="a restore killed before step $step"
    if [ -e into/FORMAT ]; then
        "$jitos" run --ticks 24 --data into --json >out 2>err || fail "$doing: $(cat err)"
    else
        "$jitos" restore one --data old --into into --run-to 24 --json >out 2>err ||
            fail "$doing, then again: $(cat err)"
    fi
    [ "$(key head out)" = "$(of 2 24)" ] || fail "$doing: another end"
done
[ "$code" = 3 ] || fail "kill_at: exit $code at step $step of a restore: $(cat err)"
[ "$step" -gt 20 ] || fail "a restore has only $step steps"
want 0 "$jitos" verify --deep --data old

[ "$failed" = 0 ] && echo "$kills kills, $all of the steps, $seen checkpoints restored"
exit "$failed"
