#!/usr/bin/env bash
# Makes a container image of vrseg: a bare Debian with its package (packaging/deb.sh) in it.
#
# usage: packaging/image.sh DEB [--suite bookworm|trixie] [--with PARTS] [--out FILE] [--try CLIP]
#
#   --suite SUITE  the Debian that the package is for (default trixie)
#   --with PARTS   also install these models and builds of ONNX Runtime, such as rvm,onnxruntime-gpu
#   --out FILE     the image (default vrseg-SUITE.tar), which `podman load -i` and `docker load -i` take
#   --try CLIP     then run the image once on a copy of this video
#
# Needs root, debootstrap and buildah. In the image vrseg works in /work:
#   podman run --rm -v "$PWD:/work" vrseg in.mp4 -o out.mp4 --profile fast
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
fail() {
    echo "image.sh: $*" >&2
    exit 1
}
deb='' suite=trixie parts='' out='' clip=''
while [[ $# -gt 0 ]]; do
    case $1 in
        --suite | --with | --out | --try)
            [[ $# -ge 2 ]] || fail "$1 needs a value"
            case $1 in
                --suite) suite=$2 ;;
                --with) parts=${2//,/ } ;;
                --out) out=$2 ;;
                --try) clip=$2 ;;
            esac
            shift
            ;;
        -*)
            sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
            exit 2
            ;;
        *) deb=$1 ;;
    esac
    shift
done
[[ -f $deb ]] || fail "the package '$deb' is not a file (packaging/deb.sh makes it)"
[[ $suite =~ ^(bookworm|trixie)$ ]] || fail "--suite takes bookworm or trixie"
[[ -z $clip || -f $clip ]] || fail "--try: $clip is not a file"
[[ $parts =~ ^[a-z0-9\ -]*$ ]] || fail "--with takes names, separated by commas"
[[ $(id -u) -eq 0 ]] || fail "debootstrap and buildah need root"
for program in debootstrap buildah; do
    command -v "$program" >/dev/null || fail "needs the package $program"
done
out=$(realpath -m "${out:-vrseg-$suite.tar}")

# shellcheck source=tools/bare_system.sh
source "$root/tools/bare_system.sh"
work=$(mktemp -d)
bare=$work/root
clean_up() {
    local status=$?
    if mountpoint -q "$bare/proc"; then umount "$bare/proc"; fi
    if [[ -d $work/storage ]]; then image rm --all >/dev/null 2>&1 || true; fi
    rm -rf --one-file-system "$work"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# buildah with a storage of its own, which is gone afterwards.
image() {
    buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"
}

in_root() {
    local variables=()
    mapfile -t variables < <(client_variables)
    chroot "$bare" /usr/bin/env -i HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        PATH=/usr/sbin:/usr/bin:/sbin:/bin VRSEG_DATA_DIR=/opt/vrseg "${variables[@]}" "$@"
}

echo "#### Debian"
mkdir "$bare"
bootstrap
# What belongs to this machine and not into the image.
keep=$work/keep
mkdir "$keep"
cp -a "$bare/etc/apt" "$keep/"
certificates=/etc/ssl/certs/ca-certificates.crt
copy_settings
mount -t proc proc "$bare/proc"

echo "#### vrseg"
cp "$deb" "$bare/tmp/vrseg.deb"
in_root apt-get update -qq
packages=(ca-certificates /tmp/vrseg.deb)
[[ -z $parts ]] || packages+=(python3 python3-venv)
in_root apt-get install -qq -y --no-install-recommends "${packages[@]}" >"$work/apt.log" 2>&1 ||
    { tail "$work/apt.log" >&2; fail "the package could not be installed"; }
mkdir -p "$bare/opt/vrseg" "$bare/work"
if [[ -n $parts ]]; then
    # apt has written the system's own certificates; the clients of this place need theirs.
    [[ ! -e $certificates ]] || cp -L "$certificates" "$bare$certificates"
    # shellcheck disable=SC2086 # several names
    in_root vrseg models install $parts
fi

echo "#### image"
umount "$bare/proc"
for setting in "${copied[@]}"; do rm -rf "${bare:?}$setting"; done
rm -rf "$bare/etc/apt" "$bare"/var/lib/apt/lists/* "$bare"/var/cache/apt/*.bin \
    "$bare"/var/cache/apt/archives/*.deb "$bare"/tmp/* "$bare"/var/log/* "$bare"/root/.cache
cp -a "$keep/apt" "$bare/etc/"
echo "deb http://deb.debian.org/debian $suite main" >"$bare/etc/apt/sources.list"
# The list of this machine may have had certificates of its own.
chroot "$bare" update-ca-certificates --fresh >/dev/null 2>&1
version=$(dpkg-deb -f "$deb" Version | cut -d - -f 1)
container=$(image from scratch)
image copy -q "$container" "$bare" / >/dev/null
image config --entrypoint '["/usr/bin/vrseg"]' --cmd '' --workingdir /work --env LANG=C.UTF-8 \
    --env VRSEG_DATA_DIR=/opt/vrseg --label "org.opencontainers.image.version=$version" "$container"
rm -f "$out"
image commit -q "$container" "docker-archive:$out:vrseg:$version" >/dev/null
image rm "$container" >/dev/null
echo "$out ($(du -m "$out" | cut -f 1) MB)"

if [[ -n $clip ]]; then
    echo "#### trial"
    mkdir "$work/clips"
    name=$(basename "$clip") # players and vrseg go by it
    cp "$clip" "$work/clips/$name"
    container=$(image from -q "docker-archive:$out" 2>/dev/null)
    image run --isolation chroot --volume "$work/clips:/work" "$container" -- \
        /usr/bin/vrseg "$name" -o out.mp4 --profile fast
    [[ -s $work/clips/out.mp4 ]] || fail "the image made no output"
    cp "$work/clips/out.mp4" "$(dirname "$out")/vrseg-$suite-trial.mp4"
    echo "its output: $(dirname "$out")/vrseg-$suite-trial.mp4"
fi
