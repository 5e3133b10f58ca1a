"""The commands that build, check and push images: what they do with options and errors."""

# Verbs are imported when they are called: `--help` must not wait for boto3 and Rich.
# ruff: noqa: PLC0415

from typing import Annotated

import typer

from dropforge import output
from dropforge.errors import InputError
from dropforge.options import Options, Where, acting
from dropforge.project import find_project

app = typer.Typer(help="The container images of containers/.", rich_markup_mode=None)
ImageName = Annotated[str, typer.Argument(metavar="NAME", help="A folder of containers/.")]


@app.command("build")
@acting
def build_image(
    options: Options,
    name: ImageName,
    base: Annotated[
        str | None, typer.Option(metavar="IMAGE", help="Base it on this image.")
    ] = None,
    builder: Annotated[
        str | None, typer.Option(metavar="IMAGE", help="Build it in this image.")
    ] = None,
) -> None:
    """Build an image with the container engine of this machine."""
    from dropforge import image as verb

    built = verb.build(find_project(), name, base, builder)
    output.write_json(built.document()) if options.as_json else built.write()


@app.command("test")
@acting
def test_image(options: Options, name: ImageName) -> None:
    """Check that a built image keeps SageMaker's contract with containers."""
    from dropforge import image_contract as verb

    checks = verb.check(find_project(), name)
    if options.as_json:
        output.write_json([check.document() for check in checks])
    else:
        verb.write(checks)
    if any(check.problem for check in checks):
        raise typer.Exit(1)


@app.command("push")
@acting
def push_image(options: Options, name: ImageName) -> None:
    """Push a built image to ECR, into a repository that is created when it is missing."""
    from dropforge import image as verb
    from dropforge.target import open_target

    if options.target is Where.LOCAL:
        raise InputError("push: the embedded AWS has no registry: add --target aws.")
    pushed = verb.push(find_project(), open_target(options), name)
    output.write_json(pushed.document()) if options.as_json else pushed.write()
