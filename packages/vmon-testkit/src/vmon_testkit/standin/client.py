"""The API server's side of an engine core: requests and calls go in, tokens and counters come out."""

from __future__ import annotations

import itertools
import os
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from vmon_testkit.standin.counters import Snapshot
from vmon_testkit.standin.engine import Engine, engine_name
from vmon_testkit.standin.inbox import EngineGone, EngineReady
from vmon_testkit.standin.link import Link, LinkClosedError
from vmon_testkit.standin.processes import fork, members, send_signal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vmon_testkit.standin.inbox import Inbox
    from vmon_testkit.standin.link import Message
    from vmon_testkit.standin.options import Options
    from vmon_testkit.standin.processes import Closable

TOKEN = "token"  # noqa: S105 (a token of text, not of access)
"""What a stream yields for each generated token; anything else that it yields is the reason of its end."""

ENGINE_DEAD = "engine_dead"
"""The reason of a stream that ended because its engine did."""


class EngineDeadError(Exception):
    """The engine is gone, or gave up the call."""


class CallFailedError(Exception):
    """The engine answered a call with an error."""


class Stream:
    """The output of one request, as it comes."""

    def __init__(self, request_id: str, engine: EngineClient) -> None:
        self.request_id = request_id
        self.engine = engine
        self._events: SimpleQueue[str] = SimpleQueue()

    def put(self, event: str) -> None:
        """Add a token or the reason of the end."""
        self._events.put(event)

    def next(self, timeout: float) -> str | None:
        """The next event, or None when there was none for `timeout` seconds."""
        try:
            return self._events.get(timeout=timeout)
        except Empty:
            return None


class EngineClient:
    """One engine core, seen from the API server.

    Args:
        options: the stand-in's settings.
        index: the engine's data-parallel rank.
        bounds: the buckets of the histograms.
    """

    def __init__(self, options: Options, index: int, bounds: Mapping[str, tuple[float, ...]]) -> None:
        self.name = engine_name(options, index)
        self.snapshot = Snapshot.empty(bounds)
        self.worker_pids: Sequence[int] = ()
        self.pid = 0
        self.dead = False
        self._index = index
        self._options = options
        self._bounds = bounds
        self._streams: dict[str, Stream] = {}
        self._calls: dict[int, SimpleQueue[Message | None]] = {}
        self._call_ids = itertools.count()
        self._lock = threading.Lock()
        self._announced = False

    def close(self) -> None:
        """Close this side of the link."""
        self._link.close()

    def start(self, *, close: Sequence[Closable]) -> None:
        """Fork the engine; `close` is what it must not inherit beside this end of its link."""
        # The link is made now, not earlier: engines that were forked before would hold copies of it.
        self._link, far = Link.pair()
        engine = Engine(self._options, self._index, far, self._bounds)
        self.pid = fork(engine.run, close=(*close, self._link))
        far.close()

    def listen(self, inbox: Inbox) -> None:
        """Read what the engine sends, in a thread, until it is gone."""
        threading.Thread(target=self._read, args=(inbox,), name=f"read-{self.name}", daemon=True).start()

    def submit(self, request_id: str, prompt_tokens: int, max_tokens: int) -> Stream:
        """Hand a request to the engine.

        Raises:
            EngineDeadError: it is gone.
        """
        stream = Stream(request_id, self)
        with self._lock:
            self._streams[request_id] = stream
        self._send({"op": "add", "id": request_id, "prompt_tokens": prompt_tokens, "max_tokens": max_tokens})
        return stream

    def abort(self, stream: Stream) -> None:
        """Tell the engine to forget a request."""
        with self._lock:
            self._streams.pop(stream.request_id, None)
        self._send({"op": "abort", "id": stream.request_id})

    def call(self, method: str, **arguments: object) -> object:
        """Make the engine do something, and wait for its answer for as long as that takes.

        Raises:
            EngineDeadError: it is gone, or went away meanwhile.
            CallFailedError: it answered with an error.
        """
        answer: SimpleQueue[Message | None] = SimpleQueue()
        number = next(self._call_ids)
        self._calls[number] = answer
        self._send({"op": "call", "call": number, "method": method, "arguments": arguments})
        message = answer.get()
        if message is None:
            raise EngineDeadError
        if "error" in message:
            raise CallFailedError(message["error"])
        return message["value"]

    def set_fault(self, name: str, parameters: Mapping[str, Any] | None) -> None:
        """Turn a fault of the engine on, or off with None."""
        self._send({"op": "fault", "name": name, "parameters": None if parameters is None else dict(parameters)})

    def end_streams(self, reason: str) -> None:
        """End every request that waits for this engine."""
        with self._lock:
            streams, self._streams = list(self._streams.values()), {}
        for stream in streams:
            stream.put(reason)
        for answer in list(self._calls.values()):
            answer.put(None)

    @property
    def running_workers(self) -> list[int]:
        """Its workers that run, whoever their parent is by now; the session proves that a pid is still theirs."""
        return [pid for pid in members(os.getsid(0)) if pid in self.worker_pids]

    def signal(self, number: int) -> None:
        """Signal the engine, unless it is gone and its pid may be somebody else's."""
        if not self.dead:
            send_signal(self.pid, number)

    def _send(self, message: Message) -> None:
        if self.dead:
            raise EngineDeadError
        try:
            self._link.send(message)
        except LinkClosedError:
            raise EngineDeadError from None

    def _read(self, inbox: Inbox) -> None:
        handlers: dict[str, Callable[[Message], None]] = {
            "step": self._on_step,
            "result": self._on_result,
            "workers": lambda message: setattr(self, "worker_pids", message["pids"]),
            "ready": lambda _: inbox.put(EngineReady(self._index)),
            "dead": lambda _: setattr(self, "_announced", True),
        }
        try:
            while True:
                for message in self._link.receive():
                    handlers[message["op"]](message)
        except LinkClosedError:
            self.dead = True
            os.waitpid(self.pid, 0)
            inbox.put(EngineGone(self._index, self._announced))

    def _on_step(self, message: Message) -> None:
        self.snapshot.update(message["snapshot"])
        with self._lock:
            receivers = [self._streams.get(request_id) for request_id in message["tokens"]]
            ended = [(self._streams.pop(request_id, None), why) for request_id, why in message["finished"].items()]
        for stream in receivers:
            if stream:
                stream.put(TOKEN)
        for stream, reason in ended:
            if stream:
                stream.put(reason)

    def _on_result(self, message: Message) -> None:
        self._calls.pop(message["call"]).put(message)
