"""Oracle's two IKE daemons, as declared: strongSwan for tunnel 1 and Libreswan for tunnel 2.

Two implementations, because nobody outside Oracle knows which one theirs is. Both offer and accept exactly the
proposal that was declared, which for the child SA is stricter than Oracle says of itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from lab.fabric.declared import Tunnel

# Oracle's names in each daemon's words, written once more on purpose: the lab must not believe the program.
_STRONGSWAN = {
    "AES_256_CBC": "aes256", "AES_192_CBC": "aes192", "AES_128_CBC": "aes128",
    "AES_256_GCM": "aes256gcm16", "AES_192_GCM": "aes192gcm16", "AES_128_GCM": "aes128gcm16",
    "SHA2_384": "sha384", "SHA2_256": "sha256", "SHA1_96": "sha1", "HMAC_SHA2_256_128": "sha256",
    "GROUP2": "modp1024", "GROUP5": "modp1536", "GROUP14": "modp2048",
    "GROUP19": "ecp256", "GROUP20": "ecp384", "GROUP24": "modp2048s256",
}  # fmt: skip
_LIBRESWAN = {
    "AES_256_CBC": "aes_cbc256", "AES_192_CBC": "aes_cbc192", "AES_128_CBC": "aes_cbc128",
    "AES_256_GCM": "aes_gcm256", "AES_192_GCM": "aes_gcm192", "AES_128_GCM": "aes_gcm128",
    "SHA2_384": "sha2_384", "SHA2_256": "sha2_256", "SHA1_96": "sha1", "HMAC_SHA2_256_128": "sha2_256",
    "GROUP5": "dh5", "GROUP14": "dh14", "GROUP19": "dh19", "GROUP20": "dh20",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Daemon:
    """The files of a daemon, by path, and the script that starts it anew with them. A script may hold no key."""

    files: tuple[tuple[str, str], ...] = field(repr=False)
    restart: str


def daemon(tunnel: Tunnel) -> Daemon | None:
    """The tunnel's daemon; None while Oracle has no address for it yet."""
    if tunnel.headend is None:
        return None
    made = strongswan(tunnel) if tunnel.number == 1 else libreswan(tunnel)
    # A daemon listens at the addresses that are there when it starts.
    return replace(made, restart=f"ip address replace {tunnel.headend}/32 dev lo\n{made.restart}")


def strongswan(tunnel: Tunnel) -> Daemon:
    """https://docs.strongswan.org/docs/latest/swanctl/swanctlConf.html"""
    ike = "-".join(_STRONGSWAN[part] for part in tunnel.ike)
    child = "-".join(_STRONGSWAN[part] for part in tunnel.child if part is not None)
    conf = f"""\
connections {{
  tunnel {{
    version = {tunnel.ike_version}
    local_addrs = {tunnel.headend}
    remote_addrs = {tunnel.cpe_address}
    proposals = {ike}
    encap = {"yes" if tunnel.forces_nat_traversal else "no"}
    mobike = no
    dpd_delay = {_dpd_delay(tunnel)}s
    dpd_timeout = {tunnel.dpd_seconds}s
    rekey_time = {tunnel.ike_seconds}s
    local {{
      auth = psk
      id = {tunnel.headend}
    }}
    remote {{
      auth = psk
      id = {tunnel.cpe_identifier}
    }}
    children {{
      tunnel {{
        local_ts = 0.0.0.0/0
        remote_ts = 0.0.0.0/0
        esp_proposals = {child}
        if_id_in = 1
        if_id_out = 1
        rekey_time = {tunnel.child_seconds}s
        start_action = {"start" if tunnel.initiates else "none"}
      }}
    }}
  }}
}}
secrets {{
  ike-tunnel {{
    id-1 = {tunnel.headend}
    id-2 = {tunnel.cpe_identifier}
    secret = "{tunnel.pre_shared_key}"
  }}
}}
"""
    # A dead peer must be given up within Oracle's time: its default would take minutes.
    settings = f"""\
# Only what pre-shared keys need: each plugin that is looked for costs time, at every question to the daemon too.
swanctl {{
  load = random openssl
}}
charon {{
  load = random nonce openssl kernel-netlink socket-default vici updown counters
  install_routes = no
  install_virtual_ip = no
  retransmit_base = 1.0
  retransmit_timeout = {tunnel.dpd_seconds / 4:.1f}
  retransmit_tries = 2
  filelog {{
    log {{
      path = /run/headends/1.log
      flush_line = yes
      default = 1
      ike = 1
      cfg = 1
    }}
  }}
}}
"""
    return Daemon(
        files=(("/etc/swanctl/conf.d/tunnel.conf", conf), ("/etc/strongswan.d/lab.conf", settings)),
        restart=_STRONGSWAN_RESTART,
    )


