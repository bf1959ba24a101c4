"""WireGuard, strongSwan and OpenSSL with keys of a key manager: traffic, a mismatch, a rotation; where they run."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from oracles.key_network import KeyNetwork, free_ports

from quantumlink.keys import DeliveredKey, Secret
from quantumlink.keys.feeding import (
    WireGuardError,
    client_context,
    last_handshake_s,
    load_ppk,
    openssl_arguments,
    ppk_of,
    rekey,
    server_context,
    set_preshared_key,
    unload_ppk,
)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    found = KeyNetwork(tmp_path_factory.mktemp("fed"))
    found.start()
    found.fill(1 << 16)
    yield found
    found.close()


def shared(network):
    """A key as both ends get it."""
    with network.client("alice") as alice, network.client("bob") as bob:
        (key,) = alice.new_keys("bob", size=256)
        (same,) = bob.keys_with_ids("alice", [key.key_id])
    return key, same


# --- TLS


def talk(server_key, client_key):
    """What ``s_client`` says when it connects to ``s_server``."""
    (port,) = free_ports(1)
    server = subprocess.Popen(
        ["openssl", "s_server", "-nocert", "-quiet", "-accept", str(port), *openssl_arguments(server_key)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        client = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *openssl_arguments(client_key)],
            input=b"a transfer\n", capture_output=True, timeout=30, check=False,
        )  # fmt: skip
        return client.returncode, client.stdout.decode(errors="replace")
    finally:
        server.kill()
        server.wait(10)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl is installed here")
def test_tls_with_a_key_of_the_key_manager(network):
    mine, his = shared(network)
    code, said = talk(his, mine)
    assert code == 0
    assert "TLSv1.3" in said
    assert "Reused" in said or "PSK" in said  # by the key, with no certificate
    other = DeliveredKey(his.key_id, Secret(os.urandom(32)))
    assert talk(other, mine)[0] != 0  # the same id, other bytes


def test_tls_in_python_where_it_can(network):
    if sys.version_info < (3, 13):
        with pytest.raises(NotImplementedError, match=r"3\.13"):
            client_context(DeliveredKey("x", Secret(bytes(32))))
        pytest.skip("this Python has no TLS with preshared keys: 3.13 has")
    import threading

    mine, his = shared(network)
    context = server_context(lambda identity: {his.key_id: his.secret}[identity])
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            for _ in range(2):
                try:
                    with context.wrap_socket(listener.accept()[0], server_side=True) as line:
                        line.sendall(line.recv(100))
                except OSError:
                    continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        for key, works in ((mine, True), (DeliveredKey("other", mine.secret), False)):
            raw = socket.create_connection(listener.getsockname(), timeout=10)
            try:
                with client_context(key).wrap_socket(raw) as line:
                    line.sendall(b"hello")
                    assert (line.recv(100) == b"hello") == works
                    assert line.version() == "TLSv1.3"
            except OSError:
                assert not works
        thread.join(10)


# --- network namespaces


def root(*words, check=True, **options):
    return subprocess.run(list(map(str, words)), check=check, capture_output=True, timeout=60, **options)


@pytest.fixture
def namespaces():
    """Two namespaces that are joined by a wire, 10.9.0.1 and 10.9.0.2."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and ip")
    mark = f"{os.getpid() % 10_000}"
    left, right = f"qla{mark}", f"qlb{mark}"
    try:
        root("ip", "netns", "add", left)
        root("ip", "netns", "add", right)
        root(
            "ip",
            "link",
            "add",
            f"va{mark}",
            "netns",
            left,
            "type",
            "veth",
            "peer",
            "name",
            f"vb{mark}",
            "netns",
            right,
        )
        for name, wire, address in ((left, f"va{mark}", "10.9.0.1/24"), (right, f"vb{mark}", "10.9.0.2/24")):
            root("ip", "-n", name, "address", "add", address, "dev", wire)
            for each in (wire, "lo"):
                root("ip", "-n", name, "link", "set", each, "up")
    except (OSError, subprocess.SubprocessError) as error:
        for name in (left, right):
            root("ip", "netns", "delete", name, check=False)
        pytest.skip(f"network namespaces cannot be made here: {getattr(error, 'stderr', error)}")
    yield left, right
    for name in (left, right):
        root("ip", "netns", "delete", name, check=False)


