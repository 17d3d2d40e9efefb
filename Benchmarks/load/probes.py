"""Single questions about r4b under load: how images of other clients affect a stream, the gain of a batch, the time
until a client's departure frees its slot, the cost of a second question."""

import asyncio
import base64
import math
import random
import statistics
import time

from . import client, mix
from .figures import ms, percentile
from .load import closed_loop
from .servers import ENDLESS, R4B, R_TINY, binary

STORY = "Write a very long story about the sea, a lighthouse and the people who live there. Do not stop early."


def long_reply(o, tokens, seed=1):
    """Returns a streamed chat with a long reply; R-Tiny is kept from ending it."""
    body = {
        "messages": [{"role": "user", "content": STORY}],
        "max_tokens": tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0,
    }
    extra = ENDLESS | {"seed": seed} if o.model.resolve() == R_TINY else {}
    return client.chat("long", body | extra | o.body)


def image_chat(image, question, tokens):
    body = {
        "messages": [
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": image}}, {"type": "text", "text": question}],
            }
        ],
        "max_tokens": tokens,
        "temperature": 0,
        "thinking_mode": "short",
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    return client.chat("image", body)


def image(o, seed):
    width, height = map(int, o.image.split("x"))
    return "data:image/png;base64," + base64.b64encode(mix.png(width, height, seed)).decode()


def slow_prompt(o, seed, takes_images):
    """Returns a request with a slow first token: an image, or a long text for models without images."""
    if takes_images:
        return image_chat(image(o, seed), "What color is the shape?", 4)
    content = mix.text(random.Random(seed), 400)
    return client.chat(
        "prompt",
        {"messages": [{"role": "user", "content": content}], "max_tokens": 4, "temperature": 0, "stream": True},
    )


def stall(o):
    """The gaps of a stream alone and while the server encodes images of other clients."""
    with R4B(binary(o), o.model, o.set, o.threads) as server:
        for repetition in range(o.repetitions):
            for images in (0, o.clients):
                asyncio.run(_stall(o, server, images, repetition))


async def _stall(o, server, clients, repetition):
    # Made before the measurement, because this program takes longer for an image than the server for a token.
    requests = [
        image_chat(image(o, 1_000_000 * repetition + number), "What color is the shape?", 4)
        for number in range(o.images if clients else 0)
    ]
    stop, coming, taken = asyncio.Event(), iter(requests), []

    async def disturb():
        connection = await client.Connection.open(server.port)
        for request in coming:
            if stop.is_set():
                break
            taken.append(await connection.ask(request))
        connection.close()

    connection = await client.Connection.open(server.port)
    tasks = []

    def begin(_):
        # Once the stream runs, so that only decoding is measured.
        if not tasks:
            tasks.extend([asyncio.create_task(disturb()) for _ in range(clients)] or [None])

    reply = await connection.ask(long_reply(o, o.tokens, repetition), on_event=begin)
    stop.set()
    await asyncio.gather(*filter(None, tasks))
    connection.close()
    bad = [r.error for r in [reply, *taken] if r.error]
    if clients and len(taken) == o.images:
        bad.append("too few images: raise --images")
    print(
        f"{clients} clients with images: gap p50 {ms(percentile(reply.gaps, 0.5))}, p99 {ms(percentile(reply.gaps, 0.99))}, max {ms(max(reply.gaps, default=math.nan))}; "
        f"{reply.completion} tokens in {reply.end - reply.sent:.2f} s, {len(taken)} images answered{'  ERRORS ' + str(bad) if bad else ''}",
        flush=True,
    )


