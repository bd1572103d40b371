"""Why a connection was not made."""

import errno
import socket
import ssl

import pytest

from gateway.reasons import why_not_reached


def _of_certificate() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


def _of_tls() -> ssl.SSLError:
    error = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)")
    error.reason = "WRONG_VERSION_NUMBER"
    return error


_SEVERAL = "Multiple exceptions: [Errno 111] Connect call failed ('::1', 9, 0, 0), [Errno 113] Connect call failed"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 9)"), "connection refused"),
        (OSError(errno.ENETUNREACH, ""), "network is unreachable"),
        (OSError(_SEVERAL), "connection refused"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "name or service not known"),
        (TimeoutError("timed out during opening handshake"), "timed out during opening handshake"),
        (OSError(), "oserror"),
        (_of_certificate(), "TLS: self-signed certificate"),
        (_of_tls(), "TLS: wrong version number"),
        (ssl.SSLError(), "TLS: failed"),
    ],
)
def test_the_reason(error: OSError, words: str) -> None:
    """The system's word, without the address; of TLS what is wrong with it."""
    assert why_not_reached(error) == words
