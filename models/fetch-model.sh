#!/bin/sh
# Bring one model into DIR: its files by the catalogue, converted where that is needed, and its card.
# `facectl models --fetch NAME` calls it. Nothing is put there before all of it is right.
#
# usage: fetch-model.sh NAME DIR
#
# Environment and exit status: those of fetch.py.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
name=${1:?usage: fetch-model.sh NAME DIR}
dir=${2:?usage: fetch-model.sh NAME DIR}
python=${PYTHON:-/usr/bin/python3}
card=$here/$name.card.json

[ -e "$card" ] || {
    echo "there is no model '$name': $(cd "$here" && ls ./*.card.json | sed 's:^\./::; s:\.card\.json$::' | xargs)" >&2
    exit 1
}
command -v "$python" >/dev/null || {
    echo "$python is missing: install python3; the package faced-models brings the default models without it" >&2
    exit 1
}
mkdir -p "$dir" 2>/dev/null || true
[ -w "$dir" ] || {
    echo "$dir cannot be written by this user: use sudo, or set models.dir" >&2
    exit 1
}

# A combination: its members, then what is here already.
members=$(sed -n 's/.*"model": "\([^"]*\)".*/\1/p' "$card" | sort -u)
for member in $members; do
    sh "$here/fetch-model.sh" "$member" "$dir"
done
if [ -n "$members" ]; then
    for f in "$here/$name.calibration.json" "$card"; do
        cp "$f" "$dir/${f##*/}.new" && mv "$dir/${f##*/}.new" "$dir/${f##*/}"
    done
    exit 0
fi

# What is converted from what; of all others the card names the files as they come.
case $name in
xception) sources="age_gender_model-weights_manifest.json age_gender_model-shard1" ;;
retail-0013) sources="age-gender-recognition-retail-0013.xml age-gender-recognition-retail-0013.bin" ;;
*) sources=$(sed -n '/"files"/,/]/s/.*"name": "\([^"]*\)".*/\1/p' "$card") ;;
esac

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT INT TERM
set --
for s in $sources; do set -- "$@" --only "models/$s"; done
"$python" "$here/fetch.py" "$@" "$out"

cd "$out/fetched/models"
case $name in
xception | retail-0013)
    "$python" -c "import numpy, onnx" 2>/dev/null || {
        echo "to convert $name python3-numpy and python3-onnx are needed; the package faced-models has it ready" >&2
        exit 1
    }
    "$python" "$here/convert.py" "$name" $sources "$name.onnx"
    rm -f $sources
    ;;
esac
for f in *; do
    cp "$f" "$dir/$f.new" && mv "$dir/$f.new" "$dir/$f"
done
cp "$card" "$dir/$name.card.json.new" && mv "$dir/$name.card.json.new" "$dir/$name.card.json"
