"""What goes wrong with services as a whole; what goes wrong with one item is a `SourceError`."""

from iedf_assets.core.errors import SystematicError


class ServiceDownError(SystematicError):
    """No service can be used: none is there, or those that are run something else."""
