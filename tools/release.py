"""`riverpost release`: an update package for the boards of one class, signed; and the keys to sign with.

Rules of this file: a secret key is a file that only its owner can read, and is never printed. A package is written
whole or not at all, and only after the check that boards do has taken it.
"""

import argparse
import ast
import hashlib
import importlib.util
import json
import os
import stat
import sys
from pathlib import Path
from types import ModuleType

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tools.failure import EXIT_DONE, EXIT_NOT_RIGHT, EXIT_REFUSED, EXIT_WRONG_CALL, Failure
from tools.firmware_build import BUILD, FIRMWARE, HAL_OF, build, files_of
from wire.package import COUNTER_MAX, Manifest, PackageError, head_of, signed_message, taken_apart

APPLICATION_BYTES_MAX = 96 * 1024
SECRET_MODE = 0o600
HELP = "make a signed update package for boards, or keys to sign with"
EPILOG = """example:
  ./riverpost release --new-key --key update.key             once; boards get the public half, keep the file safe
  ./riverpost release --class rp2040 --counter 12 --key update.key --out rp2040-12.rpu

exit codes: 0 done, 1 it does not build, or is too large, 2 wrong call, 4 a file cannot be read or written,
5 the key's file can be read by others"""


def pack(
    chip: str, counter: int, version: tuple[int, int, int], files: dict[str, bytes], key: Ed25519PrivateKey
) -> bytes:
    """Return the package of `files` (path -> content), signed. PackageError for what boards would not take."""
    ordered = sorted(files)
    table = [(path, len(files[path]), hashlib.sha256(files[path]).digest()) for path in ordered]
    head = head_of(Manifest(chip, counter, version, table))
    return head + key.sign(signed_message(head)) + b"".join(files[path] for path in ordered)


def checked(package: bytes, public: bytes) -> Manifest:
    """Return the manifest of a package that boards with the key `public` take. PackageError otherwise.

    The signature is judged by the boards' own program, here under this Python.
    """
    manifest, head, signature, _ = taken_apart(package)
    digest = hashlib.sha512(signature[:32] + public + signed_message(head)).digest()
    steps = _boards_check().verify(public, digest, signature)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            if not end.value:
                raise PackageError("the signature is not by this key") from None
            return manifest


def read_key(file: Path) -> Ed25519PrivateKey:
    """Return the secret key in `file`. `Failure` where it is none, or others may read it."""
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
        text = file.read_bytes()
    except OSError as error:
        raise _no_key(file, str(error)) from None
    if mode & 0o077:
        raise Failure(
            "Others can read the key that updates are signed with",
            seen=f"{file} has mode {mode:03o}",
            likely="it was copied; whoever has it can put any program on every board that knows its public half",
            do=[f"chmod 600 {file}", "if anybody else may have had it: make a new pair, give boards its public half"],
            exit_code=EXIT_REFUSED,
        )
    try:
        key = serialization.load_pem_private_key(text, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _no_key(file, str(error)) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(file, f"{type(key).__name__} where an Ed25519 key is needed")
    return key


def new_key(file: Path) -> Ed25519PrivateKey:
    """Make a secret key and write it to `file`, which must not be there yet."""
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET_MODE), "wb") as out:
            out.write(text)
    except OSError as error:
        raise Failure(
            "The new key was not written",
            seen=f"{file}: {error}",
            likely="a file of that name is there already; a key is never written over",
            do=["give another name with --key", "start again"],
        ) from None
    return key


def public_of(key: Ed25519PrivateKey) -> bytes:
    """Return the 32 bytes that a board is given."""
    return key.public_key().public_bytes_raw()


