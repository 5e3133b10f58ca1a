"""`dropforge check`: pipelines, state machines and template, validated without running anything."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import yaml
from samtranslator.yaml_helper import yaml_parse

from dropforge import images, machines, output, pipelines
from dropforge.build import find_sam, sam_environment
from dropforge.errors import CommandError, InputError
from dropforge.project import Project

if TYPE_CHECKING:
    from pathlib import Path

_STATE_MACHINE = "AWS::Serverless::StateMachine"
_LINT_SECONDS = 120


@dataclass(frozen=True)
class Finding:
    """Something that was checked; `problem` is None when it is right."""

    what: str
    where: str
    problem: str | None = None

    def document(self) -> dict[str, Any]:
        """Return what `--json` prints of it."""
        return {
            "what": self.what,
            "where": self.where,
            "ok": self.problem is None,
            "problem": self.problem,
        }


def check(project: Project) -> list[Finding]:
    """Check everything, and list what was checked."""
    return [*_pipelines(project), *_template(project)]


def write(findings: list[Finding]) -> None:
    """Print a table for people."""
    rows = [(f.what, f.where, f.problem or "right") for f in findings]
    output.write_table(("what", "where", "result"), rows)


def _pipelines(project: Project) -> Iterator[Finding]:
    for name in pipelines.names(project):
        where = project.relative(project.pipelines / name)
        yield _finding("pipeline", where, partial(_load, project, name))


def _load(project: Project, name: str) -> None:
    config = pipelines.load(project, name).config
    for use in pipelines.uses_of(config).values():
        images.resolve(project, use)


def _template(project: Project) -> Iterator[Finding]:
    where = project.relative(project.template)
    try:
        template = yaml_parse(project.template.read_text(encoding="utf-8"))
        resources: dict[str, Any] = template["Resources"]
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError) as err:
        yield Finding("template", where, f"no template: {' '.join(str(err).split())}")
        return
    yield _finding("template", where, partial(_lint, project))
    used: set[Path] = set()
    for name, resource in resources.items():
        if resource.get("Type") == _STATE_MACHINE:
            properties = resource.get("Properties", {})
            path = project.root / str(properties.get("DefinitionUri"))
            used.add(path)
            given = set(properties.get("DefinitionSubstitutions", {}))
            at = f"{project.relative(path)} ({name})"
            yield _finding("state machine", at, partial(machines.check, path, given))
    for path in sorted(set((project.root / "statemachine").glob("*.json")) - used):
        yield Finding("state machine", project.relative(path), "template.yaml does not use it")


def _finding(what: str, where: str, attempt: Callable[[], None]) -> Finding:
    try:
        attempt()
    except InputError as err:
        return Finding(what, where, str(err))
    return Finding(what, where)


def _lint(project: Project) -> None:
    """Let SAM translate the template and cfn-lint read it."""
    sam = find_sam()
    if sam is None:
        raise CommandError("sam is not installed here: run 'uv sync', which installs aws-sam-cli.")
    done = subprocess.run(
        [str(sam), "validate", "--lint", "--template-file", str(project.template)],
        cwd=project.root,
        env=sam_environment(project),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_LINT_SECONDS,
        check=False,
    )
    if done.returncode:
        raise InputError(" ".join(f"{done.stdout} {done.stderr}".split()))
