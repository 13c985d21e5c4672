"""Errors as the OpenAI API tells them."""

__all__ = ["ApiError"]


class ApiError(Exception):
    """A request that cannot be carried out; the message is one sentence for people.

    Parameters
    ----------
    status : int
        The HTTP status.
    message : str
        What was wrong, and what to do.
    param : str
        The field at fault, or None.
    code : str
        A word for programs, or None.
    """

    def __init__(self, status, message, param=None, code=None):
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code

    @property
    def headers(self):
        """Headers of the response: a busy server says when to come again."""
        return {"Retry-After": "1"} if self.code == "queue_full" else None

    def as_dict(self):
        """Return the body of the response."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {"error": {"message": self.message, "type": kind, "param": self.param,
                          "code": self.code}}
