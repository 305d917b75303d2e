"""An update package: for which chip, which version, which files, and whose signature.

Rules of this file: `wire.package` says what is one; the signature is checked by another implementation than a board's.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tools.decode.found import Ask, Found, Line, NotThis
from wire.package import MAGIC, PackageError, signed_message, taken_apart

KIND = "package"
KEY_BYTES = 32


def read(data: bytes, ask: Ask) -> Found:
    """A whole package, every file of which is the one that its manifest names. NotThis."""
    try:
        manifest, head, signature, _ = taken_apart(data)
    except PackageError as error:
        raise NotThis(str(error), near=data.startswith(MAGIC)) from None
    version = ".".join(map(str, manifest.version))
    signed = None if ask.key is None else _is_signed(ask.key, signature, head)
    told = {None: "signature_unknown", True: "signature_right", False: "signature_wrong"}[signed]
    facts = [
        (ask.say("Chip"), manifest.chip),
        (ask.say("Version"), ask.say("version", version=version, counter=f"{manifest.counter:,}")),
        (ask.say("Files"), ask.say("files", count=len(manifest.files), bytes=f"{manifest.files_bytes():,}")),
        (ask.say("Signature"), ask.say(told)),
    ]
    document = {
        "chip": manifest.chip,
        "version": version,
        "counter": manifest.counter,
        "files": len(manifest.files),
        "signed": signed,
    }
    lines = [
        Line(f"{size:>7,}  {digest.hex()[:16]}…  {path}", {"path": path, "bytes": size, "sha256": digest.hex()})
        for path, size, digest in manifest.files
    ]
    wrong = ask.say(told) if signed is False else ""
    return Found(KIND, ask.say("package", bytes=f"{len(data):,}"), facts, document, wrong, lines)


def _is_signed(key: bytes, signature: bytes, head: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed_message(head))
    except (InvalidSignature, ValueError):
        return False
    return True
