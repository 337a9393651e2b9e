"""`python -m iedf_assets.cli` is `iedf`."""

from iedf_assets.cli.main import main

main()
