#!/bin/sh
# Goal:   the supervisor's fence lets through what it needs and no more: each call of its list is
#         one that jitosd, or a library it is linked with, asks the C library for, or that the C
#         library makes on its own for something that is asked for.
# Method: the list as it stands in proc/host/fence.c beside the undefined names of the programs; a
#         call that nobody asks for is named, and so is a line here that says nothing new.
set -eu
# shellcheck source=tests/lib/begin.sh
. "${top_srcdir:-.}/tests/lib/begin.sh"

if [ -n "${sanitize_cflags-}" ]; then
    echo "not tried in a sanitizer build: it has no fence, and its runtime asks for much more"
    exit 77
fi
[ ! -f "${jitosd%/*}/.libs/jitosd" ] || jitosd=${jitosd%/*}/.libs/jitosd

# CALL NAME...: the C library makes CALL when it is asked for one of these.
cat >"$dir/own" <<'END'
brk malloc
clock_getres clock_getcpuclockid
clock_nanosleep nanosleep
eventfd2 eventfd
exit_group exit _exit
fadvise64 posix_fadvise
fstatfs fstatvfs
futex pthread_cond_wait
getdents64 readdir
gettid raise abort
mremap realloc
newfstatat stat lstat fstat fstatat
pread64 pread
pwrite64 pwrite
recvfrom recv
restart_syscall poll nanosleep
rseq pthread_create
rt_sigaction sigaction
rt_sigprocmask pthread_create abort
rt_sigreturn sigaction
sched_getaffinity sysconf
set_robust_list pthread_create
set_tid_address pthread_create
signalfd4 signalfd
sysinfo qsort
wait4 waitpid
writev abort
END
# CALL: made by number (proc/host/linux.h, kernel/event/uring.h), so no name tells of it.
printf '%s\n' pidfd_send_signal io_uring_enter >"$dir/numbers"

# What is linked, but for the C library itself: its names are those that are asked for.
{
    echo "$jitosd"
    ldd "$jitosd" | awk '$2 == "=>" && $1 !~ /^lib(c|m)\.so/ {print $3}'
} >"$dir/files"
while read -r file; do
    nm -D --undefined-only "$file"
done <"$dir/files" | awk '{sub(/@.*/, "", $2); print $2}' |
    sed -e 's/^__\(.*\)_chk$/\1/' -e 's/^__isoc[0-9]*_//' -e 's/64$//' -e 's/^__//' |
    sort -u >"$dir/asked"
sed -n '/^static const int calls/,/^};/s/^ *SCMP_SYS(\([a-z0-9_]*\)),$/\1/p' \
    "$top/proc/host/fence.c" | sort >"$dir/calls"

failed=0
[ "$(wc -l <"$dir/calls")" -ge 50 ] || {
    echo "FAIL: the list of proc/host/fence.c was not found"
    failed=1
}
while read -r call; do
    ! grep -qx -e "$call" "$dir/asked" "$dir/numbers" || continue
    needed=
    for name in $(awk -v call="$call" '$1 == call {$1 = ""; print}' "$dir/own"); do
        ! grep -qx -e "$name" "$dir/asked" || needed=yes
    done
    [ -n "$needed" ] || {
        echo "FAIL: $call: nothing that is linked into jitosd asks for it"
        failed=1
    }
done <"$dir/calls"
for call in $(cut -d' ' -f1 "$dir/own") $(cat "$dir/numbers"); do
    grep -qx -e "$call" "$dir/calls" || {
        echo "FAIL: $call is explained here, and not in the list"
        failed=1
    }
done
[ "$failed" = 0 ] && echo "$(wc -l <"$dir/calls") calls, each asked for"
exit "$failed"
