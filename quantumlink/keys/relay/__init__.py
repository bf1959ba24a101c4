"""Keys relayed over trusted nodes: hop by hop, over several paths at once, planned for a whole network."""

from quantumlink.keys.relay.announced import relay_announced
from quantumlink.keys.relay.hop_by_hop import RelayFailed, relay, relay_shared, widest_path
from quantumlink.keys.relay.network_in_time import LinkFailure, RelayHistory, simulate_relays
from quantumlink.keys.relay.one_time_pad import PadError, authenticated, opened
from quantumlink.keys.relay.shares import combine_shares, share_threshold, share_xor, unshare_xor
from quantumlink.keys.relay.traffic import Consumer, TrafficPlan, plan_traffic

__all__ = [
    "Consumer",
    "LinkFailure",
    "PadError",
    "RelayFailed",
    "RelayHistory",
    "TrafficPlan",
    "authenticated",
    "combine_shares",
    "opened",
    "plan_traffic",
    "relay",
    "relay_announced",
    "relay_shared",
    "share_threshold",
    "share_xor",
    "simulate_relays",
    "unshare_xor",
    "widest_path",
]
