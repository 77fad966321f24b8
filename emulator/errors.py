"""Every error of the emulator that a person may see, and whose fault it is.

EmulatorError        a sentence that says what to do, and the HTTP status the API answers with
  UserError          the input is wrong: a manifest, an option, a missing file            400, exit 1
    InvalidObject    admission refused it; the text is Knative's own                      400
    NotFound         no such object                                                       404
    AlreadyExists    an object of that name exists                                        409
    Conflict         the object changed since it was read                                 409
  LaunchError        an instance can't be started: no command for an image, say           500
  MachineError       this machine won't: a taken port, a folder that can't be written     500
"""

from typing import ClassVar


class EmulatorError(Exception):
    """Base of the tree. `str(error)` is one sentence for a person; `reason` is Kubernetes' word for it."""

    status: ClassVar[int] = 500
    reason: ClassVar[str] = "InternalError"


class UserError(EmulatorError):
    """What was asked for can't be done as it was written."""

    status = 400
    reason = "BadRequest"


class InvalidObject(UserError):
    """Admission refused an object; the message is the webhook's."""


class NotFound(UserError):
    """There is no such object."""

    status = 404
    reason = "NotFound"


class AlreadyExists(UserError):
    """An object of this kind and name exists."""

    status = 409
    reason = "AlreadyExists"


class Conflict(UserError):
    """The object was changed by someone else since it was read."""

    status = 409
    reason = "Conflict"


class LaunchError(EmulatorError):
    """An instance can't be started; `kind` is the condition's reason (`ContainerMissing`, ...)."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class MachineError(EmulatorError):
    """This machine lacks something that the emulator needs."""
