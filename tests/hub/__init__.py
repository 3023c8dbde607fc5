"""A small Hugging Face Hub over real HTTP: for the real `huggingface_hub` and `datasets` clients, offline.

    with HubServer() as hub:
        token = hub.user("alice")
        os.environ["HF_ENDPOINT"], os.environ["HF_TOKEN"] = hub.url, token

It keeps the Hub's rules (tokens, private repos, parent commits, tags that stay, LFS digests, limits),
counts bytes, and misbehaves by a schedule (`Fault`). Clients run with ``HF_HUB_DISABLE_XET=1``, or
the server is given a folder for chunked storage (``HubServer(xet=...)``).
"""

from tests.hub.faults import Fault, Schedule
from tests.hub.server import HubServer, Request
from tests.hub.state import Hub, Limits

__all__ = ["Fault", "Hub", "HubServer", "Limits", "Request", "Schedule"]
