#!/usr/bin/env bash
# Installs vrseg and everything that it needs. Can be run again: finished steps are skipped.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: ./setup.sh [options]

Installs the system packages, ONNX Runtime, the models and a sample clip, builds vrseg and installs
it. Needs x86-64 Linux with apt (Debian 12 and 13; docs/install.md has others), root or sudo for the
packages, and a package registry for pip and npm. On a machine with an NVIDIA driver or a CPU with
bfloat16, the build of ONNX Runtime for it is installed, too.

  --models LIST      additional models: blazepose, u2net, u2netp, isnet, selfie-landscape (separated by
                     commas)
  --all-models       all models (about 540 MB of downloads, 450 MB on disk)
  --permissive-only  skip models whose license is not permissive (rvm: GPL, isnet: AGPL)
  --cpu-only         ONNX Runtime for the CPU only
  --gpu              ONNX Runtime for CUDA 13 and NVIDIA's libraries (about 2 GB), on any machine
  --openvino         ONNX Runtime for OpenVINO (84 MB), on any machine
  --dev              everything for the tests; no release build
  --prefix DIR       install vrseg to DIR/bin (default ~/.local)
  --no-build         don't build and install vrseg
  --no-packages      install no system packages (docs/install.md lists them)
  --uninstall        remove everything that this script installed, except system packages
  --help             print this text

Data goes to $VRSEG_DATA_DIR, or else to vrseg/ in $XDG_DATA_HOME (default ~/.local/share).
VRSEG_PYTHON sets the Python to use (3.9 or newer; default python3).
TEXT
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
data=${VRSEG_DATA_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/vrseg}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/vrseg/setup
prefix=$HOME/.local
record=$data/.installed-by-setup # files outside the data folder, system packages
sample=$data/samples/sample_180_LR.mp4
photos=$data/material/voc
rust_needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml")
cargo_deny=0.20.2
other_models=(selfie-landscape rvm blazepose multiclass nanodet movenet u2netp u2net isnet) # beside selfie

asked_models=()
permissive_only=no
gpu=auto
openvino=auto
dev=no
build=yes
packages=yes
uninstall=no

# shellcheck source=tools/rust_path.sh
source "$root/tools/rust_path.sh"

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
        --cpu-only)
            gpu=no
            openvino=no
            ;;
        --dev)
            dev=yes
            build=no
            ;;
        --prefix) prefix=$(realpath -m "$value") ;;
        --no-build) build=no ;;
        --no-packages) packages=no ;;
        --uninstall) uninstall=yes ;;
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
    if [[ $packages = no ]]; then
        return
    fi
    note "apt-get install ${missing[*]}"
    apt_update
    printf 'package %s\n' "${missing[@]}" >>"$record"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        --no-remove "${missing[@]}" >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        fail "apt-get could not install: ${missing[*]}"
    }
}

# Installs models and builds of ONNX Runtime that are not there yet.
install_parts() { # install_parts NAME...
    "$python" -B "$root/tools/install.py" "$@" --data "$data" --cache "$cache" | sed 's/^/   /' ||
        fail "not everything could be installed (see above); run this script again to resume"
}

# The Python that runs tools/install.py: the one that was named, else the first that is new enough.
choose_python() {
    local candidate
    for candidate in ${VRSEG_PYTHON:+"$VRSEG_PYTHON"} python3 /usr/bin/python3; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 9))' \
            >/dev/null 2>&1; then
            python=$candidate
            return
        fi
    done
    fail "no Python 3.9 or newer with its module venv was found (Debian, Ubuntu: apt-get install \
python3-venv); install one or set VRSEG_PYTHON"
}

# What the machine has that another build of ONNX Runtime is faster on.
nvidia_driver() {
    [[ -e /proc/driver/nvidia/version || -e /usr/lib/wsl/lib/libcuda.so.1 ]] ||
        ldconfig -p 2>/dev/null | grep -q 'libcuda\.so\.1'
}

bfloat16() {
    grep -qwE 'avx512_bf16|amx_bf16' /proc/cpuinfo
}

