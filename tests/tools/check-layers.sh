#!/bin/sh
# Fail when a file includes a room that it may not see. The table is the architecture: a room,
# then the rooms it may include; itself is always allowed.
rooms="conf source sample picture vision track emit store bus"
allow() {
    case $1 in
    base) echo "" ;;
    flow) echo "base" ;;
    conf | source | sample | picture | vision | track | emit | store | bus) echo "base flow" ;;
    app | app/*) echo "base flow $rooms app app/web app/ctl app/sandbox" ;;
    .) echo "base flow $rooms app app/web app/ctl app/sandbox ." ;;
    *) echo "!" ;;
    esac
}
bad=0
for f in $(find daemon -name '*.[ch]' -o -name '*.cpp' | sort); do
    room=$(dirname "${f#daemon/}")
    ok=$(allow "$room")
    for inc in $(sed -n 's/^#include "\([^"]*\)".*/\1/p' "$f"); do
        dep=$(dirname "$inc")
        [ "$dep" = "$room" ] && continue
        case " $ok " in
        *" $dep "*) ;;
        *)
            echo "$f: '$room' must not include '$inc'"
            bad=1
            ;;
        esac
    done
done

# Each foreign library has one home.
own() { # header-regex  allowed-path-regex
    grep -rnE "^#include <$1" daemon --include=*.[ch] --include=*.cpp | grep -vE "^daemon/$2" && bad=1
}
own 'lib(av|sw)' '(source/|picture/|flow/(frame|scale|pack)\.c)'
own 'cairo' 'picture/annotate\.c'
own 'opencv2' 'vision/dnn_opencv\.cpp'
own 'sqlite3' 'store/'
own 'm(osquitto|qtt_protocol)' 'bus/'
own 'libconfig' 'conf/'
own 'microhttpd' 'app/web/'
own 'systemd/' '(app/health\.c|base/log\.c)'
own 'openssl/' '(base/|bus/tls\.c)'
own '(seccomp|linux/landlock)' 'base/confine\.c'
exit $bad
