#!/bin/sh
# Another model for the engines in containers, without one failed turn; and back. docs/operations.md, "New content".
#     sh deploy/engine.sh swap             the content of this folder: built, started beside the old, tried, put into service
#     sh deploy/engine.sh swap --anyway    also when it does worse than it should
#     sh deploy/engine.sh back             the image before this one; once more: forward again
set -eu
cd "$(dirname "$0")/.."
IMAGE=sportello-engine
served='' # the name of what is to come back should this fail
moving=''

# However this ends, the name stands for what is in service, and nothing is left beside it.
end() {
    code=$?
    trap - EXIT
    if [ "$code" -ne 0 ] && [ -n "$served" ]; then
        docker tag "$served" "$IMAGE"
        if [ -n "$moving" ]; then
            docker compose up -d --wait engine || true
            sleep 10
        fi
        echo "Nothing was put into service: the engine is the one before." >&2
    fi
    docker compose --profile next stop engine-next
    exit "$code"
}

beside() {
    docker compose --profile next up -d --wait engine-next
}

# With this folder's test conversations: they belong to the content, and no image holds them.
try() {
    docker compose run --rm --no-deps -T -v "$PWD/tests/content:/app/tests/content:ro" bot \
        python -m bot engine try http://engine-next:5005
}

take_over() {
    sleep 10 # bots look up every five seconds which engines there are: only then engine-next answers meanwhile
    moving=yes
    docker compose up -d --wait engine
    sleep 10 # and only then they know the new ones
    served=
}

trap 'exit 130' INT TERM
case "${1:-}" in
swap)
    docker tag "$IMAGE" "$IMAGE:served"
    served="$IMAGE:served"
    trap end EXIT
    docker compose build engine
    beside
    try || [ "${2:-}" = --anyway ]
    take_over
    docker tag "$IMAGE:served" "$IMAGE:before"
    ;;
back)
    docker image inspect "$IMAGE:before" > /dev/null || { echo "There is no image to go back to." >&2; exit 1; }
    docker tag "$IMAGE" "$IMAGE:served"
    served="$IMAGE:served"
    trap end EXIT
    docker tag "$IMAGE:before" "$IMAGE"
    beside
    take_over
    docker tag "$IMAGE:served" "$IMAGE:before"
    ;;
*)
    sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
