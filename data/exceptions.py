"""Every error that maskwatch raises on purpose.

MaskwatchError
├── UsageError               an option or argument makes no sense
├── MissingExtraError        a part is used that isn't installed
├── ImageError               a picture can't be read
├── AnnotationError          a label file is broken
├── DatasetError             a data set's layout is broken, or an output is in the way
├── NoFacesError             no face where at least one is needed
├── WeightsError             weights are missing, changed, or of another model
├── VideoError               a video can't be opened, decoded or written
├── TrainingError            training can't start or go on
├── BrowseError              FiftyOne, its database or its App can't be had
└── WorkerError              workers are lost, out of reach, or lack what their work needs

Messages are one line: what was expected, what was found, what to do.
"""


class MaskwatchError(Exception):
    """Base of all; the command line prints it as one line and exits with 1."""


class UsageError(MaskwatchError):
    """An option or argument makes no sense."""


class MissingExtraError(MaskwatchError):
    """A part is used that isn't installed; the message carries the line that installs it."""


class ImageError(MaskwatchError):
    """A picture is missing, truncated or not a picture."""


class AnnotationError(MaskwatchError):
    """A label file is broken: syntax, class or box."""


class DatasetError(MaskwatchError):
    """A data set's layout is broken, or an output is in the way."""


class NoFacesError(MaskwatchError):
    """No face was found where at least one is needed."""


class WeightsError(MaskwatchError):
    """Weights are missing, changed since they were signed, or not of a mask detector."""


class VideoError(MaskwatchError):
    """A video source can't be opened or decoded, or a video can't be written."""


class TrainingError(MaskwatchError):
    """Training can't start or can't go on."""


class WorkerError(MaskwatchError):
    """Workers are lost, out of reach, or lack what their work needs."""


class BrowseError(MaskwatchError):
    """FiftyOne, its database or its App can't be had, or holds something else."""
