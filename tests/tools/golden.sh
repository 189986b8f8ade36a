#!/bin/sh
# golden.sh REPLAY [--rewrite]: recorded detections in, expected events out, compared exactly. The
# difference is the review: look at it before rewriting.
replay=$1
bad=0
for from in tests/golden/*.detections.jsonl; do
    want=${from%.detections.jsonl}.events.jsonl
    if [ "$2" = --rewrite ]; then
        "$replay" "$from" >"$want" || bad=1
    else
        "$replay" "$from" | diff -u "$want" - || bad=1
    fi
done
[ $bad = 0 ] || [ "$2" = --rewrite ] || echo "golden: the events differ; if that is meant, run: make golden"
exit $bad
