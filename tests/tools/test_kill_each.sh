#!/bin/sh
# Goal:   checkpoint, export, restore, import, gc, fork, rollback and merge that are killed at any
#         step leave a folder that verifies to the last byte, every checkpoint that was there with
#         it; and the same command again does what it would have done.
# Method: each is killed before each of its system calls that changes a folder, one after the other,
#         until it ends by itself; each time on a fresh copy of one small history. After a kill one
#         of three looks is taken at what was there, in turns. That is every second step;
#         with JIT_KILL_STEPS=all it is every step with all three looks (make check-kill-steps).
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"
# shellcheck source=tests/lib/small_log.sh
. "$top/tests/lib/small_log.sh"

kill_at=$build/tests/tools/kill_at
cd "$dir"
small_log each old
want 0 "$jitos" run s.jitos --ticks 12 --seed 3 --data old --durability none
want 0 "$jitos" checkpoint -m one --data old
want 0 "$jitos" fork @12 -m other --seed 4 --data old
want 0 "$jitos" run --ticks 15 --data old/branches/other --durability none
want 0 "$jitos" run --ticks 24 --data old --durability none
want 0 "$jitos" checkpoint --data old
want 0 "$jitos" run --ticks 27 --data old --durability none --json
root=$(key root out)

all=${JIT_KILL_STEPS:-share}
stride=2
[ "$all" != all ] || stride=1
want 0 "$jitos" restore one --data old --into was --json
one=$(key root out)
rm -rf was
[ -n "$one" ] || fail "no root of checkpoint one"

# was_there 0|1|2: what there was before the command, looked at in one of three ways
was_there() {
    case $1 in
    0)
        rm -rf was
        "$jitos" restore one --data new --into was --verify --json || return 1
        "$jitos" verify --deep --data was | tee was/said
        grep -q "$one" was/said
        ;;
    1) "$jitos" verify --deep --data new ;;
    2) "$jitos" branch --data new && "$jitos" checkpoint --list --data new ;;
    esac
}

after_kill=: # what must hold after each kill
kills=0
# each STEPS CHECKS COMMAND...: at least so many steps; after the command, again, in $dir, CHECKS
each() {
    least=$1
    checks=$2
    shift 2
    step=$((1 - stride))
    code=0
    while [ "$code" = 0 ]; do
        step=$((step + stride))
        [ "$step" -le 500 ] || { fail "no end: $*" && return; }
        rm -rf new into
        cp -r old new
        code=0
        "$kill_at" "$step" "$jitos" "$@" >out 2>err || code=$?
        [ "$code" = 0 ] || continue
        kills=$((kills + 1))
        doing="killed before step $step: jitos $*"
        $after_kill >out 2>err || fail "$doing, then: $(cat out err heads)"
        # The branch in use may be another one already.
        rm -rf heads.kept && mkdir heads.kept
        for file in new/HEAD new/HEAD.next; do
            [ ! -e $file ] || mv $file heads.kept
        done
        for look in 0 1 2; do
            [ "$all" = all ] || [ $((step % 3)) = $look ] || continue
            was_there $look >out 2>err || fail "$doing, then: $(cat out err)"
        done
        for file in HEAD HEAD.next; do
            [ ! -e heads.kept/$file ] || mv heads.kept/$file new
        done
        if [ ! -e into/FORMAT ] && [ ! -e new/branches/made/FORMAT ]; then
            "$jitos" "$@" >out 2>err || fail "$doing, then again: $(cat out err)"
        fi
        [ "$all-$((step / 2 % 2))" = share-0 ] || eval "$checks" >out 2>err ||
            fail "$doing, then $checks: $(cat out err)"
    done
    [ "$code" = 3 ] || fail "kill_at: exit $code at step $step of $*: $(cat err)"
    eval "$checks" >out 2>err || fail "not killed: $checks: $(cat out err)"
    [ "$step" -gt "$least" ] || fail "only $step steps: $*"
}

each 5 '"$jitos" verify --data new && "$jitos" restore two --data new --into into' \
    checkpoint -m two --data new
each 8 '"$jitos" verify --deep --data into' restore one --data new --into into
want 0 "$jitos" checkpoint --export one.jck --data old
each 3 '"$jitos" restore --import new/two.jck --into into && "$jitos" verify --deep --data into' \
    checkpoint --export new/two.jck --data new
each 8 '"$jitos" verify --deep --data into' restore --import one.jck --into into
each 8 '"$jitos" verify --deep --data new >said && grep -q "$root" said' \
    gc --keep 1 --log --data new
each 8 '"$jitos" verify --deep --data new/branches/made' fork @14 -m made --seed 8 --data new

# At whatever step a rollback ends, the head is the new branch if it is there, else it is main; and
# none of it needs a hand.
head_is_where() {
    whose=main
    [ ! -e new/branches/made/FORMAT ] || whose=made
    "$jitos" branch --data new >heads
    grep "^\* $whose " heads && "$jitos" verify --data new || return 1
    # Another folder that takes the name that was announced is not the head for that.
    [ $whose = main ] || return 0
    for verb in "restore one" "fork @5"; do
        rm -rf taken && cp -r new taken
        # shellcheck disable=SC2086 # words
        "$jitos" $verb --data taken --into taken/branches/made &&
            "$jitos" branch --data taken >heads && grep "^\* main " heads || return 1
    done
}
after_kill=head_is_where
each 8 '"$jitos" verify --deep --data new/branches/made' rollback @14 -m made --data new
after_kill=:
each 3 '"$jitos" replay --by rules --data new' \
    merge HEAD --into main -s theirs --data new/branches/other

[ "$failed" = 0 ] && echo "$kills kills, $all of the steps: nothing lost"
exit "$failed"
