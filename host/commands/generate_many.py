"""Several texts at once, for `trine generate`."""

import sys
import time
from collections import deque
from contextlib import contextmanager

from tqdm import tqdm

from trine.host.request import Request
from trine.host.scheduler import Scheduler
from trine.host.slot_reports import ParallelReport
from trine.host.text_stream import TextStream

__all__ = ["generate_many", "reading_prompt"]


@contextmanager
def reading_prompt(total):
    """Show how far a prompt has been read, where that takes long; yield what counts its tokens."""
    with tqdm(total=total, unit="tok", desc="reading the prompt", leave=False, delay=1,
              disable=None, file=sys.stderr) as bar:
        def count(tokens):
            bar.update(tokens)
            if bar.n >= total:
                bar.close()

        yield count


class _Text:
    """One of the texts: its request, and what of it is still to be shown."""

    def __init__(self, heading, prompt, request, stream):
        self.prompt, self.request, self.stream = prompt, request, stream
        self.waiting = f"{heading}\n{prompt}"

    def as_dict(self):
        return {"prompt": self.prompt, "text": self.prompt + self.stream.text,
                "seed": self.request.sampling.seed, "prompt_tokens": len(self.request.prompt),
                "generated_tokens": len(self.request.tokens)}


class _Display:
    """Shows texts one after the other, though they come at the same time."""

    def __init__(self, texts, show):
        self._texts, self._show = deque(texts), show

    def update(self):
        """Show what is certain by now."""
        while self._texts:
            text = self._texts[0]
            self._show(text.waiting)
            text.waiting = ""
            if not text.request.done:
                return
            self._show("\n")
            self._texts.popleft()


def generate_many(args, model, board, prompts, sampling, show):
    """Generate all texts; return (:class:`ParallelReport`, whether it was interrupted).

    sampling : function that gives the :class:`Sampling` of a prompt's text by its number
    """
    tokenizer = model.tokenizer
    texts, total = {}, len(prompts) * args.parallel
    for prompt in prompts:
        for number in range(args.parallel):
            request = Request(
                [tokenizer.begin, *tokenizer.encode(prompt)],
                None if args.predict == -1 else args.predict, sampling(number),
                on_board=args.sample_on_board, end=None if args.ignore_eos else tokenizer.end)
            heading = f"--- {len(texts) + 1} of {total}, seed {request.sampling.seed}"
            stream = TextStream(tokenizer.stream(), args.stop)
            texts[request] = _Text(heading, prompt, request, stream)
    display = _Display(list(texts.values()), show)
    begin, cycles = time.monotonic(), getattr(board.transport, "cycles", None)
    interrupted = False
    try:
        with Scheduler(board, model) as scheduler:
            for request in texts:
                scheduler.submit(request)
            for request, token in scheduler:
                text = texts[request]
                if token is None:
                    text.waiting += text.stream.finish()
                elif not text.stream.stopped:
                    text.waiting += text.stream.feed(token)
                    if text.stream.stopped:
                        scheduler.cancel(request)
                display.update()
    except KeyboardInterrupt:
        interrupted = True
    for text in texts.values():
        text.waiting += text.stream.finish()
        text.request.done = True
    display.update()
    requests = list(texts)
    return ParallelReport(
        model=model, config=board.config, text=None,
        texts=[text.as_dict() for text in texts.values()],
        prompt_tokens=sum(len(request.prompt) for request in requests),
        generated_tokens=sum(len(request.tokens) for request in requests),
        seed=sampling(0).seed, counters=scheduler.counters,
        prompt_counters=scheduler.prompt_counters,
        clock_source=board.clock_source, seconds=time.monotonic() - begin,
        simulated_cycles=None if cycles is None else board.transport.cycles - cycles), interrupted