def libreswan(tunnel: Tunnel) -> Daemon:
    """ipsec.conf(5) of Libreswan 5."""
    ike = f"{_LIBRESWAN[tunnel.ike[0]]}-{_LIBRESWAN[tunnel.ike[1]]};{_LIBRESWAN[tunnel.ike[2]]}"
    encryption, integrity, group = tunnel.child
    child = "".join(
        [
            _LIBRESWAN[encryption],
            f"-{_LIBRESWAN[integrity]}" if integrity else "",
            f";{_LIBRESWAN[group]}" if group else "",
        ]
    )
    dead = (
        f"retransmit-timeout={tunnel.dpd_seconds * 3 // 4}s"
        if tunnel.ike_version == 2
        else f"dpdtimeout={tunnel.dpd_seconds}s"
    )
    conf = f"""\
config setup
    logfile=/run/headends/2.log
    ikev1-policy=accept

conn tunnel
    left={tunnel.headend}
    leftsubnet=0.0.0.0/0
    right={tunnel.cpe_address}
    rightid={tunnel.cpe_identifier}
    rightsubnet=0.0.0.0/0
    authby=secret
    auto={"start" if tunnel.initiates else "add"}
    keyexchange=ikev{tunnel.ike_version}
    ike={ike}
    esp={child}
    pfs={"yes" if group else "no"}
    encapsulation={"yes" if tunnel.forces_nat_traversal else "auto"}
    ikelifetime={tunnel.ike_seconds}s
    salifetime={tunnel.child_seconds}s
    dpddelay={_dpd_delay(tunnel)}s
    {dead}
    mark=5/0xffffffff
    vti-interface=ipsec
    vti-routing=no
"""
    secret = f'{tunnel.headend} {tunnel.cpe_identifier} : PSK "{tunnel.pre_shared_key}"\n'
    # The device is made before the daemon starts, for routes and inside address need it.
    device = f"ip tunnel add ipsec mode vti local {tunnel.headend} remote {tunnel.cpe_address} okey 5 ikey 5"
    return Daemon(
        files=(("/etc/ipsec.conf", conf), ("/etc/ipsec.secrets", secret)),
        restart=_LIBRESWAN_RESTART.replace("DEVICE", device),
    )


def _dpd_delay(tunnel: Tunnel) -> int:
    """Seconds of silence before the headend asks. One that only answers never does."""
    return max(1, tunnel.dpd_seconds // 4) if tunnel.dpd_initiates else 0


_STRONGSWAN_RESTART = """\
chmod 0600 /etc/swanctl/conf.d/tunnel.conf
pkill -x charon 2>/dev/null || true
while pgrep -x charon >/dev/null; do sleep 0.1; done
rm -f /run/headends/1.log
setsid /usr/lib/ipsec/charon >/dev/null 2>&1 </dev/null &
for attempt in $(seq 100); do
    swanctl --load-all >/dev/null 2>/run/headends/1.load && exit 0
    sleep 0.1
done
cat /run/headends/1.load >&2
exit 1
"""

_LIBRESWAN_RESTART = """\
chmod 0600 /etc/ipsec.secrets
ipsec whack --shutdown >/dev/null 2>&1 || true
while pgrep -x pluto >/dev/null; do sleep 0.1; done
ip xfrm state flush
ip xfrm policy flush
ip link del ipsec 2>/dev/null || true
DEVICE
ip link set ipsec up
sysctl -q -w net.ipv4.conf.ipsec.disable_policy=1 net.ipv4.conf.ipsec.rp_filter=0
test -e /var/lib/ipsec/nss/key4.db || ipsec initnss >/dev/null
rm -f /run/headends/2.log
mkdir -p /run/pluto
setsid /usr/libexec/ipsec/pluto --config /etc/ipsec.conf --leak-detective --nofork >/dev/null 2>&1 </dev/null &
for attempt in $(seq 100); do
    ipsec whack --briefstatus >/dev/null 2>&1 && exit 0
    sleep 0.1
done
tail -n 3 /run/headends/2.log >&2
exit 1
"""
