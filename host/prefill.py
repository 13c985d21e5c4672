"""When a prompt should go through several slots at once."""

__all__ = ["prefill_pays"]

#: Plays that prefill must save, for it takes the host a while to set up.
_WORTH = 8


def prefill_pays(board, prompt, free, others=0):
    """Return whether ``prompt`` should go through ``free`` slots at once, not through one's queue.

    others : texts that stand still meanwhile, in slots or waiting for one
    """
    plays = len(prompt) - 1
    return ("prefill" in board.image.tapes and others + 1 < free
            and plays - -(-plays // free) >= _WORTH)
