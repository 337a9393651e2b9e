"""`iedf report`: builds the HTML report, and serves it for review."""

import webbrowser
from pathlib import Path

from iedf_assets.cli.consoles import PlainConsole
from iedf_assets.cli.listening import HOST, require_free
from iedf_assets.cli.progress import TerminalProgress
from iedf_assets.core.errors import StorageError
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.publishing.joined import categories_on_disk
from iedf_assets.core.report.building import build_report
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.ownership import claim_outputs


def make_report(profile: Profile) -> Path:
    """Build the report and say where it is.

    Raises:
        StorageError: the outputs are empty or somebody else's folder, or cannot be written.
    """
    layout = Layout.of(profile)
    if not categories_on_disk(layout):
        raise StorageError(
            f"no run has left anything in {layout.outputs}", "run `iedf run` first, or correct --outputs"
        )
    claim_outputs(layout)
    with TerminalProgress() as progress:
        page = build_report(profile, layout, lambda done, total: progress("report", "pictures", done, total))
    PlainConsole(soft_wrap=True).print(f"the report: {page}")
    return page


def serve_reviews(profile: Profile, port: int, *, browse: bool) -> None:
    """Serve the report with review buttons on 127.0.0.1 until Ctrl-C.

    Raises:
        FactoryError: something listens on the port.
    """
    from iedf_assets.cli.reviewing import serve_report  # noqa: PLC0415

    require_free(port)
    address = f"http://{HOST}:{port}/"
    PlainConsole(soft_wrap=True).print(f"reviews: {address} (Ctrl-C ends it)")
    if browse:
        webbrowser.open(address)
    serve_report(Layout.of(profile), port)
