"""The pipelines of the project: their folders, and `pipeline.yaml` validated."""

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from dropforge_core.naming import is_pipeline_name
from dropforge_core.pipeline_config import PipelineConfig, Train
from dropforge_core.preprocess_config import Script
from pydantic import ValidationError

from dropforge import aws_images
from dropforge.aws_images import Place
from dropforge.content import files_below
from dropforge.errors import InputError
from dropforge.images import Use
from dropforge.project import Project

FILE = "pipeline.yaml"
# Neither jobs nor endpoints need these: data is dropped, the text is for people.
_NOT_BUNDLED = ("data", "README.md")
_SHARED = "dropforge_jobs"


@dataclass(frozen=True)
class Pipeline:
    """A pipeline's folder and its validated `pipeline.yaml`."""

    folder: Path
    config: PipelineConfig


def names(project: Project) -> list[str]:
    """List the pipelines of the project by name."""
    return sorted(path.parent.name for path in project.pipelines.glob(f"*/{FILE}"))


def load(project: Project, name: str) -> Pipeline:
    """Read and validate one pipeline, its scripts included.

    Raises:
        InputError: there is no such pipeline, or something is wrong with it: says where.
    """
    folder = project.pipelines / name
    # A name with a slash or dots in it is not to be looked up at all.
    if not is_pipeline_name(name) or not (folder / FILE).is_file():
        known = ", ".join(names(project)) or "none"
        raise InputError(f"There is no pipeline {name!r} in {project.pipelines}: it has {known}.")
    config = _read(project, folder / FILE)
    if config.name != name:
        raise InputError(
            f"{project.relative(folder / FILE)}: name: is {config.name!r}; name it like its folder."
        )
    pipeline = Pipeline(folder, config)
    _check_scripts(project, pipeline)
    return pipeline


def uses_of(config: PipelineConfig) -> dict[str, Use]:
    """Return the image of each step: what it is called, and where it runs.

    That of a container among several is ``serve.<its name>``.
    """
    serve = config.serve
    machine = serve.instance.type if serve.instance else None
    served = {f"serve.{one.name}": one.image for one in serve.containers} or {
        "serve": serve.image or config.image
    }
    return {
        "preprocess": _use(config, config.preprocess, "processing"),
        "train": _use(config, config.train, "training"),
        "evaluate": _use(config, config.evaluate, "processing"),
    } | {step: Use(image, "inference", machine) for step, image in served.items()}


def _use(config: PipelineConfig, step: Script | Train, place: Place) -> Use:
    return Use(step.image or config.image, place, step.instance.type)


def bundle(project: Project, pipeline: Pipeline) -> dict[str, Path]:
    """List the files that jobs get as their code: by their name there, the file here."""
    own = files_below(pipeline.folder, without=_NOT_BUNDLED)
    shared = files_below(project.root / _SHARED)
    return {path.relative_to(pipeline.folder).as_posix(): path for path in own} | {
        path.relative_to(project.root).as_posix(): path for path in shared
    }


def _read(project: Project, path: Path) -> PipelineConfig:
    where = project.relative(path)
    try:
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as err:
        line = f":{err.problem_mark.line + 1}" if err.problem_mark else ""
        raise InputError(f"{where}{line}: no YAML: {err.problem or err.context}.") from err
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        raise InputError(f"{where}: no YAML: {' '.join(str(err).split())}") from err
    if not isinstance(document, dict):
        raise InputError(f"{where}: must hold keys and values, such as 'name: iris'.")
    try:
        return PipelineConfig.model_validate(document)
    except ValidationError as err:
        raise InputError(f"{where}: {_problems(err)}") from err


def _problems(err: ValidationError) -> str:
    """Word all that is wrong in one line: each field's path, and what is wrong there."""
    problems = []
    for problem in err.errors(include_url=False):
        path = ".".join(str(part) for part in problem["loc"]) or "the whole file"
        problems.append(f"{path}: {problem['msg'].removeprefix('Value error, ')}")
    return "; ".join(problems)


def _check_scripts(project: Project, pipeline: Pipeline) -> None:
    """Compile each script for the Python of its image, and what they share for the oldest."""
    config, uses = pipeline.config, uses_of(pipeline.config)
    pythons: dict[str, set[_Python]] = {}
    for step in ("preprocess", "train", "evaluate"):
        script = getattr(config, step).script
        if script and not (pipeline.folder / script).is_file():
            where = project.relative(pipeline.folder / FILE)
            raise InputError(f"{where}: {step}.script: there is no file {script} beside it.")
        if script:
            pythons.setdefault(script, set()).add(_python_of(uses[step], config.python))
    oldest = min(python for of_script in pythons.values() for python in of_script)
    for name, path in bundle(project, pipeline).items():
        if path.suffix == ".py":
            _compile(project, path, min(pythons.get(name, {oldest})))


@dataclass(frozen=True, order=True)
class _Python:
    """The Python of an image, in parts that compare."""

    major: int
    minor: int
    image: str


def _python_of(use: Use, otherwise: str) -> _Python:
    """Tell the Python of an image: AWS's by its tables, others by what pipeline.yaml says."""
    known = None
    if use.image.startswith(aws_images.PREFIX):
        known = aws_images.find(use.image, use.place, use.instance_type).python
    major, _, minor = (known or otherwise).partition(".")
    return _Python(int(major), int(minor), use.image)


def _compile(project: Project, path: Path, python: _Python) -> None:
    version = (python.major, python.minor)
    try:
        ast.parse(path.read_bytes(), str(path), feature_version=version)
    except SyntaxError as err:
        raise InputError(
            f"{project.relative(path)}:{err.lineno}: not Python {python.major}.{python.minor},"
            f" which its image {python.image} has: {err.msg}."
        ) from err
    except ValueError as err:
        raise InputError(f"{project.relative(path)}: not Python source: {err}.") from err
