#!/usr/bin/env bash
# Makes a Debian package of vrseg for the Debian that this script runs on.
#
# usage: packaging/deb.sh [--binary FILE] [--out DIR]
#
# The program depends on FFmpeg's libraries of this release, so a package is made on each: Debian 12 and
# Debian 13. ONNX Runtime for the CPU and what the profile `fast` needs are inside the program. Needs
# dpkg-dev, and the program as `setup.sh` builds it.
#
#   --binary FILE  the program to pack (default target/release/vrseg)
#   --out DIR      folder of the package (default target/debian)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
binary=${CARGO_TARGET_DIR:-$root/target}/release/vrseg
out=${CARGO_TARGET_DIR:-$root/target}/debian
fail() {
    echo "deb.sh: $*" >&2
    exit 1
}
while [[ $# -gt 0 ]]; do
    case $1 in
        --binary)
            binary=${2:-}
            shift
            ;;
        --out)
            out=${2:-}
            shift
            ;;
        *)
            sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
            exit 2
            ;;
    esac
    shift
done
[[ -x $binary ]] || fail "$binary does not exist: build it with ./setup.sh, or name another with --binary"
command -v dpkg-shlibdeps >/dev/null || fail "needs the package dpkg-dev"

# Everything that `fast` needs, and the better of the permissive models, must be inside, since nothing else comes with the package.
listed=$(VRSEG_DATA_DIR=/nonexistent "$binary" models)
for model in selfie multiclass nanodet movenet; do
    grep -q "^$model  *built in" <<<"$listed" ||
        fail "$binary has no model $model inside: install the models, then build again (./setup.sh)"
done

release=$(sed -n 's/^VERSION_ID="\?\([0-9]*\).*/\1/p' /etc/os-release)
[[ $release =~ ^[0-9]+$ ]] || fail "/etc/os-release names no release of Debian"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | head -n 1)-1~deb$release
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/vrseg
share=$tree/usr/share

install -D -m 755 "$binary" "$tree/usr/bin/vrseg"
strip --strip-unneeded "$tree/usr/bin/vrseg"
mkdir -p "$share/man/man1" "$share/doc/vrseg"
gzip -9n <"$root/docs/vrseg.1" >"$share/man/man1/vrseg.1.gz"
gzip -9n <"$root/CHANGELOG.md" >"$share/doc/vrseg/changelog.gz"
cat "$root/NOTICE" "$root/LICENSE-MIT" "$root/LICENSE-APACHE" >"$share/doc/vrseg/copyright"
cp -r "$root/licenses" "$share/doc/vrseg/licenses"
for completion in bash:bash-completion/completions/vrseg zsh:zsh/vendor-completions/_vrseg \
    fish:fish/vendor_completions.d/vrseg.fish; do
    mkdir -p "$share/$(dirname "${completion#*:}")"
    "$binary" completions "${completion%%:*}" >"$share/${completion#*:}"
done

# dpkg-shlibdeps reads a source package's control file.
mkdir -p "$work/debian" "$tree/DEBIAN"
printf 'Source: vrseg\n\nPackage: vrseg\nArchitecture: amd64\n' >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O "$tree/usr/bin/vrseg" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
[[ $depends = *libavcodec* ]] || fail "dpkg-shlibdeps does not find FFmpeg's libraries of this system: $depends"
cat >"$tree/DEBIAN/control" <<CONTROL
Package: vrseg
Version: $version
Architecture: amd64
Maintainer: The vrseg developers
Installed-Size: $(du -sk "$tree/usr" | cut -f 1)
Depends: $depends
Recommends: python3 (>= 3.9), python3-venv
Suggests: ffmpeg
Section: video
Priority: optional
Description: finds people in VR video and writes mattes or green screens
 vrseg finds people in VR video (and in flat video) and writes what a headset player or an editor can use:
 a green screen, a matte, a real alpha channel, alpha-packed passthrough, a blurred or replaced background.
 .
 ONNX Runtime for the CPU and the models of the profile "fast" are inside. "vrseg models install" downloads
 more models and the builds of ONNX Runtime for graphics cards; it needs Python.
CONTROL
chmod -R u=rwX,go=rX "$tree"
mkdir -p "$out"
dpkg-deb --root-owner-group --build "$tree" "$out/vrseg_${version}_amd64.deb" >/dev/null
echo "$out/vrseg_${version}_amd64.deb"
