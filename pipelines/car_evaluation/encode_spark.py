"""Fit and apply the encoding with Spark ML, on one machine or on a cluster.

Objects are screened side by side, one task each, by the same rules as everywhere. Each machine of
a SageMaker processing job has all inputs, and uploads what its tasks wrote; so a task reads and
writes files, and nothing of the data passes through the driver. A Glue job's machines have
nothing: there a task gets its object from S3 and puts there what it wrote.
"""

from __future__ import annotations

import csv
import os
import shutil
import sys
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TextIO

from encoding import (
    ENCODED,
    MOST_DISTINCT,
    PREDICTION,
    ROWS,
    Encoded,
    Encoding,
    annotate,
    check_classes,
    text_columns,
)

from dropforge_jobs.glue import Places
from dropforge_jobs.holdout import HOLDOUT, TRAIN
from dropforge_jobs.jobs import JobError
from dropforge_jobs.screening import Screening

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dropforge_jobs.holdout import Split
    from dropforge_jobs.manifest import ManifestObject
    from dropforge_jobs.rules import Rules

_SIDE, _LABEL, _PLACE, _FEATURES = "_side", "_label", "_place", "_features"
_ORDER = {"stringOrderType": "alphabetAsc", "handleInvalid": "keep"}
_ALONE = {
    "spark.master": "local[*]",
    "spark.driver.memory": "2g",
    "spark.sql.shuffle.partitions": "8",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
_NO_JAVA = (
    "engine: spark needs Java 17, and there is none here: install it (on Debian and Ubuntu"
    " `apt-get install default-jre-headless`), or set JAVA_HOME"
)


def encode(
    arrived: Iterable[tuple[ManifestObject, Path]],
    screening: Screening,
    split: Split,
    output: Path,
    unknown: str,
) -> tuple[Encoded, bytes, bytes]:
    """Share out the good rows and encode them; for arguments and result see encode_sklearn.

    Raises:
        UnusableError: no model can be made of these rows.
        JobError: there is no Java, or a column has no categories to speak of.
    """
    if not java():
        raise JobError(_NO_JAVA)
    text_columns(screening.rules)
    spark = _session()
    try:
        with TemporaryDirectory() as folder:
            spark.sparkContext.addPyFile(str(_bundle(Path(folder) / "code.zip")))
            return _encode(spark, list(arrived), screening, split, output, unknown)
    finally:
        spark.stop()


def java() -> str | None:
    """Say where Java is, as Spark looks for it; None when it is not there."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=f"{home}/bin" if home else None)


def _session() -> Any:
    """Join the cluster that started this script, or start Spark on this machine alone."""
    from pyspark.sql import SparkSession  # noqa: PLC0415  it is slow to import

    builder = SparkSession.builder.appName("dropforge-preprocess")
    if "PYSPARK_GATEWAY_PORT" not in os.environ:  # no launcher of Spark's started it
        os.environ |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
        for name, value in _ALONE.items():
            builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def _bundle(archive: Path) -> Path:
    """Pack what tasks import: this folder's modules and dropforge_jobs."""
    import dropforge_jobs  # noqa: PLC0415

    shared = Path(dropforge_jobs.__file__).parent
    with zipfile.ZipFile(archive, "w") as bundle:
        for path in Path(__file__).parent.glob("*.py"):
            bundle.write(path, path.name)
        for path in shared.glob("*.py"):
            bundle.write(path, f"{shared.name}/{path.name}")
    return archive


class Found(NamedTuple):
    """What a task found in its object, beside the rows."""

    number: int
    screening: Screening
    encoded: Encoded


@dataclass(frozen=True)
class ScreenObject:
    """A task: the good rows of an object with their sides, and last what was found in it."""

    rules: Rules
    quarantine: Path
    split: Split
    places: Places | None

    def __call__(
        self, arrived: tuple[int, tuple[ManifestObject, Path]]
    ) -> Iterator[tuple[str, ...] | Found]:
        """Yield side, label and features of each row."""
        number, (item, path) = arrived
        if self.places is None:
            yield from self._screen(number, item, path, self.quarantine)
            return
        with TemporaryDirectory() as folder:
            path = self.places.fetch(item, Path(folder) / "data")
            quarantine = Path(folder) / "quarantine"
            yield from self._screen(number, item, path, quarantine)
            self.places.store(quarantine, self.places.quarantine)

    def _screen(
        self, number: int, item: ManifestObject, path: Path, quarantine: Path
    ) -> Iterator[tuple[str, ...] | Found]:
        screening = Screening(self.rules, quarantine)
        encoded = Encoded(values={name: Counter() for name in self.rules.features})
        sides: dict[tuple[str, ...], str] = {}  # rows of categories come again and again
        for row in screening.rows(item, path):
            label, features = self.rules.part(row)
            key = tuple(features)
            side = sides.get(key) or self.split.side(key)
            if len(sides) < MOST_DISTINCT:
                sides[key] = side
            encoded.count(side, label, features)
            yield (side, label, *features)
        encoded.settle()
        yield Found(number, screening, encoded)


@dataclass(frozen=True)
class WritePart:
    """A task: writes a partition's rows, each side into files of its own.

    A task may be started twice: what it writes is there at once or not at all.
    """

    output: Path
    labels: int
    places: Places | None

    def __call__(self, number: int, rows: Iterable[Any]) -> Iterator[int]:
        """Write them; yield how many were left out."""
        if self.places is None:
            yield self._write(number, rows, self.output)
            return
        with TemporaryDirectory() as folder:
            yield self._write(number, rows, Path(folder))
            self.places.store(Path(folder), self.places.output)

    def _write(self, number: int, rows: Iterable[Any], output: Path) -> int:
        left_out = 0
        with _Parts(output, f"part-{number:05d}.csv") as parts:
            for side, place, features, *raw in rows:
                known = place < self.labels
                if side != HOLDOUT and not known:
                    left_out += 1
                elif side != HOLDOUT:
                    parts.file(side).write(f"{int(place)},{features}\n")
                else:
                    parts.file(f"{side}/{ENCODED}").write(
                        f"{int(place) if known else ''},{features}\n"
                    )
                    csv.writer(parts.file(f"{side}/{ROWS}"), lineterminator="\n").writerow(raw)
        return left_out


class _Parts:
    """Files of one name in several folders."""

    def __init__(self, output: Path, name: str) -> None:
        self._output = output
        self._name = name
        self._files: dict[str, TextIO] = {}

    def file(self, folder: str) -> TextIO:
        """Return the one in this folder."""
        if folder not in self._files:
            path = self._output / folder / f".{self._name}"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._files[folder] = path.open("w", encoding="utf-8", newline="")
        return self._files[folder]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for folder, file in self._files.items():
            file.close()
            if kind is None:
                Path(file.name).replace(self._output / folder / self._name)


def _encode(  # noqa: PLR0913, PLR0917  what `encode` takes, and Spark
    spark: Any,
    arrived: list[tuple[ManifestObject, Path]],
    screening: Screening,
    split: Split,
    output: Path,
    unknown: str,
) -> tuple[Encoded, bytes, bytes]:
    from pyspark import StorageLevel  # noqa: PLC0415
    from pyspark.ml.feature import StringIndexer  # noqa: PLC0415

    context, columns = spark.sparkContext, screening.rules.features
    places = Places.read(sys.argv[1:])
    task = ScreenObject(screening.rules, screening.quarantine, split, places)
    screened = (
        context.parallelize(list(enumerate(arrived)), len(arrived))
        .flatMap(task)
        .persist(StorageLevel.DISK_ONLY)
    )
    encoded = _gathered(screened.filter(is_found).collect(), arrived, screening, places)
    check_classes(encoded.classes)
    rows = spark.createDataFrame(
        screened.filter(is_row),
        schema=", ".join(f"`{name}` string" for name in (_SIDE, _LABEL, *columns)),
        verifySchema=False,
    )
    if len(arrived) < context.defaultParallelism:
        rows = rows.repartition(context.defaultParallelism)
    train = rows.filter(rows[_SIDE] == TRAIN)
    front = Front(train, columns)
    index = StringIndexer(inputCol=_LABEL, outputCol=_PLACE, **_ORDER).fit(train)
    encoded.encoding = Encoding(tuple(columns), front.categories, tuple(index.labels))
    lines = index.transform(front.transform(rows)).select(
        _SIDE, _PLACE, _spelt().alias(_FEATURES), _LABEL, *(f"`{name}`" for name in columns)
    )
    write = WritePart(output, len(index.labels), places)
    encoded.left_out = sum(lines.rdd.mapPartitionsWithIndex(write).collect())
    return (encoded, *_exported(spark, front, encoded.encoding, unknown))


def is_found(each: object) -> bool:
    """Tell what a task found from a row; its class may have come by another import."""
    return type(each).__name__ == Found.__name__


def is_row(each: object) -> bool:
    """Tell a row."""
    return not is_found(each)


def _gathered(
    parts: Sequence[Found],
    arrived: Sequence[tuple[ManifestObject, Path]],
    screening: Screening,
    places: Places | None,
) -> Encoded:
    """Put together what the tasks found, in the order of the objects.

    An object that may be refused whole, for all its bad rows, has to be at hand.
    """
    whole = Encoded(values={name: Counter() for name in screening.rules.features})
    for part in sorted(parts, key=lambda each: each.number):
        for tally in part.screening.tallies:
            tally.path = arrived[part.number][1]
            if places and not tally.refused and tally.bad_share > screening.rules.most_bad_rows:
                data = tally.path.parents[len(Path(tally.item.path).parts) - 1]
                places.fetch(tally.item, data)
        screening.tallies += part.screening.tallies
        screening.faults.update(part.screening.faults)
        whole.add(part.encoded)
    return whole


class Front:
    """Indexers, one-hot encoder and assembler, fitted to training rows.

    An unknown category gets the place behind the known ones, which the encoder takes for invalid
    and drops: it becomes zeros, as in scikit-learn. The indexers' metadata would make a known one
    of it, so the encoder does not see them. Categories are in alphabetical order, as there.
    """

    def __init__(self, train: Any, columns: Sequence[str]) -> None:
        """Fit them."""
        from pyspark.ml import PipelineModel  # noqa: PLC0415  it needs Java
        from pyspark.ml.feature import (  # noqa: PLC0415
            OneHotEncoder,
            StringIndexer,
            VectorAssembler,
        )

        self._places = [f"{name}_place" for name in columns]
        vectors = [f"{name}_vector" for name in columns]
        self._indexer = StringIndexer(inputCols=list(columns), outputCols=self._places, **_ORDER)
        self._indexer = self._indexer.fit(train)
        encoder = OneHotEncoder(
            inputCols=self._places, outputCols=vectors, handleInvalid="keep", dropLast=True
        )
        self._encoder = encoder.fit(self._indexed(train))
        self._assembler = VectorAssembler(inputCols=vectors, outputCol=_FEATURES)
        self.pipeline = PipelineModel([self._indexer, self._encoder, self._assembler])

    @property
    def categories(self) -> tuple[tuple[str, ...], ...]:
        """What each column may hold."""
        return tuple(tuple(values) for values in self._indexer.labelsArray)

    def transform(self, rows: Any) -> Any:
        """Add the features to rows."""
        return self._assembler.transform(self._encoder.transform(self._indexed(rows)))

    def _indexed(self, rows: Any) -> Any:
        indexed = self._indexer.transform(rows)
        for name in self._places:
            indexed = indexed.withMetadata(name, {"plain": True})  # empty metadata change nothing
        return indexed


def _spelt() -> Any:
    """Spell a vector of ones and zeros."""
    from pyspark.ml.functions import vector_to_array  # noqa: PLC0415
    from pyspark.sql import functions  # noqa: PLC0415

    digits = functions.transform(vector_to_array(_FEATURES), lambda value: value.cast("int"))
    return functions.concat_ws(",", digits.cast("array<string>"))


def _exported(spark: Any, front: Front, encoding: Encoding, unknown: str) -> tuple[bytes, bytes]:
    """Convert both models to ONNX."""
    from onnxmltools import convert_sparkml  # noqa: PLC0415
    from onnxmltools.convert.common.data_types import (  # noqa: PLC0415
        Int64TensorType,
        StringTensorType,
    )
    from pyspark.ml.feature import IndexToString  # noqa: PLC0415

    shape = [None, 1]
    inputs = [(name, StringTensorType(shape)) for name in encoding.columns]
    before = convert_sparkml(front.pipeline, "preprocessor", inputs, spark_session=spark)
    back = IndexToString(inputCol=PREDICTION, outputCol="label", labels=list(encoding.labels))
    behind = convert_sparkml(
        back, "postprocessor", [(PREDICTION, Int64TensorType(shape))], spark_session=spark
    )
    return (
        annotate(before, encoding.preprocessor_metadata(unknown)),
        annotate(behind, encoding.postprocessor_metadata()),
    )
