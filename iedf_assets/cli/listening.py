"""Where what the commands serve listens."""

import socket

import click

from iedf_assets.core.errors import FactoryError

HOST = "127.0.0.1"
PORT = click.IntRange(1, 65535)


def require_free(port: int) -> None:
    """See that nothing listens on a port of this machine.

    Raises:
        FactoryError: something does, or it may not be used.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise FactoryError(
                f"the port {port} of {HOST} cannot be used: {error.strerror}",
                "use what runs there, or give another with --port",
            ) from error
