"""Container images of a machine: mapped by its operator's rules, looked up, pulled by its policy."""

from __future__ import annotations

import fnmatch
import logging
from collections.abc import Iterable
from typing import Any

import requests
from docker import APIClient
from docker.errors import APIError, NotFound
from docker.utils import parse_repository_tag

from worker.contract import Blame
from worker.engines.pulled import Pulled
from worker.engines.pulling import failure
from worker.errors import RunFailed
from worker.logs import event

log = logging.getLogger("worker.engines.images")

_PULL_TRIES = 3


class Images:
    """Which image a name stands for, and how it comes here.

    Args:
        rules: (pattern, image) pairs that replace names; the first match wins.
        pull_policy: ``missing``, ``always`` or ``never``.
        pulled: keeps account of what was pulled.
    """

    def __init__(self, rules: Iterable[tuple[str, str]], pull_policy: str, pulled: Pulled) -> None:
        self._rules, self._pull_policy, self.pulled = list(rules), pull_policy, pulled

    def find(self, client: APIClient, image: str) -> dict[str, Any]:
        """Return what the engine knows of an image, pulled if the policy says so.

        Raises:
            RunFailed: the image is not to be had; the reason names it.
        """
        name = self._mapped(image)
        found = None if self._pull_policy == "always" else _inspect(client, name)
        if found is None and self._pull_policy == "never":
            raise RunFailed(
                f"The container image {name} is not on this machine, and this machine does not pull "
                "images. Its operator can add it or map it to another one.",
                Blame.PLATFORM,
            )
        if found is None:
            _pull(client, name)
            found = _inspect(client, name)
            if found is None:
                raise RunFailed(
                    f"The container image {name} was pulled but is gone.", Blame.PLATFORM
                )
            self.pulled.note(name, found)
        self.pulled.touch(found)
        return found

    def _mapped(self, image: str) -> str:
        for pattern, replacement in self._rules:
            if fnmatch.fnmatchcase(image, pattern):
                return replacement
        return image


def _inspect(client: APIClient, name: str) -> dict[str, Any] | None:
    try:
        return dict(client.inspect_image(name))  # type: ignore[no-untyped-call]
    except NotFound:
        return None
    except APIError as error:  # a name that is no image reference
        raise RunFailed(
            f"{name!r} is not the name of a container image.", Blame.ORGANIZER
        ) from error
    except requests.RequestException as error:
        raise daemon_failure(error) from error


def _pull(client: APIClient, name: str) -> None:
    repository, tag = parse_repository_tag(name)
    reason = ""
    for _ in range(_PULL_TRIES):
        try:
            reason = _pull_once(client, repository, tag or "latest")
        except NotFound as error:
            raise failure(name, str(error.explanation)) from error
        except APIError as error:
            reason = str(error.explanation)
        except requests.RequestException as error:
            raise daemon_failure(error) from error
        if not reason:
            event(log, "image.pulled", image=name)
            return
    event(log, "image.not_pulled", image=name, why=reason)  # names hosts of the machine's net
    raise failure(name, reason)


def _pull_once(client: APIClient, repository: str, tag: str) -> str:
    lines = client.pull(repository, tag=tag, stream=True, decode=True)
    return next((str(line["error"]) for line in lines if "error" in line), "")


def daemon_failure(error: Exception) -> RunFailed:
    """Return what it means when the engine's socket does not answer."""
    return RunFailed(
        f"The container engine of this machine does not answer ({type(error).__name__}).",
        Blame.PLATFORM,
    )
