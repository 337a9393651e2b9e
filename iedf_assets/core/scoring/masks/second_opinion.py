"""A second opinion of a picture, from the small segmentation network; without its file there is none."""

from functools import cache
from pathlib import Path

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.parallel import Latest
from iedf_assets.core.pictures.objects import Opinions, opinions_of
from iedf_assets.core.pictures.subjects import Network
from iedf_assets.core.pictures.thumbnails import shrunk
from iedf_assets.core.profile.checkpoints import small_network
from iedf_assets.core.scoring.masks.kept_opinions import KeptOpinions, cache_folder
from iedf_assets.core.storage.files import content_hash

# The network is asked of a picture this small, its long side in pixels, for it sees no more.
SIDE = 640
# Pairs of one source follow each other; of so many pictures the opinions are kept.
KEPT = 24


class SecondOpinion:
    """The opinions of the pictures asked of last. Threads may share it.

    Args:
        network: that is asked.
        kept: where its answers are kept on disk, too.
    """

    def __init__(self, network: Network, kept: KeptOpinions | None = None) -> None:
        self._network = network
        self._kept = kept
        self._known: Latest[Opinions] = Latest(KEPT)

    def of(self, picture: Pixels) -> Opinions:
        """What the network says of a picture, uint8 (H, W, 3), at the size of `looked_at_in`."""
        small = looked_at_in(picture)
        key = content_hash(small.tobytes() + repr(small.shape).encode())
        return self._known.of(key, lambda: self._asked(small, key))

    def _asked(self, small: Pixels, key: str) -> Opinions:
        if self._kept is None:
            return opinions_of(self._network, small)
        known = self._kept.get(key)
        if known is None or known.first.shape != small.shape[:2]:
            known = opinions_of(self._network, small)
            self._kept.put(key, known)
        return known


def second_opinion() -> SecondOpinion | None:
    """That of this process; None where set-up has brought no network.

    Raises:
        WorkerError: there is a file, but it is no network.
    """
    path = small_network()
    return _opinion_by(str(path)) if path.is_file() else None


@cache
def _opinion_by(path: str) -> SecondOpinion:
    network = content_hash(Path(path).read_bytes())
    return SecondOpinion(Network(Path(path)), KeptOpinions(cache_folder() / network))


def looked_at_in(picture: Pixels) -> Pixels:
    """A picture or mask, uint8 (H, W, 3) or (H, W), at the size at which opinions are of it."""
    return shrunk(picture, SIDE)
