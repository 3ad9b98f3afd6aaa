"""Who may do what at the storage: its administrator and two tenants, with the names of compose/.env.example."""

import secrets
from dataclasses import dataclass


@dataclass(frozen=True)
class Key:
    """An access key and its secret."""

    access: str
    secret: str


@dataclass(frozen=True)
class Keys:
    """The administrator of the storage, a tenant that reads, and one that reads and writes."""

    admin: Key
    rag: Key
    training: Key

    def environment(self) -> dict[str, str]:
        """In the variables that compose/ and `loadtests.traffic` read; the administrator's in those of S3 clients."""
        return {
            "AWS_ACCESS_KEY_ID": self.admin.access,
            "AWS_SECRET_ACCESS_KEY": self.admin.secret,
            "RAG_ACCESS_KEY": self.rag.access,
            "RAG_SECRET_KEY": self.rag.secret,
            "TRAINING_ACCESS_KEY": self.training.access,
            "TRAINING_SECRET_KEY": self.training.secret,
        }


def new_keys() -> Keys:
    """The same names each time, with new secrets."""
    return Keys(*(Key(access, secrets.token_hex(16)) for access in ("storage-admin", "AKRAG", "AKTRAINING")))
