"""An SMTP server that writes down who got what: one line per message, on disk before the message is answered.

    python benchmarks/recording_sink.py FILE DELAY

Prints its port. It offers PIPELINING and takes DELAY seconds over each message, as a relay does that scans and stores.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from pathlib import Path
from typing import IO


async def talk(reader: StreamReader, writer: StreamWriter, taken: IO[bytes], delay: float) -> None:
    recipients: list[bytes] = []
    writer.write(b"220 sink.example ESMTP\r\n")
    while line := await reader.readline():
        verb = line[:4].upper()
        if verb == b"EHLO":
            writer.write(b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 0\r\n")
        elif verb == b"RCPT":
            recipients.append(line.split(b"<")[1].split(b">")[0])
            writer.write(b"250 2.1.5 ok\r\n")
        elif verb == b"DATA":
            writer.write(b"354 go on\r\n")
            while await reader.readline() != b".\r\n":
                if reader.at_eof():
                    return
            taken.write(b"".join(one + b"\n" for one in recipients))
            taken.flush()
            recipients.clear()
            await asyncio.sleep(delay)
            writer.write(b"250 2.0.0 taken\r\n")
        elif verb == b"QUIT":
            writer.write(b"221 bye\r\n")
            return
        else:
            writer.write(b"250 ok\r\n")


async def serve(file: Path, delay: float) -> None:
    with file.open("ab") as taken:

        async def serve_one(reader: StreamReader, writer: StreamWriter) -> None:
            with suppress(OSError):
                await talk(reader, writer, taken, delay)
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve_one, "127.0.0.1", 0, limit=1 << 20)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(Path(sys.argv[1]), float(sys.argv[2])))
