#!/bin/sh
# test_full_verbs.sh [FOLDER] - the disk fills up midway.
# Goal:   checkpoint, export, restore, import, gc, fork, rollback, merge and sweep that find no room
#         at any step end with exit code 8 and say so; what was there before verifies while the disk
#         is full and is restored with its root; with room again the same command does its work.
#         A supervisor that runs goes on.
# Method: a small tmpfs of our own with so many free blocks, from none on, until there is enough; so
#         it needs the right to mount one. With a FOLDER on some other file system, that one
#         is filled (tests/longer/disks.sh: ext4, xfs, btrfs). That is a share of the steps;
#         with JIT_KILL_STEPS=all it is each number of blocks (make check-kill-steps).
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"
# shellcheck source=tests/lib/small_log.sh
. "$top/tests/lib/small_log.sh"

if [ $# = 0 ] && [ -z "${FULL_VERBS_ALONE:-}" ]; then
    unshare -m true 2>/dev/null ||
        skip "a small file system to fill cannot be mounted here; run it as root"
    cd "$build"
    FULL_VERBS_ALONE=1 top_srcdir=$top unshare -m --propagation private "$top/tests/tools/${0##*/}"
    exit 0
fi

disk=${1:-$dir/disk}
pid=
tidy() {
    [ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true
    [ "$disk" != "$dir/disk" ] || umount -l "$disk" 2>/dev/null || true
    rm -rf "$dir"
}

grows=no
step=4 # so many blocks more are free at each try
[ "${JIT_KILL_STEPS:-}" != all ] || step=1
if [ $# = 0 ]; then
    mkdir "$disk"
    mount -t tmpfs -o size=4m none "$disk"
else
    grows=yes # twice as many at each try
fi

cd "$dir"
small_log full old
cells 120 hits:long >cells.csv # so many that a merge is larger than what a log keeps ready
sed -i 's/p = 0.5/p = 0.1/' s.jitos
want 0 "$jitos" run s.jitos --ticks 12 --seed 3 --data old --durability none
want 0 "$jitos" checkpoint -m one --data old --json
one=$(key root out)
want 0 "$jitos" fork @12 -m other --seed 4 --data old
want 0 "$jitos" run --ticks 24 --data old/branches/other --durability none
want 0 "$jitos" run --ticks 24 --data old --durability none
want 0 "$jitos" checkpoint --data old
want 0 "$jitos" run --ticks 27 --data old --durability none --json
root=$(key root out)
want 0 "$jitos" checkpoint --export one.jck --data old
rm -f old/log/*.tmp # a segment in the making would give its room back
[ -n "$one" ] && [ -n "$root" ] || fail "no roots"

new=$disk/new
into=$disk/into

# fill BLOCKS: so many of 4 KiB stay free, or about so many where a file system keeps its own books
fill() {
    sync -f "$disk"
    left=$(df --output=avail -B1 "$disk" | tail -n 1)
    fallocate -l $((left > 2097152 ? left - 1048576 : 4096)) "$disk/filler" 2>dd.log || true
    dd if=/dev/zero of="$disk/filler" bs=64K oflag=append conv=notrunc >dd.log 2>&1 || true
    dd if=/dev/zero of="$disk/filler" bs=4K oflag=append conv=notrunc >dd.log 2>&1 || true
    sync -f "$disk"
    size=$(stat -c %s "$disk/filler")
    size=$((size / 4096 * 4096 - $1 * 4096))
    [ "$size" -gt 0 ] || { fail "nothing could be filled" && exit 1; }
    truncate -s "$size" "$disk/filler"
    sync -f "$disk"
}

room_again() {
    rm -f "$disk/filler"
    sync -f "$disk"
}

was_there() {
    rm -rf was
    "$jitos" restore one --data "$new" --into was --json >out 2>err || return 1
    [ "$(key root out)" = "$one" ] || return 1
    "$jitos" verify --deep --data "$new" >out 2>err
}

# What the messages say is to be done.
again() {
    case $2 in
    sweep) "$@" --retry ;;
    rollback)
        if [ -e "$new/branches/made/FORMAT" ]; then
            "$jitos" branch --switch made --data "$new"
        else
            "$@"
        fi
        ;;
    *) "$@" ;;
    esac
}

tries=0
refused=0
room_rows=0 # sweeps whose rows say that there was no room
# full NEEDS CHECKS COMMAND...: it is refused at least NEEDS times before there is room enough
full() {
    needs=$1
    checks=$2
    shift 2
    [ "$grows" = no ] || step=32
    blocks=$((-step))
    code=8
    before=$refused
    while [ "$code" != 0 ]; do
        blocks=$((blocks + step))
        [ "$grows" = no ] || step=$((blocks > 32 ? blocks : 32))
        [ "$blocks" -lt 65536 ] || { fail "never room enough: $*" && return; }
        rm -rf "$new" "$into" "$disk"/*.jck
        cp -r old "$new"
        fill $blocks
        code=0
        "$@" >said 2>why || code=$?
        doing="$* with $blocks blocks"
        tries=$((tries + 1))
        if [ "$code" != 0 ]; then
            refused=$((refused + 1))
            if [ "$code" = 1 ] && [ "$2" = sweep ]; then # a run that fails is a row
                grep -q -e "--retry" why said || fail "$doing: $(cat said why)"
                cut -d, -f3- "$into/results.csv" >rows
                ! grep "failed" rows | grep -v "space" >why_not ||
                    fail "$doing: a row does not say that there was no space: $(cat why_not)"
                ! grep -q "failed" rows || room_rows=$((room_rows + 1))
            else
                [ "$code" = 8 ] || fail "$doing: exit $code: $(cat said why)"
                grep -q "space" why || fail "$doing: not said what is missing: $(cat said why)"
                grep -q "next:" why || fail "$doing: not said what to do: $(cat why)"
            fi
            was_there || fail "$doing: what was there is not: $(cat out err)"
            room_again
            again "$@" >out 2>err || fail "$doing, then with room again: $(cat out err)"
        fi
        room_again
        eval "$checks" >out 2>err || fail "$doing, then $checks: $(cat out err)"
    done
    [ $((refused - before)) -ge "$needs" ] || fail "refused only $((refused - before)) times: $*"
}

full 1 'was_there && rm -rf was && "$jitos" restore two --data "$new" --into was' \
    "$jitos" checkpoint -m two --data "$new"
full 1 'rm -rf was && "$jitos" restore --import "$disk/two.jck" --into was' \
    "$jitos" checkpoint --export "$disk/two.jck" --data "$new"
full 1 '"$jitos" verify --deep --data "$into" && was_there' \
    "$jitos" restore one --data "$new" --into "$into"
full 1 '"$jitos" verify --deep --data "$into"' \
    "$jitos" restore --import "$dir/one.jck" --into "$into"
full 0 'was_there && grep -q "$root" out' "$jitos" gc --keep 1 --log --data "$new"
full 1 '"$jitos" verify --deep --data "$new/branches/made" && was_there' \
    "$jitos" fork @14 -m made --seed 8 --data "$new"
full 1 '"$jitos" verify --deep --data "$new/branches/made"' \
    "$jitos" rollback @14 -m made --data "$new"
full 1 '"$jitos" replay --by rules --data "$new" && was_there' \
    "$jitos" merge HEAD --into main -s theirs --data "$new/branches/other"
want 0 "$jitos" sweep s.jitos --vary p=0.2,0.6 --seeds 1..2 --ticks 4 --out swept
full 1 'cmp swept/results.csv "$into/results.csv"' \
    "$jitos" sweep s.jitos --vary p=0.2,0.6 --seeds 1..2 --ticks 4 --out "$into"
[ "$room_rows" -gt 0 ] || fail "no sweep had a row for which there was no room"

# One that runs goes on without its checkpoint, and makes it when there is room.
rm -rf "$new" "$into"
cp -r old "$new"
"$jitosd" --data "$new" 2>said &
pid=$!
while [ ! -S "$new/hub.sock" ] && kill -0 $pid; do :; done
fill 0
want 8 "$jitos" checkpoint -m live --data "$new"
says "space"
want 0 "$jitos" ps --data "$new"
room_again
want 0 "$jitos" checkpoint -m live --data "$new" --json
says "\"root\":\"$root\""
kill $pid
wait $pid || fail "the supervisor left with $?: $(cat said)"
pid=
was_there || fail "after a supervisor's checkpoint: $(cat out err)"

rm -rf "$new" "$into" "$disk"/*.jck
[ "$failed" = 0 ] && echo "$tries tries, $refused of them without room: nothing lost"
exit "$failed"