def batch(o):
    """Tokens per second of one client and of several, all with long replies."""
    most = max(o.clients)
    with R4B(binary(o), o.model, [f"scheduling.max_running={max(8, most)}", *o.set], o.threads) as server:
        rates = {count: [] for count in o.clients}
        for repetition in range(o.repetitions):
            for count in o.clients:
                requests = [long_reply(o, o.tokens, 100 * repetition + index) for index in range(count)]
                figures = asyncio.run(closed_loop(server.port, requests, count))
                # From the first token of any client to the last of all, so that time for prompts counts against the
                # batch.
                good = [r for r in figures.replies if r.error is None and r.first is not None]
                if len(good) < count or max(r.last for r in good) <= min(r.first for r in good):
                    raise SystemExit(f"{len(good)} of {count} replies: {dict(figures.errors)}")
                decode = sum(r.completion - 1 for r in good) / (max(r.last for r in good) - min(r.first for r in good))
                rates[count].append(decode)
                print(
                    f"{count} clients: {decode:.1f} tokens/s decoding, {figures.tokens_per_second:.1f} including prompts, {figures.completion} tokens, "
                    f"{figures.answered} of {figures.asked} answered",
                    flush=True,
                )
        base = statistics.median(rates[o.clients[0]])
        for count in o.clients[1:]:
            print(
                f"{count} clients against {o.clients[0]}: {statistics.median(rates[count]) / base:.2f} times the tokens per second"
            )


def cancel(o):
    """Milliseconds from a client's reset until its slot is free, as /metrics reports."""
    with R4B(binary(o), o.model, o.set, o.threads) as server:
        for phase in ("decode", "prefill"):
            times = asyncio.run(_cancel(o, server, phase))
            print(
                f"{phase}: the slot is free after p50 {ms(percentile(times, 0.5))}, p99 {ms(percentile(times, 0.99))}, max {ms(max(times))} ({len(times)} times)",
                flush=True,
            )


async def _cancel(o, server, phase):
    running = 'r4b_sequences{state="running"}'
    watcher = await client.Connection.open(server.port)
    takes_images = (await watcher.ask(slow_prompt(o, -1, True))).status == 200 if phase == "prefill" else True
    times = []
    for repetition in range(o.repetitions):
        connection = await client.Connection.open(server.port)
        seen = asyncio.Event()
        events = 0

        def on_event(_):
            nonlocal events
            events += 1
            if events == 8:
                seen.set()

        request = long_reply(o, o.tokens, repetition) if phase == "decode" else slow_prompt(o, repetition, takes_images)
        task = asyncio.create_task(connection.ask(request, on_event=on_event))
        if phase == "decode":
            await seen.wait()
        else:
            while not await server.metric(running, watcher) and not task.done():
                pass
        if task.done():
            raise SystemExit(
                f"a reply ended before it could be cancelled: {task.result().error or task.result().finish}"
            )
        connection.reset()
        start = time.perf_counter()
        while await server.metric(running, watcher):
            pass
        times.append(time.perf_counter() - start)
        await task
    watcher.close()
    return times


def reask(o):
    """Two questions about each of several images: the saving of the second."""
    with R4B(binary(o), o.model, o.set, o.threads) as server:
        asyncio.run(_reask(o, server))


async def _reask(o, server):
    connection = await client.Connection.open(server.port)
    ratios = []
    for number in range(o.repetitions):
        photo = image(o, 77 + number)
        first = await connection.ask(image_chat(photo, "What color is the shape?", o.tokens))
        second = await connection.ask(image_chat(photo, "What is the shape of the object?", o.tokens))
        if first.error or second.error:
            raise SystemExit(f"{first.error or second.error}")
        if first.first is None or second.first is None:
            print("a reply had no text")
            continue
        ratios.append((second.first - second.sent) / (first.first - first.sent))
        print(
            f"image {number + 1}: first token {ms(first.first - first.sent)} ({first.prompt} prompt tokens, {first.cached} cached), then {ms(second.first - second.sent)} "
            f"({second.prompt}, {second.cached} cached): ratio {ratios[-1]:.3f}",
            flush=True,
        )
    if ratios:
        print(
            f"time to the first token of the second question, relative to the first: {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
        )
    connection.close()
