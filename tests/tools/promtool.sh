#!/bin/sh
# Prints the path of promtool: the installed one, else the one in Debian's package of Prometheus,
# which is unpacked and not installed, because installing it would start a server.
set -eu
if command -v promtool; then
    exit 0
fi
out=$1/promtool
if [ ! -x "$out/usr/bin/promtool" ]; then
    mkdir -p "$out"
    cd "$out"
    apt-get download prometheus >/dev/null 2>&1 || {
        echo "promtool is not here, and Debian's package of Prometheus cannot be downloaded" >&2
        exit 1
    }
    dpkg-deb -x prometheus_*.deb . && rm -f prometheus_*.deb
fi
echo "$out/usr/bin/promtool"
