"""The prompts of a request: texts or tokens, one or several."""

from dataclasses import dataclass

from .fields import shown

__all__ = ["Prompt", "read_prompts"]


@dataclass(frozen=True)
class Prompt:
    """One prompt.

    text : str, as an echo repeats it; tokens : list of int, never empty
    """

    text: str
    tokens: list


def _is_tokens(value):
    # JSON's true is no token, though Python counts it among the integers.
    return isinstance(value, list) and value and all(type(token) is int for token in value)


def _several(fields, value):
    """Return the prompts in ``value`` as a list of texts and lists of tokens."""
    if value is None:
        raise fields.wrong("prompt", "is missing; give a text or a list of tokens")
    if isinstance(value, str) or _is_tokens(value):
        return [value]
    if isinstance(value, list) and value and (
            all(isinstance(prompt, str) for prompt in value) or all(map(_is_tokens, value))):
        return value
    what = "an empty list" if value == [] else shown(value)
    if isinstance(value, list) and value:
        what = "a list that mixes these or holds others"
    raise fields.wrong("prompt", f"must be a text, a list of texts, a list of tokens or a list of "
                                 f"such lists, not {what}")


def read_prompts(fields, tokenizer, most):
    """Take the field ``prompt``; return a list of :class:`Prompt`.

    A text begins with the begin token. A list of tokens is taken as it stands.

    fields : :class:`.fields.Fields`; most : tokens of a prompt at most
    """
    prompts = []
    for value in _several(fields, fields.take("prompt")):
        if isinstance(value, str):
            text = fields.text("prompt", value)
            try:
                tokens = [tokenizer.begin, *tokenizer.encode(text)]
            except ValueError as error:
                raise fields.wrong("prompt", f"cannot be encoded: {error}") from None
        else:
            tokens = value
            for token in tokens:
                if not 0 <= token < tokenizer.vocab_size:
                    raise fields.wrong("prompt", "must hold tokens from 0 to "
                                                 f"{tokenizer.vocab_size - 1}, not {shown(token)}")
            text = tokenizer.decode(tokens)
        if len(tokens) > most:
            raise fields.wrong("prompt", f"has {len(tokens)} tokens, and this server takes {most} "
                                         "(trine serve --max-prompt); shorten it")
        prompts.append(Prompt(text, tokens))
    return prompts
