#!/usr/bin/python3
"""delayproxy: a line that takes its time.

    delayproxy.py --delay-ms N [--listen ADDRESS] HOST PORT

What either side of a TCP connection says reaches the other N ms later, in order. Standard output:
`ready PORT`. It runs until SIGTERM.
"""
import argparse
import asyncio


async def carry(reader, writer, delay_s):
    """Reads at once and writes later, so that a delay is no limit to the rate."""
    loop, waiting = asyncio.get_running_loop(), asyncio.Queue()

    async def write():
        while True:
            due, data = await waiting.get()
            await asyncio.sleep(due - loop.time())
            if not data:
                writer.close()
                return
            writer.write(data)
            await writer.drain()

    writing = asyncio.create_task(write())
    data = b"-"
    while data:
        try:
            data = await reader.read(65536)
        except OSError:
            data = b""
        waiting.put_nowait((loop.time() + delay_s, data))
    try:
        await writing
    except OSError:
        writer.close()


async def serve(args):
    async def on_client(reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection(args.host, args.port)
        except OSError:
            writer.close()
            return
        delay_s = args.delay_ms / 1000
        await asyncio.gather(carry(reader, far_writer, delay_s),
                             carry(far_reader, writer, delay_s))

    server = await asyncio.start_server(on_client, args.listen, 0)
    print("ready %d" % server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main():
    parser = argparse.ArgumentParser(description="a line that takes its time")
    parser.add_argument("--delay-ms", type=int, required=True)
    parser.add_argument("--listen", default="127.0.0.1")
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
