"""What training says of each round, spelt as CloudWatch shows it of AWS's image."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from xgboost.callback import TrainingCallback

if TYPE_CHECKING:
    import xgboost

# A tab, as SageMaker's agent escapes it: AWS's own metric definitions look for it in this form.
TAB = "#011"

logger = logging.getLogger(__name__)


class RoundLog(TrainingCallback):  # type: ignore[misc]  # XGBoost has no type hints here
    """Logs a line a round, such as `[0]#011train-mlogloss:1.05#011validation-mlogloss:1.07`."""

    def after_iteration(
        self, model: xgboost.Booster, epoch: int, evals_log: TrainingCallback.EvalsLog
    ) -> bool:
        """Log the round's metrics; never asks to stop."""
        del model
        scores = [
            f"{data}-{metric}:{values[-1]:.5f}"
            for data, metrics in evals_log.items()
            for metric, values in metrics.items()
            if isinstance(values[-1], float)
        ]
        logger.info("%s", TAB.join([f"[{epoch}]", *scores]))
        return False
