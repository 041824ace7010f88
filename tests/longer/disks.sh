#!/usr/bin/env bash
# disks.sh [ROUNDS] - real file systems, made in files and mounted: ext4, xfs and btrfs until they
# are full, with a run and with each command that writes a folder, and ext4 and xfs with their power
# cut in the midst of a run (the shutdown ioctl: what was not in the journal is gone). No
# acknowledged tick may be lost, the history must be that of a run that nothing happened to, and
# with room again it goes on. Needs root and loop devices; what the machine does not have is skipped
# with its reason. `make check-disks ROUNDS=n` calls it.
job=disks
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

rounds=${1:-5}
[[ $rounds =~ ^[1-9][0-9]{0,3}$ ]] || fail "ROUNDS is a whole number from 1 on, not '$rounds'"
jitos=$PWD/tools/jitos
jitosd=$PWD/tools/jitosd
[ -x "$jitos" ] || fail "$jitos is not there; try: make"
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
skip()
{
    echo "disks: SKIP: $*"
    [ "${JIT_MUST_WORK:-}" != 1 ] || exit 1
}
[ "$(id -u)" = 0 ] || { skip "mounting takes root" && exit 77; }
[ -e /dev/loop-control ] || { skip "this machine has no loop devices" && exit 77; }
"$jitosd" --check >/dev/null || { skip "this machine cannot lock workers in" && exit 77; }

