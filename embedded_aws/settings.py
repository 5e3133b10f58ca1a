"""Where the embedded AWS keeps its files and where it listens."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """One embedded AWS: its folder, its port, what region and account it plays, what runs jobs."""

    state: Path
    port: int
    region: str = "us-east-1"
    account: str = "123456789012"
    runtime: str = "process"
    bridge: str | None = None  # this machine's address as containers see it

    @property
    def endpoint_url(self) -> str:
        """Value for `AWS_ENDPOINT_URL`."""
        return self.url_at("127.0.0.1")

    @property
    def container_url(self) -> str | None:
        """The same for containers; None when they cannot reach us."""
        return self.url_at(self.bridge) if self.bridge else None

    def url_at(self, host: str) -> str:
        """Give the address for who reaches this machine as `host`."""
        return f"http://{host}:{self.port}"

    def client_variables(self) -> dict[str, str]:
        """Give what the AWS clients of a job's program find in its environment.

        On AWS a job has its role's credentials; here any will do, and calls must come to us.
        """
        return {
            "AWS_ACCESS_KEY_ID": "embedded",
            "AWS_SECRET_ACCESS_KEY": "embedded",
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_ENDPOINT_URL": self.container_url or self.endpoint_url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
