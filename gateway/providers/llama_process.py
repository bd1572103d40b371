"""The child process in which llama.cpp's own OpenAI-compatible server runs; started by path, never imported.

It is told its key on the first line of stdin, says its address in one line on stdout, and ends when stdin does: with
its parent, however that ended. The gateway's package is not loaded here, so that a folder full of an application's
modules cannot stand in its way.
"""

import argparse
import os
import signal
import sys
import threading
from typing import Any


def main() -> None:
    """Serve one model file until stdin ends."""
    asked = _arguments()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the gateway's; its end is ours
    key = sys.stdin.buffer.readline().decode().strip()
    if not key:
        return
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    server = _server(asked, key)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    threading.Event().wait()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="a GGUF file")
    parser.add_argument("--context-tokens", type=int, required=True, help="of each slot")
    parser.add_argument("--slots", type=int, required=True, help="answers at once")
    parser.add_argument("--threads", type=int, required=True)
    return parser.parse_args()


def _end_with_stdin() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)  # the server's own threads need no goodbye


def _server(asked: argparse.Namespace, key: str) -> Any:
    import xllamacpp  # noqa: PLC0415 - takes a while, and stdin may end meanwhile

    params = xllamacpp.CommonParams()
    params.model.path = asked.model
    params.hostnames, params.port, params.api_keys = ["127.0.0.1"], 0, [key]
    params.n_ctx, params.n_parallel = asked.context_tokens * asked.slots, asked.slots
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = asked.threads
    params.cache_ram_mib = 0  # it would keep up to 8 GiB of prompts; the slots keep the newest ones
    params.ui = False
    params.endpoint_slots = True  # who looks with the key sees whether it is idle
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