dir=$(mktemp -d "${TMPDIR:-/var/tmp}/jitos-disks-XXXXXX")
mnt=$dir/mnt
mkdir "$mnt"
mounted=false
tidy()
{
    ! $mounted || umount "$mnt" 2>/dev/null || umount -l "$mnt"
    rm -rf "$dir"
}
trap tidy EXIT
cp "$top"/examples/kill9/*.jitos "$top"/examples/kill9/*.csv "$dir"
system=$dir/kill9.jitos
seed=11
ticks=120

# fresh KIND MIB: an empty one at $mnt; 1: this machine has none
fresh()
{
    command -v "mkfs.$1" >/dev/null ||
        { skip "no mkfs.$1 here; ./quickstart install ci" && return 1; }
    rm -f "$dir/disk"
    truncate -s "$2M" "$dir/disk"
    "mkfs.$1" -q "$dir/disk" >"$dir/mkfs.log" 2>&1 || fail "mkfs.$1: $(cat "$dir/mkfs.log")"
    mount_it "$1" || { skip "this kernel does not mount $1" && return 1; }
}

mount_it()
{
    mount -o loop -t "$1" "$dir/disk" "$mnt" 2>"$dir/mount.log" && mounted=true
}

# A supervisor whose disk is gone may take a moment to end; and while a worker of it has not, its
# mounts, a copy of ours, keep the file system as it was: mounted again it would be the one without
# power.
unmount()
{
    local tries
    for ((tries = 0; tries < 300; tries++)); do
        if ! $mounted || umount "$mnt" 2>/dev/null; then
            mounted=false
            [ -n "$(losetup -j "$dir/disk")" ] || return 0
        fi
        sleep 0.1
    done
    fail "cannot unmount: somebody is in there still"
}

# The head at the end of a run of $ticks that nothing happens to.
"$jitos" run "$system" --seed $seed --ticks $ticks --data "$dir/peace" --json >"$dir/peace.json"
peace=$(word head "$dir/peace.json")
[ -n "$peace" ] || fail "no head: $(tail -n 1 "$dir/peace.json")"

finish()
{
    "$jitos" run --data "$mnt/data" --ticks $ticks --json >"$dir/end.json" 2>"$dir/end.err" ||
        fail "$1: it does not go on: $(cat "$dir/end.err")"
    [ "$(word head "$dir/end.json")" = "$peace" ] || fail "$1: another history"
    "$jitos" replay --data "$mnt/data" >/dev/null || fail "$1: it does not replay"
}

# Until nothing is left: it ends with the exit code of a full disk, then goes on when there is room.
full()
{
    local kind=$1 code=0 room=$2 told
    "$jitos" run "$system" --seed $seed --ticks 2 --data "$mnt/data" -q >/dev/null
    dd if=/dev/zero of="$mnt/filler" bs=64K >/dev/null 2>&1 || true
    sync -f "$mnt"
    dd if=/dev/zero of="$mnt/filler2" bs=512 oflag=sync count=200 >/dev/null 2>&1 || true
    "$jitos" run --data "$mnt/data" --ticks "$room" --json >"$dir/full.json" 2>"$dir/full.err" ||
        code=$?
    told=$(grep -c '"event":"tick"' "$dir/full.json" || true)
    [ $code = 8 ] || [ $code = 0 ] || fail "$kind, full: exit $code: $(cat "$dir/full.err")"
    "$jitos" replay --data "$mnt/data" >/dev/null 2>&1 || fail "$kind, full: reading does not work"
    rm -f "$mnt/filler" "$mnt/filler2"
    sync -f "$mnt"
    [ $code = 8 ] || { echo "disks: $kind: $told ticks and still room" && return 1; }
    echo "disks: $kind: full after $told ticks, exit 8; read, freed, gone on"
}

cut_power()
{
    python3 -c 'import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack("I", 2))' "$mnt"
}

# The power goes when `at` ticks were told.
power()
{
    local kind=$1 at=$2 told=0 line
    mkfifo "$dir/told"
    "$jitos" run "$system" --seed $seed --ticks $ticks --data "$mnt/data" --json >"$dir/told" \
        2>"$dir/cut.err" &
    local run=$!
    while read -r line; do
        case $line in
        *'"event":"tick"'*)
            told=$((told + 1))
            [ $told != "$at" ] || cut_power || fail "$kind knows no shutdown"
            ;;
        esac
    done <"$dir/told"
    wait $run 2>/dev/null || true
    rm "$dir/told"
    unmount
    mount_it "$kind" || fail "$kind: not mounted after the cut: $(cat "$dir/mount.log")"
    "$jitos" log --data "$mnt/data" --json >"$dir/log.json" 2>"$dir/log.err" || true
    "$jitos" replay --data "$mnt/data" >"$dir/replay" 2>&1 ||
        fail "$kind, cut at $at: it does not replay: $(cat "$dir/replay")"
    "$jitos" show "@$told" --data "$mnt/data" >/dev/null 2>"$dir/show.err" ||
        fail "$kind, cut at $at: tick $told was told and is not there: $(cat "$dir/show.err")"
}

for kind in ext4 xfs btrfs; do
    size=48
    [ $kind != xfs ] || size=320
    [ $kind != btrfs ] || size=128
    fresh $kind $size || continue
    full $kind 20000 || fail "$kind never was full"
    "$jitos" run --data "$mnt/data" --ticks 2 -q >/dev/null || fail "$kind: it does not start again"
    before=$("$jitos" run --data "$mnt/data" --ticks 1 --json -q | tail -n 1)
    [ -n "$before" ] || fail "$kind: no answer"
    unmount
    fresh $kind $size || fail "$kind: not made anew"
    srcdir=$top "$top/tests/tools/test_full_verbs.sh" "$mnt" >"$dir/verbs" 2>&1 ||
        fail "$kind, commands without room: $(cat "$dir/verbs")"
    echo "disks: $kind: commands without room: $(tail -n 1 "$dir/verbs")"
    unmount
done
for kind in ext4 xfs; do
    size=64
    [ $kind != xfs ] || size=320
    for ((round = 1; round <= rounds; round++)); do
        fresh $kind $size || continue 2
        power $kind $((1 + round * 7919 % (ticks - 2)))
        finish "$kind, round $round"
        unmount
    done
    echo "disks: $kind: $rounds power cuts, nothing told was lost, the same history at the end"
done
