"""The line between the supervisor and a worker: one JSON message per line over a socket pair."""

import asyncio
import socket

from pydantic import ValidationError

from s3edge.server.messages import MESSAGE, Message

# Settings and snapshots take some 100 KiB; a line above this is a fault, not a message.
LINE_LIMIT = 16 * 1024 * 1024
# Seconds for the last words to leave; the other end reads them at once or is stuck.
FLUSH_LIMIT = 1.0


class ChannelError(Exception):
    """The other end sent what is no message."""


class Channel:
    """One end of the line; `open_channel` makes it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, message: Message) -> None:
        """Put a message on the way; nothing happens if the other end is gone, which `receive` tells."""
        if not self._writer.is_closing():
            self._writer.write(MESSAGE.dump_json(message) + b"\n")

    @property
    def is_backlogged(self) -> bool:
        """Whether the other end has not yet taken what was sent."""
        return self._writer.transport.get_write_buffer_size() > 0

    async def receive(self) -> Message | None:
        """The next message, None once the other end is gone. Raises ChannelError."""
        try:
            line = await self._reader.readline()
        except ValueError as error:
            raise ChannelError(f"a line longer than {LINE_LIMIT} bytes") from error
        except ConnectionError:
            return None
        if not line.endswith(b"\n"):
            return None
        try:
            return MESSAGE.validate_json(line)
        except ValidationError as error:
            raise ChannelError(f"no message: {line[:200]!r}") from error

    async def close(self) -> None:
        """Give the socket back; what was sent still leaves, unless the other end does not take it."""
        self._writer.close()
        closing = asyncio.create_task(self._writer.wait_closed(), name="close the line")
        try:
            await asyncio.wait([closing], timeout=FLUSH_LIMIT)
        finally:
            self._writer.transport.abort()
            await asyncio.gather(closing, return_exceptions=True)


async def open_channel(sock: socket.socket) -> Channel:
    """The channel over one end of a socket pair, which it owns from now on."""
    reader, writer = await asyncio.open_unix_connection(sock=sock, limit=LINE_LIMIT)
    return Channel(reader, writer)
