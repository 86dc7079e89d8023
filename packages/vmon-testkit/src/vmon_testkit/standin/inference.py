"""Completions and chat completions, streamed or not; every word of a prompt is one token."""

from __future__ import annotations

import itertools
import json
import secrets
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import attrs

from vmon_testkit.standin import messages
from vmon_testkit.standin.api import error_body
from vmon_testkit.standin.client import ENGINE_DEAD, TOKEN, EngineDeadError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_testkit.standin.api import Exchange, Route
    from vmon_testkit.standin.client import Stream
    from vmon_testkit.standin.options import Options

LOOK_SECONDS = 0.25
"""How often a request without news looks whether its client is still there."""

DEFAULT_MAX_TOKENS = 16
"""Of /v1/completions; a chat may fill the model's context."""

_TURN = itertools.count()


@attrs.frozen
class Ask:
    """What a client asks for.

    Attributes:
        chat: whether it is a chat completion.
        model: the name in the answer.
        prompt_tokens: length of the prompt.
        max_tokens: tokens to generate.
        stream: whether tokens are sent as they come.
        usage: whether a stream ends with the token counts.
        request_id: the name of the request.
    """

    chat: bool
    model: str
    prompt_tokens: int
    max_tokens: int
    stream: bool
    usage: bool
    request_id: str

    def body(self, choices: list[dict[str, Any]], *, chunk: bool = False, **more: object) -> dict[str, Any]:
        """An answer, or one chunk of it."""
        kind = "chat.completion" if self.chat else "text_completion"
        suffix = ".chunk" if self.chat and chunk else ""
        head = {"id": self.request_id, "object": kind + suffix, "created": int(time.time()), "model": self.model}
        return {**head, "choices": choices, **more}

    def choice(self, text: str, reason: str | None, *, chunk: bool) -> dict[str, Any]:
        """The one choice of an answer or chunk."""
        content: dict[str, Any] = {"text": text}
        if self.chat:
            content = {"delta" if chunk else "message": {"role": "assistant", "content": text}}
        return {"index": 0, **content, "logprobs": None, "finish_reason": reason, "stop_reason": None}

    def token_counts(self, generated: int) -> dict[str, int]:
        """The `usage` of an answer."""
        total = self.prompt_tokens + generated
        return {"prompt_tokens": self.prompt_tokens, "total_tokens": total, "completion_tokens": generated}


class RefusedError(Exception):
    """A request that the server answers with an error."""

    def __init__(self, status: int, message: str, kind: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.kind, self.param = status, kind, param


def completions(exchange: Exchange) -> None:
    """Answer /v1/completions."""
    _answer(exchange, chat=False)


def chat_completions(exchange: Exchange) -> None:
    """Answer /v1/chat/completions."""
    _answer(exchange, chat=True)


def _answer(exchange: Exchange, *, chat: bool) -> None:
    try:
        ask = read_ask(exchange.body(), exchange.state.options, chat=chat)
        with exchange.state.serving():
            _serve(exchange, ask, _submit(exchange, ask))
    except RefusedError as refusal:
        exchange.reply_error(refusal.status, str(refusal), refusal.kind, refusal.param)


def read_ask(body: dict[str, Any], options: Options, *, chat: bool) -> Ask:
    """Check a request.

    Raises:
        RefusedError: as vLLM would.
    """
    prompt = body.get("messages" if chat else "prompt")
    if not prompt:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "Either prompt or messages is required.", "BadRequestError")
    model = body.get("model", options.model_name)
    if model != options.model_name:
        text = f"The model `{model}` does not exist."
        raise RefusedError(HTTPStatus.NOT_FOUND, text, "NotFoundError", "model")
    tokens = count_tokens(prompt)
    room = options.max_model_len - tokens
    wanted = body.get("max_completion_tokens") or body.get("max_tokens") or (room if chat else DEFAULT_MAX_TOKENS)
    if not isinstance(wanted, int) or not 0 < wanted <= room:
        text = f"This model's maximum context length is {options.max_model_len} tokens, {tokens} of them are used."
        raise RefusedError(HTTPStatus.BAD_REQUEST, text, "BadRequestError", "max_tokens")
    usage = bool((body.get("stream_options") or {}).get("include_usage"))
    name = ("chatcmpl-" if chat else "cmpl-") + secrets.token_hex(8)
    return Ask(chat, model, tokens, wanted, bool(body.get("stream")), usage, name)


