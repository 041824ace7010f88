#!/bin/sh
# Goal:   where a library is missing, configure fails and names it and its Debian package.
# Method: pkg-config is shown a folder with all modules but one (PKG_CONFIG_LIBDIR); one run a
#         module, and one with none of them. A cache of the compiler's answers keeps a run short.
set -u
# shellcheck source=tests/lib/begin.sh
. "${top_srcdir:-.}/tests/lib/begin.sh"
CC=${CC:-cc}
export CC
# A copy, since configure refuses to run beside a source tree that is configured itself.
mkdir -p "$dir/src/base" "$dir/build" "$dir/modules" &&
    cp "$top/configure" "$top/Makefile.in" "$top/config.h.in" "$dir/src" &&
    cp -R "$top/build-aux" "$dir/src" && cp "$top/base/err.h" "$dir/src/base" &&
    cd "$dir/build" || exit 99
# The templates of the files that configure writes, by configure's own list.
for made in $(sed -n 's/^ac_config_files="$ac_config_files \(.*\)"$/\1/p' "$top/configure"); do
    mkdir -p "$dir/src/$(dirname "$made")" &&
        cp "$top/$made.in" "$dir/src/$made.in" || exit 99
done
modules='libseccomp libsodium liburing check libcbor jansson libxml-2.0'
cases=0

# try WHAT STATUS ARGUMENT...: runs configure; its end is to have this status.
try()
{
    what=$1
    status=$2
    shift 2
    cases=$((cases + 1))
    # What the cache says of the environment is of the run that wrote it.
    [ ! -f config.cache ] || sed -i '/^ac_cv_env_/d' config.cache
    PKG_CONFIG_PATH='' PKG_CONFIG_LIBDIR=$dir/modules sh ../src/configure -C "$@" >out 2>&1
    got=$?
    if [ $got -ne "$status" ]; then
        echo "$what: wanted status $status, got $got; it ended with:"
        tail -n 5 out
        failed=$((failed + 1))
    fi
}

# says LINE...: the last run printed these lines.
says()
{
    for line; do
        grep -Fqx -e "$line" out && continue
        printf '%s: missing from what configure says: %s\nIt ended with:\n' "$what" "$line"
        tail -n 5 out
        failed=$((failed + 1))
    done
}

# show MODULE...: pkg-config knows these, at the version asked for, and no others.
show()
{
    rm -f "$dir"/modules/*
    for module; do
        printf 'Name: %s\nDescription: %s\nVersion: 99\n' "$module" "$module" \
            >"$dir/modules/$module.pc"
    done
}

show
try 'no library' 1 --with-blake3-source=/nowhere
says 'configure: error: /nowhere has no blake3.c and blake3_impl.h; leave'
mkdir blake3 && : >blake3/blake3.c && : >blake3/blake3_impl.h
try 'no library' 1 --with-blake3-source="$PWD/blake3"
packages='libseccomp-dev libsodium-dev liburing-dev check libcbor-dev libjansson-dev libxml2-dev'
says 'configure: error: these are missing:' "  apt-get install --no-install-recommends $packages"

while read -r module asked package; do
    others=
    for name in $modules; do [ "$name" = "$module" ] || others="$others $name"; done
    # shellcheck disable=SC2086 # a list
    show $others
    try "no $module" 1 --with-blake3-source="$PWD/blake3"
    says 'configure: error: these are missing:' \
        "  $(echo "$asked" | tr _ ' '), in the Debian package $package" \
        "  apt-get install --no-install-recommends $package"
done <<'END'
libseccomp libseccomp_>=_2.5 libseccomp-dev
libsodium libsodium libsodium-dev
liburing liburing_>=_2.3 liburing-dev
check check_>=_0.15 check
libcbor libcbor libcbor-dev
jansson jansson_>=_2.14 libjansson-dev
libxml-2.0 libxml-2.0_>=_2.9 libxml2-dev
END

# Too old is as good as missing.
# shellcheck disable=SC2086 # a list
show $modules
sed -i 's/^Version:.*/Version: 2.0/' "$dir/modules/liburing.pc"
try 'old liburing' 1 --with-blake3-source="$PWD/blake3"
says '  liburing >= 2.3, in the Debian package liburing-dev'

# A libblake3 without the inner functions does not do; then the sources are looked for.
# shellcheck disable=SC2086 # a list
show $modules libblake3
try 'libblake3 without blake3_hash_many' 0 jit_blake3_dirs="$PWD/blake3"
says 'checking whether libblake3 has blake3_hash_many... no' \
    "checking for BLAKE3's official C sources... $PWD/blake3"
try 'no sources of BLAKE3' 1 jit_blake3_dirs=/nowhere
says "  BLAKE3's official C sources, in the Debian package librust-blake3-dev" \
    '  apt-get install --no-install-recommends librust-blake3-dev'

try 'no pkg-config' 1 PKG_CONFIG=
says 'configure: error: pkg-config is missing. On Debian, install it with:'
try '--with-blake3-source alone' 1 --with-blake3-source
says 'configure: error: --with-blake3-source needs a directory: --with-blake3-source=DIR'
try 'a sanitizer that does not exist' 1 --enable-sanitize=nonsense

echo "$((cases - failed)) passed, $failed failed"
[ $failed -eq 0 ]
