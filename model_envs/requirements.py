"""What a model environment has to hold: the pins of its `environment.yml`, and whether they are there.

    python -m model_envs.requirements edit      prints the pins, one per line

Standard library only: it also runs where nothing is installed yet.
"""

import importlib.metadata
import re
import sys
from pathlib import Path

_PIN = re.compile(r"^\s*-\s*([A-Za-z0-9_.-]+)==(\S+)\s*$", re.MULTILINE)


def pins(environment: str) -> dict[str, str]:
    """Package → version that the environment `layered` or `edit` pins."""
    text = (Path(__file__).parent / environment / "environment.yml").read_text("utf-8")
    return dict(_PIN.findall(text))


def differences(environment: str) -> list[str]:
    """What this interpreter has otherwise than the environment pins, a line each."""
    found = []
    for package, wanted in pins(environment).items():
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{package} {wanted} is not installed")
            continue
        # A build for one kind of machine calls itself 2.13.0+cu130.
        if version.partition("+")[0] != wanted:
            found.append(f"{package} is {version}, not {wanted}")
    return found


if __name__ == "__main__":
    sys.stdout.write("".join(f"{package}=={version}\n" for package, version in pins(sys.argv[1]).items()))
