#!/usr/bin/env bash
# Runs the README's two commands in a bare Debian, to check that they need nothing else.
#
# usage: tests/bare-debian.sh [--suite bookworm|trixie|sid] [--only use|tests | --deb FILE]
#                             [--dir DIR] [--keep]
#
# debootstrap makes the system in a fresh folder. It gets a clean clone of this repository's last
# commit and, of this machine, only the settings that its package clients need (mirrors, proxies,
# certificates). Needs root, debootstrap and about 8 GB; takes about half an hour on two cores.
#
#   --suite SUITE  the Debian to make: bookworm (12, the default), trixie (13) or sid
#   --only use     only the first command: set up, build, install, segment the sample clip
#   --only tests   only the second: set up for development, run the tests
#   --deb FILE     neither: install this package (packaging/deb.sh) and segment the sample clip with it
#   --dir DIR      make the system below DIR (default $TMPDIR or /tmp)
#   --keep         leave the system there afterwards
set -euo pipefail

suite=bookworm
parent=${TMPDIR:-/tmp}
only=all
deb=
keep=no
fail() {
    echo "bare-debian.sh: $*" >&2
    exit 1
}
while [[ $# -gt 0 ]]; do
    case $1 in
        --suite)
            suite=${2:-}
            shift
            ;;
        --only)
            only=${2:-}
            shift
            ;;
        --deb)
            deb=${2:-}
            [[ -f $deb ]] || fail "--deb: $deb is not a file"
            shift
            ;;
        --dir)
            parent=${2:-}
            shift
            ;;
        --keep) keep=yes ;;
        *)
            sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
            exit 2
            ;;
    esac
    shift
done
[[ $only =~ ^(all|use|tests)$ ]] || fail "--only takes use or tests"
[[ $suite =~ ^(bookworm|trixie|sid)$ ]] || fail "--suite takes bookworm, trixie or sid"
[[ $(id -u) -eq 0 ]] || fail "debootstrap and chroot need root"
command -v debootstrap >/dev/null || fail "needs the package debootstrap"

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tools/bare_system.sh
source "$repository/tools/bare_system.sh"
[[ -z $(git -C "$repository" status --porcelain) ]] ||
    echo "bare-debian.sh: note: changes that are not committed are not tested" >&2

bare=$(mktemp -d "$parent/bare-debian.XXXXXX")
chmod 755 "$bare" # it becomes / for apt's own user too
clean_up() {
    local status=$?
    local mounted
    for mounted in "$bare"/{dev/pts,sys,proc,}; do
        if mountpoint -q "$mounted"; then
            umount -R "$mounted" || umount -R --lazy "$mounted" # a process in there is still ending
        fi
    done
    if [[ $keep = yes ]]; then
        echo "kept: $bare"
    else
        rm -rf --one-file-system "$bare"
    fi
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

in_bare() {
    local variables=()
    mapfile -t variables < <(client_variables)
    chroot "$bare" /usr/bin/env -i HOME=/root USER=root TERM=dumb LANG=C.UTF-8 CI=true \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        "${variables[@]}" /bin/bash -c "cd /root/vrseg && $1"
}

timed() { # timed NAME COMMAND
    local start=$SECONDS
    printf '\n#### %s\n#### %s\n' "$1" "$2"
    in_bare "$2" || fail "failed in the bare system: $2"
    printf '#### passed in %d s\n' "$((SECONDS - start))"
}

# The tests make mounts of their own, for which the root of the system has to be a mount.
mount --bind "$bare" "$bare"

echo "#### debootstrap $suite into $bare"
bootstrap
copy_settings
# What every running system has: the kernel's files, and terminals for who opens one.
mount -t proc proc "$bare/proc"
mount --rbind --make-rslave /sys "$bare/sys" # with the control groups, which Slurm looks for
mkdir -p "$bare/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$bare/dev/pts"
ln -sfn pts/ptmx "$bare/dev/ptmx"
git clone --quiet --no-hardlinks "$repository" "$bare/root/vrseg"

# Installs a package and nothing else, and does the main job with it.
check_deb() {
    local sample=${VRSEG_DATA_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/vrseg}/samples/sample_180_LR.mp4
    [[ -f $sample ]] || fail "$sample is missing; run ./setup.sh"
    cp "$deb" "$bare/root/vrseg.deb"
    cp "$sample" "$bare/root/sample_180_LR.mp4"
    timed "The package" "apt-get update -qq && apt-get install -qq -y --no-install-recommends \
/root/vrseg.deb >/root/apt.log 2>&1 || { tail /root/apt.log; exit 1; }"
    in_bare "! command -v gcc cargo python3 && ls /usr/share/man/man1/vrseg.1.gz \
/usr/share/bash-completion/completions/vrseg /usr/share/zsh/vendor-completions/_vrseg \
/usr/share/fish/vendor_completions.d/vrseg.fish" || fail "files of the package are missing"
    timed "The main job" "vrseg /root/sample_180_LR.mp4 -o /root/out.mp4 --profile fast"
    in_bare "vrseg probe /root/out.mp4 && vrseg doctor"
    # Without Python it says what it lacks.
    in_bare "vrseg models install rvm 2>&1 | grep 'python3 was not found'" || fail "models install without Python"
    timed "Removing it" "apt-get purge -qq -y vrseg >/dev/null 2>&1 && ! command -v vrseg"
}

if [[ -n $deb ]]; then
    check_deb
    exit
fi
if [[ $only != tests ]]; then
    # shellcheck disable=SC2088 # expanded inside
    timed "The first command of the README" "./setup.sh && ~/.local/bin/vrseg \
~/.local/share/vrseg/samples/sample_180_LR.mp4 -o out.mp4 --profile fast"
    in_bare "ffprobe -v error -show_entries stream=codec_name,width,height,nb_frames \
-of compact out.mp4"
fi
if [[ $only != use ]]; then
    timed "The second command of the README" "./setup.sh --dev && ./tests/run.sh"
fi
