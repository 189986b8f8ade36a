#!/bin/sh
# Installs the Debian packages that are missing: `deps.sh build demo` or `deps.sh build demo check`.
# Says what it does; uses sudo only when not root; prints nothing and costs nothing when all is there.
set -eu

build="build-essential pkg-config libavformat-dev libavcodec-dev libavutil-dev libswscale-dev
    libavdevice-dev libopencv-dnn-dev libmosquitto-dev libconfig-dev libsqlite3-dev libjansson-dev
    libsystemd-dev libssl-dev libcairo2-dev libmicrohttpd-dev libseccomp-dev"
models="python3 python3-numpy python3-onnx ca-certificates"
demo="ffmpeg mosquitto libgstrtspserver-1.0-dev gstreamer1.0-plugins-base
    gstreamer1.0-plugins-good gstreamer1.0-plugins-bad python3-paho-mqtt"
check="libcmocka-dev mandoc systemd python3-pytest python3-pytest-xdist python3-jinja2 python3-opencv glib-networking openssl sqlite3 clang-format-14
    python3-jsonschema curl chromium fonts-dejavu-core iproute2 nftables"
# Where Node.js is from elsewhere Debian's does not fit beside it.
command -v npm >/dev/null || check="$check nodejs npm"

deb="debhelper dpkg-dev fakeroot lintian"
system="debootstrap systemd-container"
# clang brings libFuzzer; the corpora are replayed without it.
fuzz="clang libclang-rt-14-dev llvm-14"
# What faced is compared with; the package would run it as a service as well.
bench="motion"
# Brokers and a database that the tests start themselves.
fleet="iproute2 nftables procps mosquitto mosquitto-clients rabbitmq-server nats-server postgresql-15"

wanted=
for group; do
    case $group in
    build) wanted="$wanted $build" ;;
    models) wanted="$wanted $models" ;;
    demo) wanted="$wanted $demo" ;;
    check) wanted="$wanted $check" ;;
    deb) wanted="$wanted $deb" ;;
    system) wanted="$wanted $system" ;;
    bench) wanted="$wanted $bench" ;;
    fleet) wanted="$wanted $fleet" ;;
    fuzz) wanted="$wanted $fuzz" ;;
    *) echo "deps.sh: no group '$group': build, models, demo, check, deb, system, bench, fleet, fuzz" >&2; exit 2 ;;
    esac
done

missing=
for p in $wanted; do
    dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null | grep -qx installed || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "These Debian packages, or what stands for them on this system, are needed:$missing" >&2
    exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
        echo "Not root, and there is no sudo. As root: apt-get install$missing" >&2
        exit 1
    }
    sudo=sudo
fi
echo "Installing Debian packages:$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
if ! { $sudo apt-get update && $sudo apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "apt-get could not install them; its whole output is in $log" >&2
    exit 1
fi
rm -f "$log"
case $missing in *" motion"*) $sudo systemctl disable --now motion >/dev/null 2>&1 || true ;; esac
for service in rabbitmq-server nats-server postgresql; do
    case $missing in *" $service"*) $sudo systemctl disable --now $service >/dev/null 2>&1 || true ;; esac
done
