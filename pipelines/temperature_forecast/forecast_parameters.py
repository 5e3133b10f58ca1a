"""What a training is asked for: hyperparameters, with S1's names and ours."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from dropforge_jobs.jobs import JobError

if TYPE_CHECKING:
    from collections.abc import Sequence

DIRECT, SEQUENCE = "direct", "sequence"


@dataclass(frozen=True)
class Parameters:
    """Hyperparameters; each is an argument of the same name.

    Attributes:
        network: "direct" forecasts all steps of a season at once, what the level-corrected naive
            forecast leaves; "sequence" is the plain LSTM that forecasts one step and is fed back.
        input_dim: how many values a forecast starts from; at least a season.
        hidden_nums: units of each LSTM layer, with commas between.
        patch: how many values an LSTM of "direct" reads at a time; it divides input_dim.
        epoch_num: the most epochs.
        batch_size: windows of a step.
        loss_fnc: a loss of Keras.
        optimizer: an optimizer of Keras.
        learning_rate: that of the first step.
        stride: steps from one training window to the next.
        patience: how many epochs without a better validation error end the training; 0: none do.
        seed: of the first weights and of the order of windows.
    """

    network: str = DIRECT
    input_dim: int = 288
    hidden_nums: str = "24"
    patch: int = 12
    epoch_num: int = 12
    batch_size: int = 128
    loss_fnc: str = "mean_absolute_error"
    optimizer: str = "Adam"
    learning_rate: float = 0.001
    stride: int = 4
    patience: int = 4
    seed: int = 1

    @classmethod
    def parse(cls, texts: Sequence[str]) -> Parameters:
        """Read them from a command line.

        Raises:
            JobError: one is unknown, or cannot be.
        """
        parser = argparse.ArgumentParser(exit_on_error=False, allow_abbrev=False)
        for each in fields(cls):
            # Annotations are text here: the default says what a parameter is.
            parser.add_argument(f"--{each.name}", type=type(each.default), default=each.default)
        try:
            known, others = parser.parse_known_args(texts)
        except argparse.ArgumentError as error:
            raise JobError(f"a hyperparameter is wrong: {error}") from error
        # AWS's images add --model_dir, and more may come; what looks like ours must be ours.
        unknown = [text for text in others if text.startswith("--") and text != "--model_dir"]
        if unknown:
            raise JobError(f"there are no hyperparameters {', '.join(unknown)}")
        given = cls(**vars(known))
        given.check()
        return given

    def check(self) -> None:
        """Raise JobError when values make no sense."""
        least = {"epoch_num": 1, "batch_size": 1, "stride": 1, "patch": 1, "patience": 0}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise JobError(f"{name} must be at least {bound}")
        if self.network not in (DIRECT, SEQUENCE):
            raise JobError(f"network is {self.network!r}; it is {DIRECT!r} or {SEQUENCE!r}")
        if self.network == DIRECT and self.input_dim % self.patch:
            raise JobError(f"patch {self.patch} does not divide input_dim {self.input_dim}")
        if not self.units or min(self.units) < 1:
            raise JobError(f"hidden_nums must be whole numbers from 1 on, not {self.hidden_nums}")

    @property
    def units(self) -> list[int]:
        """The units of each layer; JobError when they are no numbers."""
        try:
            return [int(text) for text in self.hidden_nums.split(",")]
        except ValueError as error:
            raise JobError(f"hidden_nums are no numbers: {self.hidden_nums!r}") from error

    def document(self) -> dict[str, Any]:
        """Return them as JSON has them."""
        return asdict(self)
