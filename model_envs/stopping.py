"""How a worker's threads learn that it is to stop."""

import threading

STOP = threading.Event()
