# shellcheck shell=bash disable=SC2154
# Makes bare Debian systems with debootstrap, for tests/bare-debian.sh and packaging/image.sh, which source this file.
# They set `suite` and `bare`, the system's folder, and have a function `fail`.

# The Debian mirrors of this machine, for the suite that is to be made: "URI suite component", one
# a line. sid has neither updates nor security of its own.
mirrors() {
    local own
    own=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    # shellcheck disable=SC2016 # apt's own variables
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' 'Origin: Debian' |
        sed -nE "s/ $own((-updates|-security)? )/ $suite\\1/p" |
        if [[ $suite = sid ]]; then grep ' sid '; else cat; fi | sort -u
}

# Makes the system itself.
bootstrap() {
    local mirror
    mirror=$(mirrors | awk -v suite="$suite" '$2 == suite { print $1; exit }')
    [[ -n $mirror ]] || fail "apt on this machine has no mirror for $suite"
    debootstrap --variant=minbase "$suite" "$bare" "$mirror" >"$bare.log" 2>&1 ||
        { tail -n 5 "$bare.log" >&2; fail "debootstrap failed"; }
    rm "$bare.log"
}

# Copies one of this machine's settings files to the same place in the bare system, and notes that.
copy_setting() {
    if [[ -e $1 ]]; then
        mkdir -p "$bare$(dirname "$1")"
        cp -rL "$1" "$bare$(dirname "$1")/"
        copied+=("$1")
    fi
}

# Copies what this machine's package clients need: mirrors, proxies, certificates.
copy_settings() {
    local file
    copied=()
    copy_setting /etc/resolv.conf
    copy_setting /etc/hosts
    for file in /etc/apt/apt.conf.d/*; do
        if grep -qE '^[[:space:]]*Acquire' "$file"; then copy_setting "$file"; fi
    done
    copy_setting /etc/apt/auth.conf.d
    mirrors | sed 's/^/deb /' >"$bare/etc/apt/sources.list"
    for file in /etc/pip.conf "$HOME/.config/pip/pip.conf" "$HOME/.pip/pip.conf" /etc/npmrc \
        "$HOME/.npmrc" "$HOME/.cargo/config" "$HOME/.cargo/config.toml"; do
        copy_setting "$file"
    done
    # Certificates of a proxy or mirror of this place.
    copy_setting /etc/ssl/certs/ca-certificates.crt
    copy_setting /usr/local/share/ca-certificates
}

# NAME=VALUE of the variables that the package clients read.
client_variables() {
    env | grep -E '^(PIP_|NPM_CONFIG_|npm_config_|CARGO_(HTTP|NET|REGISTR)|SSL_CERT_|CURL_CA_BUNDLE|REQUESTS_CA_BUNDLE|NODE_EXTRA_CA_CERTS|(https?|no|all)_proxy=|(HTTPS?|NO|ALL)_PROXY=)' |
        grep -v '^PIP_FIND_LINKS='
}
