"""The stages as software-defined assets, one a file, each a thin shell over `iedf_assets.core`."""
