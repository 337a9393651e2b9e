"""A service's logs: plain on standard error, a JSON object per line in its file."""

import logging
import logging.config
from pathlib import Path

_PLAIN = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_FIELDS = "%(asctime)s %(levelname)s %(name)s %(message)s"
MAX_BYTES, BACKUPS = 20_000_000, 5


def set_up_logs(file: Path | None) -> None:
    """Send all logs to standard error and, when a file is given, into it; full files are rotated."""
    handlers: dict[str, dict[str, object]] = {
        "plain": {"class": "logging.StreamHandler", "formatter": "plain"}
    }
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        handlers["file"] = {
            "class": "logging.handlers.RotatingFileHandler",
            "filename": str(file),
            "maxBytes": MAX_BYTES,
            "backupCount": BACKUPS,
            "encoding": "utf-8",
            "formatter": "json",
        }
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "plain": {"format": _PLAIN},
                "json": {"()": "pythonjsonlogger.json.JsonFormatter", "format": _FIELDS},
            },
            "handlers": handlers,
            "root": {"level": "INFO", "handlers": list(handlers)},
        }
    )
