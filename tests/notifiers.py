"""Airflow notifiers that a test configures by import path."""

from typing import Any, ClassVar

from airflow.sdk import BaseNotifier


class Collecting(BaseNotifier):
    """Keeps what it was asked to send; its message is a Jinja template, as in a config."""

    template_fields = ("message",)
    received: ClassVar[list[str]] = []

    def __init__(self, message: str) -> None:
        super().__init__()
        self.message = message

    def notify(self, context: Any) -> None:
        self.received.append(self.message)


class Failing(BaseNotifier):
    def notify(self, context: Any) -> None:
        raise OSError("no mail today")


class Fickle(BaseNotifier):
    """Fails as long as ``is_down``; keeps what it took."""

    template_fields = ("message",)
    received: ClassVar[list[str]] = []
    is_down: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        super().__init__()
        self.message = message

    def notify(self, context: Any) -> None:
        if self.is_down:
            raise OSError("no chat today")
        self.received.append(self.message)
