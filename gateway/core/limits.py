"""The limits of PROTOCOL.md §10 that are enforced here, under the names `welcome.limits` reports them by."""

from dataclasses import dataclass

__all__ = ["Limits"]

_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Every limit with its default; each is set by `GATEWAY_` and its upper-cased name.

    Names end in their unit: `_s` seconds, `_bytes` bytes of UTF-8, a plain noun a count.
    """

    hello_timeout_s: float = 5
    hello_bytes: int = 16_384
    message_bytes: int = 262_144
    message_depth: int = 64
    fragments_per_message: int = 64
    control_frames_per_s: float = 10
    control_frames_burst: int = 50
    messages_per_s: float = 20
    messages_burst: int = 60
    schema_bytes: int = 65_536
    schema_depth: int = 32
    schema_nodes: int = 1_000
    value_bytes: int = _MIB
    max_connections: int = 10_000
    max_connections_per_address: int = 50
    max_connections_per_principal: int = 20
    handshakes_per_address_per_s: float = 10
    handshakes_burst: int = 20
    ticket_s: float = 30
    ticket_bytes: int = 1_024
    max_tickets: int = 10_000
    watches_per_connection: int = 128
    extractions_per_connection: int = 16
    queued_per_connection: int = 64
    provider_calls: int = 64
    provider_calls_per_principal: int = 16
    provider_queue: int = 256
    connect_timeout_s: float = 10
    first_delta_timeout_s: float = 30
    idle_timeout_s: float = 30
    total_timeout_s: float = 300
    tail_steps: int = 4_096
    tail_bytes: int = 4 * _MIB
    send_stall_s: float = 10
    retained_extractions: int = 1_000
    retained_bytes: int = 256 * _MIB
    retain_s: float = 600
    drain_delay_s: float = 5
    drain_window_s: float = 20
    drain_grace_s: float = 120
