"""The Python client: watches that survive their connection (PROTOCOL.md §2 to §5, §7, §8).

It stands beside the server, on the core alone; static/client/ is the same for browsers, in the same words.
"""

from gateway.client.follow import Follow
from gateway.client.session import Session, connect
from gateway.client.watch import Watch

__all__ = ["Follow", "Session", "Watch", "connect"]
