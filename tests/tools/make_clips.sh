#!/bin/sh
# The catalogue's media as cameras' streams: sh make_clips.sh MEDIA OUT [WANTED...]
#
# Each clip becomes OUT/NAME.mkv: H.264 as a camera sends it - no B-frames, a key frame each second
# - with a second of black before and a minute of black after it. The black is sent slowly, so the
# file stays small; a camera that serves the file shows the people once, and then an empty room.
# Of one-by-one-person-detection.mp4, which is long, it is an excerpt of 10 s. Besides:
#     black.mkv          two minutes of nothing
#     black.mkv          an empty room for three minutes
#     h265.mkv mjpeg.mkv one clip in these codecs
#     torn.mkv           MJPEG that RTP cannot carry: every picture arrives with errors
#     plain.mkv          the same clip without black, in H.264: every frame is known
#     long.mkv           ten seconds and more without black, in H.264
#     long-h265.mkv      the same in H.265
#     long-1080p.mkv     the same in full HD, some 4 Mbit/s
#     resize.h264        a stream whose size changes twice
#     rotten.mp4         cut off in the middle of its index
# WANTED: make only these (names without their ending). What is there and newer than its medium and
# this script is kept; the same media give the same bytes.
set -eu
LC_ALL=C
media=${1:-${MEDIA:-}}
out=${2:-build/clips}
[ -d "$media" ] || {
    echo "make_clips: '$media' is no folder; give the folder of the catalogue's media" >&2
    exit 1
}
[ $# -lt 2 ] && shift $# || shift 2
wanted=" $* "
mkdir -p "$out"

ff() { ffmpeg -nostdin -hide_banner -loglevel error -y -threads 1 "$@"; }

# Two output threads of an encoder would make other bytes than one.
exact="-threads 1 -fflags +bitexact -flags:v +bitexact -map_metadata -1 -an"
keys="expr:gte(t,n_forced)"
h264="-c:v libx264 -preset veryfast -crf 18 -bf 0 -g 600 -sc_threshold 0 -pix_fmt yuv420p"
h265="-c:v libx265 -preset ultrafast -crf 20 -pix_fmt yuv420p -x265-params
    log-level=error:pools=none:frame-threads=1:bframes=0:open-gop=0:keyint=600:scenecut=0:info=0"

# Is TARGET to be made from SOURCE? Says so.
due() {
    wish=$(basename "$1")
    [ "$wanted" = "  " ] || case $wanted in *" ${wish%.*} "*) ;; *) return 1 ;; esac
    [ -e "$2" ] || return 1
    [ -s "$1" ] && [ "$1" -nt "$2" ] && [ "$1" -nt "$0" ] && return 1
    echo "  CLIP  $1"
}

size_of() {
    ffprobe -v error -select_streams v -show_entries stream=width,height -of csv=p=0:s=x "$1"
}

# A raw stream has no times; then its nominal rate gives them. args: TARGET MEDIUM [INPUT OPTION...]
in_black() {
    target=$1 medium=$2
    shift 2
    size=$(size_of "$medium")
    # Half pictures of colour do not exist: 4:2:0 needs even sides.
    ff -f lavfi -i "color=black:s=$size:r=5:d=1" "$@" -i "$medium" \
        -f lavfi -i "color=black:s=$size:r=2:d=60" -filter_complex \
        "[0:v]setsar=1,format=yuv420p[a];[1:v]setsar=1,scale=in_range=auto:out_range=tv,format=yuv420p[b];
         [2:v]setsar=1,format=yuv420p[c];[a][b][c]concat=n=3:v=1:a=0,crop=trunc(iw/2)*2:trunc(ih/2)*2[v]" \
        -map "[v]" -fps_mode vfr $exact $h264 -force_key_frames "$keys" "$target.part.mkv"
    mv "$target.part.mkv" "$target"
}

# args: TARGET INPUT-OPTIONS CODEC-OPTIONS
plain() {
    ff $2 $exact $3 -force_key_frames "$keys" "${1%.*}.part.${1##*.}"
    mv "${1%.*}.part.${1##*.}" "$1"
}

for medium in "$media"/*; do
    name=$(basename "$medium")
    name=${name%.*}
    case $medium in
    */one-by-one-person-detection.mp4)
        due "$out/$name.mkv" "$medium" && in_black "$out/$name.mkv" "$medium" -ss 20 -t 10
        ;;
    *.gif | *.mkv | *.h264 | *.mp4)
        due "$out/$name.mkv" "$medium" && in_black "$out/$name.mkv" "$medium"
        ;;
    esac
done

due "$out/black.mkv" "$media" && plain "$out/black.mkv" "-f lavfi -i color=black:s=640x360:r=5:d=120" "$h264"
book=$media/asl-book.mkv heads=$media/head-pose-female-and-male.h264 room=$media/classroom.gif
due "$out/black.mkv" "$0" &&
    plain "$out/black.mkv" "-f lavfi -i color=black:s=640x480:r=5:d=180" "$h264"
due "$out/plain.mkv" "$book" && plain "$out/plain.mkv" "-i $book" "$h264"
due "$out/h265.mkv" "$book" && plain "$out/h265.mkv" "-i $book" "$h265"
# RTP carries no Huffman tables (RFC 2435): with tables of its own a picture comes out as rubbish.
mjpeg="-c:v mjpeg -q:v 3 -pix_fmt yuvj420p"
due "$out/mjpeg.mkv" "$book" && plain "$out/mjpeg.mkv" "-i $book" "$mjpeg -huffman default"
due "$out/torn.mkv" "$book" && plain "$out/torn.mkv" "-i $book" "$mjpeg -huffman optimal"
due "$out/long.mkv" "$heads" && plain "$out/long.mkv" "-i $heads" "$h264"
due "$out/long-h265.mkv" "$heads" && plain "$out/long-h265.mkv" "-i $heads" "$h265"
due "$out/long-1080p.mkv" "$heads" &&
    plain "$out/long-1080p.mkv" "-i $heads -vf scale=1920:1080" "${h264%-crf*} -b:v 4M ${h264#*-crf 18}"
if due "$out/resize.h264" "$book" && [ -e "$room" ]; then
    plain "$out/resize-a.h264" "-r 25 -i $book -t 2" "$h264"
    plain "$out/resize-b.h264" "-r 25 -i $room -t 2" "$h264"
    cat "$out/resize-a.h264" "$out/resize-b.h264" "$out/resize-a.h264" >"$out/resize.part"
    rm "$out/resize-a.h264" "$out/resize-b.h264"
    mv "$out/resize.part" "$out/resize.h264"
fi
if due "$out/rotten.mp4" "$book"; then
    plain "$out/rotten-whole.mp4" "-i $book" "$h264"
    # The index stands at the end of such a file, so half of it has none.
    head -c "$(($(wc -c <"$out/rotten-whole.mp4") / 2))" "$out/rotten-whole.mp4" >"$out/rotten.part"
    rm "$out/rotten-whole.mp4"
    mv "$out/rotten.part" "$out/rotten.mp4"
fi
exit 0
