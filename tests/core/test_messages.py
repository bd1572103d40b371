"""What the server sends, as it is written."""

import json

from gateway.core import messages
from gateway.errors import OverCapacity, ProviderTimeout


def test_what_is_sent_names_its_type_first_and_leaves_unset_fields_out() -> None:
    """The hub puts a watch's id behind the type."""
    assert messages.encode(messages.Pong()) == '{"type":"pong"}'
    assert messages.encode(messages.Pong(nonce=10**30)) == '{"type":"pong","nonce":1' + "0" * 30 + "}"


def test_an_error_as_it_is_sent() -> None:
    """Code, words, whether a retry can help, and when."""
    error = messages.error_message(OverCapacity("full", retry_after_ms=5), id="a")
    assert json.loads(messages.encode(error)) == {
        "type": "error",
        "id": "a",
        "code": "over_capacity",
        "message": "full",
        "retryable": True,
        "retry_after_ms": 5,
    }
    plain = messages.error_message(ProviderTimeout("slow"))
    assert json.loads(messages.encode(plain)).keys() == {"type", "code", "message", "retryable"}