def count_tokens(prompt: object) -> int:
    """The length of a prompt: words of a text, token ids, or the sum over a list or the messages of a chat.

    >>> count_tokens("one two"), count_tokens([5, 6, 7]), count_tokens([{"role": "user", "content": "hi there"}])
    (2, 3, 2)
    """
    if isinstance(prompt, str):
        return len(prompt.split()) or 1
    if isinstance(prompt, dict):
        return count_tokens(prompt.get("content") or "")
    if isinstance(prompt, list):
        return sum(map(count_tokens, prompt))
    return 1


def _submit(exchange: Exchange, ask: Ask) -> Stream:
    state = exchange.state
    if state.refusing:
        text = "cannot schedule new futures after shutdown"
        raise RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, text, "InternalServerError")
    engine = state.engines[next(_TURN) % len(state.engines)]
    try:
        return engine.submit(ask.request_id, ask.prompt_tokens, ask.max_tokens)
    except EngineDeadError:
        text = messages.ENGINE_DEAD_ERROR
        raise RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, text, "InternalServerError") from None


def _serve(exchange: Exchange, ask: Ask, stream: Stream) -> None:
    if ask.stream:
        _stream(exchange, ask, stream)
        return
    generated = 0
    reason = ENGINE_DEAD
    for event in _events(exchange, stream):
        generated += event == TOKEN
        reason = event
    if reason == ENGINE_DEAD:
        text = messages.ENGINE_DEAD_ERROR
        raise RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, text, "InternalServerError")
    choice = ask.choice(" token" * generated, reason, chunk=False)
    exchange.reply(HTTPStatus.OK, ask.body([choice], usage=ask.token_counts(generated)))


def _stream(exchange: Exchange, ask: Ask, stream: Stream) -> None:
    exchange.begin_stream("text/event-stream; charset=utf-8")
    generated = 0
    try:
        for event in _events(exchange, stream):
            generated += event == TOKEN
            _send_event(exchange, _chunk(ask, event))
        if ask.usage:
            _send_event(exchange, ask.body([], chunk=True, usage=ask.token_counts(generated)))
        exchange.wfile.write(b"data: [DONE]\n\n")
    except OSError:
        _hang_up(stream)


def _chunk(ask: Ask, event: str) -> dict[str, Any]:
    if event == ENGINE_DEAD:
        return error_body(HTTPStatus.INTERNAL_SERVER_ERROR, messages.ENGINE_DEAD_ERROR, "InternalServerError")
    text, reason = (" token", None) if event == TOKEN else ("", event)
    return ask.body([ask.choice(text, reason, chunk=True)], chunk=True)


def _send_event(exchange: Exchange, payload: dict[str, Any]) -> None:
    exchange.wfile.write(b"data: " + json.dumps(payload).encode() + b"\n\n")


def _events(exchange: Exchange, stream: Stream) -> Iterator[str]:
    """Tokens and, last, the reason of the end; nothing more once the client hung up.

    Raises:
        ConnectionError: the client hung up.
    """
    while True:
        event = stream.next(LOOK_SECONDS)
        if event is not None:
            yield event
            if event != TOKEN:
                return
        elif exchange.client_gone():
            _hang_up(stream)
            raise ConnectionResetError


def _hang_up(stream: Stream) -> None:
    try:
        stream.engine.abort(stream)
    except EngineDeadError:
        return


ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "/v1/chat/completions"): chat_completions,
    ("POST", "/v1/completions"): completions,
}
