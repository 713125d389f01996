# Shared by the scripts beside it: what the real peers are and how they come here.

PEERS=target/peers
PEERS_DEBIAN="dcmtk orthanc dicom3tools"
PEERS_PYPI="pydicom==3.0.2 pynetdicom==3.0.4 highdicom==0.28.2 numpy scipy pillow"

# Installs the peers: Debian's as root, Python's into a folder of their own.
peers_install() {
    local missing=()
    command -v storescu >/dev/null || missing+=(dcmtk)
    command -v Orthanc >/dev/null || missing+=(orthanc)
    command -v dciodvfy >/dev/null || missing+=(dicom3tools)
    python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
    if [ ${#missing[@]} -gt 0 ]; then
        if [ "$(id -u)" != 0 ]; then
            echo "not root: run  sudo apt-get install ${missing[*]}"
            return 77
        fi
        debian_install "${missing[@]}" || return 1
    fi
    if [ ! -e "$PEERS/ready" ]; then
        python3 -m venv "$PEERS" || return 1
        # shellcheck disable=SC2086 # a list of packages
        "$PEERS/bin/pip" install --quiet --disable-pip-version-check $PEERS_PYPI || return 1
        touch "$PEERS/ready"
    fi
}

# Installs Debian packages without letting them start services of their own.
debian_install() {
    local policy=/usr/sbin/policy-rc.d made=no code
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy && made=yes
    fi
    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
        --no-install-recommends "$@"
    code=$?
    [ $made = yes ] && rm -f $policy
    return $code
}

# Runs a check of tests/peers with the peers' Python and the binary that the tests use.
peers_python() {
    if [ ! -e "$PEERS/ready" ]; then
        echo "the peers are not installed: run scripts/check peers"
        return 77
    fi
    "$PEERS/bin/python" "$1" --scanpost target/debug/scanpost --data "$SCANPOST_DATA"
}
