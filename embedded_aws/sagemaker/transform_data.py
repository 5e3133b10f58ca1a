"""What batch transform does with an object: records, what is sent of them, what becomes of answers.

Sources: API reference, TransformInput, TransformOutput and DataProcessing; developer guide,
"Associate Prediction Results with Input Records".
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker.json_paths import JsonPath, PathError

_MEGABYTE = 1024 * 1024
_CSV = {"text/csv"}
_JSON = {"application/json", "application/jsonlines", "application/x-jsonlines"}
_OUTPUT, _INPUT = "SageMakerOutput", "SageMakerInput"


class DataError(Exception):
    """A record cannot be sent, or its answer not be joined to it; the message says why."""


@dataclass(frozen=True)
class Plan:
    """How a job cuts objects into requests and puts answers together."""

    by_line: bool
    one_by_one: bool
    most_bytes: int | None
    content_type: str
    input_filter: JsonPath
    output_filter: JsonPath
    joins: bool
    ends_lines: bool

    @classmethod
    def read(cls, request: dict[str, Any]) -> "Plan":
        """Read a CreateTransformJob request; raises AwsError for what does not go together."""
        given, output = request["TransformInput"], request["TransformOutput"]
        processing = request.get("DataProcessing") or {}
        most = request.get("MaxPayloadInMB", 6)
        by_line = given.get("SplitType", "None") == "Line"
        strategy = request.get("BatchStrategy", "MultiRecord")
        plan = cls(
            by_line=by_line,
            one_by_one=strategy == "SingleRecord",
            most_bytes=most * _MEGABYTE if most else None,
            content_type=(given.get("ContentType") or "").partition(";")[0].strip().lower(),
            input_filter=JsonPath(processing.get("InputFilter") or "$"),
            output_filter=JsonPath(processing.get("OutputFilter") or "$"),
            joins=processing.get("JoinSource", "None") == "Input",
            ends_lines=output.get("AssembleWith", "None") == "Line",
        )
        plan.check()
        return plan

    @property
    def looks_inside(self) -> bool:
        """Whether records have to be understood."""
        return self.joins or not (self.input_filter.is_whole and self.output_filter.is_whole)

    def check(self) -> None:
        """Refuse what AWS cannot do either."""
        if self.looks_inside and self.content_type not in _CSV | _JSON:
            message = (
                "DataProcessing needs a ContentType of text/csv, application/json or"
                f" application/jsonlines, not {self.content_type!r}."
            )
            raise AwsError("ValidationException", message)
        if self.looks_inside and self.by_line and not self.ends_lines:
            message = "DataProcessing with SplitType Line needs AssembleWith Line."
            raise AwsError("ValidationException", message)

    def batches(self, content: bytes) -> Iterator["Batch"]:
        """Cut an object into requests; raises DataError."""
        if not self.by_line:
            yield self._batch([content])
            return
        batch: list[bytes] = []
        size = 0
        for line in content.splitlines():
            if not line:
                continue
            length = len(line) + 1
            is_full = self.most_bytes is not None and size + length > self.most_bytes
            if batch and (self.one_by_one or is_full):
                yield self._batch(batch)
                batch, size = [], 0
            batch.append(line)
            size += length
        if batch:
            yield self._batch(batch)

    def _batch(self, records: list[bytes]) -> "Batch":
        sent = [self._filtered(record) for record in records]
        body = b"".join(record + b"\n" for record in sent) if self.by_line else sent[0]
        if self.most_bytes is not None and len(body) > self.most_bytes:
            raise DataError(f"a payload of {len(body)} bytes is above MaxPayloadInMB")
        return Batch(self, records, body)

    def _filtered(self, record: bytes) -> bytes:
        if self.input_filter.is_whole:
            return record
        return self.write(_at(self.input_filter, self.parse(record)))

    def parse(self, record: bytes) -> Any:
        """Understand a record: the columns of a row, or a document."""
        try:
            text = record.decode()
            if self.content_type in _CSV:
                return next(csv.reader([text], strict=True), [])
            return json.loads(text)
        except (ValueError, csv.Error) as err:
            raise DataError(f"a record is no {self.content_type}: {err}") from err

    def write(self, value: Any) -> bytes:
        """Write a record as the content type has it."""
        if self.content_type not in _CSV:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        line = io.StringIO()
        columns = value if isinstance(value, list) else [value]
        csv.writer(line, lineterminator="").writerow(columns)
        return line.getvalue().encode()


@dataclass(frozen=True)
class Batch:
    """Records that are sent together."""

    plan: Plan
    records: Sequence[bytes]
    body: bytes

    def assemble(self, answer: bytes) -> bytes:
        """Make of an answer what goes into the output object; raises DataError."""
        plan = self.plan
        if not (plan.joins or not plan.output_filter.is_whole):
            is_whole = not plan.ends_lines or not answer or answer.endswith(b"\n")
            return answer if is_whole else answer + b"\n"
        answers = [line for line in answer.splitlines() if line] if plan.by_line else [answer]
        if len(answers) != len(self.records):
            raise DataError(
                "Fail to join data: mismatched line count between the input and the output:"
                f" {len(self.records)} and {len(answers)}"
            )
        pairs = zip(self.records, answers, strict=True)
        end = b"\n" if plan.ends_lines else b""
        return b"".join(self._finished(record, answered) + end for record, answered in pairs)

    def _finished(self, record: bytes, answered: bytes) -> bytes:
        plan = self.plan
        value = plan.parse(answered.rstrip(b"\r\n"))
        if plan.joins:
            value = _joined(plan.parse(record), value)
        return plan.write(_at(plan.output_filter, value))


def _joined(record: Any, answered: Any) -> Any:
    if isinstance(record, list) and isinstance(answered, list):
        return [*record, *answered]
    if isinstance(record, dict):
        return {**record, _OUTPUT: answered}
    return {_INPUT: record, _OUTPUT: answered}


def _at(path: JsonPath, value: Any) -> Any:
    try:
        return path.of(value)
    except PathError as err:
        raise DataError(str(err)) from err
