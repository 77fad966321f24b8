"""Every error of the emulator that a person may see, and whose fault it is.

EmulatorError        a sentence that says what to do, and the HTTP status the API answers with
  UserError          the input is wrong: a manifest, an option, a missing file            400, exit 1
    InvalidObject    admission refused it; the text is Knative's own                      400
    Unprocessable    the API server's own rules refuse it: a name, say, or a patch        422
    Forbidden          not by this caller, or by nobody: to delete the namespace default    403
    NotFound         no such object                                                       404
    WrongMethod      this resource does not know this verb                                405
    UnknownFormat    a body of a type that is not read                                    415
    Expired          the changes since that version are not known any more                410
    TooLargeVersion    that version of a list is not there yet                            504
    AlreadyExists    an object of that name exists                                        409
    Conflict         the object changed since it was read                                 409
  LaunchError        an instance can't be started: no command for an image, say           500
  CommandError       a command can't be run inside an instance                          500
  NotReady           what was applied has failed, or takes too long                     500
  Untyped            an applied object does not fit its type: Kubernetes has no better word 500
  MachineError       this machine won't: a taken port, a folder that can't be written     500
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class EmulatorError(Exception):
    """Base of the tree. `str(error)` is one sentence for a person; `reason` is Kubernetes' word for it.

    `details` name the object for a program, as in a Kubernetes Status: name, group, kind (the plural). `warnings` are
    what the caller is told beside the refusal.
    """

    status: ClassVar[int] = 500
    reason: ClassVar[str] = "InternalError"

    def __init__(
        self, message: str, details: Mapping[str, Any] | None = None, *, warnings: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.details = details or {}
        self.warnings = warnings


class UserError(EmulatorError):
    """What was asked for can't be done as it was written."""

    status = 400
    reason = "BadRequest"


class InvalidObject(UserError):
    """Admission refused an object; the message is the webhook's."""


class Unprocessable(UserError):
    """The request was understood, and breaks a rule that holds for objects of all kinds."""

    status = 422
    reason = "Invalid"


class WrongMethod(UserError):
    """The resource is there, but not this verb."""

    status = 405
    reason = "MethodNotAllowed"


class UnknownFormat(UserError):
    """The Content-Type of a body is none that is read here."""

    status = 415
    reason = "UnsupportedMediaType"


class Expired(UserError):
    """A watch asks for changes that are not kept any more: its client lists anew."""

    status = 410
    reason = "Expired"


class Forbidden(UserError):
    """The caller is not one who may ask, or nobody may do this."""

    status = 403
    reason = "Forbidden"


class NotFound(UserError):
    """There is no such object."""

    status = 404
    reason = "NotFound"


class TooLargeVersion(UserError):
    """A list asks for a version that there is not yet: one of an emulator that ran before, mostly."""

    status = 504
    reason = "Timeout"


class AlreadyExists(UserError):
    """An object of this kind and name exists."""

    status = 409
    reason = "AlreadyExists"


class Conflict(UserError):
    """The object was changed by someone else since it was read, or an apply would change what others manage."""

    status = 409
    reason = "Conflict"


class NotReady(EmulatorError):
    """What was applied has failed, or was not ready in time; the message says what keeps it."""


class Untyped(EmulatorError):
    """An applied object has fields that its type lacks: the API server answers 500, without a reason."""

    reason = ""


class LaunchError(EmulatorError):
    """An instance can't be started; `kind` is the condition's reason (`ContainerMissing`, ...)."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class CommandError(EmulatorError):
    """A command can't be run inside an instance; the words are those of a container's runtime."""


class MachineError(EmulatorError):
    """This machine lacks something that the emulator needs."""
