"""Base images made of this machine's own files: no registry is asked for any.

A base is busybox, the CPython that runs the tests, and the shared libraries that both and wheels
need. With `python:3.13-slim` a user gets the same from a registry. For Lambda AWS's runtime client
comes to it. It is no Amazon Linux: a native wheel that loads here need not load there.
"""

import io
import re
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BUSYBOX = Path("/bin/busybox")
_VERSION = f"python{sysconfig.get_python_version()}"
# What nobody runs in a container.
_LEFT_OUT = re.compile(
    r"(site-packages|test|tests|idlelib|tkinter|turtledemo|lib2to3|pydoc_data"
    r"|config-.*|.*\.a)"
)
# What wheels may load of the system (PEP 599, manylinux2014); they bring whatever else they need.
_OF_WHEELS = (
    *("libstdc++.so.6", "libgcc_s.so.1", "libz.so.1"),
    *("libdl.so.2", "libm.so.6", "libpthread.so.0", "libresolv.so.2", "librt.so.1", "libutil.so.1"),
)
_LIBRARIES = "/usr/lib"
_BOOTSTRAP = """#!/bin/sh
export PYTHONPATH=/var/task:/opt/python:/var/runtime
exec /var/lang/bin/python3.13 -m awslambdaric "$_HANDLER"
"""


def python_base(name: str) -> None:
    """Make an image with a Python under /usr/local, as python:slim has."""
    changes = ("ENV PATH=/usr/local/bin:/usr/bin:/bin", 'CMD ["python3"]')
    _import(name, Path("/usr/local"), {}, changes)


def lambda_base(name: str) -> None:
    """Make an image that stands in for AWS's image of Lambda's Python runtime."""
    packages = Path(sysconfig.get_path("purelib"))
    wanted = (
        *("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py"),
        *("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3"),
    )
    client = {
        Path("/var/runtime") / path.name: path
        for path in packages.iterdir()
        if re.match(rf"({'|'.join(wanted)})(\.|$)", path.name)
    }
    changes = (
        "ENV PATH=/var/lang/bin:/usr/bin:/bin LAMBDA_TASK_ROOT=/var/task",
        "WORKDIR /var/task",
        'ENTRYPOINT ["/var/runtime/bootstrap"]',
    )
    _import(name, Path("/var/lang"), client, changes, {"/var/runtime/bootstrap": _BOOTSTRAP})


def _import(
    name: str,
    prefix: Path,
    more: dict[Path, Path],
    changes: Iterable[str],
    scripts: dict[str, str] | None = None,
) -> None:
    """Pipe a file system into an image."""
    options = [part for change in changes for part in ("--change", change)]
    engine = subprocess.Popen(
        ["docker", "import", *options, "-", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    assert engine.stdin
    with engine.stdin as pipe, tarfile.open(fileobj=pipe, mode="w|") as tar:
        _add_system(tar)
        _add_python(tar, prefix)
        for place, path in more.items():
            tar.add(path, str(place), filter=_kept)
        for script_place, script in (scripts or {}).items():
            _add_text(tar, script_place, script, 0o755)
    assert engine.wait() == 0, f"the engine took no image {name}"


def _add_system(tar: tarfile.TarFile) -> None:
    tar.add(_BUSYBOX, "/bin/busybox")
    applets = subprocess.run([_BUSYBOX, "--list"], capture_output=True, text=True, check=True)
    for applet in set(applets.stdout.split()) - {"busybox"}:
        _add_link(tar, f"/bin/{applet}", "/bin/busybox")
    _add_link(tar, "/usr/bin/env", "/bin/busybox")
    _add_text(tar, "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
    _add_text(tar, "/etc/group", "root:x:0:\n")
    for folder, mode in (("/tmp", 0o1777), ("/root", 0o700), ("/opt", 0o755)):  # noqa: S108
        entry = tarfile.TarInfo(folder)
        entry.type, entry.mode = tarfile.DIRTYPE, mode
        tar.addfile(entry)


def _add_python(tar: tarfile.TarFile, prefix: Path) -> None:
    base = Path(sys.base_prefix)
    library = base / "lib" / _VERSION
    program = (base / "bin" / _VERSION).resolve()
    tar.add(program, str(prefix / "bin" / _VERSION))
    for name in ("python3", "python"):
        _add_link(tar, str(prefix / "bin" / name), _VERSION)
    tar.add(library, str(prefix / "lib" / _VERSION), filter=_kept)
    binaries = [program, *library.glob("lib-dynload/*.so")]
    for path in sorted(_libraries(binaries)):
        tar.add(path.resolve(), f"{_LIBRARIES}/{path.name}")
    loader = next(Path("/lib64").glob("ld-linux*"), None) or next(Path("/lib").glob("ld-linux*"))
    tar.add(loader.resolve(), str(loader))


def _libraries(binaries: Iterable[Path]) -> set[Path]:
    """Find the shared libraries that these binaries, and wheels, ask for."""
    told = subprocess.run(
        ["ldd", *map(str, binaries)], capture_output=True, text=True, check=True
    ).stdout
    found = {Path(match) for match in re.findall(r"=> (/\S+)", told)}
    folders = {path.parent for path in found} | {Path("/lib"), Path("/usr/lib")}
    for name in _OF_WHEELS:
        found |= {folder / name for folder in folders if (folder / name).exists()}
    return set({path.name: path for path in found}.values())


def _kept(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if _LEFT_OUT.fullmatch(Path(entry.name).name) else entry


def _add_link(tar: tarfile.TarFile, place: str, to: str) -> None:
    entry = tarfile.TarInfo(place)
    entry.type, entry.linkname = tarfile.SYMTYPE, to
    tar.addfile(entry)


def _add_text(tar: tarfile.TarFile, place: str, text: str, mode: int = 0o644) -> None:
    content = text.encode()
    entry = tarfile.TarInfo(place)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))
