"""The fields of a JSON object, checked one by one."""

import json

from .errors import ApiError

__all__ = ["Fields", "shown"]

#: Characters of a wrong value that an error repeats.
_SHOWN = 40


def shown(value):
    """Return a JSON value as an error repeats it, in a few words."""
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "an object"
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _constant(name):
    raise ValueError(f"{name} is no JSON number")


class Fields:
    """The fields of an object, each to be taken once; null counts as left out.

    Parameters
    ----------
    values : dict
        The fields; use :meth:`of_json`.
    within : str
        Name of the field that holds the object, in front of its fields' names.

    Raises
    ------
    ApiError
        From every method, where a value is wrong: status 400, naming the field.
    """

    def __init__(self, values, within=""):
        self._values = {name: value for name, value in values.items() if value is not None}
        self._within = within

    @classmethod
    def of_json(cls, body):
        """Return the fields of the JSON object in ``body``, bytes."""
        try:
            values = json.loads(body, parse_constant=_constant)
        except (ValueError, RecursionError) as error:
            raise ApiError(400, f"The body is no JSON: {error}") from None
        if not isinstance(values, dict):
            raise ApiError(400, f"The body must be a JSON object, not {shown(values)}")
        return cls(values)

    def wrong(self, name, message):
        """Return the error that ``message`` is what is wrong about the field."""
        name = self._within + name
        return ApiError(400, f"{name} {message}", name)

    def take(self, name):
        """Return the value of a field, None where it was left out."""
        return self._values.pop(name, None)

    def number(self, name, kind, low, high, default):
        """Return a number of ``kind``, int or float, from ``low`` to ``high``."""
        value = self.take(name)
        if value is None:
            return default
        # JSON's true is no number, though Python's is.
        fits = type(value) is int or (kind is float and type(value) is float)
        if not fits or not low <= value <= high:
            what = "a whole number" if kind is int else "a number"
            raise self.wrong(name, f"must be {what} from {low} to {high}, not {shown(value)}")
        return value

    def flag(self, name):
        """Return true or false; false where it was left out."""
        value = self.take(name)
        if not isinstance(value, (bool, type(None))):
            raise self.wrong(name, f"must be true or false, not {shown(value)}")
        return bool(value)

    def text(self, name, value):
        """Return ``value``, which the field holds, where it is a text."""
        if not isinstance(value, str):
            raise self.wrong(name, f"must be a text, not {shown(value)}")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise self.wrong(name, f"holds half a character (a lone surrogate, position "
                                   f"{error.start}); send whole ones") from None
        return value

    def object(self, name):
        """Return the :class:`Fields` of an object, or None."""
        value = self.take(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.wrong(name, f"must be an object, not {shown(value)}")
        return Fields(value, f"{self._within}{name}.")

    def finish(self, known):
        """Refuse what nobody took; ``known`` says in a few words what there is."""
        for name in self._values:
            raise ApiError(400, f"There is no field {shown(self._within + name)}; {known}",
                           self._within + name)