# Decides which builds to install beside the CPU's, and says why.
choose_runtimes() {
    runtimes=(onnxruntime)
    if [[ $gpu = auto ]]; then
        gpu=no
        if nvidia_driver; then
            gpu=yes
            note "NVIDIA's driver is installed: installing the CUDA build, too, a download of 2 GB (--cpu-only skips it)"
        fi
    fi
    if [[ $openvino = auto ]]; then
        openvino=no
        if [[ $gpu = no ]] && bfloat16; then
            openvino=yes
            note "this CPU has bfloat16: installing OpenVINO, too, a download of 84 MB (--cpu-only skips it)"
        fi
    fi
    if [[ $gpu = yes ]]; then runtimes+=(onnxruntime-gpu); fi
    if [[ $openvino = yes ]]; then runtimes+=(onnxruntime-openvino); fi
}

install_rust() {
    local candidate
    if use_rust "$rust_needed"; then
        note "Rust $rust_found is already installed"
        return
    fi
    if [[ $packages = no ]]; then
        fail "Rust $rust_needed or newer is needed (found: ${rust_seen:-none}): https://rustup.rs has it"
    fi
    apt_update
    candidate=$(LC_ALL=C apt-cache policy rustc-web | awk '/Candidate:/ { print $2 }')
    if [[ -n $candidate && $candidate != "(none)" ]] && version_at_least "$candidate" "$rust_needed"; then
        if installed cargo && ! installed cargo-web; then
            fail "Debian's cargo is too old ($rust_needed is needed), and its newer one can't be installed \
with it: 'apt-get remove rustc cargo' and run this script again, or install Rust with rustup"
        fi
        apt_install rustc-web cargo-web
    elif [[ -n $(apt-cache search --names-only '^rustup$') ]]; then # Ubuntu 24.04
        apt_install rustup
        rustup toolchain install stable --profile minimal >"$log" 2>&1 ||
            { tail -n 5 "$log" >&2; fail "rustup could not install Rust"; }
    else
        fail "Rust $rust_needed or newer is needed (found: ${rust_seen:-none}), and apt has none. On \
Debian 12 add the suite bookworm-security to /etc/apt; elsewhere install Rust with rustup \
(https://rustup.rs). Then run this script again."
    fi
    use_rust "$rust_needed" || fail "Rust was installed, but none that is new enough is found: $rust_seen"
    note "Rust $rust_found"
}

