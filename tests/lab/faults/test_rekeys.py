"""A day of re-keys within two minutes, by the host as its lifetimes make it do, of both tunnels at once.

To OCI no packet is lost, whichever daemon the headend is, and no route moves. On the way back it is the headend's
business: strongSwan uses the new SA once the host has shown that it has it (RFC 7296, 2.8); Libreswan uses it before
its answer has arrived, so that what it sends in that moment is lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from lab.fabric.outages import Observer
from lab.fabric.streams import DEAD_SECONDS, DIRECTIONS, Streams

CHILD_SAS, IKE_SAS = 24, 3
"""Of each tunnel: a day's, at Oracle's lifetimes of one and eight hours."""

FLOWS, PACKETS_A_SECOND = 4, 4 * 20

FEW = 2
"""Of some thousands. What loses a packet by its nature does so at each of the re-keys."""

MOMENT_SECONDS = 0.25
"""What a re-key may cost on the way back from Libreswan: a round trip, and an emulated processor's arithmetic."""

# Waits for each new SA, which is the newest by Libreswan's numbers, before it asks for the next. Child SAs as
# Libreswan 5 calls it, or 4; one that is not there yet has an add_time of 0.
REKEY = """\
whack() { /usr/libexec/ipsec/whack "$@"; }
newest() { whack "$listing" | sed -nE "s/^(00[06] )?#([0-9]+): \\"$conn\\".*$state.*/\\2/p" | sort -n | tail -n 1; }
renew() {
    conn=$1 count=$2 listing=$3 state=$4
    shift 4
    before=$(newest)
    for number in $(seq "$count"); do
        for command in "$@"; do
            whack "$command" --name "$conn" >/dev/null 2>&1 && break
        done
        for attempt in $(seq 50); do
            now=$(newest)
            test "${now:-0}" -gt "$before" && before=$now && continue 2
            sleep 0.2
        done
        echo "$conn: re-key $number did not come"
    done
}
for conn in tunnel-1 tunnel-2; do
    (
        renew $conn CHILD_SAS --trafficstatus 'add_time=[1-9]' --rekey-child --rekey-ipsec
        renew $conn IKE_SAS --showstates 'established IKE SA' --rekey-ike
    ) &
done
wait
"""


@pytest.mark.parametrize(
    "back",
    [
        pytest.param(1, id="back from strongSwan"),
        pytest.param(2, id="back from Libreswan", marks=pytest.mark.long),
    ],
)
def test_a_day_of_rekeys(observer: Observer, back: int, note: Callable[[str], None]) -> None:
    observer.fabric.return_through(back)
    withdrawn = "journalctl -u tunnel-keeper -o cat --no-pager -g 'withdrawn' | wc -l"
    before = observer.host(withdrawn)
    streams = Streams.start(observer.fabric, flows=FLOWS)
    try:
        began = streams.now()
        script = REKEY.replace("CHILD_SAS", str(CHILD_SAS)).replace("IKE_SAS", str(IKE_SAS))
        said = observer.host(script, 300.0)
        until = streams.now()
        time.sleep(1.0)
    finally:
        traffic = streams.stop()
    assert said == ""
    lost = {way: traffic.lost(way) for way in DIRECTIONS}
    longest = {way: round(traffic.outage(way, began, until), 2) for way in DIRECTIONS}
    which = f"{CHILD_SAS} child SAs and {IKE_SAS} IKE SAs of each tunnel"
    note(f"{which}, the way back through tunnel {back}: {until - began:.0f} s, lost {lost}, nothing for {longest} s")
    assert lost["client->vcn"] <= FEW
    assert lost["vcn->client"] <= (FEW if back == 1 else CHILD_SAS * MOMENT_SECONDS * PACKETS_A_SECOND)
    # Flow by flow too: no re-key was an outage. One that an emulated processor is slow to answer is no death yet.
    assert max(longest.values()) < DEAD_SECONDS
    assert observer.host(withdrawn) == before
