#!/bin/sh
# Goal:   quickstart installs what is missing and nothing else, says so first, builds only what is
#         left to build, and says in one line what cannot be had.
# Method: a copy of it in a folder of its own, with a PATH that has stand-ins for dpkg, apt, sudo
#         and the build tools; they write down how they were called.
set -u
# shellcheck source=tests/lib/begin.sh
. "${top_srcdir:-.}/tests/lib/begin.sh"
mkdir "$dir/bin" "$dir/tree" "$dir/real"
for name in bash env dirname awk cat wc tail mkdir chmod rm; do
    ln -s "$(command -v $name)" "$dir/real/$name"
done
calls=$dir/calls
cases=0
all='gcc libc6-dev make autoconf automake libtool pkg-config libseccomp-dev libsodium-dev'
all="$all liburing-dev check libcbor-dev libjansson-dev libxml2-dev librust-blake3-dev scdoc"

# stand_in NAME: a program whose text is read from here; it notes its call first.
stand_in()
{
    {
        printf '#!%s\n' "$dir/real/bash"
        # shellcheck disable=SC2016 # for the stand-in
        [ "$1" = dpkg-query ] || [ "$1" = nproc ] || [ "$1" = id ] ||
            printf 'echo "${0##*/} $*" >>%s\n' "$calls"
        cat
    } >"$dir/bin/$1"
    chmod +x "$dir/bin/$1"
}

