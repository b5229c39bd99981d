"""``python -m tests.soak.relay LISTEN LEAD PORT...``: pass TCP ports of one address on to another."""

from __future__ import annotations

import asyncio
import contextlib
import sys

_CHUNK = 65536


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(_CHUNK):
            writer.write(piece)
            await writer.drain()
    writer.close()


async def main(listens: str, leads_to: str, ports: list[int]) -> None:
    """Relay until killed; a connection that is refused behind is closed in front."""

    async def serve(port: int) -> asyncio.Server:
        async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                back_reader, back_writer = await asyncio.open_connection(leads_to, port)
            except OSError:
                writer.close()
                return
            await asyncio.gather(_pour(reader, back_writer), _pour(back_reader, writer))

        return await asyncio.start_server(on_connection, listens, port)

    servers = [await serve(port) for port in ports]
    print("ready", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], [int(port) for port in sys.argv[3:]]))
