"""The usual way to serve what was fitted: one pickle of encoder and model behind Flask."""

import io
import os
import sys
from pathlib import Path

import joblib
import pandas as pd
from flask import Flask, Response, request
from gunicorn.app.base import BaseApplication
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import LabelEncoder, OneHotEncoder
from xgboost import XGBClassifier

COLUMNS = ["buying", "maint", "doors", "persons", "lug_boot", "safety"]
FILE = "model.joblib"


def train(data: Path, model: Path) -> None:
    """Fit encoder and model to all rows, with the pipeline's hyperparameters."""
    rows = pd.read_csv(data, names=[*COLUMNS, "class"], dtype=str)
    labels = LabelEncoder().fit(rows["class"])
    encoder = ColumnTransformer([("onehot", OneHotEncoder(handle_unknown="ignore"), COLUMNS)])
    classifier = XGBClassifier(
        n_estimators=300,
        learning_rate=0.2,
        max_depth=4,
        min_child_weight=0,
        reg_lambda=0.1,
        n_jobs=1,
    )
    steps = Pipeline([("encoder", encoder), ("classifier", classifier)])
    steps.fit(rows[COLUMNS], labels.transform(rows["class"]))
    model.mkdir(parents=True, exist_ok=True)
    joblib.dump((steps, labels), model / FILE)


def application() -> Flask:
    """Make the application."""
    steps, labels = joblib.load(Path(os.environ["SAGEMAKER_BASE_DIR"]) / "model" / FILE)
    app = Flask(__name__)

    def ping() -> str:
        return ""

    def invocations() -> Response:
        rows = pd.read_csv(io.BytesIO(request.get_data()), names=COLUMNS, dtype=str)
        found = labels.inverse_transform(steps.predict(rows))
        return Response("".join(f"{label}\n" for label in found), mimetype="text/csv")

    app.add_url_rule("/ping", view_func=ping)
    app.add_url_rule("/invocations", view_func=invocations, methods=["POST"])
    return app


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no type hints
    """gunicorn: one process of four threads, which keeps connections."""

    def load_config(self) -> None:
        """Set it up."""
        self.cfg.set("bind", f"127.0.0.1:{os.environ['SAGEMAKER_BIND_TO_PORT']}")
        self.cfg.set("worker_class", "gthread")
        self.cfg.set("threads", 4)
        self.cfg.set("keepalive", 75)
        self.cfg.set("control_socket_disable", True)  # noqa: FBT003  gunicorn's way

    def load(self) -> Flask:
        """Return the application."""
        return application()


if __name__ == "__main__":
    train(Path(sys.argv[1]), Path(sys.argv[2]))