# A machine with these packages installed and the lists and mirror of Debian at hand.
machine()
{
    rm -rf "$dir/tree" "${dir:?}"/bin/*
    mkdir "$dir/tree"
    cp "$top/quickstart" "$dir/tree"
    echo "$1" | tr ' ' '\n' >"$dir/installed"
    echo "$all" | tr ' ' '\n' >"$dir/listed"
    stand_in nproc <<'END'
echo 2
END
    stand_in id <<'END'
[ "$1" = -un ] && echo ann || echo 0
END
    stand_in dpkg-query <<END
while read -r name; do echo "installed \$name"; done <$dir/installed
echo "config-files libseccomp-dev"
END
    stand_in apt-cache <<END
shift
for name; do
    echo "\$name:"
    echo '  Installed: (none)'
    found='(none)'
    while read -r listed; do [ "\$listed" != "\$name" ] || found=1.0; done <$dir/listed
    echo "  Candidate: \$found"
done
END
    stand_in apt-get <<END
install=
for word; do
    [ "\$word" = update ] && [ -f $dir/mirror ] && cat $dir/mirror >$dir/listed
    [ "\$word" = install ] && install=yes
done
[ -z "\$install" ] || [ ! -f $dir/broken ] || { echo 'E: Unable to fetch'; exit 100; }
[ -z "\$install" ] || for name; do echo "\$name" >>$dir/installed; done
END
    rm -f "$dir/mirror" "$dir/broken"
    stand_in autoreconf <<'END'
printf '#!/bin/sh\necho configure >>%s\n: >Makefile\n' "$CALLS" >configure
chmod +x configure
END
    stand_in make <<'END'
[ ! -f broken ] || { echo 'error: broken'; exit 2; }
mkdir -p tools
for name in jitos jitosd rmg; do
    printf '#!/bin/sh\necho "%s $*" >>%s\n' $name "$CALLS" >tools/$name
    chmod +x tools/$name
done
END
}

# as ARGUMENT...: run quickstart so; what it prints goes to out, its status to status.
as()
{
    : >"$calls"
    CALLS=$calls PATH=$dir/bin:$dir/real "$dir/tree/quickstart" "$@" >"$dir/out" 2>&1 </dev/null
    status=$?
}

# expect WHAT STATUS: the last run ended so, and printed and called what is read from here: lines of
# output, each with "quickstart: " in front left out, then --, then calls.
expect()
{
    cases=$((cases + 1))
    {
        sed 's/^quickstart: //' "$dir/out"
        echo --
        cat "$calls"
    } | sed "s|$dir/tree|TREE|g; s|apt-get -y -o DPkg::Lock::Timeout=300|apt-get|
        s|install --no-install-recommends|install-only|" >"$dir/got"
    cat >"$dir/wanted"
    if [ "$status" -ne "$2" ] || ! cmp -s "$dir/wanted" "$dir/got"; then
        failed=$((failed + 1))
        printf '%s: wanted status %s, got %s; wanted (<) and got (>):\n' "$1" "$2" "$status"
        diff "$dir/wanted" "$dir/got"
    fi
}

# without PROGRAM: there is none.
without()
{
    rm "$dir/bin/$1"
}

machine "$all"
as
expect 'a machine that has it all' 0 <<'END'
generating configure
configuring
building (some minutes, the first time)
running: tools/jitos demo
--
autoreconf -fi
configure
make -j2
jitos demo
END
as build
expect 'again' 0 <<'END'
building
built tools/jitos, tools/jitosd and tools/rmg; try: tools/jitos demo
--
make -j2
END
as test
expect 'the tests' 0 <<'END'
building
building the tests
running the tests: make check
all tests passed
--
make -j2
make -j2 check TESTS=
make -s --no-print-directory -j2 check VERBOSE=1
END
: >"$dir/tree/broken"
as
expect 'a build that fails' 1 <<'END'
building
error: broken
this failed: make -j2 (all of its output: TREE/quickstart.log)
--
make -j2
END

machine "$(echo "$all" | sed 's/pkg-config/pkgconf/; s/libseccomp-dev//; s/liburing-dev//')"
as build
expect 'two packages are missing; pkgconf does for pkg-config' 0 <<'END'
installing from Debian: libseccomp-dev liburing-dev
generating configure
configuring
building (some minutes, the first time)
built tools/jitos, tools/jitosd and tools/rmg; try: tools/jitos demo
--
apt-cache policy libseccomp-dev liburing-dev
apt-get install-only libseccomp-dev liburing-dev
autoreconf -fi
configure
make -j2
END
as install build
expect 'nothing left to install' 0 <<'END'
there already: all of build
--
END

machine "$(echo "$all" | sed 's/check//')"
mv "$dir/listed" "$dir/mirror"
: >"$dir/listed"
as install build
expect 'no package lists yet' 0 <<'END'
installing from Debian: check
fetching Debian's package lists (apt-get update)
--
apt-cache policy check
apt-get update
apt-cache policy check
apt-get install-only check
END

machine "$(echo "$all" | sed 's/check//; s/liburing-dev//')"
echo check >"$dir/listed"
as build
expect 'no network' 1 <<'END'
installing from Debian: liburing-dev check
fetching Debian's package lists (apt-get update)
not in Debian's package lists here: liburing-dev (no network? apt-get's words: TREE/quickstart.log)
--
apt-cache policy liburing-dev check
apt-get update
apt-cache policy liburing-dev check
END

machine "$(echo "$all" | sed 's/check//')"
: >"$dir/broken"
as build
expect 'stale lists, and then no mirror' 1 <<'END'
installing from Debian: check
fetching Debian's package lists (apt-get update)
apt-get could not install: check (what it said: TREE/quickstart.log)
--
apt-cache policy check
apt-get install-only check
apt-get update
apt-get install-only check
END

machine "$(echo "$all" | sed 's/check//')"
without apt-get
as build
expect 'no apt-get' 1 <<'END'
no apt-get here to install: check
--
END
machine "$(echo "$all" | sed 's/check//')"
stand_in id <<'END'
[ "$1" = -un ] && echo ann || echo 1000
END
as build
expect 'no sudo' 1 <<'END'
not root, and no sudo to install: check
--
END
stand_in sudo <<'END'
exit 1
END
as build
expect 'sudo says no' 1 <<'END'
sudo does not let ann install: check
--
sudo -n true
END
stand_in sudo <<'END'
[ "$1" = -n ] && shift
[ "$1" = true ] || "$@"
END
as install build
expect 'sudo says yes' 0 <<'END'
installing from Debian: check
--
sudo -n true
apt-cache policy check
sudo env DEBIAN_FRONTEND=noninteractive apt-get install-only check
apt-get install-only check
END
machine ''
without dpkg-query
as build
expect 'another system, where all may be there under other names' 0 <<'END'
no dpkg here, so nothing is looked for or installed; configure names what it misses
generating configure
configuring
building (some minutes, the first time)
built tools/jitos, tools/jitosd and tools/rmg; try: tools/jitos demo
--
autoreconf -fi
configure
make -j2
END

machine "$all"
for wrong in nonsense 'build more' 'install' 'install nonsense'; do
    # shellcheck disable=SC2086 # words
    as $wrong
    sed -i 1q "$dir/out"
    expect "wrong: $wrong" 2 <<'END'
usage: ./quickstart          install what is missing, build, and run the demo
--
END
done
as --help
sed -i 1q "$dir/out"
expect 'help' 0 <<'END'
usage: ./quickstart          install what is missing, build, and run the demo
--
END

echo "$((cases - failed)) passed, $failed failed"
[ "$failed" -eq 0 ]