# Downloads a Debian package and unpacks it into a folder. Debian 13 no longer has all of them, or other
# versions: there they come from Debian 12.
unpack_package() { # unpack_package NAME FOLDER
    local options=() mirror="" own=$cache/apt
    [[ $packages = yes ]] || return 1
    apt_update
    if ! grep -qs 'VERSION_CODENAME=bookworm' /etc/os-release; then
        # shellcheck disable=SC2016 # apt's own variable
        mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' |
            sed '/security/d' | head -n 1)
    fi
    if [[ -n $mirror ]]; then
        mkdir -p "$own/lists/partial" "$own/cache/archives/partial"
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm main" \
            >"$own/sources.list"
        options=(-o "Dir::Etc::SourceList=$own/sources.list" -o Dir::Etc::SourceParts=-
            -o "Dir::State::Lists=$own/lists" -o "Dir::Cache=$own/cache" -o Acquire::Languages=none
            -o APT::Sandbox::User=root)
        apt-get "${options[@]}" update -qq >"$log" 2>&1 || {
            tail -n 5 "$log" >&2
            return 1
        }
    fi
    mkdir -p "$2"
    (cd "$2" && apt-get "${options[@]}" download -qq "$1" && dpkg-deb -x ./*.deb .) >"$log" 2>&1 || {
        tail -n 5 "$log" >&2
        return 1
    }
}

# Photos of people, with ground truth, as a Debian package ships them: for the sample and the tests.
install_photos() {
    local more=$data/material/photos unpacked source
    if [[ -f $photos/SegmentationClassPNG/2011_000003.png && -f $more/0002.jpg ]]; then
        return
    fi
    note "photos from Debian's package labelme-examples (10 MB)"
    unpacked=$(mktemp -d "$cache/deb.XXXXXX")
    unpack_package labelme-examples "$unpacked" || return 1
    source=$unpacked/usr/share/doc/labelme-examples/examples
    mkdir -p "$photos" "$more"
    cp -r "$source"/semantic_segmentation/data_dataset_voc/{JPEGImages,SegmentationClassPNG} "$photos/"
    cp "$source"/classification/data_annotated/000[12].jpg "$more/"
    rm -rf "$unpacked"
}

# More photos, which wheels ship, for tools/quality_set.py.
install_more_photos() {
    local more=$data/material/photos work
    if [[ -f $more/bus.jpg && -f $more/astronaut.png ]]; then
        return
    fi
    note "photos from two wheels (15 MB)"
    work=$(mktemp -d "$cache/wheels.XXXXXX")
    "$python" -B "$root/tools/install.py" --unpack requirements-material.txt --data "$work" \
        --cache "$cache" || fail "cannot download the photos"
    cp "$work"/skimage/data/{astronaut,coffee,motorcycle_left}.png \
        "$work"/ultralytics/assets/{bus,zidane}.jpg "$more/"
    rm -rf "$work"
}

# Panoramas that show nobody, as Debian's blender-data ships them (CC0), for tools/quality_set.py.
install_panoramas() {
    local inside=usr/share/blender/datafiles/studiolights/world more=$data/material/panoramas unpacked
    if [[ -f $more/license.txt ]]; then
        return
    fi
    note "panoramas from Debian's package blender-data (30 MB)"
    unpacked=$(mktemp -d "$cache/deb.XXXXXX")
    unpack_package blender-data "$unpacked" || fail "cannot download the package blender-data"
    (cd "$unpacked/$inside" && sha256sum --check --quiet) <<'SUMS' ||
70940108df90c0721799d29f758ca79e67e509d9a2636487e639db7779561524  city.exr
1518fa37da6a8a389810a7a70262c410553018a51f0be9e248155b9bb363ff3d  courtyard.exr
63ad3243d0f9c29bd1f51b9a3bbf5c0ad25ea39299698dba6cfc29d1660d6008  forest.exr
4f6810b182ade346eac6964bf02405adf430c321b8853a644316af4e05d0fdb5  interior.exr
b97206217e29763d62d9a65ad2d7058460acfb4824659e7a59f5bde374f21937  sunrise.exr
SUMS
        fail "the panoramas in blender-data are not those of the quality set"
    mkdir -p "$more"
    cp "$unpacked/$inside"/{city,courtyard,forest,interior,sunrise}.exr "$more/"
    cp "$unpacked/$inside/license.txt" "$more/"
    rm -rf "$unpacked"
}

models_to_make() {
    # What the profiles use, and with --dev what the tests use.
    local wanted=(selfie nanodet movenet multiclass rvm) kept=() name
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

# Removes what this script has installed and nothing else: models and files of the user's own stay.
uninstall_all() {
    local kind path file keep=()
    step "Removing everything that setup.sh installed"
    if [[ -f $record ]]; then
        while read -r kind path; do
            if [[ $kind = file && -f $path ]]; then
                rm -f "$path"
                note "removed $path"
            elif [[ $kind = package ]]; then
                keep+=("$path")
            fi
        done < <(sort -u "$record")
    fi
    while read -r file; do
        rm -f "$data/models/$file"
    done < <(sed -n 's/^ *onnx="\(.*\)",$/\1/p' "$root/tools/model_sources.py")
    rm -rf "$data/ort" "$data/ort-gpu" "$data/ort-openvino" "$cache"
    rm -f "$sample" "$record"
    rm -rf "$data/material/voc" "$data/material/photos" "$data/material/panoramas"
    rmdir "$data/models" "$data/samples" "$data/material" "$data" 2>/dev/null || true
    if [[ -d $data ]]; then
        note "not removed: $(find "$data" -type f | head -n 3 | tr '\n' ' ')..."
    else
        note "removed $data"
    fi
    if [[ ${#keep[@]} -gt 0 ]]; then
        note "installed system packages, which other programs may use by now:"
        note "  apt-get remove ${keep[*]}"
    fi
    note "settings, logs and caches of vrseg itself stay: ${XDG_CONFIG_HOME:-~/.config}/vrseg,"
    note "${XDG_STATE_HOME:-~/.local/state}/vrseg, ${XDG_CACHE_HOME:-~/.cache}/vrseg"
}

# rustfmt and cargo-deny, for tests/run.sh.
install_dev_tools() {
    if installed rustc-web; then apt_install rustfmt-web; fi
    PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
    if cargo deny --version >/dev/null 2>&1; then
        note "$(cargo deny --version) is already installed"
    else
        note "cargo install cargo-deny $cargo_deny (about four minutes)"
        cargo install --quiet --locked "cargo-deny@$cargo_deny" ||
            fail "cargo could not install cargo-deny"
        echo "file ${CARGO_HOME:-$HOME/.cargo}/bin/cargo-deny" >>"$record"
    fi
}

[[ $(uname -s) = Linux && $(uname -m) = x86_64 ]] ||
    fail "this is $(uname -s) on $(uname -m); vrseg needs Linux on x86-64"
if [[ $uninstall = yes ]]; then
    uninstall_all
    exit
fi
if [[ $packages = yes ]] && ! command -v apt-get >/dev/null; then
    fail "there is no apt-get: install the packages in docs/install.md, then run this script with \
--no-packages"
fi
if [[ $packages = yes ]] && ! grep -qsE '^VERSION_ID="?1[23]"?$' /etc/os-release; then
    note "this is neither Debian 12 nor 13, the tested systems (docs/install.md); continuing anyway"
fi
if [[ $dev = yes ]]; then
    # The tests choose devices themselves.
    [[ $gpu = auto ]] && gpu=no
    [[ $openvino = auto ]] && openvino=no
fi

mkdir -p "$data" "$cache"
log=$cache/apt.log

step "System packages"
needed=(
    ca-certificates ffmpeg gcc libc6-dev libclang-dev pkg-config python3 python3-venv
    libavcodec-dev libavfilter-dev libavformat-dev libavutil-dev libswresample-dev libswscale-dev
)
if [[ $dev = yes ]]; then
    needed+=(git procps python3-numpy python3-websocket shellcheck chromium fish tmux zsh)
    # The tests start a Slurm of their own.
    needed+=(slurmctld slurmd slurm-client munge)
fi
if [[ $packages = yes ]]; then
    apt_install "${needed[@]}"
    note "all installed"
else
    note "none are installed (--no-packages)"
    pkg-config --exists libavcodec libavfilter libavformat libavutil libswresample libswscale ||
        fail "pkg-config does not find FFmpeg's libraries: see docs/install.md"
fi
choose_python

step "Rust $rust_needed or newer"
install_rust

step "ONNX Runtime and models"
choose_runtimes
read -r -a models <<<"$(models_to_make)"
install_parts "${runtimes[@]}" "${models[@]}"

step "Photos and sample clip"
if ! install_photos; then
    [[ $dev = no ]] || fail "the photos that the tests need come from Debian's package labelme-examples"
    note "no sample clip: its photos come from Debian's package labelme-examples"
fi
if [[ $dev = yes ]]; then
    install_more_photos
    install_panoramas
fi
if [[ ! -f $sample && -d $photos ]]; then
    note "making a clip from two photos"
    "$root/tools/make_sample.sh" "$photos/JPEGImages/2011_000006.jpg" \
        "$photos/JPEGImages/2011_000003.jpg" "$sample" || fail "ffmpeg could not make $sample"
fi
[[ ! -f $sample ]] || note "$sample"

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
            VRSEG_EMBED_POSE="$data/models/movenet.onnx" \
            VRSEG_EMBED_MULTICLASS="$data/models/selfie_multiclass.onnx" \
            cargo build --release --locked) || fail "the build failed (see above)"
    install -D -m 755 "${CARGO_TARGET_DIR:-$root/target}/release/vrseg" "$prefix/bin/vrseg"
    vrseg=$prefix/bin/vrseg
    "$vrseg" man --dir "$prefix/share/man/man1"
    for place in bash:bash-completion/completions/vrseg zsh:zsh/site-functions/_vrseg fish:fish/vendor_completions.d/vrseg.fish; do
        mkdir -p "$(dirname "$prefix/share/${place#*:}")"
        "$vrseg" completions "${place%%:*}" >"$prefix/share/${place#*:}"
        echo "file $prefix/share/${place#*:}" >>"$record"
    done
    printf 'file %s\n' "$vrseg" "$prefix"/share/man/man1/vrseg*.1 >>"$record"
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
    if [[ -f $sample ]]; then
        note "next: $command $sample -o out.mp4 --profile fast"
    else
        note "next: $command YOUR_VIDEO -o out.mp4 --profile fast"
    fi
elif [[ $dev = yes ]]; then
    note "next: ./tests/run.sh"
else
    note "next: cargo build --release --locked"
fi
