"""Predicting by XGBoost's C API.

For one row `Booster.inplace_predict` takes four times as long: it looks at what kind of table it
got, makes a proxy for it and an array of the answer, each time anew.
https://xgboost.readthedocs.io/en/stable/dev/group__Prediction.html
"""

from __future__ import annotations

import ctypes
import json
import math
import threading
from typing import TYPE_CHECKING, Any

from xgboost.core import _LIB, XGBoostError

if TYPE_CHECKING:
    from xgboost import Booster

_CONFIG = json.dumps(
    {
        "type": 0,  # the prediction itself
        "training": False,
        "iteration_begin": 0,
        "iteration_end": 0,  # all there are
        "missing": math.nan,
        "strict_shape": True,  # (rows, values a row), whatever the objective
        "cache_id": 0,
    }
).encode()


class Predictor:
    """A booster's predictions, from any thread."""

    def __init__(self, booster: Booster) -> None:
        """Take a booster."""
        self._booster = booster
        self._own = threading.local()

    def predict(self, table: Any) -> list[Any]:
        """Return each row's prediction: a number, or a list of them where there are several.

        Args:
            table: 32-bit floats, row by row, of the shape (rows, columns); NaN is missing.

        Raises:
            XGBoostError: the table does not suit the model.
        """
        shape = ctypes.POINTER(ctypes.c_uint64)()
        dimensions = ctypes.c_uint64()
        values = ctypes.POINTER(ctypes.c_float)()
        _check(
            _LIB.XGBoosterPredictFromDense(
                self._booster.handle,
                _array_interface(table),
                _CONFIG,
                self._proxy(),
                ctypes.byref(shape),
                ctypes.byref(dimensions),
                ctypes.byref(values),
            )
        )
        # The memory is XGBoost's, until this thread predicts again: a slice is a copy.
        rows, width = shape[0], shape[1]
        found = values[: rows * width]
        if width == 1:
            return found
        return [found[start : start + width] for start in range(0, rows * width, width)]

    def _proxy(self) -> ctypes.c_void_p:
        """Return what stands for the table; a thread's own, since it remembers the last one."""
        if not hasattr(self._own, "proxy"):
            proxy = ctypes.c_void_p()
            _check(_LIB.XGProxyDMatrixCreate(ctypes.byref(proxy)))
            self._own.proxy = proxy
        return self._own.proxy  # type: ignore[no-any-return]


def _array_interface(table: Any) -> bytes:
    """Tell where an array is: https://numpy.org/doc/stable/reference/arrays.interface.html."""
    rows, columns = table.shape
    return (
        f'{{"data":[{table.ctypes.data},true],"shape":[{rows},{columns}],'
        '"strides":null,"typestr":"<f4","version":3}'
    ).encode()


def _check(status: int) -> None:
    if status != 0:
        raise XGBoostError(_LIB.XGBGetLastError().decode())
