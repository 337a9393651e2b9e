"""What Dagster tells of the runs of `iedf run`, as lines of its log file."""

import logging
from pathlib import Path

import dagster as dg

from iedf_assets.launching.run_log import add_line

FILE_LOGGER = "json_file"


class _JsonLines(logging.Handler):
    """Appends a line for each record: of which run and step, how grave, and what."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def emit(self, record: logging.LogRecord) -> None:
        told = getattr(record, "dagster_meta", {})
        add_line(
            self._path,
            level=record.levelname,
            run=told.get("run_id"),
            step=told.get("step_key"),
            event=getattr(told.get("dagster_event"), "event_type_value", None),
            message=told.get("orig_message") or record.getMessage(),
        )


@dg.logger(
    {"path": dg.Field(str, description="The file that lines are appended to.")},
    description="Appends everything that a run tells to a file, as JSON lines.",
)
def json_file_logger(context: dg.InitLoggerContext) -> logging.Logger:
    """A logger of its own for each run, on the file that the run's config names."""
    # One that Python knows by its name would stay for good, with its handler.
    logger = logging.Logger(FILE_LOGGER, logging.DEBUG)  # noqa: LOG001
    logger.addHandler(_JsonLines(Path(context.logger_config["path"])))
    return logger