def reaches(name, address, tries=1, source=None):
    own = [] if source is None else ["-I", source]
    for _ in range(tries):
        if (
            root("ip", "netns", "exec", name, "ping", "-c", "1", "-W", "1", *own, address, check=False).returncode
            == 0
        ):
            return True
    return False


class Tunnel:
    """WireGuard between two namespaces, in user space: 10.10.0.1 and 10.10.0.2 inside."""

    def __init__(self, names):
        self.names, self.processes, self.public = names, [], []
        private = [root("wg", "genkey").stdout for _ in names]
        self.public = [root("wg", "pubkey", input=key).stdout.decode().strip() for key in private]
        for place, name in enumerate(names):
            device = f"wg{name}"
            environment = os.environ | {"WG_PROCESS_FOREGROUND": "1"}
            self.processes.append(
                subprocess.Popen(
                    ["ip", "netns", "exec", name, "wireguard-go", "-f", device], env=environment,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )
            )  # fmt: skip
            until = time.monotonic() + 10
            while root(*self.wg(place), "show", device, check=False).returncode:
                if time.monotonic() > until or self.processes[-1].poll() is not None:
                    self.close()
                    pytest.skip("wireguard-go does not start here")
                time.sleep(0.05)
            other = 1 - place
            own = ["private-key", "/dev/stdin", "listen-port", 51820]
            far = ["peer", self.public[other], "allowed-ips", f"10.10.0.{other + 1}/32"]
            far += ["endpoint", f"10.9.0.{other + 1}:51820"]
            root(*self.wg(place), "set", device, *own, *far, input=private[place])
            root("ip", "-n", name, "address", "add", f"10.10.0.{place + 1}/24", "dev", device)
            root("ip", "-n", name, "link", "set", device, "up")

    def wg(self, place):
        return ("ip", "netns", "exec", self.names[place], "wg")

    def set(self, place, secret):
        set_preshared_key(f"wg{self.names[place]}", self.public[1 - place], secret, command=self.wg(place))

    def handshake(self, place=0):
        return last_handshake_s(f"wg{self.names[place]}", self.public[1 - place], command=self.wg(place))

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait(10)


