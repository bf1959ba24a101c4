"""A demonstration over trusted nodes: far ends get keys that were relayed, and lose nothing when a link fails."""

import asyncio

import pytest
from oracles.key_network import free_ports

import quantumlink as ql
from quantumlink.keys.service.client import AsyncKeyClient, KeyServiceError
from quantumlink.keys.service.demonstration import Demonstration


def network():
    roles = {"anna": "end", "mia": "trusted", "max": "trusted", "zoe": "end"}
    nodes = {name: ql.Node(name, role=role) for name, role in roles.items()}
    pairs = [("anna", "mia"), ("mia", "zoe"), ("anna", "max"), ("max", "zoe")]
    links = [ql.ElementaryLink(nodes[a], nodes[b], fidelity=0.98, rate_hz=500) for a, b in pairs]
    return ql.Network(nodes.values(), links)


async def use_up(client, sae):
    while True:
        await client.new_keys(sae, 100)


def test_far_ends(tmp_path):
    first, page = free_ports(2)
    demo = Demonstration(
        network(), tmp_path, port=first, page_port=page if not first <= page < first + 4 else first + 9
    )

    async def run():
        await demo.start()
        try:
            assert demo.relays.pairs == [("kme-anna", "kme-zoe")]
            (path,) = demo.relays.paths.values()
            assert path[0::2] == ["kme-anna", "kme-zoe"]
            anna, zoe = (AsyncKeyClient(
                f"https://localhost:{demo.ports[node]}", certificate=tmp_path / "pki" / f"{node}.crt",
                key=tmp_path / "pki" / f"{node}.key", ca=tmp_path / "pki" / "ca.crt",
            ) for node in ("anna", "zoe"))  # fmt: skip
            keys = await anna.new_keys("zoe", 100)
            assert await zoe.keys_with_ids("anna", [key.key_id for key in keys]) == keys
            taken = path[1].removeprefix("kme-")
            for watch in demo.links:
                watch.is_down = taken in watch.link.ends
            await demo._relay()
            (other,) = demo.relays.paths.values()
            assert other[1] != path[1]
            for watch in demo.links:
                watch.is_down = True
            with pytest.raises(KeyServiceError, match="503"):  # what is there is used up, and no way is left
                await use_up(anna, "zoe")
            await demo._relay()
            assert list(demo.relays.paths.values()) == [None]
            await anna.close()
            await zoe.close()
            for service in demo.services.values():
                service.store.audit()
                service.store.ledger().check()
        finally:
            await demo.stop()

    asyncio.run(run())
