"""Words of the `reason` column: why a file found is not an accepted photo, and what befell staged files."""

# The file itself cannot be used, until it changes: status `filtered`.
UNREADABLE = "unreadable"
TRUNCATED = "truncated"
CORRUPTED = "corrupted"
TOO_LARGE = "too_large"
RAW_FILE = "raw_file"
HIDDEN = "hidden"
SYMLINK_OUTSIDE = "symlink_outside"
# What may pass: status `failed`, and tried again.
READ_ERROR = "read_error"
OUT_OF_MEMORY = "out_of_memory"
TIMED_OUT = "timed_out"
DECODER_DIED = "decoder_died"
CHANGED_WHILE_READING = "changed_while_reading"
CHANGED_SINCE_SCAN = "changed_since_scan"
# A sound picture that is left out: status `filtered`.
RESOLUTION_TOO_SMALL = "resolution_too_small"
GRAYSCALE = "grayscale_detected"
UNIFORM_BORDER = "uniform_border_detected"
DUPLICATE = "duplicate"
NEAR_DUPLICATE = "near_duplicate"
BENCHMARK_OVERLAP = "benchmark_overlap"
NOT_LICENSED = "not_licensed"

# What was staged and is not there, or not what it was: status `failed`, and made again.
STAGED_FILES_MISSING = "staged_files_missing"
STAGED_FILES_DAMAGED = "staged_files_damaged"

PASSING = frozenset(
    {READ_ERROR, OUT_OF_MEMORY, TIMED_OUT, DECODER_DIED, CHANGED_WHILE_READING, CHANGED_SINCE_SCAN}
)
# A file that no decoder makes a picture of.
BROKEN = frozenset({UNREADABLE, TRUNCATED, CORRUPTED, TOO_LARGE, SYMLINK_OUTSIDE})
DUPLICATES = frozenset({DUPLICATE, NEAR_DUPLICATE})
