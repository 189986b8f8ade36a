#!/bin/sh
# Builds the Debian packages from what git has, with the models of OUT/models beside it, in a folder
# of its own, where systemd/debian is the debian/ that the tools look for. `make deb` calls it.
#
# usage: make-deb.sh OUT VERSION
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
out=${1:?usage: make-deb.sh OUT VERSION}
version=${2:?usage: make-deb.sh OUT VERSION}

sh "$top/tests/tools/deps.sh" build deb
mkdir -p "$out/deb"
out=$(cd "$out" && pwd)
tree=$out/deb/faced-$version
rm -rf "$tree" "$out/deb"/*.deb
mkdir -p "$tree/build/models"
cd "$top"
git ls-files -z -co --exclude-standard | xargs -0 sh -c 'for f; do [ ! -e "$f" ] || printf "%s\0" "$f"; done' sh |
    tar -c --null -T - | tar -x -C "$tree"
mv "$tree/systemd/debian" "$tree/debian"
cp "$out"/models/* "$tree/build/models/"
# Weights that may not be given on are each host's own to fetch.
rm -f "$tree/build/models"/*.caffemodel

head -n 1 "$tree/debian/changelog" | grep -q "($version)" || {
    echo "make-deb: systemd/debian/changelog is not of version $version" >&2
    exit 1
}
cd "$tree"
log=$out/deb/build.log
if ! dpkg-buildpackage -us -uc -b >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    echo "make-deb: the packages could not be built; the whole output is in $log" >&2
    exit 1
fi
# There is no bug in Debian's tracker that a first upload could close.
lintian --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs \
    "$out/deb"/faced_*.changes
mv "$out/deb"/*.deb "$out/"
ls -l "$out"/*.deb
