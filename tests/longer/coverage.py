"""Branches of the files that must not fail, and which of them no test took.

coverage.py BUILD SOURCE REASONS FILE...: reads what gcc's counters in BUILD say of these files. A
line with a branch that was never taken needs a row in REASONS: "file | the line | reason". The
false side of an assert is meant never to be taken and is not counted. Exit 1: a line without a
reason, or a row without such a line."""
import gzip
import json
import os
import subprocess
import sys
import tempfile


def read_reasons(path):
    rows = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith("#") or not line.strip():
                continue
            name, text, reason = (part.strip() for part in line.split(" | ", 2))
            rows[(name, text)] = reason
    return rows


def counters(build, name):
    stem = os.path.basename(name)[:-2]
    folder = os.path.join(build, os.path.dirname(name))
    return [os.path.join(folder, file) for file in sorted(os.listdir(folder))
            if file.endswith("-" + stem + ".gcda") or file == stem + ".gcda"]


def branches(build, name):
    """line -> how often each of its branches was taken, over all objects of the file"""
    lines = {}
    with tempfile.TemporaryDirectory() as scratch:
        for data in counters(build, name):
            subprocess.run(["gcov-12", "-b", "-j", os.path.abspath(data)], cwd=scratch,
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for made in os.listdir(scratch):
                with gzip.open(os.path.join(scratch, made)) as file:
                    report = json.load(file)
                for one in report["files"]:
                    if not one["file"].endswith(name):
                        continue
                    for line in one["lines"]:
                        taken = [branch["count"] for branch in line["branches"]]
                        known = lines.setdefault(line["line_number"], [0] * len(taken))
                        if len(known) == len(taken):
                            lines[line["line_number"]] = [a + b for a, b in zip(known, taken)]
                        elif taken:
                            known += taken
                os.unlink(os.path.join(scratch, made))
    return lines


def main():
    build, source, reasons_path = sys.argv[1:4]
    reasons = read_reasons(reasons_path)
    used = set()
    bad = 0
    for name in sys.argv[4:]:
        with open(os.path.join(source, name), encoding="utf-8") as file:
            text = file.read().splitlines()
        lines = branches(build, name)
        all_count = taken_count = explained = 0
        for number, counts in sorted(lines.items()):
            line = text[number - 1].strip()
            if not counts or "assert(" in line:
                continue
            all_count += len(counts)
            taken_count += sum(1 for count in counts if count > 0)
            missing = sum(1 for count in counts if count == 0)
            if missing == 0:
                continue
            if (name, line) in reasons:
                used.add((name, line))
                explained += missing
            else:
                print(f"{name}:{number}: {missing} of {len(counts)} branches never taken: {line}")
                bad = 1
        if all_count == 0:
            print(f"{name}: no counters; was it built with --coverage and run?")
            bad = 1
        else:
            print(f"{name}: {taken_count} of {all_count} branches, {explained} explained")
    for name, line in sorted(set(reasons) - used):
        print(f"{reasons_path}: every branch is taken, or the line is gone: {name} | {line}")
        bad = 1
    return bad


sys.exit(main())
