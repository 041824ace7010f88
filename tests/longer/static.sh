#!/usr/bin/env bash
# static.sh SOURCE FLAGS - cppcheck, clang-tidy and gcc -fanalyzer over what the product is made of.
# What they find is mended, or stands in build-aux/findings.txt with the reason why it is none; a
# finding that is not there, and a row there that nothing is found for any more, end this with 1.
# `make check-static` calls it; TOOLS='cppcheck' runs that alone, FILES='base/id.c ...' these.
job=static
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[ $# -eq 2 ] || fail "usage: static.sh SOURCE FLAGS"
here=$PWD/build-longer/static
mkdir -p "$here"
cd "$1"
read -ra flags <<<"$2 -I. -I$OLDPWD"
tools=${TOOLS:-cppcheck clang-tidy gcc}
folders=(base rmg librmg sws syscall kernel proc tools)
all=true
if [ -n "${FILES:-}" ]; then
    all=false
    read -ra files <<<"$FILES"
else
    mapfile -t files < <(find "${folders[@]}" -name '*.c' ! -path 'base/b3_*' | sort)
fi
checks='-*,bugprone-*,clang-analyzer-*,-clang-analyzer-security.insecureAPI.*'
# Style, or what -Wconversion says better.
for off in easily-swappable-parameters narrowing-conversions branch-clone reserved-identifier \
    implicit-widening-of-multiplication-result assignment-in-if-condition macro-parentheses; do
    checks+=,-bugprone-$off
done

# Each says FILE ID LINE TEXT, sorted.
run_cppcheck()
{
    need cppcheck
    cppcheck -q -j"$(nproc)" --std=c11 --enable=warning,performance,portability \
        --suppress=missingIncludeSystem --template='{file} {id} {line} {message}' \
        --max-configs=1 -I. -DHAVE_CONFIG_H -D__x86_64__ "${files[@]}" 2>&1
}

run_clang_tidy()
{
    need clang-tidy-14
    printf '%s\n' "${files[@]}" |
        xargs -P "$(nproc)" -n 8 sh -c 'checks=$1; shift; flags=$1; shift
            clang-tidy-14 -quiet --checks="$checks" "$@" -- $flags 2>/dev/null' \
            sh "$checks" "${flags[*]}" |
        sed -n -e "s|^$PWD/||" \
            -e 's|^\([^: ]*\):\([0-9]*\):[0-9]*: warning: \(.*\) \[\([^]]*\)\]$|\1 \4 \2 \3|p'
}

run_gcc()
{
    need gcc
    printf '%s\n' "${files[@]}" |
        xargs -P "$(nproc)" -n 4 sh -c 'flags=$1; shift
            for file; do gcc -fanalyzer -O1 -c -o /dev/null $flags "$file" 2>&1; done' \
            sh "${flags[*]}" |
        sed -n -e 's|^\([^: ]*\):\([0-9]*\):[0-9]*: warning: \(.*\)|\1 \2 \3|' \
            -e 's|^\([^ ]*\) \([0-9]*\) \(.*\) \[-W\(analyzer-[a-z-]*\)\]$|\1 \4 \2 \3|p'
}

bad=0
for tool in $tools; do
    from=$SECONDS
    "run_${tool/-/_}" | sort -u >"$here/$tool.txt"
    while read -r file id line text; do
        grep -qs "^$tool $file $id " build-aux/findings.txt || {
            echo "$file:$line: $tool says $id: $text"
            bad=1
        }
    done <"$here/$tool.txt"
    if $all; then
        while read -r named file id reason; do
            [ "$named" != "$tool" ] || grep -q "^$file $id " "$here/$tool.txt" || {
                echo "build-aux/findings.txt: $tool does not find $id in $file any more: $reason"
                bad=1
            }
        done < <(grep -v '^#' build-aux/findings.txt)
    fi
    echo "static: $tool: ${#files[@]} files, $(wc -l <"$here/$tool.txt") explained," \
        "$((SECONDS - from)) s"
done
[ $bad = 0 ] || fail "mend them, or say in build-aux/findings.txt why not"
