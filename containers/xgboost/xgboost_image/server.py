"""Serving: the booster is loaded first, so whoever gets an answer gets it from the booster."""

from __future__ import annotations

import logging
import os
import sys
from http import HTTPStatus
from pathlib import Path

from xgboost_image.bodies import BodyError
from xgboost_image.model import ModelError, XgboostModel, load
from xgboost_image.serving import (
    CONTAINER_BASE,
    Answer,
    RequestError,
    SettingError,
    make_application,
    serve,
)


def main() -> int:
    """Serve the model below SAGEMAKER_BASE_DIR (default /opt/ml) until SIGTERM.

    Returns:
        0 when it was ended; 1 when there is no usable model or a variable is wrong.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    base = Path(os.environ.get("SAGEMAKER_BASE_DIR", CONTAINER_BASE))
    try:
        model = load(base / "model", batch=bool(os.environ.get("SAGEMAKER_BATCH")))
        serve(make_application(make_answer(model)), os.environ)
    except (ModelError, SettingError) as error:
        logging.getLogger(__name__).error("cannot serve: %s", error)  # noqa: TRY400  one line
        return 1
    return 0


def make_answer(model: XgboostModel) -> Answer:
    """Make the function that answers invocations by `model`."""

    def answer(kind: str, body: bytes, accept: str) -> tuple[str, bytes]:
        if not body:
            raise RequestError(HTTPStatus.NO_CONTENT, "")  # as AWS's image
        try:
            return model.answer(kind, body, accept)
        except BodyError as error:
            raise RequestError(error.status, str(error)) from error

    return answer
