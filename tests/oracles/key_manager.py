"""A stand-in for the client of a key manager, for commands that fetch keys."""

from quantumlink.keys.material import DeliveredKey, Secret


class KeyManager:
    """Gives the same keys to both, each made of its name."""

    def __init__(self, url, **files):
        """Nothing is connected."""

    def __enter__(self):
        return self

    def __exit__(self, *told):
        return None

    def new_keys(self, slave, number=1, *, size=256):
        return self.keys_with_ids("alice", [f"{size} bits, {i}" for i in range(number)])

    def keys_with_ids(self, master, key_ids):
        return [DeliveredKey(each, Secret(bytes(int(each.split()[0]) // 8))) for each in key_ids]
