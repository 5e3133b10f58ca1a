"""Where the embedded AWS keeps its files and where it listens."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """One embedded AWS: its folder, its port, and the account and region that it plays."""

    state: Path
    port: int
    region: str = "us-east-1"
    account: str = "123456789012"

    @property
    def endpoint_url(self) -> str:
        """Value for `AWS_ENDPOINT_URL`."""
        return f"http://127.0.0.1:{self.port}"
