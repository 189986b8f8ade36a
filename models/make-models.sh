#!/bin/sh
# Fill OUT/models with models and cards as they are loaded, OUT/media and OUT/pictures with what the
# demo and the tests show them. `make models` calls it; a second run finds everything done.
#
# usage: make-models.sh OUT [--optional]      --optional: also the Levi-Hassner weights, 91 MB
#
# Exit status: that of fetch.py, so 69 where what is missing cannot be reached; what can be made
# from the files at hand is made even then.
set -u
here=$(dirname "$0")
out=${1:?usage: make-models.sh OUT [--optional]}
python=${PYTHON:-/usr/bin/python3}
fetched=$out/fetched/models
ready=$out/models
status=0

command -v "$python" >/dev/null || {
    echo "make-models: $python is missing: 'make deps' installs it" >&2
    exit 1
}
mkdir -p "$fetched" "$ready" || exit 1
exec 9>"$out/fetched/.lock" && flock 9 || exit 1 # one at a time: demo and check may run together

case ${2-} in
'') "$python" "$here/fetch.py" "$out" || status=$? ;;
--optional)
    "$python" "$here/fetch.py" --kind model --kind picture --kind media --kind optional "$out" ||
        status=$?
    ;;
*)
    echo "usage: make-models.sh OUT [--optional]" >&2
    exit 2
    ;;
esac

# A conversion is done when its inputs, the converter and the result still have the sums that they
# had when it ran; times would not notice an older file brought in by hand.
convert() { # NET INPUT INPUT
    [ -e "$fetched/$2" ] && [ -e "$fetched/$3" ] || return 0
    record=$out/fetched/$1.sums
    [ -e "$record" ] && sha256sum --check --status "$record" 2>/dev/null && return 0
    echo "  ONNX  $1"
    "$python" "$here/convert.py" "$1" "$fetched/$2" "$fetched/$3" "$ready/$1.onnx" &&
        sha256sum "$here/convert.py" "$fetched/$2" "$fetched/$3" "$ready/$1.onnx" >"$record" ||
        status=1
}
convert xception age_gender_model-weights_manifest.json age_gender_model-shard1
convert retail-0013 age-gender-recognition-retail-0013.xml age-gender-recognition-retail-0013.bin

for file in "$here"/*.card.json "$here"/*.calibration.json \
    "$fetched"/*.onnx "$fetched"/*.pb "$fetched"/*.pbtxt "$fetched"/*.prototxt \
    "$fetched"/*.caffemodel; do
    target=$ready/${file##*/}
    [ -e "$file" ] || continue # a pattern that matched nothing
    cmp -s "$file" "$target" && continue
    cp "$file" "$target.new" && mv "$target.new" "$target" || status=1
done
exit "$status"