def test_wireguard_with_keys_that_change(network, namespaces):
    missing = [name for name in ("wg", "wireguard-go", "ping") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed here: {', '.join(missing)}")
    tunnel = Tunnel(namespaces)
    try:
        first = shared(network)
        for place, key in enumerate(first):
            tunnel.set(place, key.secret)
        assert tunnel.handshake() is None
        assert reaches(namespaces[0], "10.10.0.2", tries=5)
        assert tunnel.handshake() is not None
        second = shared(network)
        tunnel.set(0, second[0].secret)  # one end alone: no handshake, no traffic
        assert tunnel.handshake() is None
        assert not reaches(namespaces[0], "10.10.0.2", tries=2)
        assert tunnel.handshake() is None
        tunnel.set(1, second[1].secret)  # both: it goes on
        assert reaches(namespaces[1], "10.10.0.1", tries=10)
        assert tunnel.handshake(1) is not None
        with pytest.raises(ValueError, match="32 bytes"):
            tunnel.set(0, Secret(bytes(16)))
        with pytest.raises(WireGuardError, match="no peer"):
            set_preshared_key(f"wg{namespaces[0]}", "A" * 43 + "=", first[0].secret, command=tunnel.wg(0))
    finally:
        tunnel.close()


CHARON = Path("/usr/lib/ipsec/charon")
PLUGINS = ("vici", "curve25519", "kernel-libipsec", "socket-default")
ENDS = (
    {"id": "left", "outer": "10.9.0.1", "inner": "10.20.1.1"},
    {"id": "right", "outer": "10.9.0.2", "inner": "10.20.2.1"},
)


class Daemons:
    """strongSwan in two namespaces, each with a /run of its own and its packets in user space."""

    def __init__(self, names, folder, vici):
        self.processes, self.sessions = [], []
        for place, (name, end) in enumerate(zip(names, ENDS, strict=True)):
            path = folder / f"{place}.vici"
            (folder / f"{place}.conf").write_text(
                "charon {\n load = random nonce aes sha1 sha2 hmac kdf curve25519 kernel-libipsec kernel-netlink "
                f"socket-default vici\n plugins {{\n vici {{\n socket = unix://{path}\n }}\n }}\n"
                f" filelog {{\n log {{\n path = {folder / f'{place}.log'}\n default = 1\n }}\n }}\n}}\n"
            )
            root("ip", "-n", name, "address", "add", f"{end['inner']}/32", "dev", "lo")
            command = f"mount -t tmpfs none /run && exec {CHARON}"
            self.processes.append(
                subprocess.Popen(
                    ["ip", "netns", "exec", name, "unshare", "-m", "sh", "-c", command],
                    env=os.environ | {"STRONGSWAN_CONF": str(folder / f"{place}.conf")},
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )
            )  # fmt: skip
            until = time.monotonic() + 15
            while not path.exists():
                if time.monotonic() > until or self.processes[-1].poll() is not None:
                    self.close()
                    pytest.skip("strongSwan does not start here")
                time.sleep(0.05)
            line = socket.socket(socket.AF_UNIX)
            line.connect(str(path))
            self.sessions.append(vici.Session(line))
        for place in (0, 1):
            self._configure(place, ENDS[place], ENDS[1 - place])

    def _configure(self, place, own, other):
        session = self.sessions[place]
        session.load_shared({"id": "ike", "type": "ike", "data": b"the secret of old", "owners": ["left", "right"]})
        child = {"local_ts": [f"{own['inner']}/32"], "remote_ts": [f"{other['inner']}/32"]}
        child["esp_proposals"] = ["aes128-sha256"]
        session.load_conn({
            "ql": {
                "version": "2", "proposals": ["aes128-sha256-x25519"], "ppk_id": "qkd", "ppk_required": "yes",
                "local_addrs": [own["outer"]], "remote_addrs": [other["outer"]],
                "local": {"auth": "psk", "id": own["id"]}, "remote": {"auth": "psk", "id": other["id"]},
                "children": {"net": child},
            }
        })  # fmt: skip

    def established(self, without=()):
        """Numbers of the associations that a PPK went into, other than those."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            found = {
                number for number, state, ppk in ppk_of(self.sessions[0], "ql") if state == "ESTABLISHED" and ppk
            } - set(without)
            if found:
                return found
            time.sleep(0.1)
        return set()

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait(10)


def test_strongswan_with_keys_that_change(network, namespaces, tmp_path):
    vici = pytest.importorskip("vici", reason="strongSwan is driven by the package vici")
    plugins = [CHARON.parent / "plugins" / f"libstrongswan-{name}.so" for name in PLUGINS]
    if missing := [each.name for each in (CHARON, *plugins) if not each.exists()]:
        pytest.skip(f"not installed here: strongSwan's {', '.join(missing)}")
    if shutil.which("ping") is None:
        pytest.skip("not installed here: ping")
    daemons = Daemons(namespaces, tmp_path, vici)
    try:
        left, right = daemons.sessions
        initiate = {"ike": "ql", "child": "net", "timeout": "8000"}
        with pytest.raises(vici.exception.CommandException):  # no PPK yet, and one is required
            list(left.initiate(initiate))
        for session, key in zip((left, right), shared(network), strict=True):
            load_ppk(session, "qkd", key.secret, name="qkd key")
        list(left.initiate(initiate))
        first = daemons.established()
        assert first
        assert reaches(namespaces[0], ENDS[1]["inner"], tries=5, source=ENDS[0]["inner"])
        for session, key in zip((left, right), shared(network), strict=True):
            load_ppk(session, "qkd", key.secret, name="qkd key")
        rekey(left, "ql")
        second = daemons.established(without=first)
        assert second
        assert reaches(namespaces[0], ENDS[1]["inner"], tries=5, source=ENDS[0]["inner"])
        load_ppk(left, "qkd", Secret(os.urandom(32)), name="qkd key")  # one end alone
        rekey(left, "ql")
        time.sleep(2.0)
        assert not daemons.established(without=first | second)
        assert not reaches(namespaces[0], ENDS[1]["inner"], tries=2, source=ENDS[0]["inner"])
        with pytest.raises(ValueError, match="32 bytes"):
            load_ppk(left, "qkd", Secret(bytes(31)), name="short")
        unload_ppk(left, "qkd key")
    finally:
        daemons.close()
