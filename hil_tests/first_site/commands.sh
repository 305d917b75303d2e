#!/bin/sh
# From two empty boards and a bought sensor to an accepted site: what somebody new types, in this order. Run whole by
# hil_tests/test_first_site.py on an emulated bench (riverpost rig); README.md and README.zh-CN.md show the same steps.
# Where there is hardware, $BENCH/board1/ttyUSB0 is the board's own port; --answers and --yes stand for a person.
set -eux

# Where it runs as a service: systemctl start, systemctl stop.
start_gateway() {
    riverpost gateway site/station.toml --status status.json 2>gateway.log &
    gateway=$!
    until [ -e status.json ]; do sleep 1; done
}
stop_gateway() {
    kill "$gateway"
    wait "$gateway"
    rm status.json
}
trap 'kill "$gateway"' EXIT

riverpost site new site --answers answers.toml --yes
riverpost flash esp32-rs485 --port "$BENCH/board1/ttyUSB0" --micropython "$IMAGE" --no-stub --yes
riverpost provision gap --station site/station.toml --port "$BENCH/board1/ttyUSB0" --by 07 --yes
riverpost flash esp32-rs485 --port "$BENCH/board2/ttyUSB0" --micropython "$IMAGE" --no-stub --yes
riverpost provision rain --station site/station.toml --port "$BENCH/board2/ttyUSB0" --by 07 --yes
riverpost scan --station site/station.toml --addresses 1-32
start_gateway                     # riverpost gateway site/station.toml --status status.json
riverpost calibrate level river --station site/station.toml --status status.json --by 07 --staff "173.25 m" --readings 15 --yes
stop_gateway; start_gateway       # riverpost gateway site/station.toml --status status.json
riverpost check --station site/station.toml --status status.json --by 07 --answers hands.toml --report check.html
