"""The scheduler: many texts at once, a slot of the board for each, and a queue for the rest."""

from collections import deque

from trine.firmware.registers import RunFlags

from .board import beta_of
from .prefill import prefill_pays
from .request import Seat

__all__ = ["Scheduler"]

#: Seconds of the board's time behind a step that found nothing to do.
_PAUSE = 1e-4


class Scheduler:
    """Keeps the slots of a board busy with requests; each text is the same as alone.

    Everything happens in :meth:`step`, in the caller's thread. A request joins a slot, and leaves
    it, at any token of the others. Leaving the scheduler leaves the board idle.

    Parameters
    ----------
    board : :class:`trine.host.board.Board`
        The board, idle, with a model uploaded.
    model : :class:`Model`
        The model.
    progress : callable
        ``progress(count)``, called with the number of tokens that prefill has newly played.

    Attributes
    ----------
    counters, prompt_counters : :class:`trine.host.board.Counters`
        What the board counted for plays of the token tape and for prefill, once it is closed.
    prefilled : int
        Tokens that went through prefill.
    """

    def __init__(self, board, model, progress=None):
        self.board, self.model, self.progress = board, model, progress
        self.counters = self.prompt_counters = None
        self.prefilled = 0
        self._waiting = deque()
        #: :class:`.request.Seat` by slot.
        self._seats = {}
        #: Slots that have been taken out of the run, but may be in the play under way.
        self._leaving = 0
        #: Slots that have joined, but whose reset no token boundary had come to at the last pause.
        self._unreset = 0
        self._running = self._together = False
        self._first = board.counters()
        self._prompts = self._first - self._first

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Break off what is under way and leave the board idle."""
        self._waiting.clear()
        self._seats.clear()
        self._running = False
        self.board.stop()
        if self.counters is None:
            self.prompt_counters = self._prompts
            self.counters = self.board.counters() - self._first - self._prompts

    # Requests.

    def submit(self, request):
        """Let a :class:`.request.Request` wait for a slot; ValueError where that is in vain."""
        if not request.prompt:
            raise ValueError("A prompt must have a token; begin it with the begin token")
        if request.on_board:
            beta_of(request.sampling.temperature)
        elif request.sampling.all_logits:
            self.board.check_logits(self.model.vocab_size)
        self._waiting.append(request)
        return request

    def cancel(self, request):
        """End a request, waiting or under way, at the token it has come to."""
        if request in self._waiting:
            self._waiting.remove(request)
        self._leave([slot for slot, seat in self._seats.items() if seat.request is request])
        request.done = True

    @property
    def idle(self):
        """Whether no request waits or is under way."""
        return not self._waiting and not self._seats

    @property
    def seated(self):
        """How many requests hold a slot."""
        return len(self._seats)

    def __iter__(self):
        """Yield the events of :meth:`step` until the scheduler is idle."""
        while not self.idle:
            yield from self.step()

    def step(self):
        """Do what there is to do now; only prefill keeps it waiting for the board.

        returns : list of (request, token) in the order of each text; token None where the request
        has ended, which is its last event
        """
        events = []
        if self._seats:
            self.board.status()
            events += self._take()
        events += self._fill_slots()
        if self._seats:
            self._queue()
        else:
            self._pause()
        if not events:
            self.board.transport.pause(_PAUSE)
        return events

    # Slots.

    def _take(self):
        """Return the events of what was sampled."""
        counts, events, finished = self.board.token_counts(), [], []
        for slot, seat in self._seats.items():
            new = seat.take(counts[slot])
            events += [(seat.request, token) for token in new]
            if None in new:
                finished.append(slot)
        self._leave(finished)
        return events

    def _queue(self):
        """Queue what the slots wait for; one whose prompt ends may then go on by itself."""
        before = self._feedback
        for seat in self._seats.values():
            seat.queue()
        if self._feedback != before:
            self._apply()

    @property
    def _active(self):
        return sum(1 << slot for slot in self._seats)

    @property
    def _feedback(self):
        return sum(1 << slot for slot, seat in self._seats.items() if seat.feeds_itself)

    def _pause(self):
        """Let the board stand still between two tokens; nothing is lost."""
        if self._running:
            self.board.pause()
            self._unreset = self.board.read("RUN_RESET") & self._active
            self._running, self._leaving = False, 0

    def _apply(self, reset=0):
        """Tell the board which slots take part from the next token on."""
        # Where the host samples for all, none may run ahead of the others: each would read all the
        # weights for itself.
        together = not any(seat.request.on_board for seat in self._seats.values())
        if together != self._together:
            self._pause()
        masks = {"active": self._active, "feedback": self._feedback, "reset": reset}
        if self._running:
            self.board.change_slots(**masks)
        elif self._seats:
            # Runs in between have forgotten what was asked for and not done.
            masks["reset"] |= self._unreset
            flags = RunFlags.TOKENS | (RunFlags.TOGETHER if together else 0)
            self.board.start("token", count=0, flags=flags, **masks)
            self._running, self._together = True, together

    def _leave(self, slots):
        for slot in slots:
            self._seats.pop(slot).request.done = True
            self._leaving |= 1 << slot
        if slots:
            self._apply()

    def _free(self):
        """Return the slots that take no part, in rising order."""
        if self._leaving:
            self._leaving &= self.board.playing()
        return [slot for slot in range(self.board.config.slots)
                if slot not in self._seats and not self._leaving >> slot & 1]

    def _fill_slots(self):
        """Let waiting requests join; return the events of those that want no token."""
        if not self._waiting:
            return []
        events, free, reset, before = [], self._free(), 0, len(self._seats)
        while self._waiting and free:
            request = self._waiting.popleft()
            if request.count == 0:
                request.done = True
                events.append((request, None))
                continue
            others = len(self._seats) + len(self._waiting)
            if prefill_pays(self.board, request.prompt, len(free), others):
                slot, rest = self._prefill(request.prompt, free), request.prompt[-1:]
            else:
                slot, rest = free[0], request.prompt
                self.board.clear_queues(1 << slot)
                reset |= 1 << slot
            free.remove(slot)
            self._seats[slot] = Seat(self.board, slot, request, rest, self.model.vocab_size)
        if len(self._seats) != before:
            self._apply(reset)
        return events

    def _prefill(self, prompt, free):
        """Play all but the last token of a prompt; return the slot that holds its state."""
        self._pause()
        before = self.board.counters()
        self.board.clear_queues(sum(1 << slot for slot in free))
        slot = self.board.prefill(prompt[:-1], free, progress=self.progress)
        self.prefilled += len(prompt) - 1
        self._prompts += self.board.counters() - before
        return slot
