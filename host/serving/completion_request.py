"""The body of POST /v1/completions."""

import random
from dataclasses import dataclass

from trine.host.board import BoardError, beta_of
from trine.host.sampling import Sampling

from .errors import ApiError
from .fields import Fields, shown
from .prompts import read_prompts

__all__ = ["CompletionRequest", "Limits", "read_completion_request"]

#: Stop texts at most, and characters of each: every token is compared with them.
_STOPS, _STOP_LENGTH = 16, 200

#: What OpenAI's API has and a board has not: values that change nothing, and what to do.
_ABSENT = {
    "logprobs": ((), "the board keeps no probabilities"),
    "suffix": (("",), "the model only reads forward"),
    "logit_bias": (({},), "the sampler knows no bias"),
    "frequency_penalty": ((0,), "take repeat_penalty, as in llama.cpp"),
    "presence_penalty": ((0,), "take repeat_penalty, as in llama.cpp"),
}

#: Settings of :class:`Sampling` that the host applies: type, least and most.
_ON_HOST = {"top_k": (int, 0, 1 << 20), "top_p": (float, 0, 1), "min_p": (float, 0, 1),
            "repeat_penalty": (float, 0.01, 100)}


@dataclass(frozen=True)
class Limits:
    """What one request may ask for.

    max_prompt : tokens of a prompt; max_tokens : tokens of a text; texts : texts at once
    """

    max_prompt: int
    max_tokens: int
    texts: int


@dataclass(frozen=True, kw_only=True)
class CompletionRequest:
    """What a client asks for.

    prompts : list of :class:`.prompts.Prompt`; n : texts of each, with seeds from ``seed`` on;
    max_tokens : tokens of a text; sampling : arguments of :class:`Sampling` but for the seed;
    on_board, ignore_eos, stops, echo, stream, include_usage : as the fields of these names
    """

    prompts: list
    n: int
    max_tokens: int
    sampling: dict
    seed: int
    on_board: bool
    ignore_eos: bool
    stops: list
    echo: bool
    stream: bool
    include_usage: bool


def _check_model(fields, name):
    asked = fields.take("model")
    if asked is not None and fields.text("model", asked) != name:
        raise ApiError(404, f"There is no model {shown(asked)}; this server has {shown(name)}",
                       "model", "model_not_found")


def _refuse_absent(fields):
    for name, (harmless, reason) in _ABSENT.items():
        value = fields.take(name)
        if value is not None and value not in harmless:
            raise fields.wrong(name, f"is not supported: {reason}; leave it out")


def _read_stops(fields):
    value = fields.take("stop")
    stops = [value] if isinstance(value, str) else [] if value is None else value
    if not isinstance(stops, list) or len(stops) > _STOPS:
        raise fields.wrong("stop", f"must be a text or a list of up to {_STOPS} texts, not "
                                   f"{'more' if isinstance(stops, list) else shown(stops)}")
    for stop in stops:
        if len(fields.text("stop", stop)) > _STOP_LENGTH:
            raise fields.wrong("stop", f"must have {_STOP_LENGTH} characters or fewer")
    return stops


def _read_sampling(fields, on_board, vocab_size, config):
    """Return the arguments of :class:`Sampling` but for the seed."""
    sampling = {}
    for name, (kind, low, high) in _ON_HOST.items():
        value = fields.number(name, kind, low, high, None)
        if value is not None:
            sampling[name] = value
            if on_board:
                raise fields.wrong(name, "does not go with sample_on_board: the board samples by "
                                         "temperature alone; leave one out")
    sampling["temperature"] = fields.number("temperature", float, 0, 100, Sampling.temperature)
    if on_board:
        try:
            beta_of(sampling["temperature"])
        except BoardError as error:
            raise ApiError(400, str(error), "temperature") from None
    elif Sampling(**sampling).all_logits and vocab_size > config.logit_words:
        raise fields.wrong("top_k", f"must be from 1 to 64: this board keeps {config.logit_words} "
                                    f"logits of a token beyond that, and the model has "
                                    f"{vocab_size}")
    return sampling


def _read_stream(fields):
    """Return whether to stream, and whether the usage is wanted at the end."""
    stream, options = fields.flag("stream"), fields.object("stream_options")
    if options is None:
        return stream, False
    if not stream:
        raise fields.wrong("stream_options", "only goes with stream; leave it out")
    include_usage = options.flag("include_usage")
    options.finish("there is include_usage")
    return stream, include_usage


def read_completion_request(body, *, model, name, config, limits):
    """Return the :class:`CompletionRequest` in a body; ApiError where there is none.

    body : bytes, JSON; model : :class:`trine.host.model.Model` called ``name``; config :
    :class:`trine.firmware.config.Config` of the board; limits : :class:`Limits`
    """
    fields = Fields.of_json(body)
    _check_model(fields, name)
    _refuse_absent(fields)
    fields.take("user")
    n = fields.number("n", int, 1, limits.texts, 1)
    if fields.number("best_of", int, 1, limits.texts, n) != n:
        raise fields.wrong("best_of", "is not supported, for the board keeps no probabilities; "
                                      "leave it out")
    prompts = read_prompts(fields, model.tokenizer, limits.max_prompt)
    if n * len(prompts) > limits.texts:
        raise fields.wrong("prompt", f"and n ask for {n * len(prompts)} texts; this server takes "
                                     f"{limits.texts} at a time")
    on_board = fields.flag("sample_on_board")
    seed = fields.number("seed", int, -1, 0xFFFFFFFF, -1)
    stream, include_usage = _read_stream(fields)
    request = CompletionRequest(
        prompts=prompts, n=n,
        max_tokens=fields.number("max_tokens", int, 0, limits.max_tokens,
                                 min(16, limits.max_tokens)),
        sampling=_read_sampling(fields, on_board, model.vocab_size, config),
        seed=random.SystemRandom().randrange(1 << 32) if seed == -1 else seed,
        on_board=on_board, ignore_eos=fields.flag("ignore_eos"), stops=_read_stops(fields),
        echo=fields.flag("echo"), stream=stream, include_usage=include_usage)
    fields.finish("docs/serve.md lists what there is")
    return request
