#!/bin/sh
# What the compiler and the formatter do not see. An exception is marked in its line with
# "style: allow WORD" and the reason.
bad=0
say() {
    echo "$1"
    bad=1
}
files=$(find daemon tests -name '*.[ch]' -o -name '*.cpp' | sort)

# Functions that have a better one: base/ has the time, the threads and the memory.
banned='strcpy strcat sprintf vsprintf strtok gets rand localtime gmtime usleep sleep system popen pthread_cancel pthread_kill'
for word in $banned; do
    grep -nE "(^|[^a-zA-Z0-9_])$word\(" $files | grep -v "style: allow $word" && say "$word() is banned"
done
grep -n 'clock_gettime(' $(find daemon -name '*.c' ! -path daemon/base/mono.c) && say "clock_gettime() outside base/mono.c"
grep -nE '(^|[^a-zA-Z0-9_])printf\(' $(find daemon -name '*.c' ! -path 'daemon/app/ctl/*' ! -name main.c ! -name faced.c ! -name facectl.c) &&
    say "printf() outside the programs and app/ctl"

grep -nP '\t' $files && say "tabs"
grep -nE ' +$' $files && say "trailing space"
grep -n '^#ifndef .*_H$' $files && say "#pragma once instead of guards"
awk 'length($0) > 100 && !/^\/\* needs: / {print FILENAME ":" FNR ": longer than 100 columns"; n = 1} END {exit n}' $files || bad=1
for f in $(find daemon -name '*.[ch]'); do
    [ "$(wc -l <"$f")" -le 700 ] || say "$f: over 700 lines: split it"
done
grep -rnE '(^|[^A-Za-z0-9_.])/(work|farm)/' --include=* daemon config models systemd tests docs Makefile README.md 2>/dev/null |
    grep -v 'check-style.sh' && say "a path of somebody's machine"

# The formatter of Debian 12 decides; elsewhere its opinion may differ, so it is only asked there.
if command -v clang-format >/dev/null && clang-format --version | grep -q 'version 14'; then
    clang-format --dry-run -Werror $files || bad=1
fi
exit $bad
