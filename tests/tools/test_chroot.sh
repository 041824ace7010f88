#!/bin/sh
# Goal:   who starts a supervisor in a chroot, where the kernel gives no namespaces, is told so and
#         what to do; the same files entered by pivot_root are a machine like any other.
# Method: this machine's own folders, bound below another root that is no mount itself; entered in
#         both ways.
set -eu

# shellcheck source=tests/lib/begin.sh
. "${top_srcdir:-.}/tests/lib/begin.sh"
# What is still bound there is this machine's.
tidy() {
    rm -rf --one-file-system "$dir"
}

mkdir "$dir/root"
cat >"$dir/bind" <<'END'
mount --make-rprivate /
cd "$1"
for of in /*; do
    if [ -L "$of" ]; then
        cp -P "$of" ".$of"
    elif [ -d "$of" ]; then
        mkdir ".$of"
        mount --rbind "$of" ".$of"
    fi
done
END

# in_space COMMAND: a shell of root's, or of one who is root there, in a mount namespace of its own.
in_space() {
    if [ "$(id -u)" = 0 ]; then
        unshare -m sh -euc "$1" sh "$dir/root" "$build/tools" "$dir/bind"
    else
        unshare -r -m sh -euc "$1" sh "$dir/root" "$build/tools" "$dir/bind"
    fi
}

if ! in_space 'mount -t tmpfs new "$1"; . "$3"' 2>"$dir/why"; then
    echo "SKIP: folders cannot be bound here: $(cat "$dir/why")"
    exit 77
fi

# sanitized programs ask for no sandbox and run anywhere
got=0
in_space '. "$3"; chroot "$1" "$2/jitosd" --check' >"$dir/out" 2>"$dir/err" || got=$?
[ "$got" != 0 ] || says 'none(sanitizer build)'
says 'in a chroot, enter it by pivot_root'
rm -rf --one-file-system "$dir/root" && mkdir "$dir/root"

want 0 in_space 'mount --make-rprivate /; mount -t tmpfs new "$1"; . "$3"; cd "$1"
    pivot_root . . && umount -l . && cd / && exec "$2/jitosd" --check'
says '^grade: '
exit "$failed"
