"""The worker: the one thread that drives the board, for texts from any thread."""

import threading

from trine.host.links import DeviceError
from trine.host.scheduler import Scheduler

from .errors import ApiError

__all__ = ["Worker"]


class _Stopped(Exception):
    """The worker is to end, though a long prompt is being read."""


class Worker:
    """Drives a board in a thread of its own; nobody else may use the board meanwhile.

    Parameters
    ----------
    board : :class:`trine.host.board.Board`
        The board, idle, with the model uploaded.
    model : :class:`trine.host.model.Model`
        The model.
    queue : int
        Texts that may wait for a slot.

    Attributes
    ----------
    failure : str
        Why the board no longer works, one sentence; None while it does.
    """

    def __init__(self, board, model, queue):
        self.board, self.model, self.queue = board, model, queue
        self.failure = None
        #: Guards what follows; tells the thread that there is something to do.
        self._changed = threading.Condition()
        #: :class:`.text.Text` by its request: those that wait or are under way.
        self._texts = {}
        self._submitted, self._cancelled = [], []
        self._stopping = False
        self._scheduler = None
        self._thread = threading.Thread(target=self._run, name="board", daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self._thread.join()

    @property
    def slots(self):
        """Slots of the board."""
        return self.board.config.slots

    @property
    def slots_in_use(self):
        """Slots that hold a text."""
        return self._scheduler.seated if self._scheduler else 0

    @property
    def waiting(self):
        """Texts that wait for a slot."""
        return max(0, len(self._texts) - self.slots_in_use)

    def submit(self, texts):
        """Let :class:`.text.Text` wait for slots, all or none; ApiError where there is no room."""
        with self._changed:
            if self.failure:
                raise ApiError(503, self.failure, code="board_failed")
            if self._stopping:
                raise self._shutting_down()
            if len(self._texts) + len(texts) > self.slots + self.queue:
                raise ApiError(503, f"All {self.slots} slots are busy and {self.waiting} texts "
                                    "wait already; try again later", code="queue_full")
            self._texts |= {text.request: text for text in texts}
            self._submitted += texts
            self._changed.notify()

    def cancel(self, texts):
        """End texts at the token they have come to; those that have ended stay so."""
        with self._changed:
            for text in texts:
                if self._texts.pop(text.request, None):
                    self._cancelled.append(text.request)
            self._changed.notify()

    def stop(self):
        """Break off all texts and let the thread end soon; leaving the worker waits for it."""
        with self._changed:
            self._stopping = True
            self._break_off(self._shutting_down())
            self._changed.notify()

    @staticmethod
    def _shutting_down():
        return ApiError(503, "The server is shutting down; start it again", code="shutting_down")

    def _break_off(self, error):
        for text in self._texts.values():
            text.tell(error)
        self._texts.clear()

    # The thread.

    def _run(self):
        try:
            with Scheduler(self.board, self.model, self._reading) as scheduler:
                self._scheduler = scheduler
                while self._gather(scheduler):
                    for request, token in scheduler.step():
                        self._take(scheduler, request, token)
        except _Stopped:
            pass
        except DeviceError as error:
            self._fail(f"The board has failed: {error}; start the server again")
        except BaseException:
            self._fail("The server has a fault, see what it printed; start it again")
            raise

    def _reading(self, _count):
        """Break off the reading of a long prompt where the thread is to end."""
        if self._stopping:
            raise _Stopped

    def _gather(self, scheduler):
        """Hand over what came; wait where there is nothing to do. Return whether to go on."""
        with self._changed:
            while not (self._stopping or self._submitted or self._cancelled) and scheduler.idle:
                self._changed.wait()
            submitted, self._submitted = self._submitted, []
            cancelled, self._cancelled = self._cancelled, []
        for text in submitted:
            scheduler.submit(text.request)
        for request in cancelled:
            scheduler.cancel(request)
        return not self._stopping

    def _take(self, scheduler, request, token):
        """Hand a token to its text, unless that was cancelled or has ended meanwhile."""
        text = self._texts.get(request)
        if text is None or not text.feed(token):
            return
        with self._changed:
            self._texts.pop(request, None)
        if token is not None:
            scheduler.cancel(request)

    def _fail(self, sentence):
        with self._changed:
            self.failure = sentence
            self._break_off(ApiError(503, sentence, code="board_failed"))