def version_of(source: Path = FIRMWARE) -> tuple[int, int, int]:
    """Return the version that the firmware says it is."""
    for node in ast.parse((source / "bank.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "VERSION":
            return ast.literal_eval(node.value)
    raise AssertionError("firmware/bank.py names no VERSION")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what goes into the package, the key, and where it is written."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("--class", dest="chip", choices=sorted(HAL_OF), help="which boards it is for")
    parser.add_argument("--counter", type=int, help="greater than that of every package before: boards take no older")
    parser.add_argument("--key", type=Path, required=True, help="file of the secret key")
    parser.add_argument("--new-key", action="store_true", help="make a pair of keys, and write the secret one to --key")
    parser.add_argument("--out", type=Path, help="file of the package (riverpost-CLASS-COUNTER.rpu)")
    parser.add_argument("--dry-run", action="store_true", help="do all but write the package")
    parser.add_argument("--json", action="store_true", help="say it for a machine, on stdout")


def run(args: argparse.Namespace) -> int:
    """Make a package or a key, and say what is in it."""
    if args.new_key:
        if args.chip or args.counter or args.out:
            raise _wrong_call("--new-key makes keys only", "leave out --class, --counter and --out")
        key = new_key(args.key)
        facts = {"secret": str(args.key), "public": public_of(key).hex()}
        _say(facts, args.json, "put public into update_key of station.toml, and a copy of the file into a safe")
        return EXIT_DONE
    if not args.chip or args.counter is None:
        raise _wrong_call("--class and --counter are needed", "say for which boards it is, and a number that grows")
    if not 1 <= args.counter <= COUNTER_MAX:
        raise _wrong_call(f"--counter {args.counter}", f"give a number from 1 to {COUNTER_MAX}")
    key = read_key(args.key)
    files = _application(args.chip)
    try:
        package = pack(args.chip, args.counter, version_of(), files, key)
        manifest = checked(package, public_of(key))
    except PackageError as error:
        raise Failure(
            "No package can be made of this",
            seen=str(error),
            likely="a file of the firmware that breaks a rule of wire/package.py",
            do=["put it right", "start again"],
            exit_code=EXIT_NOT_RIGHT,
        ) from None
    out = args.out or Path(f"riverpost-{args.chip}-{args.counter}.rpu")
    if not args.dry_run:
        _write(out, package)
    facts = {
        "class": manifest.chip,
        "version": ".".join(map(str, manifest.version)),
        "counter": manifest.counter,
        "files": len(manifest.files),
        "bytes": sum(map(len, files.values())),
        "bytes_max": APPLICATION_BYTES_MAX,
        "public": public_of(key).hex(),
        "package": str(out),
        "package_bytes": len(package),
        "written": not args.dry_run,
    }
    _say(facts, args.json, "the boards' own check takes it" + ("; nothing was written" if args.dry_run else ""))
    return EXIT_DONE


def _application(chip: str) -> dict[str, bytes]:
    """path -> content of what a board of this class gets, compiled now. `Failure`."""
    build()
    files = {path.as_posix(): (BUILD / path).read_bytes() for path in files_of(chip)}
    if not any(path.startswith(HAL_OF[chip]) for path in files):
        raise Failure(
            f"The firmware does not run on boards of class {chip}",
            seen=f"no {HAL_OF[chip]} in it",
            likely="a checkout without that part",
            do=["take another class, or another checkout"],
            exit_code=EXIT_NOT_RIGHT,
        )
    size = sum(map(len, files.values()))
    if size > APPLICATION_BYTES_MAX:
        raise Failure(
            "The application is larger than a board is meant to get",
            seen=f"{len(files)} files, {size} bytes; at most {APPLICATION_BYTES_MAX}",
            likely="code that only some boards need",
            do=["look at the largest files in build/firmware", "make them smaller, or load them from one class only"],
            exit_code=EXIT_NOT_RIGHT,
        )
    return files


def _boards_check() -> ModuleType:
    """firmware/ed25519.py as a module."""
    spec = importlib.util.spec_from_file_location("riverpost_boards_ed25519", FIRMWARE / "ed25519.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _write(out: Path, package: bytes) -> None:
    new = out.with_name(out.name + ".new")
    try:
        new.write_bytes(package)
        new.replace(out)
    except OSError as error:
        raise Failure(
            "The package was not written",
            seen=f"{out}: {error}",
            likely="no such folder, no room, or no right to write there",
            do=["give another file with --out", "start again"],
        ) from None


def _say(facts: dict, as_json: bool, closing: str) -> None:
    if as_json:
        print(json.dumps(facts))
        return
    for name, value in facts.items():
        print(f"{name:<15}{value}")
    print(closing, file=sys.stderr)


def _no_key(file: Path, seen: str) -> Failure:
    return Failure(
        "There is no key to sign with",
        seen=f"{file}: {seen}",
        likely="another file, or no key was made yet",
        do=[f"riverpost release --new-key --key {file}", "start again"],
    )


def _wrong_call(seen: str, do: str) -> Failure:
    return Failure("This call makes no package", seen=seen, likely="a slip", do=[do], exit_code=EXIT_WRONG_CALL)
