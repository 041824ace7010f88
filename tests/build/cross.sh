#!/usr/bin/env bash
# cross.sh ARCH... - the same roots, patches and files on other machines: base and rmg compiled for
# aarch64 and for big-endian s390x, and their tests, with the bytes they know, run under emulation.
# Run by `make check-cross`. Debian's packages for the other machine are unpacked under
# build-cross/, nothing of this machine is changed.
set -euo pipefail
fail()
{
    echo "cross: $*" >&2
    exit 1
}

tests=(base/test_bytes base/test_hash rmg/store/test_codec rmg/engine/test_engine_model
    rmg/file/test_envelope rmg/rules/test_expr rmg/file/test_file rmg/file/test_forms
    rmg/lang/test_lang rmg/lang/test_lang_query rmg/lang/test_lang_run rmg/rules/test_match
    rmg/change/test_merge_patch rmg/change/test_patch rmg/change/test_patch_apply
    rmg/change/test_patch_rules
    rmg/file/test_proof rmg/store/test_radix rmg/change/test_receipt rmg/rules/test_rule
    rmg/schema/test_schema rmg/store/test_state_root rmg/file/test_wsc
    rmg/file/test_wsc_bytes)
jobs=$(nproc)

# The libraries that the tests link, for the other machine, beside those of this one.
unpack()
{
    local arch=$1 root=$2 apt
    [ ! -f "$root/done" ] || return 0
    rm -rf "$root"
    mkdir -p "$root/apt/lists/partial" "$root/apt/cache/archives/partial"
    apt=(apt-get -q -o "APT::Architecture=$arch" -o "APT::Architectures=$arch"
        -o "Dir::State::Lists=$root/apt/lists" -o "Dir::Cache=$root/apt/cache"
        -o APT::Sandbox::User=root)
    "${apt[@]}" update >"$root/apt.log" 2>&1 &&
        (cd "$root/apt" && "${apt[@]}" download check libsubunit-dev libsodium-dev) \
            >>"$root/apt.log" 2>&1 ||
        fail "cannot fetch Debian's packages for $arch; $root/apt.log says why"
    for deb in "$root"/apt/*.deb; do
        dpkg -x "$deb" "$root"
    done
    rm -rf "$root/apt"
    touch "$root/done"
}

# What these tests do not link needs only not to be missed.
configure_for()
{
    local triplet=$1 root=$2 source=$3 lib=$2/usr/lib/$1 name
    for name in SECCOMP URING CBOR JANSSON XML SQLITE LMDB; do
        export "${name}_CFLAGS= " "${name}_LIBS= "
    done
    export CHECK_CFLAGS="-I$root/usr/include" SODIUM_CFLAGS="-I$root/usr/include"
    export CHECK_LIBS="-L$lib -lcheck -lsubunit -lpthread -lrt -lm" SODIUM_LIBS="-L$lib -lsodium"
    "$source/configure" -q --host="$triplet" CC="${CROSS_CACHE-} $triplet-gcc" CFLAGS=-O2 \
        >configure.log 2>&1 || fail "configure for $triplet failed; $PWD/configure.log says why"
}

one()
{
    local arch=$1 triplet=$2 emulator=$3 source=$4 passed=0 root build
    root=$PWD/build-cross/$arch/root
    build=$PWD/build-cross/$arch/build
    command -v "$emulator" >/dev/null && command -v "$triplet-gcc" >/dev/null ||
        fail "$emulator or $triplet-gcc is missing; try: ./quickstart install cross"
    unpack "$arch" "$root"
    rm -rf "$build"
    mkdir -p "$build"
    (
        cd "$build"
        configure_for "$triplet" "$root" "$source"
        make -s -j"$jobs" LDFLAGS=-all-static "${tests[@]/#/tests/}" >make.log 2>&1 ||
            fail "the build for $triplet failed; $PWD/make.log says why"
        for test in "${tests[@]}"; do
            top_srcdir=$source CK_TIMEOUT_MULTIPLIER=100 "$emulator" "tests/$test" \
                >"${test##*/}.log" 2>&1 || {
                tail -n 5 "${test##*/}.log"
                fail "$arch: tests/$test failed; $PWD/${test##*/}.log"
            }
        done
    )
    echo "$arch: ${#tests[@]} test programs passed"
}

[ $# -ge 2 ] || fail "usage: cross.sh SOURCES ARCH..., ARCH: s390x or arm64"
source=$(cd "$1" && pwd)
shift
for arch; do
    case $arch in
    s390x) one s390x s390x-linux-gnu qemu-s390x-static "$source" ;;
    arm64) one arm64 aarch64-linux-gnu qemu-aarch64-static "$source" ;;
    *) fail "unknown machine: $arch" ;;
    esac
done
