"""Saving over a network file, or one that was loaded: what a person wrote stays, where the network is the same.

Comments, order, and what defaults and templates say for many are kept; only what changed is written anew. The
result is read back before it is believed: if it were another network by a hair, the file is written plainly.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quantumlink.link import ElementaryLink
from quantumlink.network.files import NetworkFileError
from quantumlink.network.graph import Graph
from quantumlink.network.reader import read
from quantumlink.network.writer import link_table, node_table, value_text

if TYPE_CHECKING:
    from tomlkit.items import Item


def revised(text: str, network: Graph, stem: str = "network") -> str | None:
    """The text of a file with a network's changes; None where it is of another network, or cannot be kept.

    Args:
        text: what the file holds.
        network: what it is to hold.
        stem: of the file's name, which is the network's where the text gives none.
    """
    from tomlkit.exceptions import TOMLKitError

    try:
        before = _read(network, text, stem)
        if before == network:
            return text
        if not _same(before, network):
            return None
        # What a file says for many may be in the way of what one leaves out, for which TOML has no word: then each
        # says that itself, or if it takes more, all.
        for each in ("nothing", "what is left out", "all"):
            found = _revised(text, before, network, each)
            if _read(network, found, stem) == network:
                return found
    except (NetworkFileError, TOMLKitError):
        return None
    return None


def _same(before: Graph, network: Graph) -> bool:
    """Whether one network is the other one changed: of the smaller one half of the nodes are in both."""
    both = before.nodes.keys() & network.nodes.keys()
    return 2 * len(both) >= min(len(before.nodes), len(network.nodes))


def _read(network: Graph, text: str, stem: str) -> Graph:
    return read(type(network), text, "the file", name=stem)


def _revised(text: str, before: Graph, network: Graph, each: str) -> str:
    import tomlkit

    document, flat = tomlkit.parse(text), each == "all"
    if network.name != before.name:
        document["name"] = _item(network.name)
    if flat:
        for common in ("defaults", "templates"):
            document.pop(common, None)
    said = document["defaults"].unwrap() if "defaults" in document else {}
    usual_node, usual_link = said.get("node", {}), said.get("link", {})
    kept = _kept(before.links, network.links)
    freed: dict[str, dict[str, Any]] = {"node": {}, "link": {}}
    if each == "what is left out":
        new_nodes = [node for name, node in network.nodes.items() if node != before.nodes.get(name)]
        new_links = [
            link for link, n in zip(network.links, kept, strict=True) if n is None or link != before.links[n]
        ]
        told = [node_table(node, usual_node) for node in new_nodes], [link_table(x, usual_link) for x in new_links]
        for (what, own), usual, tables_of in zip(freed.items(), (usual_node, usual_link), told, strict=True):
            own |= {key: usual.pop(key) for key in list(usual) if any(key not in table for table in tables_of)}
            for key in own:
                del document["defaults"][what][key]
            if own and not usual and not tomlkit.dumps(document["defaults"][what]).strip():
                del document["defaults"][what]
    for name in [name for name in before.nodes if name not in network.nodes]:
        nodes: Any = document["nodes"]  # anew: of dotted keys it does not see its own changes
        del nodes[name]
    nodes = document["nodes"]
    for name, node in network.nodes.items():
        if name not in nodes:
            if len(nodes):
                _end_with_blank_line(nodes[list(nodes)[-1]])
            nodes[name] = _table(node_table(node, usual_node))
        elif flat or node != before.nodes[name]:
            _edit(nodes[name], node_table(node, usual_node))
        else:
            _add(nodes[name], node_table(node, freed["node"]), freed["node"])
    if "links" not in document:
        document["links"] = tomlkit.aot()
    tables: Any = document["links"]
    for link, number in zip(network.links, kept, strict=True):
        if number is not None and (flat or link != before.links[number]):
            _edit(tables[number], link_table(link, usual_link))
        elif number is not None:
            _add(tables[number], link_table(link, freed["link"]), freed["link"])
    wanted = [
        link_table(link, usual_link) if number is None else number
        for link, number in zip(network.links, kept, strict=True)
    ]
    _arrange(tables, wanted)
    found = tomlkit.dumps(document)
    return found if text.endswith("\n\n") else found.rstrip("\n") + "\n"


def _arrange(tables: Any, wanted: Sequence[int | Mapping[str, Any]]) -> None:
    """Put tables in an order, by their places or new ones; what stays in its order is not touched."""
    from tomlkit.items import AoT

    numbers = [entry for entry in wanted if isinstance(entry, int)]
    in_place = numbers == sorted(numbers) and all(isinstance(entry, int) for entry in wanted[: len(numbers)])
    old = list(tables)
    if isinstance(tables, AoT) and old and len(wanted) > len(numbers):
        _end_with_blank_line(old[-1])
    for number in reversed(range(len(old))):
        if not in_place or number not in numbers:
            del tables[number]
    for entry in wanted:
        if isinstance(entry, int):
            if not in_place:
                tables.append(old[entry])
        else:
            tables.append(_table(entry) if isinstance(tables, AoT) else _item(entry))


def _kept(before: Sequence[ElementaryLink], links: Sequence[ElementaryLink]) -> list[int | None]:
    """For each link the place of the one in the file that it is, or else that joins the same nodes; each once."""
    free = dict(enumerate(before))
    found: list[int | None] = [None] * len(links)
    for same in (lambda a, b: a == b, _between_the_same):
        for place, link in enumerate(links):
            if found[place] is None:
                number = next((number for number, other in free.items() if same(other, link)), None)
                if number is not None:
                    found[place] = number
                    del free[number]
    return found


def _between_the_same(one: ElementaryLink, other: ElementaryLink) -> bool:
    return (one.left.name, one.right.name) == (other.left.name, other.right.name)


def _edit(table: Any, wanted: Mapping[str, Any]) -> None:
    """Make a table say what is wanted, and touch nothing that says it already."""
    for key in [key for key in table if key not in wanted]:
        del table[key]
    for key, value in wanted.items():
        item = _item(value)
        if key not in table:
            _append(table, key, item)
            continue
        written = table.value.item(key)
        if isinstance(written, Mapping) and isinstance(value, Mapping):
            _edit(written, value)
        elif written.unwrap() != item.unwrap():
            item.trivia.comment, item.trivia.comment_ws = written.trivia.comment, written.trivia.comment_ws
            table[key] = item


def _add(table: Any, wanted: Mapping[str, Any], keys: Collection[str]) -> None:
    """Make a table say some of what is wanted where it says nothing of it."""
    for key in keys:
        if key in wanted and key not in table:
            _append(table, key, _item(wanted[key]))


def _append(table: Any, key: str, item: Item) -> None:
    """Add a key at the end, before comments that belong to what follows."""
    from tomlkit.items import Table

    body = table.value.body
    after = []
    while body and body[-1][0] is None:
        after.append(body.pop())
    if isinstance(table, Table):
        item.trivia.trail = "\n"
    table.add(key, item)
    body.extend(reversed(after))


def _table(wanted: Mapping[str, Any]) -> Any:
    import tomlkit

    table = tomlkit.table()
    for key, value in wanted.items():
        item = _item(value)
        item.trivia.trail = "\n"
        table.add(key, item)
    table.add(tomlkit.nl())
    return table


def _end_with_blank_line(table: Any) -> None:
    """See to it that what follows a table stands apart from it."""
    import tomlkit
    from tomlkit.items import Table

    if isinstance(table, Table) and not tomlkit.dumps(table).endswith("\n\n") and len(table):
        table.add(tomlkit.nl())


def _item(value: Any) -> Item:
    """A value as the writer writes it."""
    import tomlkit

    item: Any = tomlkit.parse(f"value = {value_text(value)}").item("value")
    return item  # type: ignore[no-any-return]
